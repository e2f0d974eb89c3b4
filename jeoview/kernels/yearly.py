"""What a series gains between given times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


@njit(cache=True, nogil=True)
def _gains(values: Any, times: Doubles, ends: Doubles, out: Floats) -> None:  # pragma: no cover - compiled
    at = np.empty(ends.size)
    for i in range(values.shape[1]):
        count, before, first = 0, 0.0, 0.0
        reached, last = 0, 0.0
        for k in range(times.size):
            value = values[k, i]
            if value != value:
                continue
            if count == 0:
                first = times[k]
            while reached < ends.size and ends[reached] <= times[k]:
                part = (ends[reached] - last) / (times[k] - last) if count and times[k] > last else 1.0
                at[reached] = before + part * (value - before) if count else value
                reached += 1
            before, last = value, times[k]
            count += 1
        for k in range(reached, ends.size):
            at[k] = before
        for k in range(ends.size - 1):
            meets = count > 1 and ends[k] < last and ends[k + 1] > first
            out[k, i] = np.float32(at[k + 1] - at[k]) if meets else np.float32(np.nan)


def gains(values: NDArray[Any], times: Doubles, ends: Doubles) -> Floats:
    """What is gained from each of ``ends`` to the next.

    Parameters
    ----------
    values : (time, y, x) float32
        NaN = no data.
    times : (time,) float64
        Ascending.
    ends : (n + 1,) float64
        Ascending.

    Returns
    -------
    (n, y, x) float32
        Values at the ends are linear between the valid ones around, and those of the first and the last one outside.
        NaN where the valid ones do not reach into the interval.
    """
    shape = values.shape[1:]
    out = np.empty((ends.size - 1, int(np.prod(shape))), dtype=np.float32)
    _gains(np.ascontiguousarray(values).reshape(len(values), -1), times, ends, out)
    return out.reshape(-1, *shape)
