"""Pairs of unwrapped interferograms as items: one item a pair, phase in our sign.

Inside jeoview phase is in radians and positive for motion away from the satellite between the earlier and
the later date; a product of the other sign is read with scale -1, and its own convention is kept in the
item's properties.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jeoview.catalog.items import Band, Item
from jeoview.catalog.times import format_time
from jeoview.errors import ParameterError, SourceError
from jeoview.io.inspect import inspect
from jeoview.io.products.common import BandFile, make_item
from jeoview.quantities import WRAPPED, number, short

# Property of pairs that a product brings relative to a place of its own: they keep no arbitrary constant.
REFERENCED = "jeoview:referenced"
SENTINEL_1 = 0.0554658
Sign = Literal["away", "towards"]
_PAIR = re.compile(r"(?<!\d)(\d{8})(?:T\d{6})?[-_](\d{8})(?:T\d{6})?(?!\d)")
Pair = tuple[dt.date, dt.date]


@dataclass(frozen=True, slots=True)
class PairOptions:
    """What the files do not say of themselves.

    Parameters
    ----------
    wavelength : float
        Metres; Sentinel-1 has 0.0554658.
    sign : {"away", "towards"}
        Motion that the product's positive phase means, from the earlier to the later date.
    phase_nodata, coherence_nodata : float, optional
        Stored value that means "no data"; 0 in LiCSAR, PyRate and GAMMA phase.
    coherence_scale : float, optional
        1 where coherence is 0 to 1, 1 / 255 where it is stored as a byte; None asks each file: bytes are 0 to 255, of which
        0 is no data, other numbers 0 to 1.
    baselines : mapping of (date, date) to float
        Perpendicular baseline in metres; dates may be text, and so may the pair: ``"20180106_20180130"``.
    properties : mapping
        More of every item, for instance ``jeoview:track``.
    """

    wavelength: float = SENTINEL_1
    sign: Sign = "away"
    phase_nodata: float | None = 0.0
    coherence_nodata: float | None = None
    coherence_scale: float | None = 1.0
    baselines: Mapping[Pair, float] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sign not in ("away", "towards"):
            raise ParameterError(
                f"sign is {self.sign!r}; expected 'away' or 'towards': the motion that positive phase means"
            )
        check_wavelength(self.wavelength)
        if self.coherence_scale is not None:
            number(self.coherence_scale, "coherence_scale (1 where coherence is 0 to 1, 1/255 for bytes)", 1e-6, 1)
        object.__setattr__(self, "baselines", _by_days(self.baselines))


def _by_days(baselines: object) -> dict[Pair, float]:
    """Baselines by the days of their pairs, which may be written in several ways.

    Raises
    ------
    ParameterError
        If a key is no pair, a pair stands twice, or a baseline is no number: it would silently belong to none.
    """
    if not isinstance(baselines, Mapping):
        raise ParameterError(f"baselines are {short(baselines)}; expected {{(date, date): metres}}")
    found: dict[Pair, float] = {}
    for key, metres in baselines.items():
        days = [_day(part) for part in (re.split("[_/]", key) if isinstance(key, str) else _parts(key))]
        if len(days) != 2 or days[0] is None or days[1] is None or not days[0] < days[1]:
            raise ParameterError(
                f"baselines: {short(key)} is no pair; expected (earlier, later), two dates such as date(2018, 1, 6) or "
                "'2018-01-06', or a name such as '20180106_20180130'"
            )
        pair = days[0], days[1]
        if pair in found:
            raise ParameterError(f"baselines: the pair {name_of(pair)} stands twice")
        found[pair] = float(number(metres, f"baselines: that of {name_of(pair)}"))
    return found


def _parts(key: object) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else ()


def _day(value: object) -> dt.date | None:
    """A day that is written in one of the usual ways; a time is one of its day."""
    if isinstance(value, dt.date):
        return value.date() if isinstance(value, dt.datetime) else value
    try:
        return dt.datetime.strptime(str(value).replace("-", ""), "%Y%m%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return None


def check_baselines(baselines: Mapping[Pair, float], unwrapped: Iterable[Path]) -> None:
    """Refuse baselines of pairs that no file is of.

    Raises
    ------
    ParameterError
        Which names some.
    """
    there = {pair for path in unwrapped if (pair := pair_of(path))}
    foreign = [name_of(pair) for pair in sorted(set(baselines) - there)]
    if foreign and there:
        some = ", ".join(foreign[:3]) + (" ..." if len(foreign) > 3 else "")
        raise ParameterError(
            f"baselines: {len(foreign)} of {len(baselines)} are of pairs that no file is of ({some}); the files are of "
            f"{name_of(min(there))} ... {name_of(max(there))}"
        )


def check_wavelength(value: object) -> None:
    """Refuse what is no wavelength of a radar in metres.

    Raises
    ------
    ParameterError
        Which says what was given.
    """
    if not isinstance(value, (int, float)) or not 0.001 < value < 2:
        raise ParameterError(f"wavelength is {value!r}; expected metres, for instance {SENTINEL_1} (Sentinel-1)")


def pair_of(path: Path) -> Pair | None:
    """The two dates in a file's name, or its folder's, earlier first."""
    for name in (path.name, path.parent.name):
        for found in _PAIR.finditer(name):
            try:
                one, other = (
                    dt.datetime.strptime(text, "%Y%m%d").replace(tzinfo=dt.UTC).date() for text in found.groups()
                )
            except ValueError:
                continue
            if one != other:
                return min(one, other), max(one, other)
    return None


def pair_items(
    collection: str,
    unwrapped: Iterable[Path],
    coherence: Iterable[Path],
    options: PairOptions,
    *,
    components: Iterable[Path] = (),
) -> list[Item]:
    """Return one item for each pair, in the order of its dates.

    Parameters
    ----------
    collection : str
        Its name.
    unwrapped, coherence : iterable of Path
        Files with both dates in their name or their folder's; coherence may lack some.
    options : PairOptions
        Wavelength, sign, nodata.
    components : iterable of Path
        Connected components of the unwrapping, named alike.

    Raises
    ------
    SourceError
        If a name holds no two dates, a pair stands twice, or a file is broken.
    """
    phases, coherences = _by_pair(unwrapped, "unwrapped"), _by_pair(coherence, "coherence")
    lonely = sorted(set(coherences) - set(phases))
    if not phases or lonely:
        raise SourceError(
            f"{len(phases)} unwrapped files; no unwrapped phase for {[name_of(pair) for pair in lonely[:5]]}"
        )
    classes = _by_pair(components, "connected components")
    return [
        _item(collection, pair, (phases[pair], coherences.get(pair), classes.get(pair)), options)
        for pair in sorted(phases)
    ]


def _by_pair(paths: Iterable[Path], what: str) -> dict[Pair, Path]:
    found: dict[Pair, Path] = {}
    for path in paths:
        pair = pair_of(path)
        if pair is None:
            raise SourceError(
                f"{what} file {path.name}: no two dates such as 20180106_20180130 in its name or its folder's"
            )
        if pair in found:
            raise SourceError(f"{what}: the pair {name_of(pair)} stands twice, in {found[pair].name} and {path.name}")
        found[pair] = path
    return found


def name_of(pair: Pair) -> str:
    """A pair as ``20180106_20180130``."""
    return f"{pair[0]:%Y%m%d}_{pair[1]:%Y%m%d}"


def _item(collection: str, pair: Pair, files: tuple[Path, Path | None, Path | None], options: PairOptions) -> Item:
    phase, coherence, components = files
    # A product that stores whole numbers says their step in its header.
    scale = inspect(phase).bands[0].scale * (1.0 if options.sign == "away" else -1.0)
    bands = [BandFile(Band("unwrapped", "", nodata=options.phase_nodata, unit="rad", scale=scale), phase)]
    if coherence is not None:
        bands.append(BandFile(_correlation(coherence, options), coherence))
    if components is not None:
        bands.append(BandFile(Band("connected_components", "", role="quality"), components))
    start, end = (dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) for day in pair)
    known: dict[str, Any] = {
        "start_datetime": format_time(start),
        "end_datetime": format_time(end),
        "jeoview:wavelength": options.wavelength,
        "jeoview:sign": f"positive phase means motion {options.sign}",
        **options.properties,
    }
    if pair in options.baselines:
        known["jeoview:bperp"] = options.baselines[pair]
    return make_item(collection, name_of(pair), end, bands, known)


def _correlation(coherence: Path, options: PairOptions) -> Band:
    if options.coherence_scale is None and inspect(coherence).bands[0].data_type == "uint8":
        return Band("coherence", "", nodata=0.0, scale=1.0 / 255.0)
    scale = 1.0 if options.coherence_scale is None else options.coherence_scale
    _check_whole_numbers(coherence, scale)
    return Band("coherence", "", nodata=options.coherence_nodata, scale=scale)


def _check_whole_numbers(coherence: Path, scale: float) -> None:
    """Whole numbers of 0 to 1 are no coherence: they must be steps of something."""
    stored = inspect(coherence).bands[0].data_type
    if "int" in stored and scale == 1:
        raise ParameterError(
            f"{coherence.name} holds whole numbers ({stored}), and coherence is 0 to 1: give coherence_scale=, the coherence of "
            "one step; 1/255 for bytes"
        )


def wrapped_band(name: str = "wrapped", sign: Sign = "away") -> Band:
    """A band of wrapped phase, turned to our sign as the unwrapped one beside it; 0 is no data."""
    return Band(name, "", nodata=0.0, unit=WRAPPED, scale=1.0 if sign == "away" else -1.0)


def read_baselines(table: Path) -> dict[Pair, float]:
    """Perpendicular baselines of a table with columns date1, date2 and bperp_m; none where there is no such table."""
    if not table.is_file():
        return {}
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    try:
        return {_days(row["date1"], row["date2"]): float(row["bperp_m"]) for row in rows}
    except (KeyError, ValueError):
        raise SourceError(f"{table.name}: expected the columns date1, date2 (20180106) and bperp_m") from None


def _days(one: str, other: str) -> Pair:
    first, second = (dt.datetime.strptime(text, "%Y%m%d").replace(tzinfo=dt.UTC).date() for text in (one, other))
    return min(first, second), max(first, second)
