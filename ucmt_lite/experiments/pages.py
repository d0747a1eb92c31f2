"""READMEs of kept comparisons: one in each folder of `results/`, and one above with all of them.

What they say of runs stands between marks, and is made from the tables beside them.
"""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ucmt_lite.common import InputError, atomic
from ucmt_lite.experiments import results
from ucmt_lite.experiments.comparison import by_case
from ucmt_lite.experiments.comparison_text import in_markdown
from ucmt_lite.experiments.config import RECIPE_OF_BEFORE
from ucmt_lite.experiments.evidence import Gains, label_efficiency, plot_gains, plot_scores
from ucmt_lite.experiments.tables import Table, markdown
from ucmt_lite.explore.draw.picture import Picture
from ucmt_lite.methods import METHODS

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["filled", "glance_pictures", "overview", "publish", "write_text"]

# The parts of the README above: comparisons of methods in one table, those measured under the
# recipe of before (batch norm, no affine moves) in another.
ALL = "all"
BEFORE = "before"
NOTE = "Measured under the [recipe of before](../README.md#measured-under-the-recipe-of-before)."


def publish(folder: str | Path, place: str | Path) -> bool:
    """Leave the tables and a picture in `place`, and the comparison in its README.

    There it stands between the lines `<!-- NAME -->` and `<!-- end -->`, NAME being the folder's:
    Dice against the grid's first variant. Where there is no README, one is made; one without these
    lines stays as it is; return whether it has them. In the README above `place`, the lines
    `<!-- all -->` and `<!-- before -->` hold all comparisons at a glance.
    """
    folder, place = Path(folder).resolve(), Path(place).resolve()
    unfinished = results.unfinished_runs(folder)
    if unfinished:
        raise InputError(
            f"{len(unfinished)} runs of {folder} are not finished, {unfinished[0]} for one: finish"
            " the sweep, then keep it."
        )
    page, above = place / "README.md", place.parent / "README.md"
    text = _read_page(page) or f"# {place.name}\n\n<!-- {place.name} -->\n<!-- end -->"
    has_part = _has_part(page, text, place.name)
    text_above = _read_page(above)
    has_glance = [part for part in (ALL, BEFORE) if _has_part(above, text_above, part)]

    _make_folder(place)
    if folder != place:
        for name in ("runs.parquet", "curves.parquet", "cases.parquet"):
            if name == "cases.parquet" and not (folder / name).is_file():
                continue  # a sweep that was reported before there was that table
            results.save_runs(results.load_runs(folder / name), place / name)
    _save_picture(overview(results.load_runs(place / "runs.parquet")), place / "overview.png")
    if has_part:
        write_text(page, filled(text, place))
    if has_glance:
        for file, picture in glance_pictures(above.parent).items():
            _save_picture(picture, file)
        write_text(above, filled(text_above, above.parent))
    return has_part


def filled(page: str, folder: Path) -> str:
    """Return a README of `folder` with what it says of runs written anew from their tables."""

    def part(match: re.Match) -> str:
        name = match["name"]
        if name in (ALL, BEFORE):
            text = _at_a_glance(folder, name)
        elif name == folder.name:
            text = _one_comparison(folder)
        else:
            return match[0]
        return f"{match['head']}\n{text}\n\n{match['end']}"

    return re.sub(_part_of(), part, page.rstrip("\n"), flags=re.DOTALL)


def overview(runs: "DataFrame") -> Picture:
    """Return the picture of a comparison: every run as a dot, or a curve over numbers of labels."""
    picture = label_efficiency(runs) if runs["labeled"].nunique() > 2 else plot_scores(runs)
    if isinstance(picture, Table):
        raise InputError(picture.markdown)
    return picture


def glance_pictures(folder: Path) -> dict[Path, Picture]:
    """Return the pictures of all comparisons in `folder`, by the files that they belong into."""
    compared = {part: _compared_methods(folder, part) for part in (ALL, BEFORE)}
    return {folder / f"{part}.png": plot_gains(lines) for part, lines in compared.items() if lines}


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _read_page(page: Path) -> str:
    """Return the text of a README, none where there is no such file."""
    return page.read_text(encoding="utf-8") if page.is_file() else ""


