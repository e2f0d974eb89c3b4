"""LiCSAR frames: geocoded GeoTIFFs of COMET, ``FFFA_BBBBB_NNNNNN``.

Phase is positive away from the satellite and 0 where there is none; E, N and U are components of the unit vector from
the ground to the satellite. Source: COMET LiCS portal, "Product description".
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.catalog.times import parse_time
from jeoview.errors import SourceError
from jeoview.io.products.common import BandFile, read_text, with_bands
from jeoview.io.products.interferograms import Pair, PairOptions, pair_items, pair_of, wrapped_band
from jeoview.io.products.stacks import Stack, day_of, geometry_item, vector_files

TITLE = "LiCSAR interferograms"
COLLECTIONS: Mapping[str, CollectionInfo] = {}
_FRAME = re.compile(r"(\d{3})([AD])_\d{5}_\d{6}", re.ASCII)
_ORBITS = {"A": "ascending", "D": "descending"}


def recognise(folder: Path) -> list[Item] | None:
    """Return the items of a frame's folder, or of one of pairs or with ``GEOC``; None where it is none."""
    named = _FRAME.fullmatch(folder.name) and any(folder.glob("**/*.geo.unw.tif"))
    if not named and not any(_holds_pairs(path) for path in (folder, folder / "GEOC")):
        return None
    # The portal's name for the folder of pairs says nothing.
    name = folder.parent.name if folder.name == "GEOC" else folder.name
    return stack(folder, frame_of(folder) if _FRAME.search(str(folder)) else name).items


def _holds_pairs(folder: Path) -> bool:
    """Whether interferograms lie in a folder, or in folders of pairs in it."""
    below = (path for path in folder.glob("*/*.geo.unw.tif") if pair_of(path.parent))
    return any(folder.glob("*.geo.unw.tif")) or any(below)


def frame_of(folder: Path) -> str:
    """Name of the frame in the folder's path, else the folder's name."""
    found = _FRAME.search(str(folder.absolute()))
    return found[0] if found else folder.name


def stack(folder: Path, collection: str) -> Stack:
    """Return the pairs ``*.geo.unw.tif`` and ``*.geo.cc.tif`` below a folder, and the frame's geometry.

    ``*.geo.diff_pha.tif`` beside the unwrapped phase is the band ``wrapped``. ``baselines`` and ``metadata.txt`` are read where they are there.

    Raises
    ------
    SourceError
        If no file matches, or one is broken.
    """
    phases, coherences = _below(folder, "*.geo.unw.tif"), _below(folder, "*.geo.cc.tif")
    if not phases:
        raise SourceError(f"{folder.name}: no LiCSAR interferogram such as GEOC/D1_D2/D1_D2.geo.unw.tif below it")
    # Older files store 0 to 1, newer ones bytes; a frame that was made over the years has both.
    options = PairOptions(coherence_scale=None, baselines=_baselines(folder, phases), properties=_properties(folder))
    pairs = [_with_wrapped(item) for item in pair_items(collection, phases, coherences, options)]
    return Stack(pairs, _geometry(folder, collection, pairs[0]))


def _with_wrapped(item: Item) -> Item:
    phase = Path(item.bands["unwrapped"].href)
    beside = phase.with_name(phase.name.replace(".geo.unw.tif", ".geo.diff_pha.tif"))
    return with_bands(item, [BandFile(wrapped_band(), beside)] if beside.is_file() else [])


def _below(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.rglob(pattern) if path.is_file())


def _geometry(folder: Path, collection: str, pair: Item) -> list[Item]:
    vectors = [next(iter(_below(folder, f"*.geo.{letter}.tif")), None) for letter in "ENU"]
    complete = [path for path in vectors if path is not None]
    files = vector_files(complete, nodata=0.0) if len(complete) == 3 else []
    files += [BandFile(Band("height", "", unit="m"), path) for path in _below(folder, "*.geo.hgt.tif")[:1]]
    return geometry_item(collection, files, parse_time(pair.datetime), "unit vector from ground to satellite (LiCSAR)")


def _baselines(folder: Path, phases: list[Path]) -> dict[Pair, float]:
    """Those of pairs, from the file's baselines of each date against the frame's primary date."""
    table = next(iter(_below(folder, "baselines")), None)
    if table is None:
        return {}
    by_day: dict[dt.date, float] = {}
    for line in read_text(table, folder).splitlines():
        if line.strip():
            _read_baseline(line.split(), by_day, f"{table.name}: {line.strip()!r}")
    pairs = [pair for path in phases if (pair := pair_of(path))]
    return {pair: by_day[pair[1]] - by_day[pair[0]] for pair in pairs if set(pair) <= set(by_day)}


def _read_baseline(words: list[str], by_day: dict[dt.date, float], where: str) -> None:
    """``primary date bperp days``, or in older files ``number m s bperp days - - bperp(m) bperp(s)``."""
    try:
        if len(words) >= 9:
            found = {words[1]: float(words[7]), words[2]: float(words[8])}
        else:
            found = {words[1]: float(words[2])}
            # The primary date itself may be missing.
            by_day.setdefault(day_of(words[0], where), 0.0)
    except (ValueError, IndexError):
        raise SourceError(f"{where}; expected primary date, date and baseline in metres") from None
    by_day.update({day_of(text, where): metres for text, metres in found.items()})


def _properties(folder: Path) -> dict[str, Any]:
    found = _FRAME.search(str(folder.absolute()))
    known: dict[str, Any] = (
        {"jeoview:track": found[1] + found[2], "sat:orbit_state": _ORBITS[found[2]]} if found else {}
    )
    table = next(iter(_below(folder, "metadata.txt")), None)
    if table is None:
        return known
    said = dict(line.split("=", 1) for line in read_text(table, folder).splitlines() if "=" in line)
    numbers = {"jeoview:heading": "heading", "view:incidence_angle": "avg_incidence_angle"}
    for ours, name in numbers.items():
        try:
            known[ours] = float(said[name])
        except (KeyError, ValueError):
            continue
    texts = {"jeoview:primary_date": "master", "jeoview:centre_time": "center_time"}
    return known | {ours: said[name].strip() for ours, name in texts.items() if name in said}
