"""What a notebook shows: the map, its layers, legend and sliders."""

from jeoview.widgets.layers import MapLayer
from jeoview.widgets.map import Map

__all__ = ["Map", "MapLayer"]
