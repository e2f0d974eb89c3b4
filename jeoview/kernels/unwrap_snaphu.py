"""Unwrapping by SNAPHU (Chen and Zebker 2001), the program inside the package ``snaphu``.

The program is run as a process of its own that reads and writes files in memory: nothing is left on the disk,
whatever ends it, and the kernel ends it with the process that asked, a tile worker over its deadline for instance.
Its minimum cost flow solver may not be used commercially, so the package is an extra.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import JeoviewError, ParameterError
from jeoview.progress import check_wanted

Floats = NDArray[np.float32]
Array = NDArray[Any]

# Ends with the parent (prctl 1: PR_SET_PDEATHSIG, 9: SIGKILL), unless it is gone already, then becomes the program.
_LAUNCHER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
# What the package's own `snaphu.unwrap` writes, and its defaults.
_CONFIGURATION = """\
INFILE {phase}
INFILEFORMAT COMPLEX_DATA
CORRFILE {coherence}
CORRFILEFORMAT FLOAT_DATA
OUTFILE {unwrapped}
OUTFILEFORMAT FLOAT_DATA
CONNCOMPFILE {component}
CONNCOMPOUTTYPE UINT
BYTEMASKFILE {mask}
LINELENGTH {width}
NCORRLOOKS {looks}
STATCOSTMODE {cost}
INITMETHOD {init}
MINCONNCOMPFRAC {least:.9f}
KPARDPSI 7
KPERPDPSI 7
"""


# How often it is looked up whether the result is still wanted.
LOOK_UP_SECONDS = 0.25
# It refuses an area of a few pixels, which is given a margin without data.
LEAST = 8
# It works as long on pixels without data as on others: of these it gets no more than its windows (KPARDPSI) look at.
MARGIN = 8
# Share of all pixels, those without data too, that a component has at least.
LEAST_COMPONENT = 0.01


@dataclass(frozen=True)
class Settings:
    """What the program is told.

    Parameters
    ----------
    looks : float
        Independent looks behind the coherence.
    cost : {"smooth", "defo"}
        What the phase is taken for: a smooth surface, or motion that may jump.
    init : {"mcf", "mst"}
        First guess by minimum cost flow, or by a minimum spanning tree, which is quicker.
    """

    looks: float = 1.0
    cost: str = "smooth"
    init: str = "mcf"


def program() -> Path:
    """The program.

    Raises
    ------
    ParameterError
        If the package is not installed; the message says how.
    """
    found = find_spec("snaphu")
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / "snaphu").is_file():
            return Path(folder) / "snaphu"
    raise ParameterError(
        "unwrap(method='snaphu') needs the package snaphu where the pixels are computed: pip install 'jeoview[snaphu]' "
        "(its solver may not be used commercially); method='reliability' needs nothing more"
    )


def unwrap_by_cost(
    values: Array, coherence: Floats, valid: NDArray[np.bool_], settings: Settings
) -> tuple[Floats, Floats]:
    """Unwrap as `snaphu.unwrap` does, in one piece.

    Parameters
    ----------
    values : (y, x) complex64
        Interferogram.
    coherence : (y, x) float32
        0 to 1.
    valid : (y, x) bool
        Pixels that count.
    settings : Settings
        How.

    Returns
    -------
    unwrapped, component : (y, x) float32
        rad; and the number of the part that is unwrapped in itself without contradiction, 0 for none. NaN where not
        valid.

    Raises
    ------
    ParameterError
        If the package is not installed.
    JeoviewError
        If the program gives up; the message holds its own.
    """
    command = program()
    unwrapped, component = np.full((2, *valid.shape), np.nan, dtype=np.float32)
    if not valid.any():
        return unwrapped, component
    part = _around(valid)
    found = _solved(command, values[part], coherence[part], valid[part], settings, LEAST_COMPONENT * valid.size)
    for out, whole in zip((unwrapped, component), found, strict=True):
        out[part][valid[part]] = whole[valid[part]]
    return unwrapped, component


def _around(valid: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns in which something is valid, and a margin."""
    spans = (np.flatnonzero(valid.any(axis=axis)) for axis in (1, 0))
    down, across = (slice(max(int(span[0]) - MARGIN, 0), int(span[-1]) + MARGIN + 1) for span in spans)
    return down, across


def _solved(
    command: Path, values: Array, coherence: Floats, valid: NDArray[np.bool_], settings: Settings, least: float
) -> tuple[Array, Array]:
    """What the program makes of an area; a component has at least so many pixels."""
    there = _with_margin(valid, False)
    inputs: dict[str, Array] = {
        "phase": np.where(there, _with_margin(values, 0), 0).astype(np.complex64),
        "coherence": np.where(there, _with_margin(coherence, 0), 0).astype(np.float32),
        "mask": there.astype(np.uint8),
    }
    with _memory_files(*inputs, "unwrapped", "component", "configuration") as files:
        for name, array in inputs.items():
            _write(files[name], array.tobytes())
        names = {name: f"/proc/self/fd/{file}" for name, file in files.items()}
        text = _CONFIGURATION.format(
            width=there.shape[1],
            looks=settings.looks,
            cost=settings.cost.upper(),
            init=settings.init.upper(),
            least=min(least / there.size, 1.0),
            **names,
        )
        _write(files["configuration"], text.encode())
        _run([str(command), "-f", names["configuration"]], tuple(files.values()))
        phase = _read(files["unwrapped"], np.float32, there.shape)
        number = _read(files["component"], np.uint32, there.shape)
    inner = np.s_[: valid.shape[0], : valid.shape[1]]
    return phase[inner], number[inner]


def _with_margin(values: Array, fill: Any) -> Array:
    """The array, grown at its lower right end to at least 8 x 8."""
    down, right = (max(LEAST - count, 0) for count in values.shape)
    return np.pad(values, ((0, down), (0, right)), constant_values=fill) if down or right else values


@contextmanager
def _memory_files(*names: str) -> Iterator[dict[str, int]]:
    files = {name: os.memfd_create(f"jeoview-{name}") for name in names}
    try:
        yield files
    finally:
        for file in files.values():
            os.close(file)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _read(file: int, dtype: type[Any], shape: tuple[int, int]) -> Array:
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    with os.fdopen(os.dup(file), "rb") as stream:
        stream.seek(0)
        data = stream.read()
    if len(data) != size:
        raise JeoviewError(f"snaphu wrote {len(data):,} bytes where {size:,} were expected")
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def _wait(process: subprocess.Popen[bytes]) -> bytes:
    """What the program says on its way out; it is asked now and then whether anybody still wants the result."""
    while True:
        try:
            return process.communicate(timeout=LOOK_UP_SECONDS)[1]
        except subprocess.TimeoutExpired:
            check_wanted()


def _run(command: list[str], files: tuple[int, ...]) -> None:
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]
    with subprocess.Popen(
        launch, pass_fds=files, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            said = _wait(process)
        except BaseException:
            # An interrupt from the keyboard is meant for the program too.
            process.kill()
            raise
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        reason = next((line for line in lines if line and not line.startswith("Abort")), "no reason given")
        raise JeoviewError(f"snaphu gave up: {reason[:200]}")