def _has_part(page: Path, text: str, name: str) -> bool:
    """Tell whether a README has the lines of a part; refuse one that has no last line."""
    if f"<!-- {name} -->\n" not in text:
        return False
    if not re.search(_part_of(name), text, re.DOTALL):
        raise InputError(
            f"{page} has the line `<!-- {name} -->`, but no `<!-- end -->` after it: add that line."
        )
    return True


def _part_of(name: str = "") -> str:
    """Return a pattern for what a README says of a comparison, from its first mark to its last.

    No other mark lies between.
    """
    pattern = re.escape(name) or r"(?!end -->)[^\n]+?"
    return rf"(?P<head><!-- (?P<name>{pattern}) -->\n)(?:(?!<!-- ).)*(?P<end><!-- end -->)"


def _make_folder(place: Path) -> None:
    """Make a folder, or say that it cannot be."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise InputError(
            f"{place} cannot be written ({cause.strerror}): choose another folder with --keep."
        ) from None


def _save_picture(picture: Picture, path: Path) -> None:
    """Write a picture, with its sentence inside: that tells whether it shows these numbers."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_itxt("Description", picture.alt)
    with atomic(path) as temporary:
        Image.open(io.BytesIO(picture.png())).save(temporary, pnginfo=note, optimize=True)


def _one_comparison(folder: Path) -> str:
    """Return what the README of a comparison says of its runs."""
    runs = results.load_runs(folder / "runs.parquet")
    parts = [
        f"![{overview(runs).alt}](overview.png)",
        in_markdown(runs, runs["variant"].iloc[0]),
    ]
    return "\n\n".join([NOTE, *parts] if _measured_before(runs) else parts)


def _measured_before(runs: "DataFrame") -> bool:
    """Tell whether runs were trained under the recipe of before, which knew one norm."""
    return "norm" not in runs or bool((runs["norm"] == RECIPE_OF_BEFORE["norm"]).all())


def _at_a_glance(folder: Path, part: str) -> str:
    """Return the comparisons of methods in `folder`: a picture, and a table with a row per case."""
    compared = _compared_methods(folder, part)
    if not compared:
        return "No comparison of CPS or UCMT with the baseline is kept here."
    shown = [method for method in METHODS if any(method in line.dice for line in compared)]
    lines = []
    for line in compared:
        dice = [f"{line.dice[method]:.3f}" if method in line.dice else "-" for method in shown]
        seeds = str(line.seeds)
        lines.append([f"[{line.name}]({line.name})", line.case, line.length, seeds, *dice])
    titles = [METHODS[method].title for method in shown]
    table = markdown(["", "data", "length", "seeds", *titles], lines)
    return f"![{plot_gains(compared).alt}]({part}.png)\n\n{table}"


def _compared_methods(folder: Path, part: str) -> Sequence[Gains]:
    """Return a line for each case in which CPS or UCMT was compared with the plain baseline.

    Several draws of labels are one sample in parts: their folder tells what they are about.
    """
    lines = []
    for table in sorted(folder.glob("*/runs.parquet")):
        runs = results.load_runs(table)
        several_draws = "draw" in runs and runs["draw"].nunique() > 1
        if several_draws or _measured_before(runs) != (part == BEFORE):
            continue
        runs = runs[runs["variant"].isin(METHODS) & (runs["split"] == "test")]
        for case, group in by_case(runs):
            if "supervised" in set(group["variant"]) and {"cps", "ucmt"} & set(group["variant"]):
                lines.append(_gains_of(table.parent.name, case, group))
    return lines


def _gains_of(name: str, case: str, runs: "DataFrame") -> Gains:
    """Return one line of the comparisons at a glance."""
    steps = runs["gradient_steps"].unique()
    length = f"{runs['iterations'].iloc[0]} iterations"
    if len(steps) == 1:
        length = f"{steps[0]} gradient steps"
    means = runs.groupby("variant", sort=False)["dice"].mean()
    return Gains(
        name=name,
        case=case.removesuffix(", test images"),
        labeled=int(runs["labeled"].iloc[0]),
        length=length,
        seeds=runs["seed"].nunique(),
        dice=means.to_dict(),
    )
