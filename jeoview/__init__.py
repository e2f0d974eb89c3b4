"""jeoview: describe a chain of operators over satellite images, and see it live on a map.

>>> import jeoview as jv
>>> s2 = jv.ImageCollection("demo-sentinel-2").filter_date("2023-05-01", "2023-09-30")
>>> ndvi = s2.mask_clouds().median().ndvi()
>>> m = jv.Map()
>>> m.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jeoview.catalog.filters import prop as prop
    from jeoview.collection import ImageCollection as ImageCollection
    from jeoview.collection import InterferogramCollection as InterferogramCollection
    from jeoview.collection import PointCollection as PointCollection
    from jeoview.collection import SlcCollection as SlcCollection
    from jeoview.collection import open_file as open  # noqa: A004 - as gdal.Open and rasterio.open
    from jeoview.collection import open_points as open_points
    from jeoview.collection import open_series as open_series
    from jeoview.errors import JeoviewError as JeoviewError
    from jeoview.export import export_package as export_package
    from jeoview.export import open_chain as open_chain
    from jeoview.graph import parameter as parameter
    from jeoview.image import Image as Image
    from jeoview.quantities import metres as metres
    from jeoview.recipes import rgb_of as rgb
    from jeoview.recipes import where as where
    from jeoview.widgets import Map as Map
    from jeoview.widgets import NetworkPanel as NetworkPanel

__version__ = "0.1.0"
__all__ = [
    "Image",
    "ImageCollection",
    "InterferogramCollection",
    "JeoviewError",
    "Map",
    "NetworkPanel",
    "PointCollection",
    "SlcCollection",
    "export_package",
    "metres",
    "open",
    "open_chain",
    "open_points",
    "open_series",
    "parameter",
    "prop",
    "rgb",
    "where",
]

# Loaded at first use: the tile server and its workers import parts of jeoview and must start quickly.
_HOMES = {
    "Image": "jeoview.image:Image",
    "ImageCollection": "jeoview.collection:ImageCollection",
    "InterferogramCollection": "jeoview.collection:InterferogramCollection",
    "JeoviewError": "jeoview.errors:JeoviewError",
    "Map": "jeoview.widgets:Map",
    "NetworkPanel": "jeoview.widgets:NetworkPanel",
    "PointCollection": "jeoview.collection:PointCollection",
    "SlcCollection": "jeoview.collection:SlcCollection",
    "export_package": "jeoview.export:export_package",
    "metres": "jeoview.quantities:metres",
    "open": "jeoview.collection:open_file",
    "open_chain": "jeoview.export:open_chain",
    "open_points": "jeoview.collection:open_points",
    "open_series": "jeoview.collection:open_series",
    "parameter": "jeoview.graph:parameter",
    "prop": "jeoview.catalog.filters:prop",
    "rgb": "jeoview.recipes:rgb_of",
    "where": "jeoview.recipes:where",
}
# These give no image, so that they need not wait for the recipes and exits that are methods of one.
_PLAIN = {"JeoviewError", "metres", "parameter", "prop"}


def __getattr__(name: str) -> Any:
    """Load a public name."""
    if name not in _HOMES:
        raise AttributeError(f"module 'jeoview' has no attribute {name!r}")
    if name not in _PLAIN:
        import_module("jeoview.export")
    module, _, attribute = _HOMES[name].partition(":")
    value = globals()[name] = getattr(import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted([*__all__, "__version__"])
