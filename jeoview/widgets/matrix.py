"""A click on the map: the coherence of every two dates of a complex stack around that place."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import ipyleaflet
import ipywidgets
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jeoview.collection import SlcCollection
from jeoview.errors import JeoviewError, ParameterError
from jeoview.widgets import readout
from jeoview.widgets.latest import Latest
from jeoview.widgets.window import Window

HINT = "Click on the map to see how alike any two dates are there."
MAX_LABELS = 30


class CoherenceMatrix:
    """The matrix below a map after a click; made by `jeoview.Map.add_coherence_matrix`.

    Parameters
    ----------
    window : Window
        The map.
    slc : SlcCollection
        What is asked.
    box : (int, int)
        Lines and samples of the sensor around the place.
    name : str
        Heading.
    guard : function
        Wraps what the browser calls, so that what it raises is seen.

    Attributes
    ----------
    widget : ipywidgets.HTML
    """

    def __init__(
        self,
        window: Window,
        slc: SlcCollection,
        box: tuple[int, int],
        name: str,
        guard: Callable[..., Callable[..., None]],
    ) -> None:
        self._window, self._slc, self._box, self._name = window, check_slc(slc), check_box(box), name
        self._marker: Any = None
        self._latest = Latest()
        self.widget = ipywidgets.HTML(readout.card(name, f"<p>{HINT}</p>"))
        self._shown, self._clicked = guard(name, self.show), guard(name, self._click)
        window.widget.on_interaction(self._clicked)

    @property
    def text(self) -> str:
        """What is shown, as HTML."""
        return str(self.widget.value)

    def show(self, lon: float, lat: float) -> None:
        """Draw the matrix of a place, as a click does."""
        lines, samples = self._box
        title = f"{self._name} at {lat:.5f}, {lon:.5f}, {lines} lines x {samples} samples"
        self._mark(lon, lat)
        self.widget.value = readout.card(title, "<p>Computing …</p>")
        self.widget.value = readout.card(title, self._body(lon, lat))

    def wait(self, seconds: float | None = None) -> None:
        """Wait until a click before has been answered."""
        self._latest.wait(seconds)

    def close(self) -> None:
        """Listen no more, and leave the map."""
        self._latest.forget()
        self._window.widget.on_interaction(self._clicked, remove=True)
        if self._marker is not None:
            self._window.widget.remove(self._marker)
        self.widget.layout.display = "none"

    def _body(self, lon: float, lat: float) -> str:
        try:
            table = self._slc.coherence_matrix(lon, lat, self._box)
        except JeoviewError as error:
            return readout.error(str(error))
        values = table.to_numpy(dtype=np.float64)
        others = values[~np.eye(len(values), dtype=bool)]
        if not np.isfinite(others).any():
            return "<p>No data here.</p>"
        words = f"<p>Mean of all pairs of dates: {np.nanmean(others):.2f}.</p>"
        file = readout.download(table.to_csv(float_format="%.4f"), f"coherence {lat:.5f} {lon:.5f}", "Matrix as CSV")
        return words + matrix(list(table.index), values) + file

    def _click(self, **event: Any) -> None:
        if event.get("type") == "click" and self._window.chooser is None:
            lat, lon = event["coordinates"]
            place = (lon + 180.0) % 360.0 - 180.0, lat
            self._latest.ask(lambda: self._shown(*place))

    def _mark(self, lon: float, lat: float) -> None:
        if self._marker is None:
            self._marker = ipyleaflet.CircleMarker(radius=6, color="#7b2d8b", fill=False, weight=2, location=(lat, lon))
            self._window.widget.add(self._marker)
        self._marker.location = (lat, lon)


def matrix(days: Sequence[str], values: NDArray[np.float64]) -> str:
    """Dates by dates in colours from 0 to 1, as SVG; grey is no data."""
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("#c8c8c8")
    shown = axes.imshow(values, cmap="viridis", vmin=0, vmax=1, interpolation="none")
    step = math.ceil(len(days) / MAX_LABELS)
    places = range(0, len(days), step)
    axes.set_xticks(places, days[::step], rotation=90, fontsize=7)
    axes.set_yticks(places, days[::step], fontsize=7)
    figure.colorbar(shown, ax=axes, label="coherence")
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    return "<svg" + stream.getvalue().partition("<svg")[2]


def check_slc(slc: object) -> SlcCollection:
    """Return a stack of complex images.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    if isinstance(slc, SlcCollection):
        return slc
    raise ParameterError(f"slc is a {type(slc).__name__}; expected a SlcCollection")


def check_box(box: object) -> tuple[int, int]:
    """Return lines and samples.

    Raises
    ------
    ParameterError
        If they are not two whole numbers from 1 to 201 with more than one pixel between them.
    """
    sides = tuple(box) if isinstance(box, (tuple, list)) else ()
    if len(sides) != 2 or not all(_is_side(side) for side in sides) or sides == (1, 1):
        raise ParameterError(f"window is {box!r}; expected (lines, samples), each from 1 to 201, not (1, 1)")
    return sides[0], sides[1]


def _is_side(side: object) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and 1 <= side <= 201
