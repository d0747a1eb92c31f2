"""From a trained network to masks: whole images, sliding windows, scores, and files to share.

Uses `data`, `nets` and `common`. `network` runs a network, `segmenter` keeps it in a file,
`reading` prepares an image for it, `metrics` says how good a mask is (and opens without torch).
`folders` segments files and folders: `jobs` finds them, `formats` and `dicom` read and write them,
`overlays` draws them. `export` hands a network to other programs and people.
"""

from ucmt_lite.common import lazy

# Loaded when asked for, since torch takes seconds.
_LATER = {
    "Segmenter": "segmenter",
    "evaluate": "network",
    "load_segmenter": "segmenter",
    "metrics": "metrics",
    "predict_files": "folders",
    "probabilities": "network",
    "push_to_hub": "export",
    "save_segmenter": "segmenter",
    "segment": "network",
    "to_onnx": "export",
}
__getattr__ = lazy(__name__, _LATER)

__all__ = list(_LATER)
