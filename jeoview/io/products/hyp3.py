"""HyP3 interferograms of the Alaska Satellite Facility: GAMMA scenes and ISCE bursts, GeoTIFFs in UTM.

Phase is positive away from the satellite, ``los_disp`` (metres) positive towards it. ``lv_theta`` is the elevation of
the look vector above the horizontal and ``lv_phi`` its direction, anticlockwise from east, both in radians from the
ground to the satellite. Source: ASF HyP3 InSAR product guides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.catalog.times import parse_time
from jeoview.errors import SourceError
from jeoview.io.products.common import BandFile, make_item, read_text
from jeoview.io.products.interferograms import Pair, PairOptions, pair_items, pair_of
from jeoview.io.products.stacks import Result, Stack, angle_band, geometry_item, midnight

COLLECTIONS: Mapping[str, CollectionInfo] = {}
_DISPLACEMENT = re.compile(r"S1.*_los_disp\.tif", re.ASCII)
_BASELINE = re.compile(r"^Baseline:\s*(-?[\d.]+)", re.MULTILINE)


def recognise(folder: Path) -> list[Item] | None:
    """Return the items of a folder with HyP3 products, or None where there is none in it or one folder below."""
    here = [*folder.glob("S1*_unw_phase.tif"), *folder.glob("S1*/S1*_unw_phase.tif")]
    return stack(folder, folder.name).items if here else None


def stack(folder: Path, collection: str) -> Stack:
    """Return the pairs ``*_unw_phase.tif`` and ``*_corr.tif`` below a folder, and the geometry of the first.

    Raises
    ------
    SourceError
        If no file matches, one is broken, or two are of the same pair.
    """
    phases, coherences = sorted(folder.rglob("*_unw_phase.tif")), sorted(folder.rglob("*_corr.tif"))
    if not phases:
        raise SourceError(f"{folder.name}: no HyP3 interferogram such as S1AA_..._unw_phase.tif below it")
    options = PairOptions(baselines=_baselines(folder, phases))
    pairs = pair_items(collection, phases, coherences, options)
    files = [BandFile(band, path) for path, band in _geometry_files(phases[0]) if path.is_file()]
    text = "look vector from ground to satellite: elevation lv_theta, direction lv_phi anticlockwise from east (HyP3)"
    return Stack(pairs, geometry_item(collection, files, parse_time(pairs[0].datetime), text))


def _geometry_files(phase: Path) -> list[tuple[Path, Band]]:
    stem = phase.name.removesuffix("_unw_phase.tif")
    bands = {
        "lv_theta": angle_band("incidence", "elevation_radians", nodata=0.0),
        "lv_phi": angle_band("azimuth", "azimuth_east_radians", nodata=0.0),
        "dem": Band("height", "", unit="m"),
    }
    return [(phase.with_name(f"{stem}_{name}.tif"), band) for name, band in bands.items()]


def _baselines(folder: Path, phases: list[Path]) -> dict[Pair, float]:
    """From the text file of each product, where it is there."""
    found = {}
    for path in phases:
        table, pair = path.with_name(path.name.replace("_unw_phase.tif", ".txt")), pair_of(path)
        if pair and table.is_file() and (said := _BASELINE.search(read_text(table, folder))):
            found[pair] = float(said[1])
    return found


def result(path: Path, collection: str, series: bool) -> Result | None:  # noqa: ARG001 - every family is asked alike
    """Return the band ``displacement`` (m, positive towards) of a ``*_los_disp.tif``, or None where it is none."""
    if not _DISPLACEMENT.fullmatch(path.name):
        return None
    pair = pair_of(path)
    if pair is None:
        raise SourceError(f"{path.name}: no two dates in its name")
    known = {"jeoview:sign": "displacement positive towards (HyP3 los_disp)", "jeoview:since": str(pair[0])}
    files = [BandFile(Band("displacement", "", unit="m"), path)]
    return Result([make_item(collection, path.stem, midnight(pair[1]), files, known)], series=False)
