"""Lines whose result can only be empty: said where they are written, not by an empty map."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from jeoview.collection.network import dates_of, subsets
from jeoview.collection.reference import centre_of
from jeoview.collection.years import moments_of
from jeoview.describe import options_of
from jeoview.engine import Engine
from jeoview.errors import JeoviewError, ParameterError, warn
from jeoview.graph import Node, walk
from jeoview.image import Image
from jeoview.operators.insar_pairs import DAYS_PER_YEAR
from jeoview.operators.velocity import SPANS

if TYPE_CHECKING:
    from jeoview.collection.interferograms import InterferogramCollection

# So many names are said.
NAMED = 3


# ---------------------------------------------------------------- reference


def check_reference(stack: InterferogramCollection, image: Image, what: str, *, bridged: bool) -> None:
    """Refuse a reference where no pair has phase; warn where the pairs that have some leave dates apart.

    The place is read once and kept in the store. Files that cannot be read are the tile's business, which says why.

    Parameters
    ----------
    stack : InterferogramCollection
        With a reference.
    image : Image
        Its pairs, referenced.
    what : str
        Who asks.
    bridged : bool
        Whether the inversion bridges what no pair connects.

    Raises
    ------
    ParameterError
        If no pair has phase there.
    """
    seen = _seen(image)
    if seen is None or stack.place is None or seen.all():
        return
    where = "the reference {:.5f}, {:.5f}".format(*centre_of(stack.place))
    if not seen.any():
        raise ParameterError(
            f"{what}: none of the {len(stack)} pairs has data at {where}: the result would be empty. Choose another place, "
            ".reference(lon=, lat=), or .reference() for the most coherent one"
        )
    pairs = [dates_of(item) for item, valid in zip(stack.items, seen, strict=True) if valid]
    lost = len(stack.dates) - len({day for pair in pairs for day in pair})
    parts = len(subsets(pairs)) + lost
    if parts > len(stack.subsets()) and not bridged:
        warn(
            f"{what}: {_without(stack, seen)} have no data at {where} and are left out; the dates then fall into {parts} "
            "subsets that no pair connects. Choose another place for the reference",
        )


def reference_note(stack: InterferogramCollection) -> list[str]:
    """A line that says how many pairs are lost at the reference; none where all have data, or it cannot be read."""
    if stack.place is None:
        return []
    seen = None
    with suppress(JeoviewError):
        seen = _seen(stack.image())
    return [] if seen is None or seen.all() else [f"{_without(stack, seen)} have no data at the reference"]


def _without(stack: InterferogramCollection, seen: np.ndarray) -> str:
    names = [name for name, valid in zip(stack.ids or (), seen, strict=True) if not valid]
    more = " ..." if len(names) > NAMED else ""
    return f"{len(names)} of {len(stack)} pairs ({', '.join(names[:NAMED])}{more})"


def _seen(image: Image) -> np.ndarray | None:
    """Which pairs have phase at the reference, as the files hold it; None where that cannot be read now."""
    # A correction takes the reference once more, for which it would have to read the whole stack.
    first = next((node for node in walk(image.node) if node.operator == "reference_phase"), None)
    if first is not None:
        with suppress(JeoviewError):
            return np.isfinite(Engine.default().table(first).values["unwrapped"])
    return None


# ---------------------------------------------------------------- dates


def spanned(method: Callable[..., Image]) -> Callable[..., Image]:
    """The method ``velocity``, which refuses a series that is too short for it, where its dates are known."""

    @wraps(method)
    def velocity(*args: Any, **kwargs: Any) -> Image:
        image = method(*args, **kwargs)
        check_span(image.node)
        return image

    return velocity


def check_span(node: Node) -> None:
    """Refuse a velocity that no pixel can have: too few dates, or too short a time.

    Raises
    ------
    ParameterError
        Which says what the series has, and the way out.
    """
    if node.operator != "velocity" or node.own_parameters:
        return
    options, times = options_of(node), _times(node)
    if not times:
        return
    model, least = options["model"], options["min_dates"]
    if len(times) < least:
        raise ParameterError(
            f"velocity: the series has {len(times)} dates, and a pixel must have min_dates={least}: the result would be "
            f"empty. Give min_dates={len(times)} or less, or choose more dates"
        )
    years = (times[-1] - times[0]).total_seconds() / (86_400.0 * DAYS_PER_YEAR)
    span = SPANS[model] if options["min_span"] is None else options["min_span"]
    if years < span:
        other = "" if model == "linear" or years < SPANS["linear"] else ', or model="linear"'
        raise ParameterError(
            f"velocity: the series spans {years:.2f} yr ({times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}), and model={model!r} "
            f"needs min_span={span:g} yr: the result would be empty. Give a shorter min_span={other}, or choose more dates"
        )


def _times(node: Node) -> list[dt.datetime]:
    """When the scenes behind a series were taken, in order; none where the catalogue does not know them any more."""
    with suppress(JeoviewError):
        return sorted(set(moments_of(node)))
    return []
