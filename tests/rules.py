"""The rules that a published notebook keeps.

Each is a function from a notebook to sentences about what breaks it.
"""

import ast
import re
from html import unescape
from statistics import median, quantiles

from ucmt_lite.course.lessons import TAGS

MACHINE = re.compile(
    r"(?<![\w.])(/home/|/root/|/tmp/|/Users/|/work/|[A-Z]:\\\\?Users)|site-packages|ipykernel_\d"
)
# Lines of code in a cell: the median, the 90th percentile and the longest of a notebook.
MEDIAN = 8
P90 = 20
LONGEST = 35
# Code cells without a word between them.
IN_A_ROW = 3
# Size of a notebook.
KILOBYTES = 500
# Characters of an alt text that can be a sentence.
ALT = 20


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(cell, *tags):
    return bool(set(tags) & set(cell.metadata.get("tags", [])))


def first_line(cell):
    return cell.source.strip().partition("\n")[0]


def cell_sizes(notebook):
    lines = sorted(
        len(cell.source.splitlines()) for cell in code(notebook) if not tagged(cell, "setup")
    )
    if len(lines) < 2:
        return
    p90 = quantiles(lines, n=10, method="inclusive")[-1]
    for statistic, value, limit in [
        ("median", median(lines), MEDIAN),
        ("p90", p90, P90),
        ("longest", lines[-1], LONGEST),
    ]:
        if value > limit:
            yield (
                f"code cells have {value:.0f} lines ({statistic}), at most {limit} read well: move"
                " code into the library"
            )


def code_cells_in_a_row(notebook):
    run = 0
    for cell in notebook.cells:
        run = run + 1 if cell.cell_type == "code" else 0
        if run == IN_A_ROW + 1:
            yield (
                f"more than {IN_A_ROW} code cells in a row at `{first_line(cell)}`: say between"
                " them what is going on"
            )


def one_title(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^# .+", without_code, re.MULTILINE)
    if len(titles) != 1:
        yield f"has {len(titles)} titles of the first level {titles}: one belongs in a notebook"


def functions_stand_in_the_library(notebook):
    for cell in code(notebook):
        if tagged(cell, "exercise", "solution", "setup"):
            continue
        without_magics = re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.MULTILINE)
        for node in ast.walk(ast.parse(without_magics)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield f"defines `{node.name}` outside an exercise: it belongs in the library"


def exercises_are_complete(notebook):
    """Each exercise is followed, before the next one, by a check and by folded hints."""
    starts = [number for number, cell in enumerate(notebook.cells) if tagged(cell, "exercise")]
    for start, end in zip(starts, [*starts, len(notebook.cells)][1:], strict=True):
        after = notebook.cells[start + 1 : end]
        if not any(cell.cell_type == "code" and tagged(cell, "check") for cell in after):
            yield f"the exercise `{first_line(notebook.cells[start])}` has no check"
        hints = [cell for cell in after if cell.cell_type == "markdown" and tagged(cell, "hint")]
        if not any("<details>" in cell.source and "<summary>" in cell.source for cell in hints):
            yield f"the exercise `{first_line(notebook.cells[start])}` has no folded hints"


def explorers_ask_first(notebook):
    """A question opens each explorer; where a reader draws, what is drawn is the answer."""
    for cell in code(notebook):
        asks = "predict_first(" in cell.source or "annotate.widget(" in cell.source
        if tagged(cell, "explorer") and not asks:
            yield f"the explorer `{first_line(cell)}` opens without a question: use predict_first"


ASKS = re.compile(r"\*Before you (run|look)|运行之前先想")


def answers_are_folded(notebook):
    """What a page asks before a cell is run must not stand open below the question."""
    asked, shown = False, None
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if shown and "<details>" not in cell.source:
                yield f"the text below `{shown}` answers the question above it: fold it"
            asked = bool(ASKS.search(cell.source)) or (asked and tagged(cell, "hint"))
            shown = None
            continue
        if asked and cell.get("outputs") and not tagged(cell, "exercise", "check", "explorer"):
            shown = first_line(cell)
            if not cell.metadata.get("jupyter", {}).get("outputs_hidden"):
                yield f"`{shown}` answers the question above it: tag it hide-output"


def checks_accept_the_solution(notebook):
    """A check says what is wrong and stops nothing, so a solved page could be wrong unseen."""
    for cell in code(notebook):
        said = "".join(output.get("text", "") for output in cell.outputs)
        if tagged(cell, "check") and "\N{BALLOT X}" in said:
            yield f"the check `{first_line(cell)}` refuses the solution: {said.strip()}"


def pictures_have_alt_text(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            bare = re.findall(r"!\[\s*\]\([^)]*\)|<img(?![^>]*\balt=.\w)[^>]*>", cell.source)
            yield from (f"the picture {picture} has no alt text" for picture in bare)
        for output in cell.get("outputs", []):
            for alt in alts_of(output.get("data", {})):
                if len(alt) <= ALT or alt.startswith("<"):
                    yield (
                        f"the picture shown by `{first_line(cell)}` has the alt text {alt!r}: show"
                        " it with a sentence"
                    )


def alts_of(data):
    """The sentence of each picture of an output; of an image without HTML most pages drop it."""
    tags = re.findall(r"<img\b[^>]*>", data.get("text/html", ""))
    found = [re.search(r'\balt="([^"]*)"', tag) for tag in tags]
    bare = [""] if {"image/png", "image/jpeg"} & set(data) else []
    return bare + [unescape(alt[1]) if alt else "" for alt in found]


def output_is_clean(notebook):
    """No errors but the expected ones, no warnings, no paths of the machine that built it."""
    for cell in code(notebook):
        for output in cell.outputs:
            if output.output_type == "error" and not tagged(cell, "raises-exception"):
                yield f"`{first_line(cell)}` stored the error {output.ename}: {output.evalue}"
            if output.get("name") == "stderr":
                yield f"`{first_line(cell)}` stored a warning: {output.text.strip()[:100]}"
        outputs = [{**output, "data": text_of(output)} for output in cell.outputs]
        paths = MACHINE.findall(cell.source + str(outputs))
        if paths:
            yield (
                f"`{first_line(cell)}` shows a path of one machine"
                f" ({paths[0] or 'a library folder'})"
            )


def text_of(output):
    data = output.get("data", {})
    return {
        kind: re.sub(r'base64,[^"]*', "", value)
        for kind, value in data.items()
        if kind.startswith("text/")
    }


def metadata_is_lean(notebook):
    if "widgets" in notebook.metadata:
        yield "stores widget state, for which GitHub refuses to show a notebook"
    for cell in notebook.cells:
        unknown = set(cell.metadata.get("tags", [])) - set(TAGS)
        yield from (f"has the unknown tag '{tag}'" for tag in unknown)


def size(notebook):
    import nbformat

    kilobytes = len(nbformat.writes(notebook).encode()) / 1000
    if kilobytes > KILOBYTES:
        yield f"has {kilobytes:.0f} kB, at most {KILOBYTES}: show fewer or smaller pictures"


RULES = [
    cell_sizes,
    code_cells_in_a_row,
    one_title,
    functions_stand_in_the_library,
    exercises_are_complete,
    explorers_ask_first,
    answers_are_folded,
    checks_accept_the_solution,
    pictures_have_alt_text,
    output_is_clean,
    metadata_is_lean,
    size,
]
