"""Figures of a network of pairs, for a notebook and as files."""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog import Query
from jeoview.collection.frozen import user_catalog
from jeoview.collection.network import LICSBAS_LOOP_RMS, Pair, dates_of
from jeoview.collection.selection import closure_maps
from jeoview.errors import ParameterError
from jeoview.kernels.network import Network, incidence
from jeoview.quantities import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from jeoview.collection.interferograms import InterferogramCollection

FORMATS = (".png", ".svg", ".pdf")
PALETTE, GONE = "viridis", "#b9b9b9"
MOST_LOOPS = 60


@dataclass(frozen=True, eq=False)
class Plot:
    """A figure that a notebook shows and that can be kept as a file.

    Parameters
    ----------
    figure : matplotlib Figure
        To be changed as matplotlib's own.
    """

    figure: Figure

    def savefig(self, path: str | PathLike[str], dpi: float = 150) -> None:
        """Write the figure as PNG, SVG or PDF; an older file of this name is replaced once the new one is whole.

        Raises
        ------
        ParameterError
            If the ending is another one, or the folder does not exist.
        """
        target = Path(fspath(path)).expanduser()
        if target.suffix.lower() not in FORMATS:
            raise ParameterError(f"path is {target.name!r}; expected a name that ends in {' or '.join(FORMATS)}")
        if not target.parent.is_dir():
            raise ParameterError(f"the folder of {target.name!r} does not exist; make it first")
        with tempfile.TemporaryDirectory(prefix=".figure-", dir=target.parent) as folder:
            whole = Path(folder) / target.name
            self.figure.savefig(whole, dpi=dpi)
            whole.replace(target)

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.figure.savefig(stream, format="png", dpi=110)
        return stream.getvalue()


def plot_network(
    self: InterferogramCollection, *, coherence: bool = True, region: Any = None, progress: bool = True
) -> Plot:
    """Perpendicular baseline against time: dates as points, pairs as lines coloured by their mean coherence.

    Pairs of the collection that were not chosen are thin and grey. Dates of a second and further subset, which no pair
    connects to the first, are crosses. Where baselines are not known, pairs are arcs over the time axis.

    Parameters
    ----------
    coherence : bool
        False draws all pairs alike, and reads no pixel.
    region, progress
        As `measures`.
    """
    every = {item.id: item for item in user_catalog().search(Query(self.name))}
    measured = self.measures(region, progress=progress) if coherence else None
    values = {} if measured is None else dict(zip(measured["id"], measured["coherence"].astype(float), strict=True))
    heights = baselines_of(self)
    figure, axes = _figure(9.0, 4.6)
    for name in sorted(set(every) - set(self.ids or ())):
        _draw(axes, dates_of(every[name]), heights, color=GONE, linewidth=0.7, linestyle=":", zorder=1)
    colour = _colours(values, figure, axes)
    for item in self.items:
        _draw(axes, dates_of(item), heights, color=colour.get(item.id, "#3b6ea5"), linewidth=1.5, zorder=2)
    for place, part in enumerate(self.subsets()):
        days = np.array(part, dtype="datetime64[D]")
        level = [heights.get(day, 0.0) for day in part] if heights else np.zeros(len(part))
        marker = {"marker": "o", "s": 26} if not place else {"marker": "X", "s": 46}
        label = f"subset {place + 1}: {len(part)} dates" if len(self.subsets()) > 1 else None
        axes.scatter(days, level, color="black" if not place else f"C{place + 2}", zorder=3, label=label, **marker)
    if len(self.subsets()) > 1:
        axes.legend(frameon=False, fontsize=8, loc="best")
    axes.set_ylabel("perpendicular baseline [m]" if heights else "")
    if not heights:
        axes.set_yticks([])
    axes.set_title(f"{self.name}: {len(self)} pairs, {len(self.dates)} dates", fontsize=10)
    _time_axis(axes)
    return Plot(figure)


