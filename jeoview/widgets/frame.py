"""How the parts of a map stand together: map, sliders, list, legend, message bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import ipyleaflet
import ipywidgets

from jeoview.widgets.basemaps import LABELS

_STYLE = files("jeoview.widgets").joinpath("style.css").read_text(encoding="utf-8")


class Frame:
    """The widget that a notebook shows.

    Parameters
    ----------
    leaflet : ipyleaflet.Map
        The map itself.
    beside : sequence of (heading, widget)
        What stands beside it; an empty heading is left out.
    below : sequence of widgets
        What stands below it, or is not seen.
    basemap : str
        The base map at first.
    choose : function
        Called with the change when another base map is chosen.

    Attributes
    ----------
    widget : ipywidgets.VBox
    basemap : ipywidgets.Dropdown
    """

    def __init__(
        self,
        leaflet: Any,
        beside: Sequence[tuple[str, Any]],
        below: Sequence[Any],
        basemap: str,
        choose: Callable[..., None],
    ) -> None:
        self._leaflet = leaflet
        self._legend = ipywidgets.HTML()
        leaflet.add(ipyleaflet.WidgetControl(widget=self._legend, position="bottomright", transparent_bg=True))
        self.basemap = ipywidgets.Dropdown(options=LABELS, value=basemap, layout=_layout(width="100%", margin="0"))
        self.basemap.observe(choose, "value")
        self._tools = ipywidgets.VBox(layout=_layout(width="100%", display="none"))
        side = ipywidgets.VBox(
            _with_headings([("", self._tools), *beside, ("Base map", self.basemap)]),
            layout=_layout(flex="0 1 236px", max_height=leaflet.layout.height),
        )
        side.add_class("jv-side")
        row = ipywidgets.HBox([leaflet, side], layout=_layout(width="100%", flex_flow="row wrap"))
        self.widget = ipywidgets.VBox([looks(), row, *below])
        self.widget.add_class("jv-map")

    def append(self, widget: Any) -> None:
        """Put a widget below all others."""
        self.widget.children = (*self.widget.children, widget)

    def add_tool(self, widget: Any) -> None:
        """Put a control at the top of what stands beside the map; those that were closed leave it."""
        self._tools.children = (*(one for one in self._tools.children if one.comm is not None), widget)
        self._tools.layout.display = None

    def legend(self, html: str) -> None:
        """Show these legends in the corner of the map."""
        self._legend.value = html

    def busy(self, busy: bool) -> None:
        """Show or end the bar that runs along the upper edge of the map."""
        (self._leaflet.add_class if busy else self._leaflet.remove_class)("jv-busy")


def looks() -> Any:
    """The style sheet of all widgets, itself one that takes no room."""
    return ipywidgets.HTML(f"<style>{_STYLE}</style>", layout=_layout(display="none"))


def _layout(**options: str) -> Any:
    return ipywidgets.Layout(**options)


def _with_headings(parts: Sequence[tuple[str, Any]]) -> list[Any]:
    shown = []
    for heading, widget in parts:
        if heading:
            shown.append(ipywidgets.HTML(f'<div class="jv-heading">{heading}</div>'))
        shown.append(widget)
    return shown
