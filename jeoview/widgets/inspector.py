"""A click on the map: the values below it, of an image or of the layers that are seen, and of every step that led there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipyleaflet
import ipywidgets

from jeoview.engine import Engine
from jeoview.errors import JeoviewError, PendingError
from jeoview.graph import Node, parameters, walk
from jeoview.grid import tiles_grid
from jeoview.image import Image
from jeoview.operator import Mode, find
from jeoview.operators.motion_fit import LINEAR, Fit
from jeoview.widgets import readout
from jeoview.widgets.layers import TileSession
from jeoview.widgets.swap import Later, timer
from jeoview.widgets.window import Window

HINT = "Click on the map to see the values there."
STEPS = "Value at every step"
ASK_AGAIN = 2.0  # seconds, after which a value that is computed on is asked for once more

Subjects = Callable[[], Sequence[tuple[str, Image]]]


class Inspector:
    """What a map shows below it after a click.

    Parameters
    ----------
    window : Window
        The map.
    subjects : function
        Gives what is asked, with its names; a series gives a chart.
    name : str
        Heading.
    positions : function
        Gives the positions of the map's sliders.
    guard : function
        Wraps what the browser calls, so that what it raises is seen.
    server : function, optional
        Gives the tile server, which is asked for what works on a whole area: the map's tiles are cut from the same one. This
        process computes it itself otherwise.
    later : Later
        How to wait for what is computed on; `jeoview.widgets.swap.timer` by default.
    fit : function
        Gives the curve that is drawn through a series.

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(
        self,
        window: Window,
        subjects: Subjects,
        name: str,
        positions: Callable[[], Mapping[str, Any]],
        guard: Callable[..., Callable[..., None]],
        server: Callable[[], TileSession] | None = None,
        later: Later = timer,
        fit: Callable[[Image], Fit] = lambda _: LINEAR,
    ) -> None:
        self._fit = fit
        self._server, self._later = server, later
        self._pending, self._waiting = False, _nothing
        self._window, self._subjects, self._name, self._positions = window, subjects, name, positions
        self._marker = ipyleaflet.CircleMarker(location=(0.0, 0.0), radius=6, color="#111", fill=False, weight=2)
        self._place: tuple[float, float] | None = None
        # A click and a new reference ask from two threads; values must stand under their own place.
        self._asking = threading.RLock()
        self._values = ipywidgets.HTML(readout.card(name, f"<p>{HINT}</p>"))
        self._steps = ipywidgets.HTML(f"<p>{HINT}</p>")
        # A list that is folded away asks nothing: every step is computed by itself.
        self._fold = ipywidgets.Accordion([self._steps], titles=(STEPS,), selected_index=None)
        self._fold.add_class("jv-fold")
        self.widget = ipywidgets.VBox([self._values, self._fold])
        self._clicked, self._asked_again = guard(name, self._click), guard(name, self._ask_again)
        window.widget.on_interaction(self._clicked)
        self._fold.observe(guard(name, lambda _: self._show_steps()), "selected_index")

    def close(self) -> None:
        """Listen no more, and leave the map."""
        self._waiting()
        self._window.widget.on_interaction(self._clicked, remove=True)
        if self._place is not None:
            self._window.widget.remove(self._marker)
        self.widget.layout.display = "none"

    @property
    def text(self) -> str:
        """What is shown, as HTML."""
        return str(self._values.value)

    @property
    def steps(self) -> str:
        """What is shown of the steps, as HTML."""
        return str(self._steps.value)

    def show(self, lon: float, lat: float) -> None:
        """Show the values at a place, as a click does."""
        with self._asking:
            self._mark(lon, lat)
            self._values.value = readout.card(self._title, "<p>Computing …</p>")
            if self._fold.selected_index is not None:
                self._steps.value = "<p>Computing …</p>"
            self._fill()

    @property
    def _title(self) -> str:
        assert self._place is not None
        lon, lat = self._place
        return f"{self._name} at {lat:.5f}, {lon:.5f}"

    def _fill(self) -> None:
        """Ask for the values, and once more in a while for those that are computed on."""
        self._pending = False
        parts = [(name, self._result(image)) for name, image in self._subjects()]
        self._values.value = readout.card(self._title, readout.sections(parts) if parts else "<p>No layer is seen.</p>")
        self._fill_steps()
        self._wait()

    def _wait(self) -> None:
        self._waiting()
        self._waiting = self._later(ASK_AGAIN, self._asked_again) if self._pending else _nothing

    def _ask_again(self) -> None:
        with self._asking:
            if self._place is not None and self._pending:
                self._fill()

    def again(self) -> None:
        """Ask again at the place that is shown; nothing where there is none yet."""
        with self._asking:
            if self._place is not None:
                self.show(*self._place)

    def _click(self, **event: Any) -> None:
        if event.get("type") == "click" and self._window.chooser is None:
            lat, lon = event["coordinates"]
            self.show((lon + 180.0) % 360.0 - 180.0, lat)

    def _mark(self, lon: float, lat: float) -> None:
        self._marker.location = (lat, lon)
        if self._place is None:
            self._window.widget.add(self._marker)
        self._place = (lon, lat)

    def _result(self, image: Image) -> str:
        assert self._place is not None
        lon, lat = self._place
        try:
            return readout.result(self._ask(image.node), f"{lat:.5f} {lon:.5f}", self._fit(image))
        except PendingError as error:
            return readout.pending(str(error))
        except JeoviewError as error:
            return readout.error(str(error))

    def _show_steps(self) -> None:
        with self._asking:
            if self._place is not None and self._fold.selected_index is not None:
                self._steps.value = "<p>Computing …</p>"
                self._fill_steps()
                self._wait()

    def _fill_steps(self) -> None:
        if self._fold.selected_index is None:
            return
        self._steps.value = readout.sections(
            [(name, readout.steps(image.node, self._ask)) for name, image in self._subjects()]
        )

    def _ask(self, node: Node) -> Mapping[str, Any]:
        """The values of a chain at the place, in what is in view, with the sliders where they stand."""
        assert self._place is not None
        known = parameters(node)
        positions = {name: value for name, value in self._positions().items() if name in known}
        block, zoom = self._window.block, self._window.zoom
        if self._server is None or not _on_an_area(node):
            return Engine.default().point(node, *self._place, zoom, parameters=positions, view=tiles_grid(*block))
        server = self._server()
        try:
            return server.point(server.publish(node), *self._place, zoom, parameters=positions, view=block)
        except PendingError:
            self._pending = True
            raise


def _nothing() -> None:
    """There is nothing to wait for."""


def _on_an_area(node: Node) -> bool:
    return any(find(part.operator).mode is Mode.FULL for part in walk(node))
