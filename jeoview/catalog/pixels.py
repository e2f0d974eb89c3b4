"""The pixels that files share: as the catalogue says, without opening one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from jeoview.catalog.items import Item
from jeoview.grid import SAME_PIXEL, Grid, Lattice
from jeoview.projection import canonical_crs


def joint(first: Grid, other: Grid) -> Grid | None:
    """A window on the lattice of another one, whose pixels are the same; None where they are not."""
    one, two = first.lattice, other.lattice
    row, col = (one.top - two.top) / one.resolution[1], (two.left - one.left) / one.resolution[0]
    apart = max(abs(row - round(row)), abs(col - round(col)))
    longest = max(*other.shape, *first.shape)
    steps = zip(one.resolution, two.resolution, strict=True)
    if one.crs != two.crs or any(abs(a - b) * longest > SAME_PIXEL * a for a, b in steps) or apart > SAME_PIXEL:
        return None
    return replace(other, lattice=one, row=other.row + round(row), col=other.col + round(col))


def union(grids: Sequence[Grid | None]) -> Grid | None:
    """One window that holds all of them; None where they do not share their pixels, or one of them is None."""
    whole = first = grids[0] if grids else None
    for grid in grids[1:]:
        found = None if grid is None or first is None else joint(first, grid)
        whole = None if whole is None or found is None else whole.union(found)
    return whole


def grids_of(items: Iterable[Item], bands: Iterable[str] = ()) -> tuple[Grid | None, ...]:
    """All pixels of the file of each item, equal ones once; None for files that lie turned, or nowhere on the map.

    Parameters
    ----------
    items : iterable of Item
        Their files.
    bands : iterable of str
        The finest of these bands counts, the finest of all where none is named.
    """
    bands = tuple(bands)
    return tuple(dict.fromkeys(_grid_of(item, bands) for item in items))


def _grid_of(item: Item, bands: Iterable[str]) -> Grid | None:
    known: dict[str, Any] = item.properties
    chosen = [item.bands[name] for name in bands if name in item.bands]
    places: list[Any] = [(band.transform, band.shape) for band in chosen if band.transform and band.shape]
    if not places or len(places) < len(chosen):
        places = [(known.get("proj:transform"), known.get("proj:shape"))]
    affine, shape = min(places, key=lambda place: abs(place[0][0]) if place[0] else 0.0)
    code = known.get("proj:code")
    if not code or not affine or not shape:
        return None
    dx, turn, left, skew, dy, top = (float(value) for value in affine[:6])
    if turn or skew or dx <= 0 or dy >= 0:
        return None
    return Grid(Lattice(canonical_crs(code), (dx, -dy), left, top), 0, 0, *shape)
