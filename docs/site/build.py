"""Make the website: `make site`, or `python docs/site/build.py`.

The pages are the files of this repository as they stand. They are copied into `build/site/source`,
with links that lead to their copies, beside what is made here: a page for each room of the package
and the live explorers. Sphinx makes `build/site/html` of that; no lesson is executed, but the UMIX
lab's networks are trained, as lesson 08 trains them, in a minute or two.
"""

import importlib
import inspect
import json
import os
import pkgutil
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import ucmt_lite
from ucmt_lite import RunConfig, train
from ucmt_lite.common import InputError
from ucmt_lite.course.lessons import read_course
from ucmt_lite.data import cases, load
from ucmt_lite.explore import ema, to_html, training, umix_lab, uncertainty, volume
from ucmt_lite.training.traces import recorded

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SOURCE, HTML = ROOT / "build/site/source", ROOT / "build/site/html"
PAGES = (
    "*.md",
    "notebooks/*.ipynb",
    "notebooks/glossary.md",
    "notebooks/zh/*.ipynb",
    "notebooks/zh/README.md",
    "data_cards/*.md",
    "results/**/README.md",
    "teaching/README.md",
    "teaching/exit_quiz.md",  # its answers are for teachers, who have the repository
    "teaching/mistakes.md",
    "benchmarks/NOTES.md",
)
PICTURES = ("docs/*.png", "results/**/*.png", "data_cards/**/*.png")
LINK = re.compile(r"\]\(([^)#\s]+)((?:#[^)\s]*)?)\)")
BADGE = re.compile(r"\[!\[([^\]]*)\]\([^)]*(?:badge|colab)[^)]*\.svg\)\]")
SEARCH = re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="[^"]*"')
FOLD = '<summary aria-label="Toggle hidden content">'
ARROW = re.compile(r"(<a [^>]*>([^<]*)</a><details[^>]*><summary)>")
METHODS_SHOWN = ("mean_teacher", "cps", "ucmt")
SEED_SHOWN = 50
# The explorers that are alive inside lessons, by how their cell ends. They show recorded runs, and
# the UMIX lab networks trained as its lesson trains them. They are folded, for each lesson asks for
# a guess first.
ALIVE: dict[str, tuple[str, Callable[[], Any] | None]] = {
    "predict_first(training.widget(recorded), a_number(question, teacher, (0, 1)))": (
        "mean_teacher",
        lambda: training.widget(recorded("heart_mean_teacher_50")),
    ),
    'predict_first(lab, a_number(question, losses["teacher"], (0, 0.1)))': (
        "ema_of_one",
        lambda: ema.widget(decay=0.99, share=[1.0]),
    ),
    "predict_first(lab, a_choice(question, ema.last_losses(lab.paths), max, measure))": (
        "ema_of_two",
        lambda: ema.widget(decay=0.99, share=[0.5, 0.5]),
    ),
    "predict_first(lab, a_choice(question, ema.last_losses(lab.paths), min, measure))": (
        "ema_in_one_valley",
        lambda: ema.widget(share=(0.5, 0.5), same_valley=True),
    ),
    "predict_first(explorer, where_they_differ(ucmt, step=200), question)": (
        "ucmt",
        lambda: uncertainty.widget(recorded("heart_ucmt_50"), threshold=0.2),
    ),
    "lab = umix_lab.widget(run.nets, validation, image=1, top_k=4, grid=8)\n"
    "predict_first(lab, which_cells_move(lab.sample))": ("umix_lab", None),  # by `stage_lab`
}
INVITATION = {False: "The same explorer, alive: move it here", True: "同一个互动图，可在此操作"}
LAB = RunConfig(method="ucmt", labeled=4, iterations=200)  # as in lesson 08
COURSE = read_course()
# Pages that have pages below them in the sidebar.
BELOW = {"data_cards/README.md": "*", "results/README.md": "*/README"}
TOCTREE = """

```{{toctree}}
:hidden:
:glob:

{pages}
```
"""


def build() -> int:
    """Make the site; return an exit code. A warning of Sphinx and a dead link are errors."""
    from sphinx.cmd.build import main

    shutil.rmtree(SOURCE.parent, ignore_errors=True)
    stage_pages()
    stage_reference()
    stage_explorers()
    shutil.copytree(HERE / "pages", SOURCE, dirs_exist_ok=True)
    jobs = str(min(4, os.cpu_count() or 1))
    options = ["-b", "html", "-W", "--keep-going", "-q", "-j", jobs, "-c", str(HERE)]
    code = main([*options, "-d", str(SOURCE.parent / "doctrees"), str(SOURCE), str(HTML)])
    name_for_all(HTML)
    faults = faulty_links(HTML)
    print(*faults, sep="\n", file=sys.stderr)
    return code or int(bool(faults))


