"""What methods are called in print, in tables and pictures alike."""

import re

TITLES = {
    "supervised": "supervised",
    "mean_teacher": "Mean Teacher",
    "cpc": "CPC",
    "gct": "GCT",
    "cps": "CPS",
    "cmt": "CMT",
    "ucmt": "UCMT",
}


def title(variant: str) -> str:
    """What a variant is called in print: a method that its name begins with gets the name the papers give it.

    >>> title("mean_teacher, apart"), title("ucmt"), title("no mix")
    ('Mean Teacher, apart', 'UCMT', 'no mix')
    """
    return re.sub(r"^\w+", lambda word: TITLES.get(word[0], word[0]), variant)
