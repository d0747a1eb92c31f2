"""The papers of the house: recipes name files that exist, the changelog names what is there."""

import importlib
import re
from pathlib import Path

import pytest
import yaml

from ucmt_lite import ROOMS, __version__

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
RECIPES = dict(
    re.findall(r"^### ([^\n]+)\n\n(.+?)(?=^##|\Z)", CONTRIBUTING, re.MULTILINE | re.DOTALL)
)
PLACEHOLDER = re.compile(r"NN_name|NAME")


def named_paths(text):
    """Return what stands in backticks and looks like a path of the repository."""
    return re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:md|cff))`", text)


def test_there_are_eight_recipes():
    assert list(RECIPES) == [
        "A method",
        "A network",
        "A lesson",
        "A lesson's Chinese",
        "An explorer",
        "A data set, or a reader",
        "A mended bug",
        "A release",
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_files_that_exist(recipe):
    paths = named_paths(RECIPES[recipe])
    assert len(paths) >= 3
    for path in paths:
        if path.startswith("runs/"):
            continue  # made by what the recipe says to run
        # Of a file that is to be written, the folder is there.
        place = Path(path).parent if PLACEHOLDER.search(path) else Path(path)
        assert (ROOT / place).exists(), f"{recipe}: {path}"


def test_everything_else_that_is_named_exists():
    for path in named_paths(re.sub(r"^## Recipes.*", "", CONTRIBUTING, flags=re.M | re.S)):
        assert (ROOT / path).exists(), path


def test_each_room_is_in_the_table():
    table = CONTRIBUTING.partition("## What lies where")[2].partition("## Recipes")[0]
    rooms = re.findall(r"\| `ucmt_lite/(\w+)(?:/|\.py)` \|", table)
    assert rooms == list(ROOMS)


def test_new_names_in_the_changelog_can_be_imported():
    moved = re.findall(r"^ +\| `ucmt_lite.*?\| (.+) \|$", CHANGELOG, re.MULTILINE)
    assert len(moved) > 15
    for cell in moved:
        for name in re.findall(r"`(?:ucmt_lite)?(\.[\w.]+)`", cell):
            resolve(f"ucmt_lite{name}")


def resolve(dotted):
    """Import the longest module of a dotted name; follow the rest by attributes."""
    parts = dotted.split(".")
    thing = importlib.import_module(parts[0])
    for index, part in enumerate(parts[1:], start=2):
        try:
            thing = importlib.import_module(".".join(parts[:index]))
        except ModuleNotFoundError:
            thing = getattr(thing, part)
    return thing


def test_the_changelog_opens_with_this_version():
    assert re.search(r"^## \[(.+?)\]", CHANGELOG, re.MULTILINE)[1] == __version__


@pytest.mark.parametrize("template", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.md")))
def test_an_issue_template_opens_with_its_name(template):
    head = yaml.safe_load(template.read_text(encoding="utf-8").split("---")[1])
    assert set(head) == {"name", "about"}


def test_continuous_integration_runs_the_script_that_anyone_can_run():
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["tests"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert workflow["permissions"] == {"contents": "read"}
