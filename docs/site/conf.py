"""How Sphinx makes the site of what `build.py` has put together."""

import re
from importlib.util import find_spec
from pathlib import Path

from ucmt_lite import __version__
from ucmt_lite.course.lessons import read_course

COURSE = read_course()
# MathJax and its fonts lie in this package, so that pages fetch nothing. As an extension it would
# keep Sphinx from reading in parallel.
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static"

project = "ucmt-lite"
author = "the ucmt-lite authors"
copyright = author
release = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["extra"]
nb_execution_mode = "off"  # pages are executed by `make build` alone
nb_ipywidgets_js: dict = {}  # widgets left pictures; their scripts would come from elsewhere
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
mathjax_path = "mathjax/tex-chtml.js"

html_theme = "sphinx_book_theme"
html_title = "ucmt-lite"
html_static_path = ["../../build/site/source/_static", str(MATHJAX)]
html_css_files = ["site.css"]
html_js_files = ["frames.js"]
html_favicon = "pages/_static/icon.svg"
html_context = {"default_mode": "auto"}
html_extra_path = ["../../build/site/extra"]
html_show_copyright = False
html_theme_options = {
    "repository_url": f"https://github.com/{COURSE.repository}",
    "repository_branch": COURSE.tag,
    "use_repository_button": True,
    "path_to_docs": "",
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    },
    "show_toc_level": 2,
}


def as_restructured_text(app, what, name, item, options, lines):
    """Docstrings here are Markdown, of which this turns the little that they use."""
    paragraphs, indented = [], False
    for paragraph in "\n".join(lines).split("\n\n"):
        verbatim = paragraph.lstrip().startswith(">>>") or (indented and paragraph[:1] == " ")
        paragraphs.append(paragraph if verbatim else restructured(paragraph))
        indented = verbatim and indented or paragraph.rstrip().endswith("::")
    lines[:] = "\n\n".join(paragraphs).split("\n")


def restructured(paragraph):
    """Code stands between double marks; signs that mean something there get a backslash."""
    parts = re.split(r"(`[^`]+`)", paragraph)
    escaped = [re.sub(r"([*|]|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    parts[::2] = escaped
    parts[1::2] = [f"`{part}`\\ " for part in parts[1::2]]  # letters may follow it
    return "".join(parts)


def setup(app):
    app.connect("autodoc-process-docstring", as_restructured_text)
