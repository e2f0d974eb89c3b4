"""What the catalogue holds, as values: bands, items, collections, questions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jeoview.projection import Bounds
from jeoview.quantities import is_wrapped

Json = dict[str, Any]
FROM_NOTEBOOK = ("files", "opened")
QUALITY_SCHEMES = ("sentinel2-scl", "landsat-c2-qa", "landsat-c1-bqa")


@dataclass(frozen=True, slots=True)
class Classes:
    """Offsets that differ from class to class of a part, such as the connected components of unwrapping.

    Parameters
    ----------
    href, etag, subdataset
        File of the classes, as in `Band`; it has the pixels of the part.
    offsets : tuple of (int, float)
        Stored class, and the offset of its pixels; the part's own holds for every other class.
    """

    href: str
    etag: str
    subdataset: str | None
    offsets: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One of the files that a band is joined from.

    Parameters
    ----------
    href, etag, subdataset, index
        As in `Band`.
    row, col : int
        Pixel of the band at which the part's first one lies.
    scale, offset, nodata
        As in `Band`, for the numbers of this file; of a quality band too.
    classes : Classes, optional
        Other offsets for some of its pixels.
    """

    href: str
    etag: str
    subdataset: str | None
    index: int
    row: int
    col: int
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    classes: Classes | None = None

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Path and etag of each file that is read for it."""
        classes = () if self.classes is None else ((self.classes.href, self.classes.etag),)
        return ((self.href, self.etag), *classes)


@dataclass(frozen=True, slots=True)
class Band:
    """One band of one item and where its pixels are.

    Parameters
    ----------
    name : str
        The product's own name, for instance ``"B04"``.
    href : str
        Absolute path of the file.
    index : int
        1-based band in the file.
    common_name : str, optional
        STAC's common name, for instance ``"red"``.
    scale, offset : float
        ``value = stored * scale + offset``.
    nodata : float, optional
        Stored value (before scale and offset) that means "no data".
    unit : str
        Unit of the value, empty where it has none (reflectance).
    role : str
        ``"data"`` or ``"quality"``; scale and offset never apply to a quality band.
    etag : str
        Short hash of the file's size and modification time, see `jeoview.io.etag.file_etag`.
    subdataset : str, optional
        Name of the variable inside a netCDF, HDF5 or Zarr file.
    quality : str, optional
        How a quality band is read: ``sentinel2-scl``, ``landsat-c2-qa`` or ``landsat-c1-bqa``.
    data_type : str
        numpy name of the stored type, for instance ``"uint16"``.
    shape : (int, int), optional
        Rows and columns of the file.
    transform : six floats, optional
        Affine coefficients (a, b, c, d, e, f) of the file.
    parts : tuple of Part
        Several files that the band is joined from, those first whose pixels come first; href and subdataset are then
        those of the first one, and shape and transform those of all together.
    """

    name: str
    href: str
    index: int = 1
    common_name: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    unit: str = ""
    role: str = "data"
    etag: str = ""
    subdataset: str | None = None
    quality: str | None = None
    data_type: str = ""
    shape: tuple[int, int] | None = None
    transform: tuple[float, ...] | None = None
    parts: tuple[Part, ...] = ()

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Path and etag of each file that holds pixels of the band."""
        return tuple(file for part in self.parts for file in part.files) or ((self.href, self.etag),)


@dataclass(frozen=True, slots=True)
class Item:
    """One scene: a place, a time and its bands. Its dictionaries are not to be changed.

    Parameters
    ----------
    collection, id : str
        Together they name the item.
    datetime : str
        RFC 3339 in UTC.
    bbox : (west, south, east, north)
        Degrees of EPSG:4326, west < east. A scene across the antimeridian has -180 .. 180.
    geometry : dict
        GeoJSON Polygon or MultiPolygon in EPSG:4326; cut at the antimeridian.
    properties : dict
        STAC properties; ``proj:code``, ``proj:shape`` and ``proj:transform`` of the finest band.
    bands : dict of str to Band
        By name, in the product's order.
    """

    collection: str
    id: str
    datetime: str
    bbox: Bounds
    geometry: Json
    properties: Json
    bands: dict[str, Band]

    @property
    def decoding(self) -> str:
        """Hash of how the stored numbers become values: what, besides the files, decides on the pixels."""
        rules = [_decoding(band) for band in self.bands.values()]
        return hashlib.sha256(repr(rules).encode()).hexdigest()[:16]


