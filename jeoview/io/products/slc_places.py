"""Where the pixels of complex images lie, by what files say of themselves and what is given beside them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from jeoview.catalog.items import Band, Item
from jeoview.errors import SourceError
from jeoview.geolocation import Geolocation, LookupTable, Point
from jeoview.graph import canonical, digest
from jeoview.grid import Frame
from jeoview.io.etag import file_etag
from jeoview.io.footprint import footprint
from jeoview.io.gdal import DRIVERS, ENVIRONMENT, dataset_name
from jeoview.io.hdf5 import is_hdf5
from jeoview.io.inspect import inspect
from jeoview.io.products.common import place
from jeoview.io.raw import check_raw, layout_of
from jeoview.io.reader import Reader
from jeoview.io.write import GDAL_ERRORS
from jeoview.io.zarr import describe_zarr
from jeoview.locators import LOOKUPS, PLACES, LargePlaces, LargeTable, located, tabulated
from jeoview.projection import Bounds

CACHE = 64 << 20


@dataclass(frozen=True, slots=True)
class Variable:
    """A raster in a file or folder; of a plain binary file the name says how it lies there, see `jeoview.io.raw`."""

    path: Path
    name: str | None = None

    def band(self, called: str, nodata: float | None = None, unit: str = "") -> Band:
        """The variable as a band of an item."""
        return Band(called, str(self.path), nodata=nodata, unit=unit, etag=file_etag(self.path), subdataset=self.name)


@dataclass(frozen=True, slots=True)
class Header:
    """What a raster says of itself, with or without a place on the Earth.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    is_complex : bool
        Whether its pixels are complex numbers.
    place : mapping, optional
        STAC's projection properties, where it is geocoded.
    points : tuple of (row, col, lon, lat)
        Its control points, edge convention.
    """

    shape: tuple[int, int]
    is_complex: bool
    place: Mapping[str, Any] | None
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table on a map: complex (sample, line), or samples and lines in its first two bands.

    Parameters
    ----------
    table : Variable
        Its file.
    looks : (int, int)
        Rows and columns of the images in one line and sample of the table.
    """

    table: Variable
    looks: tuple[int, int] = (1, 1)


