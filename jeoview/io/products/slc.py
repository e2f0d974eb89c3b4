"""Coregistered complex radar images as items: one item a date, at the sensor's own pixels.

A stack is geocoded (GeoTIFF, OPERA's CSLC-S1) or in radar geometry; then its place is in the files' control points
or in rasters of longitude and latitude.
"""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from jeoview.catalog.items import Band, Item
from jeoview.catalog.times import format_time
from jeoview.errors import ParameterError, SourceError, choices
from jeoview.geolocation import Geolocation, Point
from jeoview.graph import canonical, digest
from jeoview.grid import Frame
from jeoview.io.etag import file_etag
from jeoview.io.footprint import footprint
from jeoview.io.gdal import DRIVERS, ENVIRONMENT, dataset_name
from jeoview.io.hdf5 import is_hdf5
from jeoview.io.inspect import inspect
from jeoview.io.products.common import date_in_name, place
from jeoview.io.products.generic import guess_date
from jeoview.io.products.interferograms import SENTINEL_1
from jeoview.io.reader import Reader
from jeoview.io.write import GDAL_ERRORS
from jeoview.io.zarr import describe_zarr
from jeoview.native import PLACES, located
from jeoview.projection import Bounds

MAX_TEXT = 1 << 20
CACHE = 64 << 20


@dataclass(frozen=True, slots=True)
class SlcOptions:
    """What the files do not say of themselves.

    Parameters
    ----------
    wavelength : float
        Metres; Sentinel-1 has 0.0554658.
    date : str, optional
        Format of the date in names, as in `datetime.strptime`.
    nodata : float, optional
        Stored complex number that means "no data".
    properties : mapping
        More of every item.
    """

    wavelength: float = SENTINEL_1
    date: str | None = None
    nodata: float | None = 0.0
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.001 < self.wavelength < 2:
            raise ParameterError(
                f"wavelength is {self.wavelength!r}; expected metres, for instance {SENTINEL_1} (Sentinel-1)"
            )


@dataclass(frozen=True, slots=True)
class Variable:
    """A raster in a file or folder."""

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
class Scene:
    """A date of a stack and its variables: one complex, or a real and an imaginary part."""

    time: dt.datetime
    id: str
    parts: tuple[Variable, ...]


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


# -- the three sources ---------------------------------------------------------------------------


def file_scenes(paths: Sequence[Path], options: SlcOptions) -> list[Scene]:
    """Complex files, the date in each name.

    Raises
    ------
    SourceError
        If a name holds no date, or two are of one time.
    """
    return _unique([Scene(_time(path.name, options), path.stem, (Variable(path),)) for path in paths])


def zarr_scenes(groups: Sequence[Path], options: SlcOptions, choose: str | None) -> list[Scene]:
    """Zarr groups with variables ``i_*`` and ``q_*`` (as SNAP writes them), ``real*`` and ``imag*``, or a complex one.

    The date stands in the name of the group or the variable.

    Parameters
    ----------
    groups : sequence of Path
        Folders.
    options : SlcOptions
        Format of the date.
    choose : str, optional
        Text that the names of the variables hold, such as ``"VV"``.

    Raises
    ------
    SourceError
        If a group holds no or several complex images, or a name no date.
    """
    scenes = []
    for group in groups:
        arrays = {name: about for name, about in zarr_arrays(group).items() if choose is None or choose in name}
        pairs = [(name, other) for name in arrays if (other := _imaginary(name)) in arrays]
        whole = [(name,) for name, (_, kind) in arrays.items() if kind.startswith("c")]
        found = [*pairs, *whole]
        if len(found) != 1:
            shown = choices(choose or "i_", zarr_arrays(group))
            raise SourceError(
                f"{group.name} holds {len(found)} complex images; expected one: i_... with q_..., real with imag, or of a complex type; "
                f"polarisation= chooses among several. {shown}"
            )
        parts = tuple(Variable(group, name) for name in found[0])
        scenes.append(Scene(_time(f"{group.name} {found[0][0]}", options), group.name.partition(".")[0], parts))
    return _unique(scenes)


def _imaginary(name: str) -> str | None:
    """What the imaginary part of a real one is called: ``q_VV`` of ``i_VV``, ``imag`` of ``real``."""
    for real, imaginary in (("i_", "q_"), ("real", "imag")):
        if name.startswith(real):
            return imaginary + name.removeprefix(real)
    return None


