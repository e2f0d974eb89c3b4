"""Collections of scenes: selected by metadata, frozen into chains."""

from jeoview.collection.describe import Description
from jeoview.collection.files import open_file
from jeoview.collection.frozen import freeze
from jeoview.collection.images import ImageCollection
from jeoview.collection.interferograms import InterferogramCollection

__all__ = ["Description", "ImageCollection", "InterferogramCollection", "freeze", "open_file"]
