"""From a trained network to masks: whole images, sliding windows, the scores of a data set, and
files to share.
"""

from ucmt_lite.predict.network import evaluate, probabilities, segment
from ucmt_lite.predict.segmenter import Segmenter, load_segmenter, save_segmenter

__all__ = ["Segmenter", "evaluate", "load_segmenter", "probabilities", "save_segmenter", "segment"]
