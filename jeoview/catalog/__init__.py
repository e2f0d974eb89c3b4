"""Items and where their files are: SQLite by default."""

from jeoview.catalog.database import Catalog
from jeoview.catalog.items import (
    FROM_NOTEBOOK,
    QUALITY_SCHEMES,
    Band,
    BandInfo,
    CollectionInfo,
    Item,
    Query,
    extent_of,
    layers_of,
)

__all__ = [
    "FROM_NOTEBOOK",
    "QUALITY_SCHEMES",
    "Band",
    "BandInfo",
    "Catalog",
    "CollectionInfo",
    "Item",
    "Query",
    "extent_of",
    "layers_of",
]
