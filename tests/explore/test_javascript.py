"""The JavaScript that widgets run is the one that stands in its sources."""

import hashlib
import re

import pytest

from ucmt_lite.explore.annotate import Annotate
from ucmt_lite.explore.draw.viewer import FOLDER, StackWidget

BUNDLES = sorted((FOLDER / "bundle").glob("*.js"))


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_bundles_are_made_of_the_sources_as_they_are(bundle):
    text = bundle.read_text(encoding="utf-8")
    header = re.match(r"// Made by `make js` from (.+)\n// sha256 of those: (\w+)\n", text)
    names, written = header.groups()
    assert bundle.name in names.split()
    sources = b"".join((FOLDER / "js" / name).read_bytes() for name in names.split())
    assert hashlib.sha256(sources).hexdigest() == written, "a source was changed: run `make js`"


def test_every_source_that_runs_is_in_a_bundle():
    bundled = {name for bundle in BUNDLES for name in bundle.read_text().splitlines()[0].split()}
    sources = {source.name for source in (FOLDER / "js").glob("*.js")}
    assert sources - bundled == {"spec.js"}  # types alone


@pytest.mark.parametrize("widget", [StackWidget, Annotate])
def test_what_a_widget_runs_needs_nothing_else(widget):
    """One text with one default export: no front end looks up a second file."""
    text = str(widget._esm)
    assert not re.search(r"^import ", text, re.MULTILINE)
    assert len(re.findall(r"^export ", text, re.MULTILINE)) == 1
