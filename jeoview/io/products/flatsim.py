"""FLATSIM products of ForM@Ter: ``CNES_TYPE_GEOMETRY_[DATE1_DATE2]_NNrlks.EXT``, GeoTIFFs.

Everything is in radians and positive away from the satellite, series and velocity too; CosENU points from the
satellite to the ground. Both are turned round by the scale of the bands.
Source: FLATSIM product description (Thollard et al. 2021, doi:10.3390/rs13183734).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.catalog.times import parse_time
from jeoview.errors import SourceError
from jeoview.io.inspect import FileInfo, inspect
from jeoview.io.products.common import BandFile, Headers, make_item, read_text, with_bands
from jeoview.io.products.interferograms import SENTINEL_1, Pair, PairOptions, name_of, pair_items, pair_of, wrapped_band
from jeoview.io.products.stacks import LOS, Result, Stack, day_of, geometry_item, midnight, phase_to_metres

TITLE = "FLATSIM interferograms"
COLLECTIONS: Mapping[str, CollectionInfo] = {}
SIGN = "phase, displacement and velocity in radians, positive away (FLATSIM)"
_NAME = re.compile(r"CNES_([A-Za-z-]+)_(?:([a-z]+)_)?.*\.tiff?", re.ASCII)
_DAY = re.compile(r"(?<![\d.])(?:19|20)\d{6}(?![\d.])")
_LOOKS = re.compile(r"_\d+rlks", re.ASCII)
# Bands of the quality files, in their order.
_QUALITY = {
    "Net": ("rms_misclosure", "pair_count", "date_count", "triplet_coherence", "triplet_bias"),
    "TCoh": ("temporal_coherence",),
}
_ANGLES = ("rms_misclosure", "triplet_bias")


def recognise(folder: Path) -> list[Item] | None:
    """Return the items of a folder of FLATSIM interferograms, or None where there are none in or one folder below it."""
    here = any(folder.glob("CNES_InU_*.tif*"))
    # Folders that are no pair's are those of tracks, each recognised alone.
    below = {path.parent for path in folder.glob("*/CNES_InU_*.tif*")}
    pairs = bool(below) and all(pair_of(path / "") for path in below)
    return stack(folder, folder.name).items if here or pairs else None


def stack(folder: Path, collection: str) -> Stack:
    """Return the pairs ``CNES_InU_*`` and ``CNES_Coh_*`` below a folder, and the geometry of ``CNES_CosENU_*``.

    ``InW``, ``InWF`` and ``APS`` of a pair are its bands ``wrapped``, ``wrapped_filtered`` and ``atmosphere`` (rad).

    Raises
    ------
    SourceError
        If no geocoded file matches, or one is broken.
    """
    phases = _below(folder, "InU")
    if not phases:
        raise SourceError(f"{folder.name}: no geocoded FLATSIM interferogram such as CNES_InU_geo_D1_D2_8rlks.tif")
    options = PairOptions(baselines=_baselines(folder, phases), properties={"jeoview:sign": SIGN})
    pairs = _with_more(folder, pair_items(collection, phases, _below(folder, "Coh"), options))
    files = [
        BandFile(Band(name, "", index=i, scale=-1.0, nodata=0.0), path)
        for path in _below(folder, "CosENU")[:1]
        for i, name in enumerate(LOS, 1)
    ]
    text = "CosENU: unit vector from satellite to ground (FLATSIM), turned round"
    return Stack(pairs, geometry_item(collection, files, parse_time(pairs[0].datetime), text))


def _with_more(folder: Path, pairs: list[Item]) -> list[Item]:
    """The pairs with what else lies there of them; of several resolutions that of the unwrapped phase, else the first."""
    bands = {
        "InW": wrapped_band(),
        "InWF": wrapped_band("wrapped_filtered"),
        "APS": Band("atmosphere", "", nodata=0.0, unit="rad"),
    }
    found: dict[tuple[str, str], list[Path]] = {}
    for kind in bands:
        for path in _below(folder, kind):
            if pair := pair_of(path):
                found.setdefault((name_of(pair), kind), []).append(path)
    return [
        with_bands(
            item,
            [
                BandFile(band, _alike(item, paths))
                for kind, band in bands.items()
                if (paths := found.get((item.id, kind)))
            ],
        )
        for item in pairs
    ]


def _alike(item: Item, paths: list[Path]) -> Path:
    looks = _LOOKS.search(item.bands["unwrapped"].href)
    return next((path for path in paths if looks and looks[0] in path.name), paths[0])


def _baselines(folder: Path, phases: list[Path]) -> dict[Pair, float]:
    """Those of pairs, from ``baseline.rsc``: date and baseline in metres against one date."""
    table = next(iter(sorted(folder.rglob("baseline.rsc"))), None)
    if table is None:
        return {}
    by_day = {}
    for line in read_text(table, folder).splitlines():
        words = line.split()
        if len(words) > 1 and _DAY.fullmatch(words[0]):
            try:
                by_day[day_of(words[0], table.name)] = float(words[1])
            except ValueError:
                raise SourceError(f"{table.name}: {line!r}; expected a date and a baseline in metres") from None
    pairs = [pair for path in phases if (pair := pair_of(path))]
    return {pair: by_day[pair[1]] - by_day[pair[0]] for pair in pairs if set(pair) <= set(by_day)}


def _below(folder: Path, kind: str) -> list[Path]:
    found = sorted(path for path in folder.rglob(f"CNES_{kind}_*.tif*") if path.suffix.lower() in (".tif", ".tiff"))
    return [path for path in found if "_radar_" not in path.name]


def result(path: Path, collection: str, series: bool) -> Result | None:  # noqa: ARG001 - every family is asked alike
    """Return what a FLATSIM result holds, or None where it is none.

    ``DTs`` is a series of ``displacement`` in metres, ``MV-LOS`` a band ``velocity`` in mm/yr, ``Net`` and ``TCoh``
    quality bands.
    """
    match = _NAME.fullmatch(path.name)
    if match is None or match[1] not in ("DTs", "MV-LOS", *_QUALITY):
        return None
    if match[1] == "DTs":
        return _series(path, collection)
    if match[1] == "MV-LOS":
        metres = phase_to_metres(SENTINEL_1)
        bands = [Band("velocity", "", scale=1000.0 * metres, nodata=0.0, unit="mm/yr")]
    else:
        names = _QUALITY[match[1]]
        # A pixel without a pair is 0 in all of them; a bias may be 0 besides.
        bands = [
            Band(
                name,
                "",
                index=i,
                nodata=None if name == "triplet_bias" else 0.0,
                unit="rad" if name in _ANGLES else "",
            )
            for i, name in enumerate(names, 1)
        ]
    files = [BandFile(band, path) for band in bands]
    return Result([make_item(collection, path.stem, midnight(_any_day(path)), files, {"jeoview:sign": SIGN})], False)


def _any_day(path: Path) -> dt.date:
    found = _DAY.findall(path.name)
    return day_of(found[-1], path.name) if found else dt.date(1970, 1, 1)


def _series(path: Path, collection: str) -> Result:
    header = inspect(path)
    days = _days(path, header)
    headers: Headers = {(path, None): header}
    scale = phase_to_metres(SENTINEL_1)
    items = [
        make_item(
            collection,
            f"{day:%Y%m%d}",
            midnight(day),
            [BandFile(Band("displacement", "", index=i, scale=scale, unit="m"), path)],
            {"jeoview:sign": SIGN, "jeoview:wavelength": SENTINEL_1},
            headers,
        )
        for i, day in enumerate(days, 1)
    ]
    return Result(items, series=True, zeros_are_empty=True)


def _days(path: Path, header: FileInfo) -> list[dt.date]:
    """The dates of the bands: their descriptions, else those of a text file beside with as many (``RMSdate.txt``)."""
    said = [_DAY.search(band.description) for band in header.bands]
    if all(said):
        return [day_of(found[0], path.name) for found in said if found]
    for table in sorted([*path.parent.glob("*.txt"), *path.parent.glob("*.rsc")]):
        lines = [found[0] for line in read_text(table, path.parent).splitlines() if (found := _DAY.search(line))]
        if len(lines) == len(header.bands):
            return [day_of(line, table.name) for line in lines]
    raise SourceError(
        f"{path.name}: the dates of its {len(header.bands)} bands are not known; expected them as descriptions of the "
        "bands, or one a line in a text file beside it, such as RMSdate.txt"
    )
