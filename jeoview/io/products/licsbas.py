"""LiCSBAS's ``cum.h5``, ``cum_filt.h5`` and ``results/``: displacement in millimetres, positive towards the satellite.

The corner is the centre of the first pixel, as in GAMMA's ``EQA.dem_par``; nothing is NaN.
Source: LiCSBAS wiki, "LiCSBAS13_sb_inv.py" and "LiCSBAS16_filt_ts.py".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog.items import Band
from jeoview.errors import SourceError
from jeoview.grid import Grid, Lattice
from jeoview.io.hdf5 import Contents, contents, is_hdf5
from jeoview.io.inspect import inspect
from jeoview.io.products.common import BandFile, Headers, make_item
from jeoview.io.products.stacks import Result, day_of, midnight

SIGN = "displacement in mm, positive towards (LiCSBAS)"
_UNITS = {
    "vel": "mm/yr",
    "vstd": "mm/yr",
    "vintercept": "mm",
    "hgt": "m",
    "maxTlen": "yr",
    "resid_rms": "mm",
    "stc": "mm",
}
RAW_SUFFIXES = ("", ".mskd", ".filt")
_NAMES = {"vel": "velocity", "vstd": "std", "hgt": "height"}


@dataclass(frozen=True, slots=True)
class RawMap:
    """A map of the folder ``results``, which is float32 without a header.

    Parameters
    ----------
    name, unit : str
        What it holds.
    grid : Grid
        Where its pixels lie, as the ``cum.h5`` above it says.
    array : (y, x) float32
        NaN where there is nothing.
    """

    name: str
    unit: str
    grid: Grid
    array: NDArray[np.float32]


def raw_map(path: Path) -> RawMap | None:
    """Read a map of the folder ``results``, or None where it is none.

    Raises
    ------
    SourceError
        If its size is not that of the ``cum.h5`` above it.
    """
    cube = path.parent.parent / "cum.h5"
    if path.parent.name != "results" or path.suffix not in RAW_SUFFIXES or not is_hdf5(cube):
        return None
    header = inspect(cube, "cum")
    if path.stat().st_size != 4 * header.shape[0] * header.shape[1]:
        raise SourceError(
            f"{path.name} has {path.stat().st_size:,} bytes; expected {4 * header.shape[0] * header.shape[1]:,}, float32 of "
            f"{header.shape[0]} x {header.shape[1]} pixels as in cum.h5"
        )
    dx, _, left, _, dy, top = header.transform
    grid = Grid(Lattice(header.crs, (dx, -dy), left, top), 0, 0, *header.shape)
    name = path.name.partition(".")[0]
    array = np.fromfile(path, "<f4").reshape(header.shape)
    return RawMap(_NAMES.get(name, name), _UNITS.get(name, ""), grid, array)


def result(path: Path, collection: str, series: bool) -> Result | None:
    """Return the series of ``displacement`` (m), or its velocity and other maps, or None where it is no such file.

    Raises
    ------
    SourceError
        If it is one, but broken.
    """
    if not is_hdf5(path):
        return None
    with contents(path) as found:
        if not all(name in found for name in ("cum", "imdates", "corner_lat")):
            return None
        known = _properties(found)
        return _series(found, path, collection, known) if series else _image(found, path, collection, known)


def _properties(found: Contents) -> dict[str, Any]:
    known: dict[str, Any] = {"jeoview:sign": SIGN}
    if "refarea" in found:
        # "x1:x2/y1:y2" in pixels.
        known["jeoview:reference_pixels"] = found.text("refarea")
    return known


def _series(found: Contents, path: Path, collection: str, known: Mapping[str, Any]) -> Result:
    found.require("post_lat", "post_lon", "corner_lon", what="LiCSBAS time series")
    days = [day_of(str(value), path.name) for value in found.array("imdates").ravel().tolist()]
    baselines = found.array("bperp").ravel().tolist() if "bperp" in found else []
    headers: Headers = {}
    items = []
    for i, day in enumerate(days, 1):
        band = Band("displacement", "", index=i, scale=1e-3, unit="m", subdataset="cum")
        extra = {"jeoview:bperp": float(baselines[i - 1])} if len(baselines) == len(days) else {}
        files = [BandFile(band, path)]
        items.append(make_item(collection, f"{day:%Y%m%d}", midnight(day), files, {**known, **extra}, headers))
    return Result(items, series=True)


def _image(found: Contents, path: Path, collection: str, known: Mapping[str, Any]) -> Result:
    shape = found.variable("cum").shape[1:]
    names = [name for name in found.names() if name in found and found.variable(name).shape == shape]
    found.require("vel", what="LiCSBAS result with a velocity")
    files = [
        BandFile(Band(_NAMES.get(name, name), "", unit=_UNITS.get(name, ""), subdataset=name), path) for name in names
    ]
    last = day_of(str(found.array("imdates").ravel().tolist()[-1]), path.name)
    return Result([make_item(collection, path.stem, midnight(last), files, known)], series=False)
