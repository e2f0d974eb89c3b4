"""ARIA S1-GUNW: unwrapped Sentinel-1 interferograms of the JPL, one netCDF-4 file a pair and frame.

The product's reference is the later date, so its phase is positive for motion towards the satellite: it is read
with scale -1, and the perpendicular baseline likewise. Incidence, azimuth and baseline are coarse cubes over height;
azimuth points from the ground to the satellite, in degrees anticlockwise from east.

Source: ARIA standard product description (JPL), as read by ARIA-tools and MintPy's prep_aria.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.catalog.times import parse_time
from jeoview.errors import ParameterError, SourceError
from jeoview.io.hdf5 import Contents, contents
from jeoview.io.products.common import BandFile
from jeoview.io.products.interferograms import SENTINEL_1
from jeoview.io.products.stacks import (
    PairSource,
    Stack,
    angle_band,
    by_part,
    day_of,
    geometry_item,
    ordered,
    pair_list,
    spread,
)

TITLE = "ARIA S1-GUNW interferograms"
COLLECTIONS: Mapping[str, CollectionInfo] = {}
DATA = "science/grids/data"
GEOMETRY = "science/grids/imagingGeometry"
WAVELENGTH = "science/radarMetaData/wavelength"
_NAME = re.compile(r"S1-GUNW-([AD])-([RL])-(\d{3})-tops-(\d{8})_(\d{8})-(\d{6}).*\.nc", re.ASCII)
_ORBITS = {"A": "ascending", "D": "descending"}
SAME_FRAME = 8
Named = tuple[Path, re.Match[str]]
_OPTIONAL = {"connected_components": "connectedComponents", "amplitude": "amplitude"}


def recognise(folder: Path) -> list[Item] | None:
    """Return the items of the GUNW files in a folder, one collection a frame, or None where there are none."""
    if not any(_NAME.fullmatch(path.name) for path in folder.glob("*.nc")):
        return None
    return by_part(folder.name, _frames(_named(folder)), lambda named, name: _stack(named, name, 0.0))


def stack(folder: Path, collection: str, height: float = 0.0) -> Stack:
    """Return the pairs of the GUNW files below a folder, one item a frame, and the geometry of each frame.

    Parameters
    ----------
    folder : Path
        Files of one track.
    collection : str
        Name of the collection.
    height : float
        Metres of the ground above the ellipsoid, where the perpendicular baseline is taken.

    Raises
    ------
    SourceError
        If there is no such file, one is broken, or they are of several tracks.
    """
    if not np.isfinite(height):
        raise ParameterError(f"height is {height!r}; expected metres")
    named = _named(folder)
    if not named:
        raise SourceError(f"{folder.name}: no file such as S1-GUNW-A-R-124-tops-20190614_20190602-...nc")
    tracks = sorted({_track_and_second(file)[0] for file in named})
    if len(tracks) > 1:
        raise SourceError(
            f"{folder.name}: files of the tracks {', '.join(tracks)}; put those of each into a folder of its own"
        )
    return _stack(named, collection, height, frames=True)


def _named(folder: Path) -> list[Named]:
    return [(path, match) for path in sorted(folder.rglob("*.nc")) if (match := _NAME.fullmatch(path.name))]


def _frames(files: list[Named]) -> dict[str, list[Named]]:
    """The files of each track and frame.

    A name says the second of the day at which the frame was seen, which differs by a few seconds from pass to pass;
    from frame to frame it is some twenty.
    """
    found: dict[str, list[Named]] = {}
    label, previous = "", ("", 0)
    for file in sorted(files, key=_track_and_second):
        track, second = _track_and_second(file)
        if previous[0] != track or second - previous[1] > SAME_FRAME:
            label = f"{track}-{file[1][6]}"
        found.setdefault(label, []).append(file)
        previous = track, second
    return found


def _track_and_second(file: Named) -> tuple[str, int]:
    orbit, _, track, _, _, clock = file[1].groups()
    return f"{track}{orbit}", int(clock[:2]) * 3600 + int(clock[2:4]) * 60 + int(clock[4:])


def _stack(named: Sequence[Named], collection: str, height: float, *, frames: bool = False) -> Stack:
    pairs = pair_list(collection, [_pair(path, match, height) for path, match in named], frames=frames)
    geometry = [_geometry(item, collection, number) for number, item in enumerate(spread(pairs), start=1)]
    return Stack(pairs, [item for found in geometry for item in found])


def _pair(path: Path, match: re.Match[str], height: float) -> PairSource:
    orbit, side, track, later, earlier, _ = match.groups()
    pair = ordered(day_of(earlier, path.name), day_of(later, path.name), path.name)
    with contents(path) as found:
        found.require(f"{DATA}/unwrappedPhase", f"{DATA}/coherence", what="S1-GUNW product")
        wavelength = float(found.text(WAVELENGTH)) if WAVELENGTH in found else SENTINEL_1
        properties = {
            "jeoview:wavelength": wavelength,
            "jeoview:sign": "positive phase means motion towards; reference is the later date (ARIA)",
            "jeoview:track": f"{track}{orbit}",
            "sat:orbit_state": _ORBITS[orbit],
            "sat:observation_direction": "right" if side == "R" else "left",
        }
        if f"{GEOMETRY}/perpendicularBaseline" in found:
            # From the later to the earlier date in the product; ours is the other way.
            properties["jeoview:bperp"] = -_mean_at(found, "perpendicularBaseline", height)
        return PairSource(pair, _files(found, path), properties)


def _files(found: Contents, path: Path) -> list[BandFile]:
    bands = [
        Band("unwrapped", "", nodata=0.0, unit="rad", scale=-1.0, subdataset=f"{DATA}/unwrappedPhase"),
        Band("coherence", "", nodata=0.0, subdataset=f"{DATA}/coherence"),
    ]
    for ours, name in _OPTIONAL.items():
        if f"{DATA}/{name}" in found:
            role = "quality" if ours == "connected_components" else "data"
            bands.append(Band(ours, "", role=role, subdataset=f"{DATA}/{name}"))
    return [BandFile(band, path) for band in bands]


def _mean_at(found: Contents, name: str, height: float) -> float:
    """The mean of a cube at a height, linear between its levels."""
    heights = found.array(f"{GEOMETRY}/heightsMeta").astype(np.float64)
    cube = found.array(f"{GEOMETRY}/{name}").astype(np.float64)
    order = np.argsort(heights)
    means = np.array([np.nanmean(level) if np.isfinite(level).any() else np.nan for level in cube])[order]
    return float(np.interp(height, heights[order], means))


def _geometry(pair: Item, collection: str, frame: int) -> list[Item]:
    path = Path(pair.bands["unwrapped"].href)
    with contents(path) as found:
        names = [f"{GEOMETRY}/{name}" for name in ("incidenceAngle", "azimuthAngle", "heightsMeta")]
        if not all(name in found for name in names):
            return []
        heights = [float(value) for value in found.array(names[2]).ravel()]
    files = [
        BandFile(angle_band(f"{ours}_{i}", kind, index=i, subdataset=name), path)
        for ours, kind, name in (("incidence", "incidence", names[0]), ("azimuth", "azimuth_east", names[1]))
        for i in range(1, len(heights) + 1)
    ]
    text = "cubes over height; azimuth from ground to satellite, degrees anticlockwise from east"
    extra: dict[str, Any] = {"heights": heights}
    return geometry_item(collection, files, parse_time(pair.properties["start_datetime"]), text, frame, **extra)
