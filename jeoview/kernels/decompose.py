"""Motion up and east from lines of sight, pixel by pixel."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Lines of sight that differ by less than this (as cosine of the angle, squared) do not tell up from east.
PARALLEL = 1e-10


@njit(cache=True, nogil=True)
def up_and_east(tracks: Floats) -> Floats:  # pragma: no cover - compiled
    """Least squares of v_k = e_k E + u_k U over the tracks that a pixel has.

    Parameters
    ----------
    tracks : (track, 3, pixel) float32
        Velocity or displacement along the line of sight, and east and up components of the unit vector.

    Returns
    -------
    (3, pixel) float32
        U, E and the condition number of the matrix of e_k and u_k; NaN with fewer than two tracks.
    """
    count, _, pixels = tracks.shape
    out = np.full((3, pixels), np.nan, np.float32)
    for p in range(pixels):
        ee, eu, uu, ev, uv = 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(count):
            v, e, u = np.float64(tracks[k, 0, p]), np.float64(tracks[k, 1, p]), np.float64(tracks[k, 2, p])
            if v == v and e == e and u == u:
                ee += e * e
                eu += e * u
                uu += u * u
                ev += e * v
                uv += u * v
        determinant, half = ee * uu - eu * eu, 0.5 * (ee + uu)
        if determinant <= PARALLEL * half * half:
            continue
        out[0, p] = (ee * uv - eu * ev) / determinant
        out[1, p] = (uu * ev - eu * uv) / determinant
        # The larger eigenvalue; the smaller one is determinant / larger, without a difference of equals.
        larger = half + np.sqrt(max(half * half - determinant, 0.0))
        out[2, p] = larger / np.sqrt(determinant)
    return out
