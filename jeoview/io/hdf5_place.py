"""Where the pixels of an HDF5 variable lie, as the products say it: each in another way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jeoview.errors import ParameterError, SourceError
from jeoview.projection import WGS84, canonical_crs
from jeoview.warp import Placement

Attributes = Callable[[Any], Mapping[str, Any]]
Affine = tuple[float, float, float, float, float, float]
X_NAMES = ("x", "x_coordinates", "xCoordinates", "longitude", "lon", "longitudeMeta", "easting")
Y_NAMES = ("y", "y_coordinates", "yCoordinates", "latitude", "lat", "latitudeMeta", "northing")
GRID_MAPPINGS = ("spatial_ref", "crs", "projection")
WKT_NAMES = ("crs_wkt", "spatial_ref")


@dataclass(frozen=True, slots=True)
class Layout:
    """Size of a raster variable."""

    height: int
    width: int
    bands: int


def place_of(file: Any, dataset: Any, layout: Layout, attributes: Attributes) -> Placement | None:
    """Return where a variable's pixels lie, or None where none of the ways known here says it.

    Parameters
    ----------
    file, dataset : h5py.File, h5py.Dataset
        Open.
    layout : Layout
        Size of the variable.
    attributes : callable
        Plain attributes of a file or variable.

    Raises
    ------
    SourceError
        If it is said, but not so that a map can be made of it: uneven steps, an unknown reference system.
    """
    root = attributes(file)
    try:
        if "X_FIRST" in root:
            return _mintpy(root, layout)
        if "corner_lat" in file and "post_lat" in file:
            return _licsbas(file, layout)
    except (ValueError, TypeError) as error:
        raise SourceError("the corner or the step of its grid is no number") from error
    return _by_coordinates(dataset, layout, attributes)


def _mintpy(root: Mapping[str, Any], layout: Layout) -> Placement:
    """MintPy's X_FIRST and Y_FIRST are the outer edge of the first pixel."""
    if (int(root.get("LENGTH", layout.height)), int(root.get("WIDTH", layout.width))) != (layout.height, layout.width):
        raise SourceError(
            f"the variable has {layout.height} x {layout.width} pixels; LENGTH and WIDTH say "
            f"{root.get('LENGTH')} x {root.get('WIDTH')}"
        )
    steps = float(root["X_STEP"]), float(root["Y_STEP"])
    affine = (steps[0], 0.0, float(root["X_FIRST"]), 0.0, steps[1], float(root["Y_FIRST"]))
    degrees = str(root.get("X_UNIT", "degrees")).startswith("deg")
    return _placement(WGS84 if degrees else _mintpy_crs(root), affine, layout)


def _mintpy_crs(root: Mapping[str, Any]) -> str:
    if "EPSG" in root:
        return f"EPSG:{int(root['EPSG'])}"
    zone = str(root.get("UTM_ZONE", ""))
    if zone[:-1].isdigit():
        # MintPy writes the hemisphere or the latitude band behind the number.
        return f"EPSG:{(32700 if zone[-1].upper() in 'SCDEFGHJKLM' else 32600) + int(zone[:-1])}"
    raise SourceError("the file is in metres, but names neither EPSG nor UTM_ZONE")


def _licsbas(file: Any, layout: Layout) -> Placement:
    """LiCSBAS's corner is the centre of the first pixel (GAMMA's convention)."""
    names = ("corner_lon", "post_lon", "corner_lat", "post_lat")
    left, dx, top, dy = (float(file[name][()]) for name in names)
    return _placement(WGS84, (dx, 0.0, left - dx / 2, 0.0, dy, top - dy / 2), layout)


# -- coordinate variables (CF) -------------------------------------------------------------------


def _by_coordinates(dataset: Any, layout: Layout, attributes: Attributes) -> Placement | None:
    x = _coordinate(dataset, -1, X_NAMES, layout.width)
    y = _coordinate(dataset, -2, Y_NAMES, layout.height)
    if x is None or y is None:
        return None
    crs = _crs(dataset, x, attributes)
    if crs is None:
        return None
    (left, dx), (top, dy) = _edge(x[()], "x"), _edge(y[()], "y")
    return _placement(crs, (dx, 0.0, left, 0.0, dy, top), layout)


def _coordinate(dataset: Any, axis: int, names: tuple[str, ...], length: int) -> Any:
    scales = dataset.dims[dataset.ndim + axis]
    candidates = [found for found in map(scales.__getitem__, range(len(scales))) if _has_values(found)]
    candidates += [group[name] for group in _groups(dataset) for name in names if name in group]
    for found in candidates:
        if getattr(found, "shape", None) == (length,) and length > 1 and np.issubdtype(found.dtype, np.number):
            return found
    return None


def _has_values(scale: Any) -> bool:
    """Whether a dimension is a variable too; netCDF writes zeros, and says so, where it is none."""
    return not bytes(scale.attrs.get("NAME", b"")).startswith(b"This is a netCDF dimension but not")


def _groups(dataset: Any) -> Iterator[Any]:
    """The group of a variable, and those around it."""
    group = dataset.parent
    while True:
        yield group
        if group.name == "/":
            return
        group = group.parent


def _edge(values: Any, axis: str) -> tuple[float, float]:
    """Outer edge and step of coordinates that are the centres of pixels."""
    centres = np.asarray(values, dtype=np.float64)
    step = (centres[-1] - centres[0]) / (len(centres) - 1)
    even = np.abs(np.diff(centres) - step).max() <= 0.01 * abs(step) if math.isfinite(step) and step else False
    if not even:
        raise SourceError(f"the {axis} coordinates of its grid are not evenly spaced")
    return float(centres[0] - step / 2), float(step)


def _crs(dataset: Any, x: Any, attributes: Attributes) -> str | None:
    named = attributes(dataset).get("grid_mapping")
    names = ([str(named)] if named else []) + list(GRID_MAPPINGS)
    for group in _groups(dataset):
        for name in names:
            if name in group and (found := _crs_of(group[name], attributes)):
                return found
    return WGS84 if "degree" in str(attributes(x).get("units", "")) or "lon" in x.name.lower() else None


def _crs_of(mapping: Any, attributes: Attributes) -> str | None:
    if not hasattr(mapping, "dtype"):
        return None
    said = attributes(mapping)
    texts = [str(said[name]) for name in WKT_NAMES if said.get(name)]
    code = said.get("epsg_code") or (mapping[()] if mapping.shape == () and mapping.dtype.kind in "iu" else None)
    if not texts and code and int(code) > 1023:
        texts = [f"EPSG:{int(code)}"]
    if not texts:
        return WGS84 if said.get("grid_mapping_name") == "latitude_longitude" else None
    try:
        return canonical_crs(texts[0])
    except ParameterError as error:
        raise SourceError("the file has a coordinate reference system that PROJ does not know") from error


def _placement(crs: str, affine: Affine, layout: Layout) -> Placement:
    if not all(map(math.isfinite, affine)) or not affine[0] or not affine[4]:
        raise SourceError("the corner or the step of its grid is no number")
    return Placement(canonical_crs(crs), affine, layout.height, layout.width)
