"""What all products of interferometry share: a stack of pairs, its geometry, results in our sign and units.

Inside jeoview phase is positive for motion away from the satellite, displacement and velocity for motion towards
it; unit vectors point from the ground to the satellite. Every conversion is the scale and offset of a band, so
the pixels are the file's own. How the product says it is kept in the item's properties.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from jeoview.catalog.items import Band, Item
from jeoview.catalog.times import format_time
from jeoview.errors import SourceError
from jeoview.io.footprint import covered
from jeoview.io.products.common import BandFile, Headers, make_item
from jeoview.io.products.interferograms import Pair, name_of

LOS = ("los_east", "los_north", "los_up")
DEGREE = math.pi / 180.0
SUFFIX = "-geometry"
BURST = "jeoview:burst"
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Stack:
    """Pairs of one track, and where their satellite was.

    Parameters
    ----------
    pairs : list of Item
        One a pair; where a pair has several frames one a frame, of the same id.
    geometry : sequence of Item
        Bands ``los_east``, ``los_north``, ``los_up``, or ``incidence`` and ``azimuth``, or ``height``; see
        `geometry_item`. One a frame, or none.
    """

    pairs: list[Item]
    geometry: Sequence[Item] = ()

    @property
    def items(self) -> list[Item]:
        """All items, of both collections."""
        return [*self.pairs, *self.geometry]


@dataclass(frozen=True, slots=True)
class Result:
    """Displacement or velocity that somebody else has computed.

    Parameters
    ----------
    items : list of Item
        One for an image, one a date for a series.
    series : bool
        Which of the two.
    zeros_are_empty : bool
        Whether a pixel that is 0 at all dates holds nothing: 0 alone cannot say so, as the first date is 0 everywhere.
    """

    items: list[Item]
    series: bool
    zeros_are_empty: bool = False

    def as_scenes(self) -> list[Item]:
        """The items for a collection whose layers are read alone: 0 is nothing, but at the date that all refer to."""
        if not self.zeros_are_empty:
            return self.items
        day = self.items[0].properties.get("jeoview:reference_date", self.items[0].id)
        return [item if item.id == day else _without_zeros(item) for item in self.items]


def _without_zeros(item: Item) -> Item:
    return replace(item, bands={name: replace(band, nodata=0.0) for name, band in item.bands.items()})


@dataclass(frozen=True, slots=True)
class PairSource:
    """Where the pixels of one pair are, and what is known of it."""

    pair: Pair
    files: Sequence[BandFile]
    properties: Mapping[str, Any] = field(default_factory=dict)


def pair_list(collection: str, sources: Iterable[PairSource], *, frames: bool = False) -> list[Item]:
    """Return the items of pairs in the order of their dates.

    Parameters
    ----------
    collection : str
        Its name.
    sources : iterable of PairSource
        In any order.
    frames : bool
        Whether a pair may have several: its frames, one item each.

    Raises
    ------
    SourceError
        If a pair stands twice and has no frames, or a file is broken.
    """
    found: dict[Pair, list[PairSource]] = {}
    for source in sources:
        same = found.setdefault(source.pair, [])
        if same and not frames:
            names = same[0].files[0].path.name, source.files[0].path.name
            raise SourceError(
                f"the pair {name_of(source.pair)} stands twice, in {names[0]} and {names[1]}; put the products of each "
                "frame in a folder of its own"
            )
        same.append(source)
    headers: Headers = {}
    return [_pair_item(collection, source, headers) for pair in sorted(found) for source in found[pair]]


def spread(items: Iterable[Item]) -> list[Item]:
    """The frames that pairs are made of: the first item of each.

    A frame is known by its name (``jeoview:burst``), else by its place: one that others cover is none of its own.
    """
    found: list[Item] = []
    for item in items:
        if not has_frame(found, item, 0.9):
            found.append(item)
    return found


def has_frame(frames: Sequence[Item], frame: Item, share: float) -> bool:
    """Whether a frame is among others: by its name, else by the share of its place that they cover."""
    name = frame.properties.get(BURST)
    if name is not None:
        return any(one.properties.get(BURST) == name for one in frames)
    return bool(frames) and covered(frame.bbox, [one.bbox for one in frames]) >= share


def _pair_item(collection: str, source: PairSource, headers: Headers) -> Item:
    start, end = (midnight(day) for day in source.pair)
    times = {"start_datetime": format_time(start), "end_datetime": format_time(end)}
    return make_item(collection, name_of(source.pair), end, source.files, {**times, **source.properties}, headers)


def by_part(name: str, parts: Mapping[str, Part], stack: Callable[[Part, str], Stack]) -> list[Item]:
    """Return the items of the stacks that lie in one folder, one collection a part such as a track or frame.

    Parameters
    ----------
    name : str
        Of the collection; that of a part stands behind it where there are several.
    parts : mapping
        By their names.
    stack : callable
        From a part and the name of its collection.
    """
    one = len(parts) == 1
    return [item for label, part in parts.items() for item in stack(part, name if one else f"{name}-{label}").items]


def geometry_item(
    collection: str, files: Sequence[BandFile], time: dt.datetime, convention: str, frame: int = 1, **properties: Any
) -> list[Item]:
    """Return the item of the geometry of a stack, in a collection of its own; none where there is no file of it.

    Parameters
    ----------
    collection : str
        Of the stack.
    files : sequence of BandFile
        Bands ``los_east``, ``los_north`` and ``los_up`` (from the ground to the satellite), or ``incidence`` (rad from
        the vertical) and ``azimuth`` (rad anticlockwise from east, ground to satellite), each with a number behind it
        where there is one a height; ``height`` (m).
    time : datetime
        Any of the stack's.
    convention : str
        How the product says it.
    frame : int
        Which of the stack's frames it is of, from 1.
    **properties
        ``heights``: of the numbered bands, in metres.
    """
    if not files:
        return []
    known = {"jeoview:convention": convention, **{f"jeoview:{name}": value for name, value in properties.items()}}
    name = "geometry" if frame == 1 else f"geometry-{frame}"
    return [make_item(collection + SUFFIX, name, time, files, known)]


def vector_files(paths: Sequence[Path], nodata: float | None = None) -> list[BandFile]:
    """East, north and up components, one file each."""
    return [BandFile(Band(name, "", nodata=nodata), path) for name, path in zip(LOS, paths, strict=True)]


def angle_band(name: str, kind: str, **where: Any) -> Band:
    """A band of angles, converted to what `geometry_item` says.

    Parameters
    ----------
    name : str
        Of the band.
    kind : str
        ``incidence`` (degrees from the vertical), ``incidence_radians``, ``elevation_radians`` (from the horizontal), ``azimuth_north``
        (degrees anticlockwise from north), ``azimuth_east`` (degrees anticlockwise from east) or
        ``azimuth_east_radians``.
    **where
        More of the band.
    """
    quarter = math.pi / 2.0
    scale, offset = {
        "incidence": (DEGREE, 0.0),
        "incidence_radians": (1.0, 0.0),
        "elevation_radians": (-1.0, quarter),
        "azimuth_north": (DEGREE, quarter),
        "azimuth_east": (DEGREE, 0.0),
        "azimuth_east_radians": (1.0, 0.0),
    }[kind]
    return Band(name, "", scale=scale, offset=offset, unit="rad", **where)


def phase_to_metres(wavelength: float) -> float:
    """Metres towards the satellite a radian of phase that is positive away from it."""
    return -wavelength / (4.0 * math.pi)


def midnight(day: dt.date) -> dt.datetime:
    """The start of a day in UTC."""
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def day_of(text: str, where: str) -> dt.date:
    """The day that a text begins with, such as 20180106.

    Raises
    ------
    SourceError
        If it is none.
    """
    digits = text.strip().replace("-", "")[:8]
    try:
        return dt.datetime.strptime(digits, "%Y%m%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise SourceError(f"{where}: {text!r} is no date such as 20180106") from None


def ordered(one: dt.date, other: dt.date, where: str) -> Pair:
    """Two days, earlier first.

    Raises
    ------
    SourceError
        If they are the same.
    """
    if one == other:
        raise SourceError(f"{where}: both dates are {one}")
    return min(one, other), max(one, other)
