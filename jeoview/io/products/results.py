"""Displacement and velocity that others have computed: which family a file is of."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from jeoview.io.products import egms, exported, flatsim, hyp3, licsbas, mintpy, opera
from jeoview.io.products.stacks import Result


class Family(Protocol):
    """A module of this package that knows result files."""

    def result(self, path: Path, collection: str, series: bool) -> Result | None:
        """What a file holds, or None where it is none of the family's."""


FAMILIES: tuple[Family, ...] = (mintpy, licsbas, opera, flatsim, hyp3, egms, exported)


def result_of(path: Path, collection: str, *, series: bool) -> Result | None:
    """Return what a result file of a product of interferometry holds, or None where it is none that is known.

    Parameters
    ----------
    path : Path
        A file.
    collection : str
        Name of the collection of its items.
    series : bool
        Whether its series is wanted, where it holds a velocity too.

    Raises
    ------
    SourceError
        If it is one, but broken, or in radar coordinates.
    """
    for family in FAMILIES:
        found = family.result(path, collection, series)
        if found is not None:
            return found
    return None
