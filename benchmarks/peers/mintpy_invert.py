"""MintPy's own inversion and velocity of arrays, timed; it imports nothing of jeoview.

    python mintpy_invert.py INPUT.npz OUTPUT.npz

INPUT: ``phase`` (pair, pixel) rad with NaN, ``earlier``, ``later`` (pair,) positions in ``dates`` (date,) YYYYMMDD,
``weight_sqrt`` (pair, pixel) or empty, ``wavelength``, ``repeat``; or, in the place of ``weight_sqrt``, ``coherence`` (pair, pixel),
``weight`` (MintPy's name: coh, fim, var) and ``looks`` (independent), for weights of MintPy's own. OUTPUT: ``series`` (date, pixel) m,
``coherence`` (pixel,), ``velocity`` and ``std`` (pixel,) m/yr, ``seconds`` (repeat,) of all but the std.
"""

import contextlib
import datetime as dt
import io
import sys
import time

import numpy as np
from mintpy.ifgram_inversion import estimate_timeseries
from mintpy.simulation import decorrelation
from mintpy.utils import time_func


def design(earlier, later, dates):
    """MintPy's matrices: A of displacements, B of velocities, and the years between dates."""
    days = [dt.datetime.strptime(str(date), "%Y%m%d").replace(tzinfo=dt.UTC) for date in dates]
    steps = np.diff([(day - days[0]).days for day in days]).astype(np.float32) / np.float32(365.25)
    a = np.zeros((len(earlier), len(dates)), dtype=np.float32)
    b = np.zeros((len(earlier), len(dates) - 1), dtype=np.float32)
    for row, (first, second) in enumerate(zip(earlier, later, strict=True)):
        a[row, first], a[row, second] = -1, 1
        b[row, first:second] = steps[first:second]
    return a[:, 1:], b, steps.reshape(-1, 1)


def invert(phase, weight_sqrt, a, b, steps):
    """Pixels that are valid in all pairs together, the others one by one, as `run_ifgram_inversion_patch`."""
    size = phase.shape[1]
    series, coherence = np.zeros((a.shape[1] + 1, size), dtype=np.float32), np.zeros(size, dtype=np.float32)
    whole = np.all(~np.isnan(phase), axis=0) if weight_sqrt is None else np.zeros(size, dtype=bool)
    if whole.any():
        series[:, whole], coherence[whole], _ = estimate_timeseries(a, b, phase[:, whole], steps, print_msg=False)
    for i in np.flatnonzero(~whole & ~np.all(np.isnan(phase), axis=0)):
        weight = None if weight_sqrt is None else weight_sqrt[:, i : i + 1]
        found = estimate_timeseries(a, b, phase[:, i : i + 1], steps, weight_sqrt=weight, print_msg=False)
        series[:, i], coherence[i] = found[0].ravel(), np.asarray(found[1]).item()
    return series, coherence


def fit(series, dates):
    """Velocity and its standard error, as timeseries2velocity.py with a line."""
    model = {"polynomial": 1, "periodic": [], "stepDate": [], "polyline": [], "exp": {}, "log": {}}
    g, found, squares = time_func.estimate_time_func(model, dates, series)
    variance = squares / (g.shape[0] - g.shape[1])
    inverse = np.linalg.inv(g.T @ g)
    return found[1], np.sqrt(inverse[1, 1] * variance)


def roots(given):
    """Square roots of the weights as `calc_weight_sqrt` makes them; None without weights."""
    if "coherence" in given:
        weight = decorrelation.coherence2weight(
            given["coherence"], str(given["weight"]), L=int(given["looks"]), print_msg=False
        )
        return np.sqrt(weight)
    return given["weight_sqrt"] if given["weight_sqrt"].size else None


def main():
    given = np.load(sys.argv[1])
    dates = [str(date) for date in given["dates"]]
    weight_sqrt = roots(given)
    matrices = design(given["earlier"], given["later"], dates)
    seconds = []
    for _ in range(int(given["repeat"])):
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            series, coherence = invert(given["phase"], weight_sqrt, *matrices)
            series *= np.float32(-1 * given["wavelength"] / (4 * np.pi))
            velocity, std = fit(series, dates)
        seconds.append(time.perf_counter() - start)
    np.savez(sys.argv[2], series=series, coherence=coherence, velocity=velocity, std=std, seconds=seconds)


if __name__ == "__main__":
    main()
