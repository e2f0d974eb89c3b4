"""What a raster file says of itself in its header; no pixel is read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from jeoview.errors import ParameterError, RefusedError, SourceError
from jeoview.io.footprint import footprint
from jeoview.io.gdal import DRIVERS, ENVIRONMENT, dataset_name
from jeoview.io.hdf5 import describe_hdf5, is_hdf5
from jeoview.io.write import GDAL_ERRORS
from jeoview.projection import Bounds, canonical_crs

_COLOURS = ("red", "green", "blue", "alpha")


@dataclass(frozen=True, slots=True)
class FileBand:
    """A band as the file describes it.

    Parameters
    ----------
    index : int
        From 1.
    description : str
        Its name, empty where there is none.
    data_type : str
        numpy name.
    nodata : float, optional
        Stored value that means "no data".
    scale, offset : float
        ``value = stored * scale + offset``.
    unit : str
        Unit of the value.
    colour : str
        ``red``, ``green``, ``blue``, ``alpha`` or empty.
    """

    index: int
    description: str
    data_type: str
    nodata: float | None
    scale: float
    offset: float
    unit: str
    colour: str


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A raster file as its header describes it.

    Parameters
    ----------
    driver : str
        GDAL's name of the format.
    crs : str
        ``EPSG:n`` or WKT.
    shape : (int, int)
        Rows and columns.
    transform : six floats
        Affine coefficients (a, b, c, d, e, f).
    bands : tuple of FileBand
        In file order.
    tags : dict
        The file's own metadata.
    geometry : dict
        Outline as GeoJSON, EPSG:4326.
    bbox : (west, south, east, north)
        Degrees.
    """

    driver: str
    crs: str
    shape: tuple[int, int]
    transform: tuple[float, ...]
    bands: tuple[FileBand, ...]
    tags: Mapping[str, str]
    geometry: dict[str, Any]
    bbox: Bounds

    @property
    def resolution(self) -> float:
        """Pixel width in units of the CRS."""
        return abs(self.transform[0]) or abs(self.transform[1])


def inspect(path: Path, subdataset: str | None = None) -> FileInfo:
    """Read the header of a raster file.

    Parameters
    ----------
    path : Path
        A file of one of the formats in `jeoview.io.gdal.DRIVERS`.
    subdataset : str, optional
        Variable of a netCDF, HDF5 or Zarr file.

    Raises
    ------
    SourceError
        If it is missing, broken, of another format, or has no place on the globe.
    RefusedError
        If it is a VRT, which may point to any file.
    """
    if not path.exists():
        raise SourceError(f"{path.name}: there is no such file")
    if _is_virtual(path):
        raise RefusedError(f"{path.name} is a VRT, which may point to any other file; name the files themselves")
    if subdataset is not None and is_hdf5(path) and (found := _inspect_hdf5(path, subdataset)):
        return found
    try:
        with warnings.catch_warnings(), rasterio.Env(**ENVIRONMENT):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with DatasetReader(dataset_name(path, subdataset), driver=list(DRIVERS), sharing=False) as source:
                return _describe(path.name, source)
    except (SourceError, RefusedError):
        raise
    except GDAL_ERRORS as error:
        raise SourceError(f"{path.name} is no raster that can be read: corrupt or of an unknown format") from error


def _inspect_hdf5(path: Path, subdataset: str) -> FileInfo | None:
    try:
        described = describe_hdf5(path, subdataset)
        if described is None:
            return None
        place, layout, variable = described
        geometry, bbox = footprint(place.crs, place.transform, (layout.height, layout.width))
    except (SourceError, RefusedError) as error:
        raise type(error)(f"{path.name}: {error}") from error
    name, said = subdataset.rpartition("/")[2], variable.attributes
    bands = tuple(
        FileBand(
            index=i + 1,
            description=name if layout.bands == 1 else f"{name}_{i + 1}",
            data_type=variable.dtype,
            nodata=_number(said, "_FillValue", None),
            scale=_number(said, "scale_factor", 1.0) or 1.0,
            offset=_number(said, "add_offset", 0.0) or 0.0,
            unit=str(said.get("units", "")),
            colour="",
        )
        for i in range(layout.bands)
    )
    return FileInfo("HDF5", place.crs, (layout.height, layout.width), place.transform, bands, {}, geometry, bbox)


def _number(said: Mapping[str, Any], name: str, otherwise: float | None) -> float | None:
    value = said.get(name)
    return float(value) if isinstance(value, (int, float)) else otherwise


def _is_virtual(path: Path) -> bool:
    if path.is_dir():
        return False
    try:
        with path.open("rb") as stream:
            return path.suffix.lower() == ".vrt" or b"<VRTDataset" in stream.read(4096)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read ({error.strerror})") from error


def _describe(name: str, source: Any) -> FileInfo:
    if source.count == 0:
        variables = [str(entry).rpartition(":")[2].strip('"/') for entry in source.subdatasets]
        raise SourceError(f"{name} holds no raster of its own; name one of its variables: {variables}")
    if source.crs is None or source.transform.is_identity:
        raise SourceError(f"{name} is not georeferenced: it has no reference system or no geotransform; geocode it")
    try:
        crs = canonical_crs(source.crs.to_wkt())
    except ParameterError as error:
        raise SourceError(f"{name} has a coordinate reference system that PROJ does not know") from error
    affine = tuple(float(value) for value in tuple(source.transform)[:6])
    shape = (int(source.height), int(source.width))
    try:
        geometry, bbox = footprint(crs, affine, shape)
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from error
    return FileInfo(source.driver, crs, shape, affine, _bands(source), dict(source.tags()), geometry, bbox)


def _bands(source: Any) -> tuple[FileBand, ...]:
    return tuple(
        FileBand(
            index=i + 1,
            description=(source.descriptions[i] or "").strip(),
            data_type=str(source.dtypes[i]),
            nodata=None if source.nodatavals[i] is None else float(source.nodatavals[i]),
            scale=float(source.scales[i]),
            offset=float(source.offsets[i]),
            unit=(source.units[i] or "").strip(),
            colour=source.colorinterp[i].name if source.colorinterp[i].name in _COLOURS else "",
        )
        for i in range(source.count)
    )
