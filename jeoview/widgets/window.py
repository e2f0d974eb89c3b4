"""The ipyleaflet map itself: where it looks, and the bounds and tiles that follow, with or without a browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import ipyleaflet
import ipywidgets

from jeoview.errors import ParameterError
from jeoview.grid import MAX_ZOOM
from jeoview.projection import Bounds
from jeoview.widgets.basemaps import basemap_layers
from jeoview.widgets.view import ASSUMED_WIDTH, TileBlock, View, fit, on_globe, tile_block

WORLD = View(10.0, 25.0, 2)
MARGIN = 4  # pixels


class Chooser(Protocol):
    """A tool that a click chooses a place for."""

    def rest(self) -> None:
        """Take no more clicks."""


class Window:
    """Where a map looks.

    Parameters
    ----------
    center : (lat, lon), optional
        Degrees.
    zoom : int, optional
        0 to 24.
    basemap : str
        See `jeoview.widgets.basemaps`.
    height : int
        Pixels.

    Attributes
    ----------
    widget : ipyleaflet.Map
    chooser : Chooser or None
        The tool that takes all clicks now; the others leave them to it.
    """

    def __init__(self, center: Sequence[float] | None, zoom: int | None, basemap: str, height: int) -> None:
        lat, lon = (WORLD.lat, WORLD.lon) if center is None else check_center(center)
        self._base = ipyleaflet.LayerGroup(layers=basemap_layers(basemap), name="base map")
        self.widget = ipyleaflet.Map(
            center=(lat, lon),
            zoom=(WORLD.zoom if center is None else 10) if zoom is None else check_zoom(zoom),
            max_zoom=MAX_ZOOM,
            layers=(self._base,),
            scroll_wheel_zoom=True,
            attribution_control=False,
            layout=ipywidgets.Layout(height=f"{height}px", width="auto", flex="1 1 420px", min_width="320px"),
        )
        # ipyleaflet's own attribution names ipyleaflet alone; the room is for the sources.
        self.widget.add(ipyleaflet.AttributionControl(position="bottomright", prefix=""))
        self.widget.add(ipyleaflet.ScaleControl(position="bottomleft", imperial=False, max_width=120))
        self._height = height
        self.chooser: Chooser | None = None

    @property
    def live(self) -> bool:
        """Whether a browser has shown the map."""
        return bool(self.widget.right > self.widget.left)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; assumed until a browser says it."""
        if not self.live:
            return ASSUMED_WIDTH, self._height
        return round(self.widget.right - self.widget.left), round(self.widget.bottom - self.widget.top)

    @property
    def zoom(self) -> int:
        """Web Mercator zoom."""
        return int(self.widget.zoom)

    @property
    def center(self) -> tuple[float, float]:
        """(lat, lon) in degrees."""
        lat, lon = self.widget.center
        return float(lat), float(lon)

    @property
    def bounds(self) -> Bounds:
        """(west, south, east, north) in degrees.

        Computed from centre, zoom and size, all of which Python knows at once; what the browser says of its own
        bounds comes only after the running cell.
        """
        lat, lon = self.center
        return View(lon, lat, self.zoom, *self.size).bounds

    @property
    def block(self) -> TileBlock:
        """The tiles in view; a browser places the map to a pixel or so, and shows half a tile as gladly as a whole one."""
        lat, lon = self.center
        width, height = self.size
        return tile_block(View(lon, lat, self.zoom, width + 2 * MARGIN, height + 2 * MARGIN).bounds, self.zoom)

    def go(self, center: Sequence[float] | None = None, zoom: int | None = None) -> None:
        """Look somewhere else."""
        lat, lon = self.center if center is None else check_center(center)
        wanted = self.zoom if zoom is None else check_zoom(zoom)
        # One message for both: the browser must not pan at the old zoom first, nor a layer be asked for there.
        with self.widget.hold_sync(), self.widget.hold_trait_notifications():
            self.widget.center, self.widget.zoom = [lat, lon], wanted

    def fit(self, bounds: Bounds) -> None:
        """Bring bounds (degrees) into view."""
        found = fit(on_globe(bounds), *self.size)
        self.go((found.lat, found.lon), found.zoom)

    def set_basemap(self, name: str) -> None:
        """Change the base map; the layers over it stay as they are."""
        self._base.layers = basemap_layers(name)

    def give_clicks(self, chooser: Chooser) -> None:
        """Leave all clicks to one tool; the one that had them rests."""
        former, self.chooser = self.chooser, chooser
        if former is not None and former is not chooser:
            former.rest()
        self.widget.add_class("jv-choosing")

    def take_clicks_back(self, chooser: Chooser) -> None:
        """Leave clicks to everyone again, unless another tool has them by now."""
        if self.chooser is chooser:
            self.chooser = None
            self.widget.remove_class("jv-choosing")

    def on_move(self, function: Callable[..., None]) -> None:
        """Call a function when the map has been moved or zoomed, or got its size."""
        self.widget.observe(function, ["center", "zoom", "left", "top", "right", "bottom"])


def check_center(center: object) -> tuple[float, float]:
    """Return (lat, lon).

    Raises
    ------
    ParameterError
        If it is not two numbers on the globe.
    """
    try:
        lat, lon = (float(value) for value in center)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise ParameterError(f"center is {center!r}; expected (lat, lon) in degrees") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ParameterError(f"center is {center!r}; expected (lat, lon), lat within 90 and lon within 180 degrees")
    return lat, lon


def check_zoom(zoom: object) -> int:
    """Return a zoom.

    Raises
    ------
    ParameterError
        If it is not a whole number from 0 to 24.
    """
    if isinstance(zoom, bool) or not isinstance(zoom, int) or not 0 <= zoom <= MAX_ZOOM:
        raise ParameterError(f"zoom is {zoom!r}; expected a whole number from 0 to {MAX_ZOOM}")
    return zoom
