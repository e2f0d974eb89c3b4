"""HyP3 interferograms of the Alaska Satellite Facility: GAMMA scenes and ISCE bursts, GeoTIFFs in UTM.

Phase is positive away from the satellite, ``los_disp`` (metres) positive towards it. ``lv_theta`` is the elevation of
the look vector above the horizontal and ``lv_phi`` its direction, anticlockwise from east, both in radians from the
ground to the satellite. Source: ASF HyP3 InSAR product guides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.catalog.times import parse_time
from jeoview.errors import SourceError
from jeoview.io.inspect import inspect
from jeoview.io.products.common import BandFile, make_item, read_text, with_bands
from jeoview.io.products.interferograms import Pair, PairOptions, pair_items, pair_of, wrapped_band
from jeoview.io.products.stacks import BURST, Result, Stack, angle_band, by_part, geometry_item, midnight, spread

TITLE = "HyP3 interferograms"
COLLECTIONS: Mapping[str, CollectionInfo] = {}
_DISPLACEMENT = re.compile(r"S1.*_los_disp\.tif", re.ASCII)
_BURST = re.compile(r"S1_([\w-]+?)_(?:\d{8})_(?:\d{8})_([VH]{2})_INT", re.ASCII)
_ORBIT = re.compile(r"^Reference Orbit Number:\s*(\d+)", re.MULTILINE)
_PLATFORM = re.compile(r"^Reference Granule:\s*S1([A-Z])_", re.MULTILINE)
# Relative orbit = (absolute orbit - this) mod 175 + 1 (Copernicus, SentiWiki, S1 products).
_FIRST_ORBITS = {"A": 73, "B": 27, "C": 172, "D": 42}
# Sentinel-1C was moved to another orbit after this one, in June 2026 (isce2 28130, after the talk at FRINGE 2026).
_C_MOVED, _C_FIRST_ORBIT = 8018, 99
_BASELINE = re.compile(r"^Baseline:\s*(-?[\d.]+)", re.MULTILINE)


def recognise(folder: Path) -> list[Item] | None:
    """Return the items of a folder with HyP3 products, or None where there is none in it or one folder below.

    One collection a track, or a burst and polarisation.
    """
    here = sorted([*folder.glob("S1*_unw_phase.tif"), *folder.glob("S1*/S1*_unw_phase.tif")])
    parts: dict[str, list[Path]] = {}
    for path in here:
        parts.setdefault(_part(path, folder), []).append(path)
    return by_part(folder.name, parts, lambda phases, name: _apart(folder, phases, name)) if parts else None


def _apart(folder: Path, phases: Sequence[Path], collection: str) -> Stack:
    """The stack of a burst or track, where no pair has several scenes: joining them reads pixels, which is not done here."""
    frames = _frames(phases)
    if len(frames) > 1:
        raise SourceError(
            f"{len(frames)} scenes of one pair, such as {frames[0][0].name} and {frames[1][0].name}; "
            "jeoview.InterferogramCollection.from_hyp3(folder) joins them"
        )
    return _stack(_pairs(folder, phases, collection), collection)


def _part(phase: Path, folder: Path) -> str:
    """What a product is of: the burst of its name, else the track by the orbit in its text file, else nothing."""
    if burst := _BURST.match(phase.name):
        return "-".join(burst.groups())
    table = _table(phase)
    said = read_text(table, folder) if table.is_file() else ""
    orbit, platform = _ORBIT.search(said), _PLATFORM.search(said)
    return "other" if orbit is None or platform is None else _track(platform[1], int(orbit[1]))


def _track(platform: str, orbit: int) -> str:
    """The track of an absolute orbit; of a satellite that is not known, what tells its tracks apart."""
    first = _C_FIRST_ORBIT if platform == "C" and orbit > _C_MOVED else _FIRST_ORBITS.get(platform)
    if first is None:
        return f"s1{platform.lower()}-orbit-{orbit % 175:03d}"
    return f"track-{(orbit - first) % 175 + 1:03d}"


def stack(folder: Path, collection: str) -> Stack:
    """Return the pairs ``*_unw_phase.tif`` and ``*_corr.tif`` below a folder, one item a burst or scene, and their geometry.

    Raises
    ------
    SourceError
        If no file matches, or one is broken.
    """
    phases = sorted(folder.rglob("*_unw_phase.tif"))
    if not phases:
        raise SourceError(f"{folder.name}: no HyP3 interferogram such as S1AA_..._unw_phase.tif below it")
    tracks = sorted({part for path in phases if (part := _part(path, folder)).startswith("track-")})
    if len(tracks) > 1:
        raise SourceError(f"{folder.name}: products of {', '.join(tracks)}; put those of each into a folder of its own")
    found = [item for some in _frames(phases) for item in _pairs(folder, some, collection)]
    return _stack(sorted(found, key=lambda item: item.id), collection)


def _frames(phases: Sequence[Path]) -> list[list[Path]]:
    """The first product of each pair, then the second of those that have one, and so on."""
    found: list[list[Path]] = []
    seen: dict[Pair | None, int] = {}
    for path in phases:
        number = seen[pair_of(path)] = seen.get(pair_of(path), -1) + 1
        if number == len(found):
            found.append([])
        found[number].append(path)
    return found


def _pairs(folder: Path, phases: Sequence[Path], collection: str) -> list[Item]:
    """The items of products, no two of which are of one pair."""
    beside = [
        [path for phase in phases if (path := _beside(phase, ending)).is_file()]
        for ending in ("_corr.tif", "_conncomp.tif")
    ]
    options = PairOptions(baselines=_baselines(folder, phases))
    return [
        _with_more(_of_burst(item)) for item in pair_items(collection, phases, beside[0], options, components=beside[1])
    ]


def _with_more(item: Item) -> Item:
    """The bands that an order may have beside: wrapped phase, amplitude, and where there is water (0)."""
    phase = Path(item.bands["unwrapped"].href)
    bands = {
        "wrapped_phase": wrapped_band(),
        "amp": Band("amplitude", "", nodata=0.0),
        "water_mask": Band("water_mask", "", role="quality"),
    }
    files = [BandFile(band, _beside(phase, f"_{name}.tif")) for name, band in bands.items()]
    return with_bands(item, [file for file in files if file.path.is_file()])


def _of_burst(item: Item) -> Item:
    burst = _BURST.match(Path(item.bands["unwrapped"].href).name)
    return replace(item, properties={**item.properties, BURST: burst[1]}) if burst else item


def _stack(pairs: list[Item], collection: str) -> Stack:
    geometry = [_geometry(item, collection, number) for number, item in enumerate(spread(pairs), start=1)]
    return Stack(pairs, [item for found in geometry for item in found])


def _geometry(pair: Item, collection: str, frame: int) -> list[Item]:
    phase = Path(pair.bands["unwrapped"].href)
    files = [BandFile(band, path) for path, band in _geometry_files(phase) if path.is_file()]
    text = "look vector from ground to satellite: elevation lv_theta, direction lv_phi anticlockwise from east (HyP3)"
    return geometry_item(collection, files, parse_time(pair.datetime), text, frame)


def _beside(phase: Path, ending: str) -> Path:
    return phase.with_name(phase.name.removesuffix("_unw_phase.tif") + ending)


def _table(phase: Path) -> Path:
    return _beside(phase, ".txt")


def _geometry_files(phase: Path) -> list[tuple[Path, Band]]:
    bands = {
        "lv_theta": angle_band("incidence", "elevation_radians", nodata=0.0),
        "lv_phi": angle_band("azimuth", "azimuth_east_radians", nodata=0.0),
        "dem": Band("height", "", unit="m"),
        "inc_map": angle_band("local_incidence", "incidence_radians", nodata=0.0),
    }
    if not _beside(phase, "_lv_theta.tif").is_file():
        # From the normal of the ellipsoid, as lv_theta is from its plane.
        bands["inc_map_ell"] = angle_band("incidence", "incidence_radians", nodata=0.0)
    return [(_beside(phase, f"_{name}.tif"), band) for name, band in bands.items()]


def _baselines(folder: Path, phases: Sequence[Path]) -> dict[Pair, float]:
    """From the text file of each product, where it is there."""
    found = {}
    for path in phases:
        table, pair = _table(path), pair_of(path)
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
    # HyP3 pads its files with 0 and says so in the header (hyp3-gamma issue 266), which tools that cut them may lose.
    nodata = 0.0 if inspect(path).bands[0].nodata is None else None
    files = [BandFile(Band("displacement", "", unit="m", nodata=nodata), path)]
    return Result([make_item(collection, path.stem, midnight(pair[1]), files, known)], series=False)
