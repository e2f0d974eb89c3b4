"""Tile layers on a map, each in a place of its own, shown, hidden and ordered by style rules alone.

ipyleaflet re-creates every layer that stands behind a changed one in a map's list, and its tiles
blink. So the list only ever grows: it holds groups, and a group holds one tile layer or none. What
is seen, and in which order, is said by one style sheet: a swap of two layers is one message to the
browser, so no frame can hold both.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import ipyleaflet
import ipywidgets
from traitlets import Int, Unicode

from jeoview.grid import MAX_ZOOM
from jeoview.widgets.view import TileBlock, block_bounds

# Stands in every tile of the map when the server is gone: hatched as its own errors are, the words small.
NO_ANSWER = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256">'
    '<pattern id="h" width="16" height="16" patternUnits="userSpaceOnUse">'
    '<path d="M0 0L16 16" stroke="#b02020" stroke-opacity=".4"/></pattern>'
    '<rect width="256" height="256" fill="url(#h)"/>'
    '<rect x="30" y="117" width="196" height="22" fill="#fff" fill-opacity=".85"/>'
    '<text x="128" y="132" font-family="sans-serif" font-size="13" fill="#8c2f1b" text-anchor="middle">'
    "the server does not answer</text></svg>"
)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a tile layer shows.

    Parameters
    ----------
    key : str
        Key of the chain.
    url : str
        Address of its tiles, with ``{z}``, ``{x}`` and ``{y}``.
    parameters : mapping
        Where the sliders stand in it.
    view : TileBlock, optional
        The tiles that a full-extent operator worked on; there are no others.
    """

    key: str
    url: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    view: TileBlock | None = None


class Tiles(ipyleaflet.TileLayer):
    """ipyleaflet's tile layer with three more of Leaflet's options.

    A trait of a widget can be added by a subclass alone, so this is one (docs/decisions/020-map-widgets.md).

    Attributes
    ----------
    picture : Picture
        What it shows.
    since : float
        When it was made, seconds since 1970.
    complete : bool
        Whether all its tiles have been there once.
    """

    class_name = Unicode("").tag(sync=True, o=True)
    error_tile_url = Unicode("").tag(sync=True, o=True)
    # Tiles outside of the view would be asked for as long as the map does not move, and the server has better to do.
    keep_buffer = Int(0).tag(sync=True, o=True)

    def __init__(
        self, picture: Picture, *, again: int = 0, name: str = "", opacity: float = 1.0, attribution: str = ""
    ) -> None:
        self.picture = picture
        self.since = time.time()
        self.complete = False
        super().__init__(
            # A browser gives the same page the same image for the same address, whatever the server forbids.
            url=f"{picture.url}{'&' if '?' in picture.url else '?'}again={again}" if again else picture.url,
            name=name,
            opacity=opacity,
            attribution=attribution,
            class_name=f"jv-tiles jv-{uuid.uuid4().hex[:12]}",
            error_tile_url="data:image/svg+xml," + quote(NO_ANSWER),
            max_zoom=MAX_ZOOM,
            **_only(picture.view),
        )

    @property
    def selector(self) -> str:
        """What a style rule names this layer by."""
        return "." + self.class_name.split()[1]


def _only(view: TileBlock | None) -> dict[str, Any]:
    """Keep Leaflet from asking for tiles outside a view: while another one is computed it stretches these."""
    if view is None:
        return {}
    west, south, east, north = block_bounds(view)
    # Leaflet also asks for tiles that only share an edge with the bounds.
    across, down = (east - west) * 1e-3, (north - south) * 1e-3
    return {
        "min_native_zoom": view[0],
        "max_native_zoom": view[0],
        "bounds": [(south + down, west + across), (north - down, east - across)],
    }


class Stage:
    """The places of tile layers on a map, and the style sheet that says what is seen.

    Parameters
    ----------
    leaflet : ipyleaflet.Map
        Whose layers this object alone changes.
    """

    def __init__(self, leaflet: Any) -> None:
        self._leaflet = leaflet
        self._places: list[Any] = []
        self.sheet = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))

    def put(self, layer: Any) -> None:
        """Place a layer on the map; the browser asks for its tiles from now on."""
        place = next((place for place in self._places if not place.layers), None)
        if place is None:
            place = ipyleaflet.LayerGroup()
            self._places.append(place)
            self._leaflet.layers = (*self._leaflet.layers, place)
        place.layers = (layer,)

    def drop(self, layer: Any) -> None:
        """Take a layer away; the browser cancels the requests that are under way."""
        for place in self._places:
            if layer in place.layers:
                place.layers = ()
        layer.close()

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layers that stand on the map, shown or hidden."""
        return tuple(layer for place in self._places for layer in place.layers)

    def arrange(self, order: Iterable[tuple[Tiles | None, Tiles | None]]) -> None:
        """Say what is seen: pairs of a shown and a waiting layer, from the bottom to the top.

        What no rule names is not seen (style.css), so a layer that is about to go vanishes in the same message
        that shows its successor.
        """
        rules = []
        for height, (shown, waiting) in enumerate(order, start=10):
            if shown is not None:
                rules.append(f"{shown.selector}{{z-index:{height}!important;visibility:visible!important}}")
            if waiting is not None:
                rules.append(f"{waiting.selector}{{z-index:{height}!important}}")
        self.sheet.value = f"<style>{''.join(rules)}</style>"
