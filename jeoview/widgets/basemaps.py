"""Base maps by name. Without internet a base map is a plain background: Leaflet hides tiles that do not come."""

from __future__ import annotations

from typing import Any

import ipyleaflet
from xyzservices import providers

from jeoview.errors import ParameterError, choices
from jeoview.grid import MAX_ZOOM

PROVIDERS: dict[str, Any] = {
    "osm": providers.OpenStreetMap.Mapnik,
    "light": providers.CartoDB.Positron,
    "dark": providers.CartoDB.DarkMatter,
    "topo": providers.OpenTopoMap,
    "satellite": providers.Esri.WorldImagery,
    "none": None,
}

LABELS = {
    "OpenStreetMap": "osm",
    "Light": "light",
    "Dark": "dark",
    "Topographic": "topo",
    "Satellite": "satellite",
    "None": "none",
}


def check_basemap(name: object) -> str:
    """Return the name of a base map.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    if not isinstance(name, str) or name not in PROVIDERS:
        raise ParameterError(f"basemap is {name!r}; {choices(str(name), PROVIDERS)}")
    return name


def basemap_layers(name: str) -> tuple[Any, ...]:
    """The tile layer of a base map, or nothing."""
    provider = PROVIDERS[check_basemap(name)]
    if provider is None:
        return ()
    layer = ipyleaflet.TileLayer(
        url=provider.build_url(),
        attribution=provider.html_attribution,
        name=name,
        base=True,
        # Beyond its own zooms a base map is stretched, never missing.
        max_native_zoom=provider.get("max_zoom", 18),
        max_zoom=MAX_ZOOM,
    )
    return (layer,)
