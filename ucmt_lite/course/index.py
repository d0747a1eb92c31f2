"""The page that a run of the course ends with: each lesson, its first picture, how it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ucmt_lite.common import atomic

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{heading}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }}
main {{ display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); }}
article {{ border: 1px solid #8886; border-radius: 8px; padding: 1rem; overflow-wrap: anywhere; }}
article.failed {{ border: 2px solid #d55e00; }}
h2 {{ font-size: 1rem; margin: 0; }}
img {{ max-width: 100%; max-height: 220px; background: white; border-radius: 4px; }}
p {{ margin: .3rem 0; }}
</style>
<h1>{heading}</h1>
<p>{summary}</p>
<main>
{articles}
</main>
</html>
"""


@dataclass(frozen=True)
class Outcome:
    """How one lesson went."""

    name: str
    title: str
    seconds: float
    failure: str = ""  # the sentence that tells it; '' for a lesson that ran


def write_index(outcomes: Sequence[Outcome], out: Path, profile: str) -> Path:
    """Write `index.html` beside the executed notebooks in `out`, and return where it is."""
    failed = sum(bool(outcome.failure) for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    summary = f"{len(outcomes)} lessons in {seconds:.0f} s, {failed or 'none'} failed."
    articles = "\n".join(_article(outcome, out / f"{outcome.name}.ipynb") for outcome in outcomes)
    page = _PAGE.format(heading=f"The {profile} course", summary=summary, articles=articles)
    path = out / "index.html"
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _article(outcome: Outcome, notebook: Path) -> str:
    """Return one lesson as HTML text."""
    parts = [
        f'<h2><a href="{escape(notebook.name)}">{escape(outcome.title)}</a></h2>',
        f"<p>{escape(outcome.name)}, {outcome.seconds:.1f} s</p>",
    ]
    if outcome.failure:
        parts.append(f"<p><strong>Failed:</strong> {escape(last_line(outcome.failure))}</p>")
    parts.append(_picture(notebook))
    kind = ' class="failed"' if outcome.failure else ""
    return f"<article{kind}>{''.join(parts)}</article>"


def last_line(failure: str) -> str:
    """Return where a lesson failed, and the last line of its error.

    >>> last_line("03_mean_teacher, cell [4], RuntimeError: a long story:\\nno such size")
    '03_mean_teacher, cell [4], RuntimeError: no such size'
    """
    first, *more = failure.strip().splitlines()
    return f"{first.partition(': ')[0]}: {more[-1].strip()}" if more else first


def _picture(notebook: Path) -> str:
    """Return the first picture of an executed notebook as HTML text; '' where it has none."""
    import nbformat

    if not notebook.is_file():
        return ""
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return next((_image(output.data) for output in outputs if _shows(output)), "")


def _shows(output: Any) -> bool:
    return "image/png" in output.get("data", {})


def _image(data: Any) -> str:
    alt = escape(data.get("text/plain", ""), quote=True)
    pixels = "".join(data["image/png"].split())
    return f'<img alt="{alt}" src="data:image/png;base64,{pixels}">'