def extent_of(items: Iterable[Item]) -> Bounds:
    """The box in degrees that holds the boxes of all items."""
    west, south, east, north = zip(*(item.bbox for item in items), strict=True)
    return min(west), min(south), max(east), max(north)


def layers_of(items: Iterable[Item]) -> frozenset[tuple[str, frozenset[Path], str]]:
    """What tells the same layers of the same files: their ids, files and how the stored numbers become values."""
    return frozenset(
        (
            item.id,
            frozenset(Path(href).resolve() for band in item.bands.values() for href, _ in band.files),
            item.decoding,
        )
        for item in items
    )


def _decoding(band: Band) -> tuple[object, ...]:
    rule: tuple[object, ...] = (
        *(band.name, band.index, band.scale, band.offset, band.nodata, band.role, band.subdataset),
        *(_joining(part) for part in band.parts),
    )
    # Wrapped phase is averaged in another way. Without it the text is what it was before there was such a mark.
    return (*rule, band.unit) if is_wrapped(band.unit) else rule


def _joining(part: Part) -> tuple[object, ...]:
    classes = None if part.classes is None else (part.classes.subdataset, part.classes.offsets)
    return (part.index, part.subdataset, part.row, part.col, part.scale, part.offset, part.nodata, classes)


@dataclass(frozen=True, slots=True)
class BandInfo:
    """What all items of a collection share about a band."""

    name: str
    common_name: str | None = None
    role: str = "data"
    unit: str = ""
    quality: str | None = None


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection.

    Parameters
    ----------
    name : str
        What `jeoview.ImageCollection` is called with.
    title, description : str
        For people.
    quality : str, optional
        Scheme of the quality band, see `Band.quality`.
    simulated : bool
        True where the pixels were made by a program; shown wherever the collection appears.
    origin : str
        ``"files"`` where a notebook named the files, ``"opened"`` where it did not name the collection either; such a
        collection may be made anew under its name.
    bands : tuple of BandInfo
        Union over the items in the order in which they were first seen; filled by the catalogue.
    """

    name: str
    title: str = ""
    description: str = ""
    quality: str | None = None
    simulated: bool = False
    origin: str = ""
    bands: tuple[BandInfo, ...] = ()

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands."""
        return tuple(band.name for band in self.bands)

    @property
    def common_names(self) -> dict[str, str]:
        """Band name of each common name; the first band wins where several share one."""
        return {band.common_name: band.name for band in reversed(self.bands) if band.common_name}


@dataclass(frozen=True, slots=True)
class Query:
    """Which items, in which order.

    Parameters
    ----------
    collection : str
        Name of the collection.
    bbox : (west, south, east, north), optional
        Degrees; the item's footprint must meet it.
    interval : (start, end), optional
        RFC 3339 times, start included, end excluded; None leaves a side open.
    filter : dict, optional
        CQL2 JSON.
    sortby : tuple of str
        Property names, most significant first, ``-`` in front for descending. Ties, and no
        sortby at all, go by time and id. Items without the property come last.
    limit : int, optional
        Number of items at the most.
    within : Query, optional
        Only items that this query yields: what is asked after a ``limit``.
    """

    collection: str
    bbox: Bounds | None = None
    interval: tuple[str | None, str | None] | None = None
    filter: Mapping[str, Any] | None = None
    sortby: tuple[str, ...] = field(default=())
    limit: int | None = None
    within: Query | None = None