Places = tuple[Variable, Variable] | Lookup | None


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the pixels of a stack lie: properties, bands and outline that all its items share."""

    properties: Mapping[str, Any]
    bands: Mapping[str, Band]
    geometry: dict[str, Any]
    bbox: Bounds


def header(variable: Variable) -> Header:
    """Read the header of a raster; no pixel is read.

    Raises
    ------
    SourceError
        If it is missing or broken.
    RefusedError
        If its format could point to other files.
    """
    if not variable.path.exists():
        raise SourceError(f"{variable.path.name}: there is no such file")
    if (layout := layout_of(variable.name)) is not None:
        check_raw(variable.path, layout)
        return Header(layout.shape, layout.is_complex, layout.place, ())
    if is_hdf5(variable.path):
        info = inspect(variable.path, variable.name)
        return Header(info.shape, "complex" in info.bands[0].data_type, place(info), ())
    try:
        with warnings.catch_warnings(), rasterio.Env(**ENVIRONMENT):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            name = dataset_name(variable.path, variable.name)
            with DatasetReader(name, driver=list(DRIVERS), sharing=False) as source:
                points, crs = source.gcps
                shape, is_complex = (int(source.height), int(source.width)), "complex" in source.dtypes[0]
                degrees = crs is not None and crs.is_geographic
                placed = source.crs is not None and not source.transform.is_identity
    except GDAL_ERRORS as error:
        stored = describe_zarr(variable.path, variable.name) if variable.name and variable.path.is_dir() else None
        if stored is not None:
            return Header(stored.shape, stored.is_complex, None, ())
        raise SourceError(
            f"{variable.path.name} is no raster that can be read: corrupt or of an unknown format"
        ) from error
    found = tuple((float(p.row), float(p.col), float(p.x), float(p.y)) for p in points) if degrees else ()
    return Header(shape, is_complex, place(inspect(variable.path, variable.name)) if placed else None, found)


def ground_of(first: Header, places: Places, name: str) -> Ground:
    """Where the pixels of a stack lie, by the best that is known: rasters, a table, a geotransform, control points.

    Raises
    ------
    SourceError
        If none of these is there, or a raster has other pixels than the images.
    """
    properties: dict[str, Any] = {"proj:shape": list(first.shape), "jeoview:slc": True}
    if isinstance(places, Lookup):
        return _looked_up(properties, first.shape, places)
    if places is not None:
        for variable in places:
            if header(variable).shape != first.shape:
                raise SourceError(f"{variable.path.name} has {header(variable).shape} pixels; the images {first.shape}")
        bands = {called: variable.band(called, unit="°") for called, variable in zip(PLACES, places, strict=True)}
        properties["jeoview:frame"] = _frame(first.shape, [band.etag for band in bands.values()])
        frame = Frame(properties["jeoview:frame"], first.shape)
        geometry, bbox = _outline(_located(bands, frame))
        return Ground(properties, bands, geometry, bbox)
    if first.place is not None:
        properties |= {**first.place, "jeoview:frame": _frame(first.shape, dict(first.place))}
        crs = str(first.place.get("proj:code") or first.place.get("proj:wkt2"))
        geometry, bbox = footprint(crs, first.place["proj:transform"], first.shape)
        return Ground(properties, {}, geometry, bbox)
    if len(first.points) >= 4:
        listed = [list(point) for point in first.points]
        properties |= {"jeoview:points": listed, "jeoview:frame": _frame(first.shape, listed)}
        geometry, bbox = _outline(Geolocation.of_points(first.points, first.shape))
        return Ground(properties, {}, geometry, bbox)
    raise SourceError(
        f"{name} has no place on the Earth: no geotransform and no control points; give rasters of the longitude= and "
        "latitude= of its pixels, or a look-up table (lookup=)"
    )


def _frame(shape: tuple[int, int], place: Any) -> str:
    return digest(canonical([list(shape), place]))[:16]


def _located(bands: Mapping[str, Band], frame: Frame) -> Geolocation | LargePlaces:
    """The places that two bands say."""
    item = Item("", "longitude and latitude", "", (-180.0, -90.0, 180.0, 90.0), {}, {}, dict(bands))
    reader = Reader(cache_bytes=CACHE)
    try:
        return located(lambda grid: reader.read(item, PLACES, grid, "nearest"), frame)
    finally:
        reader.close()


def _looked_up(properties: dict[str, Any], shape: tuple[int, int], lookup: Lookup) -> Ground:
    """The ground that a table on a map says."""
    table, looks = lookup.table, list(lookup.looks)
    about = header(table)
    if about.place is None:
        raise SourceError(f"{table.path.name} has no place on the map, so it is no look-up table")
    names = LOOKUPS[0] if about.is_complex else LOOKUPS[1]
    bands = {name: replace(table.band(name), index=index) for index, name in enumerate(names, 1)}
    item = Item("", "look-up table", "", (-180.0, -90.0, 180.0, 90.0), {}, {}, bands)
    reader = Reader(cache_bytes=CACHE)
    try:
        whole = reader.native_grid(item, names[0])
        found = tabulated(lambda grid: reader.read(item, names, grid, "nearest"), whole, shape, lookup.looks)
    finally:
        reader.close()
    properties |= {"jeoview:lookup_looks": looks}
    properties["jeoview:frame"] = _frame(shape, [looks, *(band.etag for band in bands.values())])
    geometry, bbox = _outline(found)
    return Ground(properties, bands, geometry, bbox)


def _outline(geolocation: Geolocation | LookupTable | LargePlaces | LargeTable) -> tuple[dict[str, Any], Bounds]:
    lon, lat = geolocation.outline()
    area = shapely.make_valid(shapely.Polygon(np.column_stack([lon, lat])))
    west, south, east, north = (round(value, 7) for value in shapely.bounds(area).tolist())
    simple = shapely.simplify(shapely.convex_hull(area), 1e-5)
    return json.loads(shapely.to_geojson(shapely.set_precision(simple, 1e-7))), (west, south, east, north)
