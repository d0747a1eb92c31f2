"""The website as axe sees it in a real Chromium: no serious fault, in light or in dark.

It looks at what `make site` left in build/site/html, with the axe-core of package-lock.json.
"""

from pathlib import Path

import pytest
from browser import chromium_page, needs_chromium

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build/site/html"
AXE = ROOT / "node_modules/axe-core/axe.min.js"
PAGES = (
    "index.html",
    "notebooks/03_mean_teacher.html",
    "notebooks/zh/03_mean_teacher.html",
    "explorers.html",
    "explorers/training.html",
    "explorers/uncertainty.html",
    "explorers/volume.html",
    "explorers/ema.html",
)
RUN = "axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)"

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here: run `npm ci`"),
]


def faults(page):
    """Return what axe finds serious or critical: its rule, the element and why, a line each."""
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:200]} | {node['failureSummary']}"
        for fault in page.evaluate(RUN)
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_serious_fault(name, scheme):
    if not (SITE / name).is_file():
        pytest.skip("the website is not built: run `make site`")
    with chromium_page(1280, 1600, color_scheme=scheme) as page:
        page.goto((SITE / name).as_uri())
        page.wait_for_timeout(500)
        assert faults(page) == []


def test_a_planted_fault_is_found():
    with chromium_page() as page:
        page.set_content("<html lang='en'><title>x</title><main><img src='x.png'></main></html>")
        (fault,) = faults(page)
    assert fault.startswith("image-alt (critical): <img")
