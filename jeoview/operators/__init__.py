"""Every operator, one file per family; importing this package fills the registry."""

from jeoview.operators import algebra, bands, change, colour, fit, focal, index, quality, reducers, region, source

__all__ = [
    "algebra",
    "bands",
    "change",
    "colour",
    "fit",
    "focal",
    "index",
    "quality",
    "reducers",
    "region",
    "source",
]
