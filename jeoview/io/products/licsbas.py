"""LiCSBAS's ``cum.h5`` and ``cum_filt.h5``: cumulative displacement in millimetres, positive towards the satellite.

The corner is the centre of the first pixel, as in GAMMA's ``EQA.dem_par``; nothing is NaN.
Source: LiCSBAS wiki, "LiCSBAS13_sb_inv.py" and "LiCSBAS16_filt_ts.py".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jeoview.catalog.items import Band
from jeoview.io.hdf5 import Contents, contents, is_hdf5
from jeoview.io.products.common import BandFile, Headers, make_item
from jeoview.io.products.stacks import Result, day_of, midnight

SIGN = "displacement in mm, positive towards (LiCSBAS)"
_UNITS = {"vel": "mm/yr", "vstd": "mm/yr", "vintercept": "mm", "hgt": "m", "resid_rms": "mm", "stc": "mm"}
_NAMES = {"vel": "velocity", "vstd": "std", "hgt": "height"}


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
