"""The colours of the kit's pictures, most of them Okabe & Ito's, which all common kinds of sight tell apart.

There are fewer colours than things: one colour has a meaning among the layers on an image and another among the lines
of a chart (the teacher's green is Mean Teacher's, disagreement's vermilion UCMT's, the errors' pink CPC's). Dashes,
hatching, letters, titles and legends say which. Students and teacher follow the framework figure of the UCMT paper:
yellow, blue, green.
"""

NETS = {"student1": "#E69F00", "student2": "#0072B2", "teacher": "#009E73"}
TRUTH = "#FFFFFF"
DIFFERENT = "#D55E00"  # where two networks decide differently
ERROR = "#CC79A7"  # where a pseudo label is wrong; always hatched
# Cells of UMIX, red and green as in the paper's figure; uncertain ones have solid borders, certain ones dashed, and
# letters say which goes where.
UNCERTAIN, CERTAIN = "#FF3B30", "#4CD964"
METHODS = {
    "supervised": "#7F7F7F",
    "mean_teacher": "#009E73",
    "cpc": "#CC79A7",
    "gct": "#8C6D31",
    "cps": "#0072B2",
    "cmt": "#E69F00",
    "ucmt": "#D55E00",
}
#: Never colour alone: each method's line has a dash pattern of its own, each network's contour too.
DASHES: dict[str, str | tuple] = {"supervised": ":", "mean_teacher": "--", "cpc": (0, (1, 1)), "gct": (0, (3, 1, 1, 1)), "cps": "-.", "cmt": (0, (5, 1)), "ucmt": "-"}  # fmt: skip
HALOS = {"student2": "#FFFFFF"}  # below an outline, so that it is seen on bright and dark images; black for the others
STROKES = {"truth": "-", "student1": "--", "student2": ":", "teacher": "-."}
UNCERTAINTY = "cividis"
NAMES = {"student1": "student 1", "student2": "student 2", "teacher": "teacher", "truth": "truth"}
LABELS = {
    "dice": "Dice on probe images",
    "disagreement": "disagreement (1 - Dice)",
    "uncertainty": "uncertainty (nats)",
    "error": "wrong pseudo labels (share of pixels)",
}
