"""Collections of scenes: selected by metadata, frozen into chains."""

from jeoview.collection.describe import Description
from jeoview.collection.files import open_file
from jeoview.collection.frozen import freeze
from jeoview.collection.images import ImageCollection

__all__ = ["Description", "ImageCollection", "freeze", "open_file"]
