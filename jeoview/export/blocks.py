"""A large area, block by block: bounded memory, all cores, and the same pixels as in one piece."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

import numpy as np

from jeoview.errors import LimitError, ParameterError
from jeoview.export.dates import merged
from jeoview.export.request import Request, middle
from jeoview.grid import Grid
from jeoview.planner import needs_view
from jeoview.progress import Bar
from jeoview.raster import Kind, Raster

# What all threads together may hold in arrays of blocks; the caches of the engine come on top.
MEMORY = 256 << 20
BLOCK = 1024
# Blocks are whole tiles of the file that they go to.
STEP = 512
LARGE = 2048
SMALLEST = 32
MAX_THREADS = 8


def threads() -> int:
    """Number of cores that this process may use, 8 at the most."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MAX_THREADS)


def render(wanted: Request, consume: Callable[[Raster], None], bar: Bar) -> bool:
    """Compute a request and hand over every block of it; return whether any pixel is valid.

    Parameters
    ----------
    wanted : Request
        Chain and grid.
    consume : callable
        Takes each block; called from many threads, for the first block alone before all others.
    bar : Bar
        Told the pixels done.

    Raises
    ------
    JeoviewError
        Whatever computing or consuming raises; no block is begun after it.
    """
    size = _whole(wanted) or _block_size(wanted)
    first, *rest = _ordered(wanted.grid.blocks(max(size, STEP)))
    held = wanted.layers * first.height * first.width * 4

    valid = False

    def one(block: Grid) -> int:
        nonlocal valid
        raster = piecewise(wanted, block, size)
        # Once it is found nothing more is looked at.
        valid = valid or has_data(raster)
        consume(raster)
        return block.height * block.width

    bar.update(one(first))
    pool = ThreadPoolExecutor(max(1, min(threads(), MEMORY // max(held, 1))))
    try:
        for done in as_completed([pool.submit(one, block) for block in rest]):
            bar.update(done.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return valid


def has_data(raster: Raster) -> bool:
    """Whether any pixel is valid: no nodata, not transparent."""
    if raster.kind is Kind.COLOUR:
        return bool((raster.array[0] != 0).any() if raster.palette is not None else raster.array[3].any())
    return not bool(np.isnan(raster.array).all())


def _whole(wanted: Request) -> int:
    """The size of the whole area where the chain needs it at once, and it is not too much; else 0."""
    grid, engine = wanted.grid, wanted.engine
    if not needs_view(wanted.node):
        return 0
    cost = engine.cost(wanted.node, grid, view=grid)
    return -(-max(grid.shape) // STEP) * STEP if cost.total <= engine.settings.max_tile_bytes else 0


def _block_size(wanted: Request) -> int:
    """Pixels a side of a block that fits the memory of one thread."""
    share = MEMORY // threads()
    padding = _own_cost(wanted, 1)[1]
    size = LARGE if padding > BLOCK // 16 else BLOCK
    while size > SMALLEST and _is_too_large(wanted, size, share):
        size //= 2
    return size


def _is_too_large(wanted: Request, size: int, share: int) -> bool:
    try:
        return _own_cost(wanted, size)[0] > share
    except LimitError:
        # More of a sensor's pixels than one block may be formed from.
        return True


def _own_cost(wanted: Request, size: int) -> tuple[int, int]:
    """Bytes and padding of a block, without the barriers that all blocks share."""
    grid = wanted.grid
    costs = []
    for side in (size, 1):
        height, width = min(side, grid.height), min(side, grid.width)
        middle = Grid(
            grid.lattice, grid.row + (grid.height - height) // 2, grid.col + (grid.width - width) // 2, height, width
        )
        costs.append(wanted.engine.cost(wanted.node, middle, view=grid))
    return costs[0].array_bytes - costs[1].array_bytes, costs[0].padding


def _ordered(blocks: list[Grid]) -> list[Grid]:
    """The middle one first, for it tells most surely what the result is like; then neighbours after neighbours.

    The order is Morton's (1966): the bits of row and column in turn, so that what is read for one block is
    still in memory for the next.
    """
    corner, area = blocks[0], blocks[0].union(blocks[-1])
    first = next(block for block in blocks if block.contains(middle(area)))

    def place(block: Grid) -> int:
        down, right = (block.row - corner.row) // STEP, (block.col - corner.col) // STEP
        return sum((down >> bit & 1) << (2 * bit + 1) | (right >> bit & 1) << (2 * bit) for bit in range(24))

    return [first, *sorted((block for block in blocks if block is not first), key=place)]


def piecewise(wanted: Request, block: Grid, size: int) -> Raster:
    """One block, computed in pieces of at most ``size`` pixels a side; a series has all dates of the whole grid."""
    if size >= max(block.shape):
        return _render(wanted, block)
    pieces = [_render(wanted, piece) for piece in block.blocks(size)]
    dtype = np.result_type(*(piece.array.dtype for piece in pieces))
    array = np.empty((*pieces[0].array.shape[:-2], *block.shape), dtype=dtype)
    for piece in pieces:
        array[(..., *block.window_of(piece.grid))] = piece.array
    return replace(pieces[0], array=array, grid=block)


def _render(wanted: Request, block: Grid) -> Raster:
    raster = wanted.engine.render(wanted.node, block, view=wanted.grid, steady=wanted.steady)
    return _on_axis(wanted, raster) if raster.kind is Kind.SERIES else raster


def _on_axis(wanted: Request, raster: Raster) -> Raster:
    """The layers of a block in the places that they have in the whole, scenes of one pass laid over each other."""
    if wanted.own_dates:
        if raster.dates != wanted.dates:
            raise ParameterError(
                f"{wanted.node.operator} gives other dates at other places; export a smaller area, or reduce the series"
            )
        return raster
    index = {(layer.item.collection, layer.item.id): number for number, layer in enumerate(wanted.axis)}
    here = wanted.engine.layers(wanted.node, raster.grid, view=wanted.grid)
    array = np.full((len(wanted.axis), *raster.array.shape[1:]), np.nan, dtype=raster.array.dtype)
    for values, layer in zip(raster.array, here, strict=True):
        number = index.get((layer.item.collection, layer.item.id))
        # A scene that comes near the block but not near the whole has no pixel in either.
        if number is not None:
            array[number] = values
    return replace(raster, array=merged(array, wanted.groups), dates=wanted.dates)