@cache
def staged() -> frozenset[str]:
    """Return the files of the repository that are pages or pictures of the site."""
    found = (path for pattern in (*PAGES, *PICTURES) for path in ROOT.glob(pattern))
    return frozenset(path.relative_to(ROOT).as_posix() for path in found)


def stage_pages() -> None:
    """Copy pages and pictures; links in the pages lead to the copies."""
    for name in staged():
        target = SOURCE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".png":
            shutil.copy(ROOT / name, target)
        elif target.suffix == ".ipynb":
            notebook = json.loads((ROOT / name).read_text(encoding="utf-8"))
            notebook["cells"] = list(with_live_explorers(notebook["cells"], name))
            for cell in notebook["cells"]:
                if cell["cell_type"] == "markdown":
                    cell["source"] = relinked("".join(cell["source"]), name)
                for output in cell.get("outputs", []):
                    keep_what_pages_show(output.get("data", {}))
            target.write_text(json.dumps(notebook), encoding="utf-8")
        else:
            text = relinked((ROOT / name).read_text(encoding="utf-8"), name)
            text += TOCTREE.format(pages=BELOW[name]) if name in BELOW else ""
            target.write_text(text, encoding="utf-8")


def keep_what_pages_show(data: dict) -> None:
    """Take from an output what only a lab can draw: beside it stands the picture of it."""
    for mime in [mime for mime in data if mime.startswith("application/")]:
        del data[mime]


def with_live_explorers(cells: list[dict], page: str) -> Iterator[dict]:
    """Yield the cells of a page, and below the picture of an explorer that explorer in a frame."""
    for cell in cells:
        yield cell
        source = "".join(cell["source"])
        names = [name for end, (name, _) in ALIVE.items() if source.endswith(end)]
        if cell["cell_type"] == "code" and names:
            file = os.path.relpath(f"explorers/{names[0]}.html", os.path.dirname(page))
            words = INVITATION["/zh/" in page]
            text = (
                f"<details><summary>{words}</summary>\n"
                f'<iframe src="{file}" title="{words}" height="700" loading="lazy"></iframe>\n'
                "</details>"
            )
            identity = f"alive-{names[0]}"
            yield {"cell_type": "markdown", "id": identity, "metadata": {}, "source": text}


def relinked(text: str, page: str) -> str:
    """Return the text of a page with links that work on the site, and words for remote badges."""
    text = BADGE.sub(r"[\1]", text)
    return LINK.sub(lambda link: f"]({address(link[1], page)}{link[2]})", text)


def address(target: str, page: str) -> str:
    """Return where a link of a page leads: to a page of the site, or else to the repository."""
    github = f"https://github.com/{COURSE.repository}"
    raw = f"https://raw.githubusercontent.com/{COURSE.repository}/{COURSE.tag}/"
    name = target.removeprefix(f"{github}/blob/{COURSE.tag}/").removeprefix(raw)
    if ":" in name:
        return target
    folder = "" if name != target else os.path.dirname(page)
    name = os.path.normpath(os.path.join(folder, name))
    if f"{name}/README.md" in staged():
        name = f"{name}/README.md"
    if name in staged():
        return os.path.relpath(name, os.path.dirname(page) or ".")
    kind = "tree" if (ROOT / name).is_dir() else "blob"
    return f"{github}/{kind}/{COURSE.tag}/{name}"


def stage_reference() -> None:
    """Write a page for each room of the package, from its docstrings."""
    folder = SOURCE / "reference"
    folder.mkdir()
    for room in ucmt_lite.ROOMS:
        package = importlib.import_module(f"ucmt_lite.{room}")
        entries = "\n\n".join(
            f".. auto{'class' if inspect.isclass(item) else 'function'}:: {module}.{name}"
            for module, name, item in offered_by(package)
        )
        text = f"# {room}\n\n{inspect.getdoc(package)}\n\n```{{eval-rst}}\n{entries}\n```\n"
        (folder / f"{room}.md").write_text(text, encoding="utf-8")


