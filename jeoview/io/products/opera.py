"""OPERA DISP-S1: displacement between two dates in metres, positive towards the satellite, one netCDF-4 file each.

The reference date of the files of a frame moves on with time, so that they are a network of pairs, not a series: they
are read as a stack of interferograms of phase ``-4 pi / wavelength * displacement``, whose inversion is the series.

Source: OPERA DISP-S1 product specification (JPL D-108278).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.errors import SourceError
from jeoview.io.hdf5 import contents
from jeoview.io.products.common import BandFile, make_item
from jeoview.io.products.interferograms import REFERENCED, SENTINEL_1
from jeoview.io.products.stacks import PairSource, Result, Stack, by_part, day_of, midnight, ordered, pair_list

TITLE = "OPERA DISP-S1 interferograms"
COLLECTIONS: Mapping[str, CollectionInfo] = {}
SIGN = "displacement in m, positive towards (OPERA DISP-S1)"
_NAME = re.compile(r"OPERA_L3_DISP-S1_[A-Z]+_(F\d{5})_([VH]{2})_(\d{8})T\d{6}Z_(\d{8})T\d{6}Z_.*\.nc", re.ASCII)
Named = tuple[Path, re.Match[str]]
_MASK = "recommended_mask"
# our name: theirs, role
_MORE = {
    "coherence": ("temporal_coherence", "data"),
    "connected_components": ("connected_component_labels", "quality"),
    "recommended_mask": (_MASK, "quality"),
}


def recognise(folder: Path) -> list[Item] | None:
    """Return the items of the DISP-S1 files in a folder, one collection a frame, or None where there are none."""
    if not any(_NAME.fullmatch(path.name) for path in folder.glob("*.nc")):
        return None
    return by_part(folder.name, _frames(folder), _stack)


def stack(folder: Path, collection: str) -> Stack:
    """Return the pairs of the DISP-S1 files of one frame below a folder.

    Raises
    ------
    SourceError
        If there is no such file, they are of several frames, or one is broken.
    """
    frames = _frames(folder)
    if not frames:
        raise SourceError(f"{folder.name}: no file such as OPERA_L3_DISP-S1_IW_F11115_VV_..._v1.0_...nc")
    if len(frames) > 1:
        raise SourceError(f"{folder.name} holds the frames {sorted(frames)}; put each in a folder of its own")
    return _stack(next(iter(frames.values())), collection)


def _frames(folder: Path) -> dict[str, list[Named]]:
    found: dict[str, list[Named]] = {}
    for path in sorted(folder.rglob("*.nc")):
        if match := _NAME.fullmatch(path.name):
            found.setdefault(match[1], []).append((path, match))
    return found


def _stack(named: Sequence[Named], collection: str) -> Stack:
    return Stack(pair_list(collection, [_pair(path, match) for path, match in named]))


def _pair(path: Path, match: re.Match[str]) -> PairSource:
    pair = ordered(day_of(match[3], path.name), day_of(match[4], path.name), path.name)
    phase = Band("unwrapped", "", unit="rad", scale=-4.0 * math.pi / SENTINEL_1, subdataset="displacement")
    properties = {"jeoview:wavelength": SENTINEL_1, "jeoview:sign": SIGN, "jeoview:track": match[1], REFERENCED: True}
    return PairSource(pair, _files(path, phase), properties)


def _files(path: Path, first: Band) -> list[BandFile]:
    with contents(path) as found:
        found.require("displacement", what="OPERA DISP-S1 product")
        more = [
            Band(ours, "", role=role, subdataset=name, nodata=255.0 if name == _MASK else None)
            for ours, (name, role) in _MORE.items()
            if name in found
        ]
    return [BandFile(band, path) for band in (first, *more)]


def result(path: Path, collection: str, series: bool) -> Result | None:  # noqa: ARG001 - every family is asked alike
    """Return the bands of one DISP-S1 file, ``displacement`` in metres first, or None where it is none."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    files = _files(path, Band("displacement", "", unit="m", subdataset="displacement"))
    known = {"jeoview:sign": SIGN, "jeoview:since": str(day_of(match[3], path.name))}
    return Result([make_item(collection, path.stem, midnight(day_of(match[4], path.name)), files, known)], series=False)
