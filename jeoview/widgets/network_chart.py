"""The drawing of a network of pairs in the browser: what it is given, and what is clicked there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from jeoview.collection import InterferogramCollection
from jeoview.collection.plots import PALETTE, baselines_of
from jeoview.collection.selection import all_measures

if TYPE_CHECKING:
    import pandas as pd

_HERE = files("jeoview.widgets")
VIEWS = ("network", "matrix", "rms", "loops")
COLOURS = 32  # of the colour bar
LOOPS = 60  # in the table


class NetworkChart(anywidget.AnyWidget):
    """Baseline against time, coherence matrix, closure by date and pair, and the worst loops, drawn from plain values.

    Attributes
    ----------
    facts : dict
        What is known of the whole stack, see `facts_of`.
    choice : dict
        What is chosen now, see `choice_of`.
    view : str
        One of `VIEWS`.
    marked : list of str
        Pairs to stand out.
    """

    _esm = _HERE.joinpath("network.js").read_text(encoding="utf-8")
    facts = traitlets.Dict().tag(sync=True)
    choice = traitlets.Dict().tag(sync=True)
    view = traitlets.Enum(VIEWS, default_value=VIEWS[0]).tag(sync=True)
    marked = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def on_toggle(self, pair: Callable[[str], None], date: Callable[[str], None]) -> None:
        """Call a function with the pair, or with the day, that is clicked."""

        def heard(_widget: Any, message: Any, _buffers: Any) -> None:
            if isinstance(message, dict) and isinstance(message.get("toggle"), str):
                pair(message["toggle"])
            elif isinstance(message, dict) and isinstance(message.get("toggle_date"), str):
                date(message["toggle_date"])

        self.on_msg(heard)


def facts_of(stack: InterferogramCollection, measured: pd.DataFrame | None) -> dict[str, Any]:
    """What a drawing needs to know of a whole stack.

    Parameters
    ----------
    stack : InterferogramCollection
        All its pairs are drawn.
    measured : DataFrame or None
        Its `measures`, once they are known.

    Returns
    -------
    dict
        ``pairs``, ``dates`` (with their baselines in metres as ``level``), ``baselines`` and ``coherent`` (whether those
        are known), ``measured``, ``coherence`` (ends of the colours) and ``palette``.
    """
    table = stack.pairs() if measured is None else measured
    pairs = [_pair(row) for row in table.to_dict("records")]
    levels = baselines_of(stack)
    coherence = [pair["coherence"] for pair in pairs if pair["coherence"] is not None]
    ends = [pair[end] for pair in pairs for end in ("earlier", "later")]
    dates = [{"day": day, "level": _plain(levels.get(day)), "pairs": ends.count(day)} for day in stack.dates]
    return {
        "pairs": pairs,
        "dates": dates,
        "baselines": bool(levels),
        "measured": measured is not None,
        "coherent": bool(coherence),
        "coherence": [min(coherence), max(coherence)] if coherence else [0.0, 1.0],
        "palette": _palette(),
    }


def choice_of(
    kept: InterferogramCollection | None, drop: Iterable[str], *, region: Any, measured: bool
) -> dict[str, Any]:
    """What a drawing needs to know of the pairs that are chosen.

    Parameters
    ----------
    kept : InterferogramCollection or None
        The pairs that are chosen; None is no pair.
    drop : iterable of str
        Pairs that were dropped by hand.
    region : (west, south, east, north) or GeoJSON, optional
        Where pixels are looked at.
    measured : bool
        Whether they have been; otherwise nothing is read.

    Returns
    -------
    dict
        ``kept`` and ``dropped`` pairs, ``dates`` (pairs, coherence, loops, rms in rad and subset by day), ``loops_of``
        (loops, rms and best rms by pair), the worst ``loops`` and ``loop_count``.
    """
    words = {"kept": [], "dropped": sorted(drop), "dates": {}, "loops_of": {}, "loops": [], "loop_count": 0}
    if kept is None:
        return words
    subset = {day: place for place, part in enumerate(kept.subsets()) for day in part}
    table = kept.pairs()
    ends = [*table["earlier"].astype(str), *table["later"].astype(str)]
    dates: dict[str, dict[str, Any]] = {day: {"pairs": ends.count(day), "subset": subset[day]} for day in kept.dates}
    words |= {"kept": list(kept.ids or ()), "dates": dates}
    if not measured:
        return words
    by_pair, by_date, loops = all_measures(kept, region, progress=False)
    for row in by_date.to_dict("records"):
        more = {"coherence": _plain(row["coherence"]), "loops": row["loops"], "rms": _plain(row["loop_rms"])}
        dates[row["day"]] |= more
    columns = by_pair[["id", "loops", "loop_rms", "best_loop_rms"]]
    return words | {
        "loops_of": {
            name: [int(count), _plain(rms), _plain(best)]
            for name, count, rms, best in columns.itertuples(index=False)
            if math.isfinite(rms)
        },
        "loops": [_loop(row) for row in loops.head(LOOPS).to_dict("records")],
        "loop_count": len(loops),
    }


def _pair(row: Mapping[Any, Any]) -> dict[str, Any]:
    names = {"bperp": "bperp", "coherence": "coherence", "unwrapped": "unwrapped", "rms": "loop_rms"}
    return {
        "id": row["id"],
        "earlier": str(row["earlier"]),
        "later": str(row["later"]),
        "days": int(row["days"]),
        "loops": int(row.get("loops", 0)),
        "best": _plain(row.get("best_loop_rms")),
        **{short: _plain(row.get(name)) for short, name in names.items()},
    }


def _loop(row: Mapping[Any, Any]) -> dict[str, Any]:
    plain = {"rms": _plain(row["rms"]), "errors": _plain(row["errors"])}
    return {"dates": list(row["dates"]), "pairs": list(row["pairs"]), **plain}


def _plain(value: Any) -> float | None:
    """A number for JSON, which knows no NaN."""
    return float(value) if value is not None and math.isfinite(value) else None


def _palette() -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps[PALETTE](place / (COLOURS - 1))) for place in range(COLOURS)]
