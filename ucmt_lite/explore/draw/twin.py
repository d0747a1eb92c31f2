"""Widgets that leave a picture: what GitHub, a PDF and a screen reader get where no kernel runs."""

from importlib.util import find_spec
from typing import Any

from ucmt_lite.explore.draw.picture import Picture

try:
    from anywidget import AnyWidget
except ImportError:  # the classes that need it are then never made: see `browser_draws`
    from ipywidgets import DOMWidget as AnyWidget  # type: ignore[no-redef]

VIEW = "application/vnd.jupyter.widget-view+json"

__all__ = ["VIEW", "AnyWidget", "WithTwin", "browser_draws"]


def browser_draws() -> bool:
    """Return whether anywidget is installed, without which only the kernel can draw."""
    return find_spec("anywidget") is not None


class WithTwin:
    """Put this before a widget class, and its output carries the still picture of what it shows.

    The sentence of the picture goes with it, as text.
    """

    _ipython_display_ = None  # ipywidgets 7 would show the widget alone
    model_id: str

    def picture(self) -> Picture:
        """Return the still picture of what the widget shows now."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        inherited = getattr(super(), "_repr_mimebundle_", None)
        bundle = inherited(**kwargs) if inherited else None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        if VIEW not in data:
            data[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        picture, described = self.picture().bundle()
        return data | picture, metadata | described
