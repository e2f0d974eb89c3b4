"""MintPy from its own file to a displacement series, timed; it imports nothing of jeoview.

    python mintpy_file.py INPUT.npz FOLDER OUTPUT.npz

INPUT: ``phase`` (pair, y, x) rad with NaN, ``coherence``, ``date12`` (pair, 2) YYYYMMDD, ``reference`` (pair,) rad,
``wavelength``, ``repeat``. The ifgramStack.h5 is written as MintPy's load_data does, in its default chunks, and the
first run is not counted. OUTPUT: ``velocity`` m/yr, ``coherence``, ``seconds`` (repeat,) of the series and coherence alone.
"""

import contextlib
import io
import sys
import time
from pathlib import Path

import h5py
import numpy as np
from mintpy.ifgram_inversion import run_ifgram_inversion_patch
from mintpy.utils import time_func


def write(path, given):
    """An ifgramStack.h5."""
    pairs, height, width = given["phase"].shape
    with h5py.File(path, "w") as file:
        file["date"] = given["date12"].astype("S8")
        file["dropIfgram"] = np.ones(pairs, dtype=bool)
        file["bperp"] = np.zeros(pairs, dtype=np.float32)
        for name, key in (("unwrapPhase", "phase"), ("coherence", "coherence")):
            file.create_dataset(name, data=np.nan_to_num(given[key]).astype(np.float32), chunks=True)
        about = {
            "FILE_TYPE": "ifgramStack", "LENGTH": height, "WIDTH": width, "WAVELENGTH": float(given["wavelength"]),
            "PROCESSOR": "isce", "REF_Y": 0, "REF_X": 0, "UNIT": "radian", "ALOOKS": 1, "RLOOKS": 1,
        }  # fmt: skip
        for name, value in about.items():
            file.attrs[name] = str(value)


def main():
    given = np.load(sys.argv[1])
    path = Path(sys.argv[2]) / "ifgramStack.h5"
    write(path, given)
    dates = sorted({str(day) for pair in given["date12"] for day in pair})
    model = {"polynomial": 1, "periodic": [], "stepDate": [], "polyline": [], "exp": {}, "log": {}}
    seconds = []
    for _ in range(int(given["repeat"]) + 1):
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            series, _, quality, *_ = run_ifgram_inversion_patch(
                str(path), box=(0, 0, given["phase"].shape[2], given["phase"].shape[1]),
                ref_phase=given["reference"], weight_func="no",
            )  # fmt: skip
            _, found, _ = time_func.estimate_time_func(model, dates, series.reshape(len(dates), -1))
        seconds.append(time.perf_counter() - start)
    np.savez(sys.argv[3], velocity=found[1].reshape(quality.shape), coherence=quality, seconds=seconds[1:])


if __name__ == "__main__":
    main()
