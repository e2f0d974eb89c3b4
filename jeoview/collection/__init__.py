"""Collections of scenes: selected by metadata, frozen into chains."""

from jeoview.collection.describe import Description
from jeoview.collection.frozen import freeze
from jeoview.collection.images import ImageCollection
from jeoview.collection.interferograms import InterferogramCollection
from jeoview.collection.points import PointCollection, open_points
from jeoview.collection.products import open_file, open_series
from jeoview.collection.slc import SlcCollection

__all__ = [
    "Description",
    "ImageCollection",
    "InterferogramCollection",
    "PointCollection",
    "SlcCollection",
    "freeze",
    "open_file",
    "open_points",
    "open_series",
]
