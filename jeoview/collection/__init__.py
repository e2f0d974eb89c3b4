"""Collections of scenes: selected by metadata, frozen into chains."""

from jeoview.collection.advice import advise
from jeoview.collection.describe import Description
from jeoview.collection.frozen import freeze
from jeoview.collection.images import ImageCollection
from jeoview.collection.interferograms import InterferogramCollection
from jeoview.collection.line import check_line
from jeoview.collection.pair_lines import check_pair_line
from jeoview.collection.points import PointCollection
from jeoview.collection.points import open_points as _open_points
from jeoview.collection.products import open_file as _open_file
from jeoview.collection.products import open_series as _open_series
from jeoview.collection.slc import SlcCollection
from jeoview.collection.years import annual_steps
from jeoview.image import Image, check_lines
from jeoview.recipes import with_advice

for _cls in (Image, ImageCollection):
    # The operator needs its years; the method finds them where the scenes are known.
    setattr(_cls, annual_steps.__name__, with_advice("annual_steps", annual_steps))
check_lines(check_line)
check_lines(check_pair_line)
advise(ImageCollection, InterferogramCollection, PointCollection, SlcCollection)
open_file = with_advice("open", _open_file)
open_points = with_advice("open_points", _open_points)
open_series = with_advice("open_series", _open_series)

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
