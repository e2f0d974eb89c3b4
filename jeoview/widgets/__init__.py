"""What a notebook shows: the map with its layers, legend and sliders, and the network of a stack."""

from jeoview.widgets.layers import MapLayer
from jeoview.widgets.map import Map
from jeoview.widgets.network import NetworkPanel

__all__ = ["Map", "MapLayer", "NetworkPanel"]
