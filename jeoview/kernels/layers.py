"""Many layers of one geometry at once: where the pixels of a tile lie is worked out once, and then holds for every layer.

The blocks of a stack are gone through one after the other, in each of them its layers, and in a layer the runs of
target pixels that fall into the block: memory is read in the order in which it lies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.memory import load

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def gather_layers(
    out: NDArray[Any],
    band: int,
    layers: Ints,
    sample: NDArray[Any],
    source: tuple[Ints, Ints, Floats],
    place: tuple[NDArray[np.int32], NDArray[np.int32]],
) -> None:
    """Write the pixel of every layer that holds each target centre into ``out[layers[k], band]``; NaN outside.

    Parameters
    ----------
    out : (layer, band, y, x)
        Target, C-contiguous.
    band : int
        The band to fill.
    layers : (n,) int64
        Which layers of ``out`` to fill.
    sample : (1,) of the source's type
        One 0.
    source : tuple
        Addresses (1 or n, block) of the blocks, one row for all layers or one each, 0 where there is none; offset of
        each layer in its blocks, in items; calibration, see `jeoview.kernels.warp`.
    place : tuple
        Offset of each target pixel (y, x) in its block, in items; runs (block, y, first x, end), block -1 for outside.
    """
    addresses, offsets, calibration = source
    # Flat arrays and unsigned indices: views, and indices that might count from the end, cost twice the time.
    flat, at, runs = out.ravel(), place[0].ravel(), place[1]
    bands, size, width = np.uint64(out.shape[1]), np.uint64(out.shape[2] * out.shape[3]), np.uint64(out.shape[3])
    nothing = sample[0] * np.nan
    start = 0
    while start < len(runs):
        block, stop = runs[start, 0], start
        while stop < len(runs) and runs[stop, 0] == block:
            stop += 1
        for k in range(len(layers)):
            address = addresses[k if len(addresses) > 1 else 0, block] if block >= 0 else 0
            flag, nodata, scale, shift = calibration[k, 0], calibration[k, 1], calibration[k, 2], calibration[k, 3]
            picture = (np.uint64(layers[k]) * bands + np.uint64(band)) * size
            for r in range(start, stop):
                row = np.uint64(runs[r, 1]) * width
                for x in range(row + np.uint64(runs[r, 2]), row + np.uint64(runs[r, 3])):
                    if address == 0:
                        flat[picture + x] = nothing
                        continue
                    raw = load(address, at[x] + offsets[k], sample)
                    # The same numbers as in `jeoview.kernels.warp.gather_nearest`, to the last bit.
                    invalid = (raw != raw) | ((flag != 0.0) & (raw == nodata))
                    flat[picture + x] = nothing if invalid else raw * scale + shift
        start = stop
