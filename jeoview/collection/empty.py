"""A reference without data: said where it is inverted, not by an empty map."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

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