def plot_coherence_matrix(self: InterferogramCollection, region: Any = None, *, progress: bool = True) -> Plot:
    """Mean coherence of every two dates: above the diagonal of all pairs of the collection, below of the chosen ones.

    Parameters
    ----------
    region, progress
        As `measures`.
    """
    from dataclasses import replace

    whole = replace(self, ids=tuple(sorted(item.id for item in user_catalog().search(Query(self.name)))))
    values = whole.measures(region, progress=progress)
    days = whole.dates
    place = {day: index for index, day in enumerate(days)}
    matrix = np.full((len(days), len(days)), np.nan)
    chosen = set(self.ids or ())
    for name, one, other, coherence in values[["id", "earlier", "later", "coherence"]].itertuples(index=False):
        i, j = place[str(one)], place[str(other)]
        matrix[i, j] = coherence
        matrix[j, i] = coherence if name in chosen else np.nan
    side = min(4.0 + 0.12 * len(days), 12.0)
    figure, axes = _figure(side + 1.2, side)
    shown = axes.imshow(matrix, cmap=PALETTE, vmin=0, vmax=1, interpolation="none")
    axes.plot([-0.5, len(days) - 0.5], [-0.5, len(days) - 0.5], color="black", linewidth=0.8)
    step = max(math.ceil(len(days) / 30), 1)
    axes.set_xticks(range(0, len(days), step), days[::step], rotation=90, fontsize=7)
    axes.set_yticks(range(0, len(days), step), days[::step], fontsize=7)
    axes.set_title(f"{self.name}: above all pairs, below the {len(self)} chosen", fontsize=10)
    figure.colorbar(shown, ax=axes, label="mean coherence", shrink=0.85)
    return Plot(figure)


def plot_loop_rms(self: InterferogramCollection, region: Any = None, *, progress: bool = True) -> Plot:
    """Root mean square of loop closures by date and by pair; the dashed line is LiCSBAS's 1.5 rad.

    A pair's bar is over all its loops, its point the loop that closes best: above the line it is bad by LiCSBAS's rule.

    Parameters
    ----------
    region, progress
        As `measures`.
    """
    dates = self.date_measures(region, progress=progress)
    pairs = self.measures(region, progress=progress).sort_values("loop_rms", ascending=False, na_position="last")
    pairs = pairs[pairs["loops"] > 0]
    figure, (upper, lower) = _figure(9.0, 6.0, rows=2)
    upper.bar(np.array(dates["day"], dtype="datetime64[D]"), dates["loop_rms"], width=_bar_width(self.dates))
    upper.set_ylabel("per date [rad]")
    upper.set_title(f"{self.name}: root mean square of loop closures", fontsize=10)
    _time_axis(upper)
    shown = pairs.head(60)
    lower.bar(range(len(shown)), shown["loop_rms"], color="#7a9cc6", label="all its loops")
    lower.plot(range(len(shown)), shown["best_loop_rms"], "o", color="black", markersize=3, label="its best loop")
    lower.set_xticks(range(len(shown)), shown["id"], rotation=90, fontsize=6)
    rest = f", the worst {len(shown)} of {len(pairs)}" if len(pairs) > len(shown) else ""
    lower.set_ylabel(f"per pair{rest} [rad]")
    lower.set_xlim(-0.8, max(len(shown), 1) - 0.2)
    lower.legend(frameon=False, fontsize=8)
    for axes in (upper, lower):
        axes.axhline(LICSBAS_LOOP_RMS, color="#c0392b", linewidth=0.9, linestyle="--")
        axes.grid(axis="y", alpha=0.25)
    return Plot(figure)


