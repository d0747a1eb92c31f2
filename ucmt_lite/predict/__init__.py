"""From a trained network to masks: whole images, sliding windows, the scores of a data set, and files to share."""

from ucmt_lite.predict.network import evaluate, probabilities, segment
from ucmt_lite.predict.segmenter import Segmenter, load, save

__all__ = ["Segmenter", "evaluate", "load", "probabilities", "save", "segment"]
