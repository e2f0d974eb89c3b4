"""What a stack holds at its reference, and which of its pairs a map shows, in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jeoview.collection import InterferogramCollection, SlcCollection
from jeoview.collection.network import dates_of, subsets
from jeoview.collection.reference import centre_of
from jeoview.engine import Engine
from jeoview.graph import walk

Stack = InterferogramCollection | SlcCollection

# What the operators that fit a reference call its values.
FITTED = {"reference_phase": "unwrapped", "ps_reference": "phase"}


@dataclass(frozen=True)
class Measured:
    """What a stack holds at its reference.

    Parameters
    ----------
    what : str
        What its layers are.
    count, seen : int
        How many there are, and how many have data there.
    parts : int
        Subsets of dates that those connect; 0 where that is no question.
    coherence : float or None
        Mean of the pairs in the middle pixel, where it is known.
    """

    what: str
    count: int
    seen: int
    parts: int = 0
    coherence: float | None = None

    @property
    def words(self) -> str:
        """The same for people."""
        if not self.seen:
            return f"None of the {self.count} {self.what} has data there: choose another place."
        text = f"All {self.count} {self.what} have data there"
        if self.seen < self.count:
            text = f"{self.seen} of {self.count} {self.what} have data there; the others are left out"
        text += f"; mean coherence {self.coherence:.2f}." if self.coherence is not None else "."
        if self.parts > 1:
            text += f" The dates then fall into {self.parts} subsets that no pair connects."
        return text


def measure(stack: Stack) -> Measured:
    """Read what a stack holds at its reference; what is fitted there is kept for the tiles."""
    tables = [node for node in walk(stack.image().node) if node.operator in FITTED]
    values = Engine.default().table(tables[-1]).values[FITTED[tables[-1].operator]]
    seen = np.isfinite(values)
    if isinstance(stack, SlcCollection):
        return Measured("dates", len(seen), int(seen.sum()))
    pairs = [dates_of(item) for item, valid in zip(stack.items, seen, strict=True) if valid]
    days = {day for pair in pairs for day in pair}
    lost = len(stack.dates) - len(days)
    parts = len(subsets(pairs)) + lost if pairs else 0
    return Measured("pairs", len(seen), len(pairs), parts, _coherence(stack) if pairs else None)


def _coherence(stack: InterferogramCollection) -> float | None:
    image = stack.image()
    if stack.place is None or "coherence" not in image.bands:
        return None
    lon, lat = centre_of(stack.place)
    answer = Engine.default().point(image["coherence"].node, lon, lat, stack.zoom_at(lat))
    known = [value for value in answer["values"]["coherence"] if value is not None]
    return sum(known) / len(known) if known else None


def shown_pairs(stack: InterferogramCollection) -> str:
    """Which pairs of a stack a map shows, in words."""
    every = len(replace(stack, ids=None))
    if len(stack) == every:
        return f"The map shows all {every} pairs"
    # The last step ends in what was asked for and what that removed.
    asked = stack.steps[-1].partition(": ")[2] if stack.steps else ""
    return f"The map shows {len(stack)} of {every} pairs" + (f" ({asked})" if asked else "")