def zarr_arrays(group: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of each array of a Zarr group (version 2 or 3) by name."""
    found = {}
    for folder in sorted(group.iterdir()) if group.is_dir() else []:
        text = next((folder / name for name in (".zarray", "zarr.json") if (folder / name).is_file()), None)
        if text is None or text.stat().st_size > MAX_TEXT:
            continue
        try:
            about = json.loads(text.read_text(encoding="utf-8"))
            kind = about.get("dtype") or about.get("data_type")
            if "shape" in about and isinstance(kind, str):
                # "complex64" and "<c8" begin alike once the order of bytes is left out.
                found[folder.name] = (tuple(int(size) for size in about["shape"]), kind.lstrip("<>|="))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SourceError(f"{group.name}: the description of {folder.name} cannot be read") from error
    return found


def zarr_places(groups: Sequence[Path], shape: tuple[int, int]) -> tuple[Variable, Variable] | None:
    """Longitude and latitude of every pixel, in whichever group they lie."""
    for group in groups:
        arrays = [name for name, (size, _) in zarr_arrays(group).items() if size == shape]
        lon, lat = ([n for n in arrays if n.lower().startswith(word)] for word in ("lon", "lat"))
        if lon and lat:
            return Variable(group, lon[0]), Variable(group, lat[0])
    return None


def cslc_scenes(paths: Sequence[Path], polarisation: str) -> list[Scene]:
    """OPERA CSLC-S1 granules: ``/data/VV`` of HDF5 files, the date of acquisition the first in the name."""
    options = SlcOptions(date=None)
    return _unique(
        [Scene(_time(path.name, options), path.stem, (Variable(path, f"data/{polarisation}"),)) for path in paths]
    )


def _time(name: str, options: SlcOptions) -> dt.datetime:
    found = date_in_name(name, options.date) if options.date else guess_date(name) or date_in_name(name, "%d%b%Y")
    if found is None:
        raise SourceError(
            f"no date {options.date or 'such as 20230331'} in the name {name!r}; give its format as date="
        )
    return found


def _unique(scenes: list[Scene]) -> list[Scene]:
    times = [scene.time for scene in scenes]
    twice = [scene.id for scene in scenes if times.count(scene.time) > 1 or [s.id for s in scenes].count(scene.id) > 1]
    if twice:
        raise SourceError(f"several images of one date: {twice[:6]}; choose one polarisation and one swath")
    return sorted(scenes, key=lambda scene: scene.time)


# -- items ---------------------------------------------------------------------------------------


def slc_items(
    collection: str, scenes: Sequence[Scene], places: tuple[Variable, Variable] | None, options: SlcOptions
) -> list[Item]:
    """One item for each date, in order.

    Parameters
    ----------
    collection : str
        Its name.
    scenes : sequence of Scene
        Dates and files.
    places : (Variable, Variable), optional
        Rasters of longitude and latitude of every pixel, degrees.
    options : SlcOptions
        Wavelength, nodata.

    Raises
    ------
    SourceError
        If the scenes do not share their pixels, are not complex, or their place is not known.
    """
    headers = [[header(part) for part in scene.parts] for scene in scenes]
    first = headers[0][0]
    for scene, found in zip(scenes, headers, strict=True):
        if any(h.shape != first.shape or h.place != first.place for h in found):
            raise SourceError(
                f"{scene.id} has {found[0].shape} pixels at another place than {scenes[0].id} with {first.shape}: the "
                "stack is not coregistered; bring all images onto the pixels of one"
            )
        if len(found) == 1 and not found[0].is_complex:
            raise SourceError(f"{scene.id}: its pixels are no complex numbers")
    ground = ground_of(first, places, scenes[0].id)
    return [_item(collection, scene, ground, options) for scene in scenes]


def _item(collection: str, scene: Scene, ground: Ground, options: SlcOptions) -> Item:
    names = ("slc",) if len(scene.parts) == 1 else ("i", "q")
    # Of two parts one alone may be 0; the pair is looked at once it is joined.
    nodata = options.nodata if len(names) == 1 else None
    own = {name: part.band(name, nodata) for name, part in zip(names, scene.parts, strict=True)}
    properties = {
        "jeoview:wavelength": options.wavelength,
        "jeoview:sign": "the phase of a pixel is -4 pi / wavelength times its distance, as it was read",
        **ground.properties,
        **options.properties,
    }
    return Item(
        collection, scene.id, format_time(scene.time), ground.bbox, ground.geometry, properties, {**own, **ground.bands}
    )


def ground_of(first: Header, places: tuple[Variable, Variable] | None, name: str) -> Ground:
    """Where the pixels of a stack lie, by the best that is known: rasters, a geotransform, control points.

    Raises
    ------
    SourceError
        If none of these is there, or a raster has other pixels than the images.
    """
    properties: dict[str, Any] = {"proj:shape": list(first.shape), "jeoview:slc": True}
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
        "latitude= of its pixels"
    )


def _frame(shape: tuple[int, int], place: Any) -> str:
    return digest(canonical([list(shape), place]))[:16]


def _located(bands: Mapping[str, Band], frame: Frame) -> Geolocation:
    """The places that two bands say."""
    item = Item("", "longitude and latitude", "", (-180.0, -90.0, 180.0, 90.0), {}, {}, dict(bands))
    reader = Reader(cache_bytes=CACHE)
    try:
        return located(lambda grid: reader.read(item, PLACES, grid, "nearest"), frame)
    finally:
        reader.close()


def _outline(geolocation: Geolocation) -> tuple[dict[str, Any], Bounds]:
    lon, lat = geolocation.outline()
    area = shapely.make_valid(shapely.Polygon(np.column_stack([lon, lat])))
    west, south, east, north = (round(value, 7) for value in shapely.bounds(area).tolist())
    simple = shapely.simplify(shapely.convex_hull(area), 1e-5)
    return json.loads(shapely.to_geojson(shapely.set_precision(simple, 1e-7))), (west, south, east, north)
