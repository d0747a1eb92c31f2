"""The colours of the kit's pictures, most of them Okabe & Ito's, for all common kinds of sight.

There are fewer colours than things: one colour has a meaning among the layers on an image and
another among the lines of a chart (the teacher's green is Mean Teacher's, disagreement's vermilion
UCMT's, the errors' pink CPC's). Dashes, hatching, letters, titles and legends say which. Students
and teacher follow the framework figure of the UCMT paper: yellow, blue, green. Colours and dashes
of methods are in `ucmt_lite.methods`.
"""

NET_COLOURS = {"student1": "#E69F00", "student2": "#0072B2", "teacher": "#009E73"}
TRUTH = "#FFFFFF"
DIFFERENT = "#D55E00"  # where two networks decide differently
ERROR = "#CC79A7"  # where a pseudo label is wrong; always hatched

# Cells of UMIX, red and green as in the paper's figure; uncertain ones have solid borders, certain
# ones dashed, and letters say which goes where.
UNCERTAIN = "#FF3B30"
CERTAIN = "#4CD964"

# What belongs to no method, and text and axes of plots that do not know the page's theme: readable
# on white and on black.
PLAIN = "#808080"

# Below an outline, so that it is seen on bright and dark images; black for the others.
HALOS = {"student2": "#FFFFFF"}
STROKES = {"truth": "-", "student1": "--", "student2": ":", "teacher": "-."}
UNCERTAINTY = "cividis"
NET_TITLES = {
    "student1": "student 1",
    "student2": "student 2",
    "teacher": "teacher",
    "truth": "truth",
}
LABELS = {
    "dice": "Dice on probe images",
    "disagreement": "disagreement (1 - Dice)",
    "uncertainty": "uncertainty (nats)",
    "error": "wrong pseudo labels (share of pixels)",
}