def plot_loops(self: InterferogramCollection, region: Any = None, *, count: int = 12, progress: bool = True) -> Plot:
    """Maps of the loops of three pairs that close worst: where on the ground the closure of `loops` comes from.

    All have one scale, as far as a whole turn where a closure comes near it. A patch in one colour is a mistake of unwrapping, speckle is noise, what is
    broad and faint moisture or multilooking. White is no closure, grey is no data in one of the pairs.

    Parameters
    ----------
    region, progress
        As `measures`.
    count : int
        How many loops, 1 to 60.

    Raises
    ------
    ParameterError
        If no three pairs make a loop.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    most = int(number(count, "plot_loops: count", 1, MOST_LOOPS))
    worst = self.loops(region, progress=progress)
    if worst.empty:
        raise ParameterError(
            f"plot_loops: no three of the {len(self)} pairs of {self.name!r} make a loop; choose more pairs"
        )
    shown = worst.head(most)
    maps = closure_maps(self, region, set(shown["pairs"]), progress=progress)
    across = min(round(math.sqrt(len(shown) * 4 / 3)), 8)
    down = math.ceil(len(shown) / across)
    high, wide = next(iter(maps.values())).shape
    side = max(min(3.6, 10.0 / across), 1.9)
    figure, axes = _figure(side * across + 0.9, (side * min(high / wide, 2.0) + 0.4) * down + 0.4, down, across)
    palette = colormaps["RdBu_r"].with_extremes(bad=GONE)
    limit = _limit(list(maps.values()))
    scale = Normalize(-limit, limit)
    for place, cell in enumerate(np.atleast_1d(axes).ravel()):
        cell.set_axis_off()
        if place < len(shown):
            row = shown.iloc[place]
            cell.imshow(maps[row["pairs"]], cmap=palette, norm=scale, interpolation="none")
            cell.set_title(_about(row), fontsize=6.5)
    bar = ScalarMappable(scale, palette)
    figure.colorbar(bar, ax=axes, label="closure [rad]", shrink=0.7, pad=0.01, extend="both")
    figure.suptitle(f"{self.name}: the worst {len(shown)} of {len(worst)} loops", fontsize=10)
    return Plot(figure)


# ---------------------------------------------------------------- parts


def _limit(maps: Sequence[NDArray[np.float32]]) -> float:
    """The end of a scale of closures in rad: what one pixel in two hundred exceeds, a turn where that is beyond half of one."""
    sizes = np.abs(np.concatenate([values[~np.isnan(values)] for values in maps]))
    limit = float(np.percentile(sizes, 99.5)) if sizes.size else 0.0
    return 2 * math.pi if limit > math.pi else max(limit, 0.1)


def _about(loop: Any) -> str:
    first, second, third = loop["dates"]
    return f"{first} · {second} · {third}\n{loop['rms']:.2f} rad, {loop['errors']:.1%} beyond π"


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure as New

    figure = New(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns)


def _bar_width(days: Sequence[str]) -> Any:
    """Most of the shortest time between two dates."""
    gaps = np.diff(np.array(days, dtype="datetime64[D]").astype(np.int64))
    return np.timedelta64(max(int(0.7 * 24 * gaps.min()), 1) if gaps.size else 24, "h")


def _time_axis(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.grid(alpha=0.2)


def baselines_of(stack: InterferogramCollection) -> dict[str, float]:
    """Perpendicular baseline of each date against the first of its subset, in metres; none where a pair's is not known."""
    items, days = stack.items, {day: place for place, day in enumerate(stack.dates)}
    known = [item.properties.get("jeoview:bperp") for item in items]
    if None in known:
        return {}
    ends = [tuple(days[str(day)] for day in dates_of(item)) for item in items]
    matrix: NDArray[np.float64] = incidence(Network.of(len(days), [(one, other) for one, other in ends]))
    # The least solution has a mean of 0 in every subset of dates.
    found = np.linalg.lstsq(matrix, np.array(known, dtype=np.float64), rcond=None)[0]
    for part in stack.subsets():
        found[[days[day] for day in part]] -= found[days[part[0]]]
    return {day: float(found[place]) for day, place in days.items()}


def _draw(axes: Axes, pair: Pair, heights: Mapping[str, float], **style: Any) -> None:
    """A line between two dates, or an arc where no baselines are known."""
    one, other = str(pair[0]), str(pair[1])
    if heights and (one not in heights or other not in heights):
        return
    ends = np.array([one, other], dtype="datetime64[h]")
    if heights:
        axes.plot(ends, [heights[one], heights[other]], **style)
        return
    angle = np.linspace(0, np.pi, 25)
    half = (ends[1] - ends[0]) / np.timedelta64(1, "h") / 2
    hours = half * (1 - np.cos(angle))
    axes.plot(ends[0] + hours.astype("timedelta64[h]"), half / 24 * np.sin(angle), **style)


def _colours(values: Mapping[str, float], figure: Figure, axes: Axes) -> dict[str, Any]:
    """Colour of each pair by its coherence, with a bar beside the axes; none where none is known."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    known = {name: value for name, value in values.items() if math.isfinite(value)}
    if not known:
        return {}
    palette, scale = colormaps[PALETTE], Normalize(min(known.values()), max(known.values()))
    figure.colorbar(ScalarMappable(scale, palette), ax=axes, label="mean coherence", pad=0.01)
    return {name: palette(float(scale(value))) for name, value in known.items()}
