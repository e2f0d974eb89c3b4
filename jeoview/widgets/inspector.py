"""A click on the map: the values below it, as a table or as a chart over time with its linear fit."""

from __future__ import annotations

import datetime as dt
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipyleaflet
import ipywidgets
import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jeoview.engine import Engine
from jeoview.errors import JeoviewError
from jeoview.grid import tiles_grid
from jeoview.image import Image
from jeoview.raster import Kind
from jeoview.widgets.window import Window

DAYS_A_YEAR = 365.25
HINT = "Click on the map to see the values there."


@dataclass(frozen=True)
class Trend:
    """A straight line through a series.

    Parameters
    ----------
    rate, error : float
        Slope and its standard error, a year.
    line : (time,) float64
        The line at the series' times.
    """

    rate: float
    error: float
    line: NDArray[np.float64]


def linear_trend(years: NDArray[np.float64], values: NDArray[np.float64]) -> Trend | None:
    """Least squares line through the valid values; None with fewer than three.

    The error is ``sqrt(RSS / (N - 2) * inv(G'G)[slope, slope])``.
    """
    valid = np.isfinite(values)
    if valid.sum() < 3:
        return None
    design = np.column_stack([years, np.ones_like(years)])
    found, *_ = np.linalg.lstsq(design[valid], values[valid], rcond=None)
    residual = values[valid] - design[valid] @ found
    covariance = np.linalg.inv(design[valid].T @ design[valid]) * (residual @ residual) / (valid.sum() - 2)
    return Trend(float(found[0]), float(np.sqrt(covariance[0, 0])), design @ found)


class Inspector:
    """What a map shows below it after a click.

    Parameters
    ----------
    window : Window
        The map.
    image : Image
        What is asked; a series gives a chart.
    name : str
        Heading.
    parameters : function
        Gives the positions of the map's sliders.

    Attributes
    ----------
    widget : ipywidgets.HTML
    """

    def __init__(self, window: Window, image: Image, name: str, parameters: Callable[[], Mapping[str, Any]]) -> None:
        self._window, self._image, self._name, self._parameters = window, image, name, parameters
        self._marker = ipyleaflet.CircleMarker(location=(0.0, 0.0), radius=6, color="#111", fill=False, weight=2)
        self._marked = False
        self.widget = ipywidgets.HTML(_card(name, f"<p>{HINT}</p>"))
        window.widget.on_interaction(self._clicked)

    def close(self) -> None:
        """Listen no more."""
        self._window.widget.on_interaction(self._clicked, remove=True)
        if self._marked:
            self._window.widget.remove(self._marker)

    def show(self, lon: float, lat: float) -> None:
        """Show the values at a place, as a click does."""
        self._marker.location = (lat, lon)
        if not self._marked:
            self._window.widget.add(self._marker)
            self._marked = True
        where = f"{lat:.5f}, {lon:.5f}"
        try:
            known = self._image.parameters
            positions = {name: value for name, value in self._parameters().items() if name in known}
            view = tiles_grid(*self._window.block)
            answer = Engine.default().point(
                self._image.node, lon, lat, self._window.zoom, parameters=positions, view=view
            )
            body = self._chart(answer) if self._image.kind is Kind.SERIES else _table(answer)
        except JeoviewError as error:
            body = f'<p class="jv-error">{html.escape(str(error))}</p>'
        self.widget.value = _card(f"{self._name} at {where}", body)

    def _clicked(self, **event: Any) -> None:
        if event.get("type") == "click":
            lat, lon = event["coordinates"]
            self.show((lon + 180.0) % 360.0 - 180.0, lat)

    def _chart(self, answer: Mapping[str, Any]) -> str:
        values = {band: np.array(series, dtype=np.float64) for band, series in answer["values"].items()}
        if not any(np.isfinite(series).any() for series in values.values()):
            return "<p>No data here.</p>"
        return _svg([_time(date) for date in answer["dates"]], values, str(answer["unit"]))


def _time(date: str) -> dt.datetime:
    return dt.datetime.fromisoformat(date.partition("/")[2] or date)


def _svg(times: Sequence[dt.datetime], values: Mapping[str, NDArray[np.float64]], unit: str) -> str:
    # Ground motion is read in millimetres.
    factor, shown = (1000.0, "mm") if unit == "m" else (1.0, unit)
    days: Any = np.array([time.replace(tzinfo=None) for time in times], dtype="datetime64[s]")
    years = np.array([(time - times[0]).total_seconds() / 86_400 / DAYS_A_YEAR for time in times])
    figure = Figure(figsize=(8.2, 2.7), layout="constrained")
    axes = figure.add_subplot()
    for band, series in values.items():
        trend = linear_trend(years, series * factor)
        points = axes.plot(days, series * factor, "o", markersize=3.5)[0]
        per_year = f"{shown}/yr" if shown else "a year"
        label = band if trend is None else f"{band}: {trend.rate:.3g} ± {trend.error:.2g} {per_year}"
        if trend is None:
            points.set_label(label)
        else:
            axes.plot(days, trend.line, "-", color=points.get_color(), linewidth=1.2, label=label)
    axes.set_ylabel(shown or "value")
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.grid(alpha=0.25)
    axes.legend(loc="best", frameon=False, fontsize=9)
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    return stream.getvalue().partition("<svg")[1] + stream.getvalue().partition("<svg")[2]


def _table(answer: Mapping[str, Any]) -> str:
    unit = html.escape(str(answer["unit"]))
    rows = [
        f"<tr><td>{html.escape(band)}</td><td>{'no data' if value is None else f'{value:.6g} {unit}'}</td></tr>"
        for band, value in answer["values"].items()
    ]
    return f"<table>{''.join(rows)}</table>"


def _card(title: str, body: str) -> str:
    return f'<div class="jv-inspector"><b>{html.escape(title)}</b>{body}</div>'
