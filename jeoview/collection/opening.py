"""What is looked at when interferograms are opened: whether files are what they are said to be, and lie on one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog import Band, Item
from jeoview.catalog.pixels import grids_of, joint
from jeoview.errors import ParameterError, RefusedError, SourceError, warn
from jeoview.grid import Grid, Lattice
from jeoview.io.reader import Reader
from jeoview.settings import MIB, settings

PHASE, COHERENCE = "unwrapped", "coherence"
# Pairs that are looked into, and the side of the five windows that are read of each.
PAIRS, SIDE = 5, 64
# Fewer valid pixels say nothing.
ENOUGH = 1000
# Interpolation may leave coherence a little outside of 0 to 1.
SLACK = 0.05
# Of wrapped phase some 4 % lies beyond this, either side of zero together.
NEAR_PI, SHARE = 3.0, 0.01
Floats = NDArray[np.float32]


def check_places(items: Sequence[Item], what: str) -> None:
    """Warn where the files of a stack do not share their pixels; the first of the odd ones is named.

    Parameters
    ----------
    items : sequence of Item
        Pairs, in order.
    what : str
        Who asks, for the warning.
    """
    placed = [(item, grid) for item in items if (grid := grids_of([item])[0]) is not None]
    if len(placed) < 2:
        return
    kinds = Counter(grid.lattice for _, grid in placed)
    first, usual = next((item, grid) for item, grid in placed if grid.lattice == kinds.most_common(1)[0][0])
    odd = [(item, grid) for item, grid in placed if joint(usual, grid) is None]
    if odd:
        item, grid = odd[0]
        warn(
            f"{what}: {len(odd)} of {len(items)} pairs lie on other pixels than the others, the first in {_file(item)}: "
            f"{_difference(usual.lattice, grid.lattice)} (as in {_file(first)}). They are resampled, and the reference is read on "
            "the map's pixels, which shifts the result a little; bring all files onto one grid (gdalwarp -tap)"
        )


def _file(item: Item) -> str:
    return Path(item.bands[PHASE].href).name


def _difference(usual: Lattice, odd: Lattice) -> str:
    if usual.crs != odd.crs:
        return f"{odd.crs} in place of {usual.crs}"
    sizes = [" x ".join(f"{side:.9g}" for side in lattice.resolution) for lattice in (odd, usual)]
    if sizes[0] != sizes[1]:
        return f"pixels of {sizes[0]} in place of {sizes[1]}"
    col = (odd.left - usual.left) / usual.resolution[0]
    row = (usual.top - odd.top) / usual.resolution[1]
    return f"shifted by {col - round(col):+.2g} columns and {row - round(row):+.2g} rows"


def check_values(items: Sequence[Item], what: str) -> None:
    """Look into a few pairs: refuse coherence that is none, warn of phase that looks wrapped or like coherence.

    Windows of at most five pairs are read; a file that cannot be read is the tile's business, which says why.

    Raises
    ------
    ParameterError
        If coherence lies outside of 0 to 1, or was 0 to 1 before it was scaled.

    Warns
    -----
    UserWarning
        If all phases lie within 0 to 1, or within -pi to pi as wrapped ones do.
    """
    chosen = [items[i] for i in sorted({*np.linspace(0, len(items) - 1, PAIRS).round().astype(int).tolist()})]
    reader = Reader(cache_bytes=16 * MIB, roots=settings().roots)
    phase = np.concatenate([np.empty(0, np.float32), *(_sample(reader, item, PHASE) for item in chosen)])
    like_coherence = phase.size >= ENOUGH and phase.min() >= 0 and phase.max() <= 1 and np.ptp(phase) > 0
    for item in chosen:
        if COHERENCE in item.bands:
            _check_coherence(
                item.bands[COHERENCE], _sample(reader, item, COHERENCE), what, swapped=bool(like_coherence)
            )
    if like_coherence:
        warn(
            f"{what}: the unwrapped phase lies within 0 to 1 wherever it was looked at, as coherence does; are unwrapped= and "
            "coherence= the wrong way round?"
        )
    elif phase.size >= ENOUGH and _looks_wrapped(phase):
        warn(
            f"{what}: the phase lies within -pi to pi wherever it was looked at ({len(chosen)} of {len(items)} pairs), as wrapped "
            "phase does; the inversion needs unwrapped phase: open wrapped files with jeoview.ImageCollection.from_files(..., "
            "wrapped=True) and unwrap them first"
        )


def _looks_wrapped(phase: Floats) -> bool:
    size = np.abs(phase)
    return bool(size.max() <= np.pi * (1 + 1e-5) and (size > NEAR_PI).mean() >= SHARE)


def _check_coherence(band: Band, values: Floats, what: str, *, swapped: bool) -> None:
    if not values.size:
        return
    name, low, high = Path(band.href).name, float(values.min()), float(values.max())
    if low < -SLACK or high > 1 + SLACK:
        if swapped:
            way = "are unwrapped= and coherence= the wrong way round?"
        elif band.scale == 1 and low >= 0 and 2 < high <= 255:
            way = "give coherence_scale=, the coherence of one step; 1/255 for bytes"
        else:
            way = "choose the files of coherence; a number that means no data belongs into their header"
        raise ParameterError(f"{what}: {name} holds {low:.4g} to {high:.4g}, and coherence is 0 to 1; {way}")
    if band.scale < 1 and "float" in band.data_type and values.size >= ENOUGH and 0 < high <= 1.0001 * band.scale:
        raise ParameterError(
            f"{what}: {name} holds coherence of 0 to 1 already ({high / band.scale:.4g} at the most); leave coherence_scale out"
        )


def _sample(reader: Reader, item: Item, band: str) -> Floats:
    """The valid values of five windows: the middle, and halfway to the corners."""
    with suppress(SourceError, RefusedError):
        grid = reader.native_grid(item, band)
        read = [reader.read(item, [band], window, "nearest").ravel() for window in _windows(grid)]
        values = np.concatenate(read).astype(np.float32, copy=False)
        return values[np.isfinite(values)]
    return np.empty(0, np.float32)


def _windows(grid: Grid) -> Iterator[Grid]:
    height, width = min(SIDE, grid.height), min(SIDE, grid.width)
    for down, across in ((2, 2), (1, 1), (1, 3), (3, 1), (3, 3)):
        row, col = (grid.height - height) * down // 4, (grid.width - width) * across // 4
        yield Grid(grid.lattice, grid.row + row, grid.col + col, height, width)
