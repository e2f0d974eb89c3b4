"""A reference without data: said where it is inverted, not by an empty map."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from jeoview.collection.corrections import with_heights
from jeoview.collection.network import dates_of, subsets
from jeoview.collection.reference import centre_of
from jeoview.engine import Engine
from jeoview.errors import JeoviewError, ParameterError, warn
from jeoview.graph import walk
from jeoview.image import Image

if TYPE_CHECKING:
    from jeoview.collection.interferograms import InterferogramCollection

# So many names are said.
NAMED = 3


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
    if seen is None or stack.place is None:
        return
    _check_heights(stack, seen, what)
    if seen.all():
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


def _check_heights(stack: InterferogramCollection, seen: np.ndarray, what: str) -> None:
    """Warn where pairs have phase at the reference and no height that they could be corrected with."""
    if stack.place is None or all(correction.height is None for correction in stack.corrected):
        return
    files = replace(stack, place=None, corrected=()).image()
    high = _seen(stack.reference_table(with_heights(stack, files)))
    if high is not None and (lost := seen & ~high).any():
        lon, lat = centre_of(stack.place)
        warn(
            f"{what}: at the reference {lon:.5f}, {lat:.5f} {_named(stack, lost)} have phase but no height: of these the ones "
            "that correct_height changes are left out. Choose a place whose height is known"
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
    return _named(stack, ~seen)


def _named(stack: InterferogramCollection, chosen: np.ndarray) -> str:
    names = [name for name, here in zip(stack.ids or (), chosen, strict=True) if here]
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
