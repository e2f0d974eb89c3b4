"""MintPy's HDF5 files: ``ifgramStack.h5``, ``geometry*.h5``, ``timeseries*.h5``, ``velocity*.h5`` and masks.

X_FIRST and Y_FIRST are the outer edge of the first pixel. Displacement and velocity are positive towards the
satellite; the unwrapped phase of the stack is positive away, as `WAVELENGTH / (-4 pi)` turns it into displacement.
Where nothing was inverted MintPy writes 0; 0 at the reference pixel and at the reference date is a value.

Source: MintPy, docs/api/data_structure and docs/api/attributes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.errors import SourceError, choices
from jeoview.io.hdf5 import Contents, contents, is_hdf5
from jeoview.io.products.common import BandFile, make_item
from jeoview.io.products.stacks import (
    PairSource,
    Result,
    Stack,
    angle_band,
    day_of,
    geometry_item,
    midnight,
    ordered,
    pair_list,
)

TITLE = "MintPy interferograms"
COLLECTIONS: Mapping[str, CollectionInfo] = {}
STACK = "ifgramStack.h5"
PHASE = "unwrapPhase"
_PER_YEAR = 1000.0
# What the datasets of result files hold: our name, unit, scale.
_KNOWN = {
    "velocity": ("velocity", "mm/yr", _PER_YEAR),
    "velocityStd": ("std", "mm/yr", _PER_YEAR),
    "temporalCoherence": ("temporal_coherence", "", 1.0),
    "intercept": ("intercept", "m", 1.0),
    "annualAmplitude": ("amplitude", "m", 1.0),
    "height": ("height", "m", 1.0),
    "incidenceAngle": ("incidenceAngle", "deg", 1.0),
    "azimuthAngle": ("azimuthAngle", "deg", 1.0),
}


def recognise(folder: Path) -> list[Item] | None:
    """Return the items of the stack in a folder, or None where it holds none."""
    # MintPy's own folder for it says nothing; the one above is named by the user.
    name = folder.parent.name if folder.name == "inputs" else folder.name
    return stack(folder / STACK, name).items if is_hdf5(folder / STACK) else None


def stack(path: Path, collection: str) -> Stack:
    """Return the pairs that MintPy keeps, and their geometry where ``geometry*.h5`` lies beside.

    Parameters
    ----------
    path : Path
        ``ifgramStack.h5``, or a folder with it, or one with ``inputs/ifgramStack.h5``.
    collection : str
        Name of the collection.

    Raises
    ------
    SourceError
        If there is no such file, it lacks what it should hold, or it is in radar coordinates.
    """
    candidates = [path, path / STACK, path / "inputs" / STACK]
    file = next((candidate for candidate in candidates if candidate.is_file()), None)
    if file is None:
        raise SourceError(f"{path.name}: no {STACK} there")
    with contents(file) as found:
        found.require(PHASE, "date", what="MintPy stack of interferograms")
        known = _properties(_geocoded(found, file))
        pairs = pair_list(collection, _pairs(found, file, known))
        start = midnight(day_of(pairs[0].properties["start_datetime"], file.name))
    return Stack(pairs, _geometry(file, collection, start))


def _pairs(found: Contents, file: Path, known: Mapping[str, Any]) -> list[PairSource]:
    dates = found.array("date")
    count = len(dates)
    if dates.ndim == 1:
        dates = dates.reshape(-1, 2)
        count = len(dates)
    baselines: list[Any] = found.array("bperp").ravel().tolist() if "bperp" in found else [None] * count
    # Its name misleads: True marks the pairs that stay.
    kept = found.array("dropIfgram").ravel().tolist() if "dropIfgram" in found else [True] * count
    layers = found.variable(PHASE).shape[0]
    if not len(baselines) == len(kept) == layers == count:
        raise SourceError(f"{file.name}: date, bperp, dropIfgram and {PHASE} are not of the same number of pairs")
    sources = []
    for i, (one, other) in enumerate(dates.tolist()):
        if kept[i]:
            pair = ordered(day_of(str(one), file.name), day_of(str(other), file.name), file.name)
            # MintPy orders the dates of every pair, and its phase with them.
            extra = {} if baselines[i] is None else {"jeoview:bperp": float(baselines[i])}
            sources.append(PairSource(pair, _pair_files(found, file, i + 1), {**known, **extra}))
    if not sources:
        raise SourceError(f"{file.name}: dropIfgram leaves no pair")
    return sources


def _pair_files(found: Contents, file: Path, index: int) -> list[BandFile]:
    # 0 is what its loaders write for no data.
    bands = [Band("unwrapped", "", index=index, nodata=0.0, unit="rad", subdataset=PHASE)]
    if "coherence" in found:
        bands.append(Band("coherence", "", index=index, subdataset="coherence"))
    if "connectComponent" in found:
        bands.append(Band("connected_components", "", index=index, role="quality", subdataset="connectComponent"))
    return [BandFile(band, file) for band in bands]


def _geometry(file: Path, collection: str, time: dt.datetime) -> list[Item]:
    path = next((found for found in sorted(file.parent.glob("geometry*.h5")) if is_hdf5(found)), None)
    if path is None:
        return []
    with contents(path) as found:
        if "X_FIRST" not in found.attributes:
            return []
        bands = [
            angle_band("incidence", "incidence", subdataset="incidenceAngle", nodata=0.0),
            angle_band("azimuth", "azimuth_north", subdataset="azimuthAngle", nodata=0.0),
            Band("height", "", unit="m", subdataset="height"),
        ]
        here = [BandFile(band, path) for band in bands if str(band.subdataset) in found]
    text = "azimuth of the line of sight from ground to satellite, degrees anticlockwise from north"
    return geometry_item(collection, here, time, text)


# -- results -------------------------------------------------------------------------------------


def result(path: Path, collection: str, series: bool) -> Result | None:  # noqa: ARG001 - every family is asked alike
    """Return what a file of MintPy holds, or None where it is none.

    A velocity file has bands ``velocity`` and ``std`` in mm/yr, a time series a band ``displacement`` in metres.

    Raises
    ------
    SourceError
        If it is one, but broken, of a kind that is no map, or in radar coordinates.
    """
    if not is_hdf5(path):
        return None
    with contents(path) as found:
        kind = found.attributes.get("FILE_TYPE")
        if not isinstance(kind, str) or "WIDTH" not in found.attributes:
            return None
        _geocoded(found, path)
        if kind == "ifgramStack":
            raise SourceError(
                f"{path.name} is a stack of interferograms: open it with InterferogramCollection.from_mintpy"
            )
        if kind == "timeseries":
            return _series(found, path, collection)
        return _image(found, path, collection)


def _geocoded(found: Contents, path: Path) -> dict[str, Any]:
    root = found.attributes
    if "X_FIRST" not in root:
        raise SourceError(f"{path.name} is in radar coordinates (no X_FIRST): geocode it with MintPy's geocode.py")
    return root


def _series(found: Contents, path: Path, collection: str) -> Result:
    found.require("timeseries", "date", what="MintPy time series")
    days = [day_of(str(text), path.name) for text in found.array("date").ravel().tolist()]
    if len(days) != found.variable("timeseries").shape[0]:
        raise SourceError(f"{path.name}: {len(days)} dates, {found.variable('timeseries').shape[0]} layers")
    known = _properties(found.attributes)
    scale = _metres(found.attributes, path)
    files: dict[Any, Any] = {}
    items = [
        make_item(
            collection,
            f"{day:%Y%m%d}",
            midnight(day),
            [BandFile(Band("displacement", "", index=i, unit="m", scale=scale, subdataset="timeseries"), path)],
            known,
            files,
        )
        for i, day in enumerate(days, 1)
    ]
    return Result(items, series=True, zeros_are_empty=True)


def _metres(root: Mapping[str, Any], path: Path) -> float:
    units = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
    unit = str(root.get("UNIT", "m"))
    if unit not in units:
        raise SourceError(f"{path.name}: displacement in {unit!r}; {choices(unit, units)}")
    return units[unit]


def _image(found: Contents, path: Path, collection: str) -> Result:
    size = int(found.attributes["LENGTH"]), int(found.attributes["WIDTH"])
    names = [name for name in found.names() if name in found and found.variable(name).shape == size]
    if not names:
        raise SourceError(f"{path.name} holds no map of {size[0]} x {size[1]} pixels; it has {found.names()}")
    root = found.attributes
    day = day_of(str(root.get("END_DATE") or str(root.get("DATE12", ""))[-8:] or "19700101"), path.name)
    files = [BandFile(_result_band(name), path) for name in names]
    return Result([make_item(collection, path.stem, midnight(day), files, _properties(root))], series=False)


def _result_band(name: str) -> Band:
    ours, unit, scale = _KNOWN.get(name, (name, "", 1.0))
    # 0 in both is what MintPy writes where it inverted nothing. The reference pixel is 0 too: one pixel that is NaN.
    nodata = 0.0 if ours in ("velocity", "std") else None
    return Band(ours, "", scale=scale, nodata=nodata, unit=unit, subdataset=name)


def _properties(root: Mapping[str, Any]) -> dict[str, Any]:
    """What MintPy's attributes say that we keep."""
    known: dict[str, Any] = {"jeoview:sign": "phase positive away, displacement and velocity positive towards (MintPy)"}
    numbers = {"jeoview:wavelength": "WAVELENGTH", "jeoview:heading": "HEADING"}
    known |= {ours: float(root[name]) for ours, name in numbers.items() if name in root}
    texts = {"sat:orbit_state": "ORBIT_DIRECTION", "platform": "PLATFORM", "jeoview:reference_date": "REF_DATE"}
    known |= {ours: str(root[name]).lower() for ours, name in texts.items() if name in root}
    if "REF_LON" in root and "REF_LAT" in root:
        known["jeoview:reference"] = [float(root["REF_LON"]), float(root["REF_LAT"])]
    return known
