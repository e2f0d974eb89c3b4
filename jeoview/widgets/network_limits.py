"""Sliders for what `InterferogramCollection.filter_pairs` chooses by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from jeoview.collection.network import off_years
from jeoview.errors import ParameterError, choices
from jeoview.quantities import number, short

if TYPE_CHECKING:
    import pandas as pd

# Days from a whole year at which a pair still counts as yearly, at the end of the slider.
YEARLY = 60.0


@dataclass(frozen=True)
class Limit:
    """A criterion, off at the end of its slider where it would remove nothing.

    Parameters
    ----------
    name : str
        Parameter of `filter_pairs`.
    words : str
        What stands over the slider.
    column : str
        What it is held against, of `measures`; magnitudes count.
    least : bool
        Whether it is a least value, not a largest one.
    step : float
        Of the slider.
    strict : bool
        Whether a pair that reaches the value is removed as well.
    years : bool
        Whether it is days around whole years, and off at 0.
    """

    name: str
    words: str
    column: str
    least: bool
    step: float
    strict: bool = False
    years: bool = False

    def ends(self, values: Iterable[Any]) -> tuple[float, float] | None:
        """From where to where it makes a difference for these values; None where it makes none."""
        sizes = [abs(float(value)) for value in values if value is not None and math.isfinite(value)]
        if self.years:
            sizes = [0.0, *(away for away in map(off_years, sizes) if away <= YEARLY)]
            return (0, math.ceil(max(sizes))) if len(sizes) > 1 else None
        if not sizes:
            return None
        low, high = (round(size / self.step, 6) for size in (min(sizes), max(sizes)))
        if self.least:
            inner, outer = math.floor(low) * self.step, math.floor(high) * self.step
        elif self.strict:
            # Where all are removed those stay that are not judged.
            inner, outer = math.floor(low) * self.step, (math.floor(high) + 1) * self.step
        else:
            inner, outer = math.ceil(low) * self.step, math.ceil(high) * self.step
        return (self.rounded(inner), self.rounded(outer)) if outer > inner else None

    def rounded(self, value: float) -> float:
        """Without what binary fractions leave."""
        return round(value) if self.step == 1 else round(value, 2)


LIMITS = (
    Limit("max_days", "Days at most", "days", False, 1),
    Limit("yearly", "Whole years ± [days]", "days", True, 1, years=True),
    Limit("max_bperp", "Baseline at most [m]", "bperp", False, 1),
    Limit("min_coherence", "Coherence at least", "coherence", True, 0.01),
    Limit("min_unwrapped", "Unwrapped at least", "unwrapped", True, 0.01),
    Limit("max_loop_rms", "Loop RMS below [rad]", "best_loop_rms", False, 0.05, strict=True),
)


class Limits:
    """The sliders of a network.

    Parameters
    ----------
    moved : function
        Called after a move.

    Attributes
    ----------
    widget : ipywidgets.Box
    """

    def __init__(self, moved: Callable[[], None]) -> None:
        self._moved = moved
        self._sliders: dict[str, tuple[Limit, Any]] = {}
        self.widget = ipywidgets.Box(layout=ipywidgets.Layout(display="none"))
        self.widget.add_class("jv-net-limits")

    @property
    def values(self) -> dict[str, float]:
        """Those that are on, as `filter_pairs` takes them."""
        return {
            name: limit.rounded(slider.value)
            for name, (limit, slider) in self._sliders.items()
            if not _off(limit, slider)
        }

    def have(self, names: Iterable[str]) -> bool:
        """Whether there is a slider for each of these."""
        return set(names) <= set(self._sliders)

    def show(self, table: pd.DataFrame) -> None:
        """Have a slider for each criterion that these columns say something of; those that are there stay as they are."""
        for limit in LIMITS:
            ends = limit.ends(table[limit.column]) if limit.column in table else None
            if ends is not None and limit.name not in self._sliders:
                self._add(limit, *ends)
        self.widget.layout.display = None if self._sliders else "none"

    def check(self, name: str, value: Any) -> float | None:
        """Return a value that a slider can take; None is off.

        Raises
        ------
        ParameterError
            If there is no such slider, or the value would leave no pair.
        """
        if name not in self._sliders:
            known = choices(name[:64], self._sliders) if self._sliders else "there are no sliders"
            raise ParameterError(f"choose: {short(name)} can not be chosen by here; {known}")
        if value is None:
            return None
        limit, slider = self._sliders[name]
        wanted = number(value, f"choose: {name}")
        # Beyond the end where it is off a value removes nothing either.
        wanted = max(wanted, slider.min) if limit.least else min(wanted, slider.max)
        return number(wanted, f"choose: {name}", slider.min, slider.max)

    def set(self, name: str, value: float | None) -> None:
        """Move a slider to a value that was checked; None is off."""
        limit, slider = self._sliders[name]
        slider.value = _end(limit, slider) if value is None else value

    def clear(self) -> None:
        """Turn all of them off."""
        for name in self._sliders:
            self.set(name, None)

    def _add(self, limit: Limit, low: float, high: float) -> None:
        words = ipywidgets.HTML()
        wide = ipywidgets.Layout(width="auto", margin="0")
        at = low if limit.least else high
        slider = ipywidgets.FloatSlider(at, min=low, max=high, step=limit.step, readout=False, layout=wide)

        def say() -> None:
            said = ("off" if limit.years else "no limit") if _off(limit, slider) else f"{limit.rounded(slider.value):g}"
            words.value = f'<span class="jv-label">{escape(limit.words)} <b>{said}</b></span>'

        def moved(_: Any) -> None:
            say()
            self._moved()

        say()
        slider.observe(moved, "value")
        self._sliders[limit.name] = limit, slider
        self.widget.children = (*self.widget.children, ipywidgets.VBox([words, slider]))


def _end(limit: Limit, slider: Any) -> float:
    return float(slider.min if limit.least else slider.max)


def _off(limit: Limit, slider: Any) -> bool:
    return bool(abs(slider.value - _end(limit, slider)) < limit.step / 2)
