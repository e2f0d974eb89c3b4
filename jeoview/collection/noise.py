"""LiCSBAS's noise indices as layers, the mask of their thresholds, and what each threshold removes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog.pixels import grids_of, union
from jeoview.collection.pixels import window as inside
from jeoview.collection.selection import part_of
from jeoview.collection.windows import Windows
from jeoview.engine import Engine
from jeoview.errors import ParameterError, choices
from jeoview.graph import Parameter
from jeoview.grid import Grid
from jeoview.image import Image, apply
from jeoview.progress import Watch, job
from jeoview.projection import Bounds
from jeoview.quantities import Window, number
from jeoview.region import region_grid

if TYPE_CHECKING:
    import pandas as pd

    from jeoview.collection.interferograms import InterferogramCollection

# Whether a pixel must have at least, or at the most, the threshold.
LEAST = {
    "coh_avg": True,
    "n_unw": True,
    "vstd": False,
    "maxTlen": True,
    "n_gap": False,
    "stc": False,
    "n_ifg_noloop": False,
    "n_loop_err": False,
    "resid_rms": False,
}
# LiCSBAS15's own; n_unw is so many times the number of dates.
DEFAULTS = {
    "coh_avg": 0.05,
    "n_unw": 1.5,
    "vstd": 100.0,
    "maxTlen": 1.0,
    "n_gap": 10.0,
    "stc": 5.0,
    "n_ifg_noloop": 50.0,
    "n_loop_err": 5.0,
    "resid_rms": 2.0,
}
Threshold = float | Parameter | None
Floats = NDArray[np.float32]
# Pixels that a median is taken of, about.
MEDIAN_PIXELS = 4e6


def noise_indices(self: InterferogramCollection, method: str = "sbas", weight: str = "none", **options: Any) -> Image:
    """LiCSBAS's noise indices of every pixel as bands (Morishita et al. 2020, table 3).

    Parameters
    ----------
    method, weight, **options
        As `invert`.

    Returns
    -------
    Image
        ``coh_avg``: mean coherence; ``n_unw``: pairs with phase; ``vstd``: standard deviation of the velocity in mm/yr, from
        100 draws of the dates (the operator ``velocity_bootstrap``); ``maxTlen``: longest time without a gap, years; ``n_gap``: intervals between
        dates that no pair spans; ``stc``: spatio-temporal consistency, mm; ``n_ifg_noloop``: pairs that no loop checks;
        ``n_loop_err``: loops with abs(C) > pi; ``resid_rms``: root mean square of what the inversion leaves, mm. NaN where
        a pixel has no pair.

    Raises
    ------
    ParameterError
        If no reference was chosen.
    """
    series = self.invert(method, weight, **options)
    stack = self.image()
    network = apply("network_statistics", (stack,), {})
    loops = apply("loop_closure", (stack,), {})
    left = self.quality(method, weight, **options)["rms_misclosure"] * (1000 * self.wavelength / (4 * math.pi))
    parts = {
        "coh_avg": network["coh_avg"],
        "n_unw": network["n_unw"],
        "vstd": apply("velocity_bootstrap", (series,), {}),
        "maxTlen": network["maxTlen"],
        "n_gap": network["n_gap"],
        "stc": apply("spatiotemporal_consistency", (series,), {"pixels": Window.of(_own_pixels(self)).model_dump()}),
        "n_ifg_noloop": loops["pairs_without_loop"],
        "n_loop_err": loops["loop_errors"],
        "resid_rms": apply("with_unit", (left,), {"unit": "mm"}),
    }
    return apply("join_bands", [apply("rename", (image,), {"bands": (name,)}) for name, image in parts.items()], {})


def noise_mask(self: InterferogramCollection, indices: Image | None = None, **thresholds: Threshold) -> Image:
    """Where the noise indices keep their thresholds, for ``velocity.mask(...)``.

    Parameters
    ----------
    indices : Image, optional
        What `noise_indices` gave, where the inversion has options of its own.
    **thresholds : float, slider parameter or None
        By the names of the indices; None leaves one out. LiCSBAS's by default: ``coh_avg`` 0.05, ``n_unw`` 1.5 (times
        the number of dates), ``vstd`` 100 mm/yr, ``maxTlen`` 1 yr, ``n_gap`` 10, ``stc`` 5 mm, ``n_ifg_noloop`` 50,
        ``n_loop_err`` 5, ``resid_rms`` 2 mm. The first, second and fourth are the least that a pixel must have, the
        others the most.

    Returns
    -------
    Image
        One band ``noise_mask``: 1 where a pixel keeps all of them, 0 elsewhere. An index that is not known (no
        coherence, no date to spare) is not kept. Whether anything is left hangs on pixels, which are not read here: look
        at `noise_report`, which counts what each threshold removes.

    Raises
    ------
    ParameterError
        If a name is none of the indices, a threshold is one that no pixel can keep, or no reference was chosen.
    """
    given = self.noise_indices() if indices is None else indices
    kept = None
    for name, threshold in _thresholds(self, thresholds).items():
        condition = apply("gte" if LEAST[name] else "lte", (given[name], threshold), {})
        kept = condition if kept is None else apply("and", (kept, condition), {})
    if kept is None:
        raise ParameterError("noise_mask: every threshold is None; leave at least one")
    return apply("rename", (apply("unmask", (kept,), {"value": 0.0}),), {"bands": ("noise_mask",)})


def noise_report(
    self: InterferogramCollection,
    region: Any = None,
    *,
    indices: Image | None = None,
    progress: bool | Watch = True,
    **thresholds: Threshold,
) -> pd.DataFrame:
    """How many pixels of the files each threshold of `noise_mask` removes.

    Every pixel is inverted for that: of a large frame look at a ``region`` first. Where the files do not share their pixels,
    those of the map at the zoom of their size are counted.

    Parameters
    ----------
    region : (west, south, east, north), GeoJSON or a map, optional
        Where to look; the whole stack by default.
    progress : bool or function
        Show a bar where it takes longer than two seconds; as `measures`.
    indices, **thresholds
        As `noise_mask`; a slider stands where it starts.

    Returns
    -------
    DataFrame
        A row for each index: ``keeps`` (in words), ``removed`` and ``share`` (pixels that do not keep it, of those with
        any phase), ``alone`` (pixels that nothing else removes), ``median`` of the index (of every n-th row and column,
        where there are more than four million pixels). The last row is of all together.

    Raises
    ------
    ParameterError
        As `noise_mask`, or if the region does not meet the stack.
    CancelledByUser
        If the user stops it.
    """
    import pandas as pd

    given = self.noise_indices() if indices is None else indices
    limits = {name: _number(value) for name, value in _thresholds(self, thresholds).items()}
    box, polygon = part_of(self.items, region)
    image = given if polygon is None else apply("mask_polygon", (given,), {"polygon": polygon, "inside": True})
    counts = Counts(limits, thin=_thin(grid := _own_pixels(self, box if region is not None else None)))
    with job("noise_report", grid.height * grid.width, "px", progress=progress) as bar:
        for window in Windows(image.node, grid):
            array = Engine.default().render(image.node, window, once=True).array
            counts.add(dict(zip(given.bands, array, strict=True)), window)
            bar.update(window.height * window.width)
    return pd.DataFrame(counts.rows()).set_index("index")


def _own_pixels(stack: InterferogramCollection, box: Bounds | None = None) -> Grid:
    """The pixels that the files share, all or those in a box; else those of the map at the zoom of their size."""
    grid = union(grids_of(stack.items))
    if grid is not None:
        return grid if box is None else inside(grid, box, max(grid.shape))
    box = part_of(stack.items, None)[0] if box is None else box
    return region_grid(box, zoom=stack.zoom_at((box[1] + box[3]) / 2))


def _thin(grid: Grid) -> int:
    """Every so many-th row and column is kept for the medians."""
    return math.ceil(math.sqrt(grid.height * grid.width / MEDIAN_PIXELS))


@dataclass(eq=False)
class Counts:
    """What the thresholds remove, window after window.

    Parameters
    ----------
    limits : mapping of str to float
        Thresholds by index.
    thin : int
        Every so many-th row and column is kept for the medians.
    """

    limits: Mapping[str, float]
    thin: int
    total: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    kept: dict[str, list[Floats]] = field(default_factory=dict)

    def add(self, values: Mapping[str, Floats], window: Grid) -> None:
        """Count the pixels of a window that have any phase."""
        here = values["n_unw"] > 0
        self.total += int(here.sum())
        fails = {
            name: here & ~(values[name] >= limit if LEAST[name] else values[name] <= limit)
            for name, limit in self.limits.items()
        }
        times = np.sum(list(fails.values()), axis=0) if fails else np.zeros(here.shape)
        self.removed["all"] += int((times > 0).sum())
        some = np.s_[-window.row % self.thin :: self.thin, -window.col % self.thin :: self.thin]
        for name, failed in fails.items():
            self.removed[name] += int(failed.sum())
            self.alone[name] += int((failed & (times == 1)).sum())
            found = values[name][some][here[some]]
            self.kept.setdefault(name, []).append(found[~np.isnan(found)])

    def rows(self) -> list[dict[str, Any]]:
        """One for each index, and one of all together."""
        words = {name: f"{'>=' if LEAST[name] else '<='} {limit:g}" for name, limit in self.limits.items()}
        return [
            {
                "index": name,
                "keeps": words.get(name, ""),
                "removed": self.removed[name],
                "share": self.removed[name] / self.total if self.total else math.nan,
                "alone": self.alone[name],
                "median": self._median(name),
            }
            for name in (*self.limits, "all")
        ]

    def _median(self, name: str) -> float:
        found = np.concatenate(self.kept.get(name, [np.empty(0, np.float32)]))
        return float(np.median(found)) if found.size else math.nan


def _number(threshold: float | Parameter) -> float:
    return float(threshold.default if isinstance(threshold, Parameter) else threshold)


def _check_ends(stack: InterferogramCollection, given: Mapping[str, Threshold]) -> None:
    """Refuse thresholds that no pixel can keep."""
    most = {"coh_avg": 1.0, "n_unw": float(len(stack))}
    for name, threshold in given.items():
        if threshold is not None and not isinstance(threshold, Parameter):
            number(threshold, f"noise_mask: {name}", 0.0, most.get(name, math.inf))


def _thresholds(stack: InterferogramCollection, given: Mapping[str, Threshold]) -> dict[str, float | Parameter]:
    """Thresholds by index, LiCSBAS's where none is given, without those that are left out."""
    for name in given:
        if name not in LEAST:
            raise ParameterError(f"noise_mask: no index {name!r}; {choices(name, LEAST)}")
    _check_ends(stack, given)
    known: dict[str, Threshold] = {**DEFAULTS, "n_unw": DEFAULTS["n_unw"] * len(stack.dates)}
    if all("coherence" not in item.bands for item in stack.items):
        known["coh_avg"] = None
    return {name: value for name, value in {**known, **given}.items() if value is not None}
