"""The explorers in Notebook 7, where people meet notebooks without the lab around them."""

import pytest
from browser import PICTURES, chromium_page, jupyterlab, needs_chromium, run_all, write_notebook
from synthetic import synthetic

pytestmark = needs_chromium
CELLS = [
    """from ucmt_lite.training import traces
from ucmt_lite.explore import annotate, compare, ema, training, uncertainty
ucmt = traces.load_trace("ucmt.npz")""",
    "training.widget(ucmt)",
    "uncertainty.widget(ucmt)",
    "ema.widget()",
    "compare.widget([ucmt])",
    "annotate.widget(ucmt.image[0], ucmt.truth[0])",
]
# A notebook takes cells out of the page that are out of view: found by what they are.
SHOWN = [
    ".ucmt-stack[aria-label^='Training'] canvas",
    ".ucmt-stack[aria-label^='Uncertainty'] canvas",
    ".ucmt-tiles svg",
    ".js-plotly-plot .nsewdrag",
    ".ucmt-annotate canvas",
]


def test_explorers_show_and_move(tmp_path):
    pytest.importorskip(
        "notebook", minversion="7", reason="Notebook 7 is not installed: pip install notebook"
    )
    root, settings = tmp_path / "root", tmp_path / "settings"
    root.mkdir()
    settings.mkdir()
    write_notebook(root / "explorers.ipynb", *CELLS)
    synthetic("ucmt", size=64).save(root / "ucmt.npz")
    with (
        jupyterlab(root, settings, "notebook", "JupyterNotebookApp") as address,
        chromium_page(1280, 6000) as page,
    ):
        run_all(page, f"{address}/notebooks/explorers.ipynb")
        for selector in SHOWN:
            page.locator(selector).first.wait_for(timeout=30_000)
        page.faults.clear()  # those of the application's own start
        training = page.locator(".ucmt-stack[aria-label^='Training']")
        before = training.locator("canvas").screenshot()
        training.focus()
        for key in ("Home", "d", "d"):  # the letters stay in the explorer
            page.keyboard.press(key)
        assert training.locator(".ucmt-value").first.inner_text() == "100"
        assert training.locator("canvas").screenshot() != before
        page.locator(".ucmt-annotate canvas").focus()
        for key in ("d", "d"):
            page.keyboard.press(key)
        assert page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets.length") == len(
            CELLS
        )
        words = page.locator(".ucmt-tiles p").inner_text()
        # The arrows fold headings here, also on a slider.
        page.locator(".noUi-handle").nth(1).press("PageDown")
        changed = "words => document.querySelector('.ucmt-tiles p').innerText !== words"
        page.wait_for_function(changed, arg=words, timeout=10_000)
        assert page.faults == []
        (PICTURES / "explorers").mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "explorers" / "notebook7.png")
