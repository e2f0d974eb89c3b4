"""Displacement series that `to_geotiff` wrote: one GeoTIFF with a band for each date, or one for each date."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from jeoview.catalog.items import Band, Item
from jeoview.catalog.times import parse_time
from jeoview.errors import SourceError
from jeoview.io.inspect import FileInfo, inspect
from jeoview.io.products.common import BandFile, Headers, make_item
from jeoview.io.products.stacks import Result

DATES, SIGN, BAND = "JEOVIEW_DATES", "JEOVIEW_SIGN", "displacement"
TOWARDS = "displacement in metres, positive towards the satellite (jeoview)"
_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}


def result(path: Path, collection: str, series: bool) -> Result | None:
    """Return the displacement of a file of several dates, or None where it is none, or is wanted as it is."""
    if not series or path.suffix.lower() not in (".tif", ".tiff"):
        return None
    header = inspect(path)
    # Of files of one date each, none is a series.
    return Result(_items(path, collection, header), series=True) if len(_dates(header)) > 1 and _is(header) else None


def of_files(paths: Sequence[Path], collection: str) -> Result:
    """Return the displacement of files of a date each, as ``to_geotiff("{date}.tif")`` writes them.

    Raises
    ------
    SourceError
        If one is another file, or two have the same date.
    """
    items: dict[str, Item] = {}
    for path in paths:
        header = inspect(path)
        if not _dates(header) or not _is(header):
            raise SourceError(
                f"{path.name} is no displacement of a date; expected files that to_geotiff('name_{{date}}.tif') of a "
                "displacement series wrote, whose metadata says date and unit"
            )
        for item in _items(path, collection, header):
            if item.id in items:
                raise SourceError(f"{path.name}: another file has the displacement of {item.id} too")
            items[item.id] = item
    return Result([items[day] for day in sorted(items)], series=True)


def _dates(header: FileInfo) -> list[str]:
    try:
        found = json.loads(header.tags.get(DATES, "[]"))
    except ValueError:
        return []
    dates = [str(date) for date in found] if isinstance(found, list) else []
    return [] if any("/" in date for date in dates) else dates


def _is(header: FileInfo) -> bool:
    """Whether every date has its displacement, in a unit of length."""
    found = [band for band in header.bands if band.description.rpartition(" ")[2] == BAND and band.unit in _METRES]
    return len(found) == len(_dates(header)) and len(header.bands) % len(found) == 0


def _items(path: Path, collection: str, header: FileInfo) -> list[Item]:
    headers: Headers = {(path, None): header}
    properties = {"jeoview:sign": header.tags.get(SIGN, TOWARDS)}
    dates = _dates(header)
    each = len(header.bands) // len(dates)
    items = []
    for number, date in enumerate(dates):
        files = [BandFile(band, path) for band in _bands(header, range(number * each, (number + 1) * each))]
        time = parse_time(date)
        items.append(make_item(collection, f"{time:%Y%m%d}" + _hour(time), time, files, properties, headers))
    return items


def _hour(time: dt.datetime) -> str:
    return f"{time:T%H%M%S}" if time.time() != dt.time() else ""


def _bands(header: FileInfo, places: Sequence[int]) -> Iterator[Band]:
    for stored in (header.bands[place] for place in places):
        name = stored.description.rpartition(" ")[2]
        length = name == BAND
        scale = stored.scale * (_METRES[stored.unit] if length else 1.0)
        yield Band(name, "", index=stored.index, scale=scale, unit="m" if length else stored.unit, nodata=stored.nodata)