def offered_by(package: ModuleType) -> Iterator[tuple[str, str, Callable]]:
    """Yield module, name and object of the functions and classes that a room offers.

    A room that lists no names offers those of its modules.
    """
    offered: list = [getattr(package, name) for name in getattr(package, "__all__", ())]
    if not offered:
        inside = pkgutil.iter_modules(getattr(package, "__path__", ()))
        modules = [f"{package.__name__}.{module.name}" for module in inside]
        offered = [importlib.import_module(name) for name in modules if "__" not in name]
        offered = offered or [package]
    for item in offered:
        for each in defined_in(item) if inspect.ismodule(item) else [item]:
            if inspect.isfunction(each) or inspect.isclass(each):
                yield each.__module__, each.__name__, each


def defined_in(module: ModuleType) -> list[Callable]:
    """Return the public functions and classes that a module defines, in its order."""
    return [
        item
        for name, item in vars(module).items()
        if not name.startswith("_") and getattr(item, "__module__", "") == module.__name__
    ]


def stage_explorers() -> None:
    """Write the explorers that need no kernel, each as a page of its own."""
    folder = SOURCE.parent / "extra" / "explorers"
    folder.mkdir(parents=True)
    runs = [recorded(f"heart_{method}_{SEED_SHOWN}") for method in METHODS_SHOWN]
    atria = load("phantom_atrium", size=48, count=(1, 1, 1)).splits["test"][0]
    voxels, truth = (atria[name] for name in ("image", "mask"))
    to_html(training.widget(runs), folder / "training.html")
    to_html(uncertainty.widget(runs[-1]), folder / "uncertainty.html")
    to_html(ema.widget(), folder / "ema.html")
    to_html(volume.widget(voxels, {"truth": truth}), folder / "volume.html")
    for name, make_widget in ALIVE.values():
        if make_widget:
            to_html(make_widget(), folder / f"{name}.html")
    stage_lab(folder / "umix_lab.html")


def stage_lab(file: Path) -> None:
    """Write the UMIX lab; where its runtime is missing, its picture and a sentence on that."""
    hearts = cases(load(LAB.dataset, size=LAB.size).splits["validation"])
    lab = umix_lab.widget(train(LAB).nets, hearts, image=1, top_k=4, grid=8)
    try:
        to_html(lab, file)
    except InputError as reason:
        print(reason, file=sys.stderr)
        still, _ = lab.picture().bundle()
        head = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>UMIX by hand</title>'
        words = (
            f"<p>The site was made without what runs networks, so this is a picture: {reason}</p>"
        )
        text = f"{head}\n{words}\n{still['text/html']}\n</html>\n"
        file.write_text(text, encoding="utf-8")


def name_for_all(site: Path) -> None:
    """Give all that can be pressed a name that is seen and heard, and Chinese text its language.

    The theme leaves the arrows of its sidebar without a name, and the search and folded outputs
    with one that is not what stands on them.
    """
    for page in site.rglob("*.html"):
        if "bd-article" not in (text := page.read_text("utf-8")):
            continue  # an explorer
        text = SEARCH.sub(r"\1", text).replace(FOLD, "<summary>")
        text = ARROW.sub(r'\1 aria-label="Pages below \2">', text)
        if page.parent.name == "zh":
            text = text.replace(
                '<article class="bd-article"', '<article lang="zh" class="bd-article"'
            )
            text = text.replace("Show code cell output", "显示输出")
            text = text.replace("Hide code cell output", "收起输出")
        page.write_text(text, "utf-8")


def faulty_links(site: Path) -> list[str]:
    """Return what is wrong with the links of a site, one sentence each.

    Links within it lead to a file and an anchor that are there; what a page needs to be shown comes
    from nowhere else.
    """
    text = {
        page.resolve(): re.sub(
            r"<script(?![^>]*src).*?</script>", "", page.read_text("utf-8"), flags=re.S
        )
        for page in site.rglob("*.html")
        if "_static" not in page.parts
    }
    anchors = {page: set(re.findall(r'\bid="([^"]+)"', html)) for page, html in text.items()}
    faults = []
    for page, html in text.items():
        for tag, link in re.findall(r'<(\w+)[^>]*?\s(?:href|src)="([^"]*)"', html):
            address = urlsplit(unescape(link))
            if address.scheme or address.netloc:
                if tag != "a" and address.scheme != "data":
                    faults.append(f"{page.name} needs {link}, which is not part of the site")
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            if not target.exists():
                faults.append(f"{page.name} links to {link}, which is not there")
            elif address.fragment and unquote(address.fragment) not in anchors.get(target, ()):
                faults.append(f"{page.name} links to {link}, an anchor that is not there")
    return faults


if __name__ == "__main__":
    sys.exit(build())
