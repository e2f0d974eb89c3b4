"""Which pairs a stack keeps: the methods of an interferogram collection that choose, measure and report."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jeoview.catalog import Item, extent_of
from jeoview.collection.areas import Geometry, read_area
from jeoview.collection.corrections import applied, needs_all_pairs
from jeoview.collection.frames import frames_note
from jeoview.collection.measures import Floats, LoopMeasure, Reading, Survey, closed, survey
from jeoview.collection.network import ByDates, ByPixels, Sieve, best_of, dates_of, root_mean_square
from jeoview.collection.said import check_dates, warn_of_coherence, without
from jeoview.collection.stack import originals
from jeoview.errors import CollectionError, ParameterError, choices
from jeoview.progress import Watch, job
from jeoview.projection import Bounds
from jeoview.quantities import number, short
from jeoview.region import region_grid, zoom_for

if TYPE_CHECKING:
    import pandas as pd

    from jeoview.collection.interferograms import InterferogramCollection

# Across: a mean over tens of thousands of pixels is known well enough.
COARSE = 256


def filter_pairs(  # noqa: PLR0913 - what a user writes (design 8)
    self: InterferogramCollection,
    *,
    max_days: float | None = None,
    min_days: float | None = None,
    max_bperp: float | None = None,
    nearest: int | None = None,
    yearly: float | None = None,
    min_coherence: float | None = None,
    min_unwrapped: float | None = None,
    max_loop_rms: float | None = None,
    keep_tree: bool = True,
    drop: Iterable[str] = (),
    region: Any = None,
    progress: bool = True,
) -> InterferogramCollection:
    """Choose pairs by their dates and baselines, and by what their pixels say.

    Criteria are applied in the order below, each to what the one before has left; `report` says what each removed, and
    which subsets of dates arise.

    Parameters
    ----------
    drop : iterable of str
        Pairs to leave out, such as ``"20180307_20180319"``.
    min_days, max_days : float, optional
        Time between the two dates.
    max_bperp : float, optional
        Largest perpendicular baseline, in metres, either sign.
    nearest : int, optional
        Each date only with its ``nearest`` next dates.
    yearly : float, optional
        Pairs within so many days of a whole number of years: those alone, or beside the ones that ``max_days`` and
        ``nearest`` choose, which then do not remove them: ``nearest=3, yearly=30`` is each date with its next three and
        with that of a year later. The other criteria hold for them too.
    min_coherence : float, optional
        Least mean coherence (0 to 1) of a pair; LiCSBAS takes 0.05.
    min_unwrapped : float, optional
        Least share of pixels with phase (0 to 1), of those that any pair has phase at; LiCSBAS takes 0.3.
    max_loop_rms : float, optional
        Radians: a pair is bad if the closure of every loop of three pairs that it is part of has this root mean square
        or more (LiCSBAS's rule, with 1.5). A pair in no loop is not judged. Closures are those of `loops`, of the
        corrected pairs where the stack has corrections.
    keep_tree : bool
        The pairs that connect all dates with the most coherence (the minimum spanning tree of its inverse, as MintPy)
        stay, whatever ``min_coherence`` and ``min_unwrapped`` say.
    region, progress
        Where pixels are looked at, and whether a bar is shown, as `measures`.

    Returns
    -------
    InterferogramCollection

    Raises
    ------
    ParameterError
        If a pair to drop is not there, baselines or coherence are not known, or the region does not meet the stack.
    CollectionError
        If no pair is left.
    CancelledByUser
        If the user stops the measurement.
    """
    _check_limits(max_days=max_days, min_days=min_days, max_bperp=max_bperp, nearest=nearest, yearly=yearly)
    _check_limits(1.0, min_coherence=min_coherence, min_unwrapped=min_unwrapped)
    _check_limits(max_loop_rms=max_loop_rms)
    check_dates(min_days, max_days, nearest, yearly)
    if region is not None:
        reading_of(self, region)
    by_dates = ByDates(max_days, min_days, max_bperp, nearest, yearly)
    by_pixels = ByPixels(min_coherence, min_unwrapped, max_loop_rms, keep_tree)
    sieve = Sieve(list(self.ids or ()))
    _drop(sieve, _named_pairs(drop), self.name)
    pairs = {item.id: dates_of(item) for item in self.items}
    baselines = {item.id: item.properties.get("jeoview:bperp") for item in self.items}
    if max_bperp is not None and None in baselines.values():
        raise ParameterError("max_bperp: the perpendicular baselines of this stack are not known")
    by_dates.sift(sieve, pairs, baselines)
    if sieve.left and (min_coherence, min_unwrapped, max_loop_rms) != (None, None, None):
        left = replace(self, ids=tuple(sieve.left))
        if min_coherence is not None and all("coherence" not in item.bands for item in left.items):
            raise ParameterError(f"min_coherence: {self.name!r} has no coherence")
        found = _survey(left, region, with_loops=max_loop_rms is not None, progress=progress)
        by_pixels.sift(sieve, pairs, {row["id"]: row for row in _rows(left, found)})
    if not sieve.left:
        raise CollectionError(
            f"filter_pairs leaves none of the {len(self)} pairs of {self.name!r}: {'; '.join(sieve.notes)}"
        )
    chosen = replace(self, ids=tuple(sieve.left))
    lost = without(self.dates, chosen.dates)
    numbers = f"{len(self)} to {len(chosen)} pairs, {len(self.dates)} to {len(chosen.dates)} dates{lost}"
    return replace(chosen, steps=(*self.steps, f"{numbers}: {'; '.join(sieve.notes) or 'nothing was asked for'}"))


def _check_limits(most: float = math.inf, **limits: float | None) -> None:
    for name, value in limits.items():
        if value is not None:
            number(value, f"filter_pairs: {name}", 0.0, most)


def _named_pairs(drop: Any) -> set[str]:
    names = [drop] if isinstance(drop, str) or not isinstance(drop, Iterable) else list(drop)
    if isinstance(drop, str) or not all(isinstance(pair, str) for pair in names):
        raise ParameterError(
            f"filter_pairs: drop is {short(drop)}; expected a list of pairs such as '20180307_20180319'"
        )
    return set(names)


def _drop(sieve: Sieve, dropped: set[str], name: str) -> None:
    for pair in sorted(dropped - set(sieve.left)):
        raise ParameterError(f"drop: {name!r} has no pair {pair!r}; {choices(pair, sieve.left)}")
    if dropped:
        sieve.keep("drop", lambda pair: pair not in dropped)


# ---------------------------------------------------------------- measures


def measures(self: InterferogramCollection, region: Any = None, *, progress: bool | Watch = True) -> pd.DataFrame:
    """What the pixels say of each pair, on one coarse grid of at most 256 pixels across.

    Pairs are measured as the stack's corrections leave them. Where mistakes of unwrapping are corrected, a pair's correction
    hangs on the others, and all are read again when other pairs are chosen.

    Parameters
    ----------
    region : (west, south, east, north), GeoJSON or a map, optional
        Where to look; the whole stack by default.
    progress : bool or function
        Show a bar where it takes longer than two seconds; a function of the job's name and size gives a bar of one's
        own, as the network panel does. What was measured once is kept by content: the same pair is
        not read again, whatever other pairs are chosen beside it.

    Returns
    -------
    DataFrame
        The columns of `pairs`, and ``coherence`` (mean), ``unwrapped`` (share of pixels with phase, of those that any
        pair has phase at), ``loops`` (loops of three pairs that it is part of), ``loop_rms`` (root mean square over all
        of them, rad) and ``best_loop_rms`` (that of the loop that closes best). NaN where nothing was seen.

    Raises
    ------
    ParameterError
        If the region does not meet the stack.
    CancelledByUser
        If the user stops it.
    """
    return _by_pair(self, _survey(self, region, progress=progress))


def date_measures(self: InterferogramCollection, region: Any = None, *, progress: bool = True) -> pd.DataFrame:
    """What the pixels say of each date: a bad acquisition spoils all its loops.

    Parameters
    ----------
    region, progress
        As `measures`.

    Returns
    -------
    DataFrame
        A row for each day: ``day``, ``pairs``, ``coherence`` (mean of its pairs), ``loops`` and ``loop_rms`` (root mean
        square over all loops with this date, rad).
    """
    return _by_date(self, _survey(self, region, progress=progress))


def loops(self: InterferogramCollection, region: Any = None, *, progress: bool = True) -> pd.DataFrame:
    """Closure of every loop of three pairs, C = phi_ij + phi_jk - phi_ik, the worst first.

    Phases are taken relative to the reference, and as the stack's corrections leave them. As long as no reference is
    chosen, the closure of the arbitrary constants is not known, and each loop's own median stands for it.

    Parameters
    ----------
    region, progress
        As `measures`.

    Returns
    -------
    DataFrame
        ``dates`` (i, j, k), ``pairs`` (ij, jk, ik), ``rms`` in rad, ``median`` of the closure in rad (as the files have
        it; of a corrected stack, as it is corrected), ``pixels`` of the coarse grid of `measures`, not of the files, that
        have all three pairs, ``errors`` (share of them where abs(C) > pi).
    """
    return _by_loop(self, _survey(self, region, progress=progress))


def all_measures(
    stack: InterferogramCollection, region: Any = None, *, progress: bool | Watch = True
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`measures`, `date_measures` and `loops` at once, as the network panel needs them."""
    found = _survey(stack, region, progress=progress)
    return _by_pair(stack, found), _by_date(stack, found), _by_loop(stack, found)


def reading_of(stack: InterferogramCollection, region: Any = None, *, corrected: bool = False) -> Reading:
    """The coarse grid of a stack, or of a part of it.

    Of a copy the files are read that it was made of, whose overviews are others: both give the same measures, and the
    same reference.

    Parameters
    ----------
    stack, region
        The stack, and where to look; all of it by default.
    corrected : bool
        Whether pairs are read as the stack's corrections leave them, relative to its reference.

    Raises
    ------
    ParameterError
        If the region does not meet the stack.
    """
    name, items = originals(stack.name, stack.items)
    box, polygon = part_of(items, region)
    zoom = min(zoom_for(box, COARSE), stack.zoom_at((box[1] + box[3]) / 2))
    reading = Reading(name, {item.id: item for item in items}, region_grid(box, zoom=zoom), polygon)
    if corrected and stack.corrected:
        source = replace(stack, name=name)
        reading.correct = lambda image: applied(source, image)
        reading.together = needs_all_pairs(stack)
    return reading


def part_of(items: Sequence[Item], region: Any) -> tuple[Bounds, Geometry | None]:
    """The box of items, or what a region has of it; and the region itself where it is no box.

    Raises
    ------
    ParameterError
        If the region does not meet the items.
    """
    box = extent_of(items)
    if region is None:
        return box, None
    area = read_area(region)
    return _common(box, _box_of(area) if isinstance(area, dict) else area), area if isinstance(area, dict) else None


def _box_of(area: Any) -> Bounds:
    import shapely

    west, south, east, north = shapely.geometry.shape(area).bounds
    return west, south, east, north


def _common(box: Bounds, other: Bounds) -> Bounds:
    west, south, east, north = (
        max(box[0], other[0]),
        max(box[1], other[1]),
        min(box[2], other[2]),
        min(box[3], other[3]),
    )
    if west >= east or south >= north:
        raise ParameterError(f"region {other} lies outside the stack {tuple(round(side, 3) for side in box)}")
    return west, south, east, north


def _constants(stack: InterferogramCollection) -> dict[str, float] | None:
    """Phase of each pair at the reference, as far as it is chosen and the pairs are not relative to it already."""
    if stack.corrected:
        return dict.fromkeys(stack.ids or (), 0.0)
    return None if stack.place is None else stack.reference_phase()


def closure_maps(
    stack: InterferogramCollection, region: Any, pairs: Collection[tuple[str, str, str]], *, progress: bool = True
) -> dict[tuple[str, str, str], Floats]:
    """The closures that `loops` measures, in rad, (y, x) on the coarse grid, by the pairs of the loop."""
    constants, reading = _constants(stack), reading_of(stack, region, corrected=True)
    wanted = [loop for loop in reading.loops() if loop.ids in pairs]
    names = {name for loop in wanted for name in loop.ids}
    with job("Reading loops", len(names), "pair", progress=progress) as reading.bar:
        return {loop.ids: closed(closure, constants, loop) for loop, closure in reading.closures(wanted)}


def _survey(
    stack: InterferogramCollection, region: Any, *, with_loops: bool = True, progress: bool | Watch = True
) -> Survey:
    constants = _constants(stack) if with_loops else None
    reading = reading_of(stack, region, corrected=True)
    found = survey(reading, constants, with_loops=with_loops, progress=progress)
    warn_of_coherence({name: pair.coherence for name, pair in found.pairs.items()})
    return found


def _by_pair(stack: InterferogramCollection, found: Survey) -> pd.DataFrame:
    return stack.pairs().merge(_frame(_rows(stack, found)), on="id", how="left")


def _by_date(stack: InterferogramCollection, found: Survey) -> pd.DataFrame:
    dates = {item.id: tuple(str(day) for day in dates_of(item)) for item in stack.items}
    rows = []
    for day in stack.dates:
        here = [name for name in found.pairs if day in dates[name]]
        closures = [
            measure.rms for loop, measure in found.loops.items() if day in (*dates[loop.first], dates[loop.whole][1])
        ]
        coherence = [found.pairs[name].coherence for name in here if found.pairs[name].coherence >= 0]
        mean = sum(coherence) / len(coherence) if coherence else float("nan")
        rms = root_mean_square(closures)
        rows.append({"day": day, "pairs": len(here), "coherence": mean, "loops": len(closures), "loop_rms": rms})
    return _frame(rows)


def _by_loop(stack: InterferogramCollection, found: Survey) -> pd.DataFrame:
    dates = {item.id: dates_of(item) for item in stack.items}
    rows = [
        {
            "dates": (*map(str, dates[loop.first]), str(dates[loop.whole][1])),
            "pairs": loop.ids,
            **{name: getattr(measure, name) for name in LoopMeasure.__dataclass_fields__},
        }
        for loop, measure in found.loops.items()
    ]
    names = ["dates", "pairs", *LoopMeasure.__dataclass_fields__]
    table = _frame(rows, names).sort_values("rms", ascending=False, kind="stable", na_position="last")
    return table.reset_index(drop=True).astype({"pixels": int})


def _rows(stack: InterferogramCollection, found: Survey) -> list[dict[str, Any]]:
    closures: dict[str, list[float]] = {name: [] for name in stack.ids or ()}
    for loop, measure in found.loops.items():
        for name in loop.ids:
            closures[name].append(measure.rms)
    shares = found.unwrapped()
    return [
        {
            "id": name,
            "coherence": pair.coherence,
            "unwrapped": shares[name],
            "loops": len(closures[name]),
            "loop_rms": root_mean_square(closures[name]),
            "best_loop_rms": best_of(closures[name]),
        }
        for name, pair in found.pairs.items()
    ]


def _frame(rows: Sequence[dict[str, Any]], columns: list[str] | None = None) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=columns)


# ---------------------------------------------------------------- in words


def subset_note(subsets: Sequence[Sequence[str]]) -> str:
    """How well pairs connect the dates."""
    if len(subsets) == 1:
        return "all connected"
    return f"{len(subsets)} subsets that NO PAIR CONNECTS"


def story(stack: InterferogramCollection) -> list[str]:
    """Lines on what was removed, which subsets arise, and which reference holds."""
    lines = [*frames_note(stack.items), *stack.steps]
    parts = stack.subsets()
    if len(parts) > 1:
        lines += [f"subset {k}: {len(part)} dates, {part[0]} to {part[-1]}" for k, part in enumerate(parts, start=1)]
    if stack.place is not None:
        sides = ", ".join(f"{side:.5f}" for side in stack.place)
        shape = "polygon in " if stack.polygon is not None else ""
        lines.append(f"reference {shape}({sides}): {stack.chosen or 'given'}")
    return lines + [str(correction) for correction in stack.corrected]
