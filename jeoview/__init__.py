"""jeoview: describe a chain of operators over satellite images, and see it live on a map.

>>> import jeoview as jv
>>> s2 = jv.ImageCollection("demo-sentinel-2").filter_date("2023-05-01", "2023-09-30")
>>> ndvi = s2.mask_clouds().median().ndvi()
>>> m = jv.Map()
>>> m.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")
"""

from jeoview.errors import JeoviewError
from jeoview.graph import parameter
from jeoview.image import Image
from jeoview.operator import metres
from jeoview.recipes import rgb_of as rgb
from jeoview.recipes import where

__version__ = "0.1.0"
__all__ = ["Image", "JeoviewError", "metres", "parameter", "rgb", "where"]
