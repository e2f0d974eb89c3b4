"""LiCSBAS's noise indices as layers, the mask of their thresholds, and what each threshold removes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jeoview.collection.selection import reading_of
from jeoview.engine import Engine
from jeoview.errors import ParameterError, choices
from jeoview.graph import Parameter
from jeoview.image import Image, apply
from jeoview.quantities import number

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
        "stc": apply("spatiotemporal_consistency", (series,), {}),
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
    self: InterferogramCollection, region: Any = None, *, indices: Image | None = None, **thresholds: Threshold
) -> pd.DataFrame:
    """How many pixels each threshold of `noise_mask` removes, on the coarse grid of `measures`.

    Parameters
    ----------
    region : (west, south, east, north), GeoJSON or a map, optional
        Where to look; the whole stack by default.
    indices, **thresholds
        As `noise_mask`; a slider stands where it starts.

    Returns
    -------
    DataFrame
        A row for each index: ``keeps`` (in words), ``removed`` and ``share`` (pixels that do not keep it, of those with
        any phase), ``alone`` (pixels that nothing else removes), ``median`` of the index. The last row is of all together.
    """
    import pandas as pd

    given = self.noise_indices() if indices is None else indices
    reading = reading_of(self, region)
    image = given
    if reading.polygon is not None:
        image = apply("mask_polygon", (given,), {"polygon": reading.polygon, "inside": True})
    array = Engine.default().render(image.node, reading.grid).array
    values = dict(zip(given.bands, array, strict=True))
    here = values["n_unw"] > 0
    limits = {name: _number(value) for name, value in _thresholds(self, thresholds).items()}
    fails = {
        name: here & ~(values[name] >= limit if LEAST[name] else values[name] <= limit)
        for name, limit in limits.items()
    }
    times = np.sum(list(fails.values()), axis=0) if fails else np.zeros(here.shape)
    rows = [
        _row(name, f"{'>=' if LEAST[name] else '<='} {limits[name]:g}", failed, here)
        | {"alone": int((failed & (times == 1)).sum()), "median": _median(values[name][here])}
        for name, failed in fails.items()
    ]
    rows.append(_row("all", "", times > 0, here) | {"alone": 0, "median": math.nan})
    return pd.DataFrame(rows).set_index("index")


def _row(name: str, keeps: str, failed: Any, here: Any) -> dict[str, Any]:
    share = float(failed.sum() / here.sum()) if here.any() else math.nan
    return {"index": name, "keeps": keeps, "removed": int(failed.sum()), "share": share}


def _median(values: Any) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else math.nan


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
