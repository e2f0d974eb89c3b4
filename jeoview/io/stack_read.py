"""One window of many layers: a stack of pairs on a grid, from a stack store or from a file each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.io.blocks import Block
from jeoview.io.geometry import Geometry, Job, decoded_bytes
from jeoview.io.phasors import Calibration
from jeoview.kernels import warp as kernel
from jeoview.kernels.layers import gather_layers
from jeoview.kernels.parts import in_parts

Array = NDArray[Any]
Ints = NDArray[np.int64]
# Files whose blocks are decoded together, and their bytes; more would only hold more memory.
TOGETHER, TOGETHER_BYTES = 16, 256 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where the pixels of a grid lie in the blocks of a geometry, for `jeoview.kernels.layers`."""

    at: NDArray[np.int32]
    runs: NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.at.nbytes + self.runs.nbytes

    @classmethod
    def of(cls, geometry: Geometry, shape: tuple[int, int]) -> Places:
        """Work them out once for all layers."""
        level, (top, left), (_, across) = geometry.shape, geometry.first, geometry.table
        flat = np.empty(shape, dtype=np.int64)
        kernel.nearest_index(flat, geometry.layout, geometry.where.where)
        row, col = np.divmod(flat, level.width)
        block_row, in_row = np.divmod(row, level.block_height)
        block_col, in_col = np.divmod(col, level.block_width)
        block = np.where(flat < 0, -1, (block_row - top) * across + block_col - left).astype(np.int32)
        at = (in_row * level.row_stride + in_col * level.col_stride).astype(np.int32)
        return cls(at, _runs(block))


def _runs(block: NDArray[np.int32]) -> NDArray[np.int32]:
    """Rows of (block, y, first x, end) of neighbours in one block, ordered by block."""
    height, width = block.shape
    starts = np.ones((height, width), dtype=bool)
    starts[:, 1:] = block[:, 1:] != block[:, :-1]
    y, x = np.nonzero(starts)
    end = np.append(x[1:], width)
    end[end == 0] = width
    runs = np.stack([block[y, x], y, x, end], axis=1).astype(np.int32)
    return np.ascontiguousarray(runs[np.argsort(runs[:, 0], kind="stable")])


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Layers of one band that come out of one file.

    Parameters
    ----------
    band : int
        Position in the result.
    layers : tuple of int
        Positions in the result, one for each band of the job.
    job : Job
        What to read.
    """

    band: int
    layers: tuple[int, ...]
    job: Job

    @property
    def nearest(self) -> bool:
        """Whether each value is the number of one pixel."""
        plain = self.job.method == "nearest" or self.job.geometry.where.aligned
        return plain and not self.job.by_phasors

    @property
    def alike(self) -> tuple[object, ...]:
        """Equal for parts that one call of the kernel can fill."""
        job = self.job
        return self.band, id(job.geometry), job.opened.source.dtype, self.nearest, len(self.layers) > 1

    @property
    def loads(self) -> list[tuple[Part, int, int, int]]:
        """Row, column and band of every block."""
        job = self.job
        band = 0 if job.geometry.shape.bands > 1 else job.infos[0].index - 1
        return [(self, row, col, band) for row, col in job.geometry.blocks]

    @property
    def offsets(self) -> list[int]:
        """Where the band of each layer begins in a block, in items."""
        shape = self.job.geometry.shape
        return [(info.index - 1) * shape.band_stride if shape.bands > 1 else 0 for info in self.job.infos]


def parts_of(band: int, layers: tuple[int, ...], job: Job) -> list[Part]:
    """One part where a block holds all bands of the file, else one a layer, as each has blocks of its own."""
    if job.geometry.shape.bands > 1:
        return [Part(band, layers, job)]
    return [Part(band, (layer,), replace(job, infos=[info])) for layer, info in zip(layers, job.infos, strict=True)]


def together(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Cut parts into groups for one call of the kernel."""
    for _, group in groupby(parts, lambda part: part.alike):
        same = list(group)
        most = min(max(TOGETHER_BYTES // max(decoded_bytes(same[0].job), 1), 1), TOGETHER)
        for first in range(0, len(same), most):
            yield same[first : first + most]


def fill(
    out: Array,
    parts: Sequence[Part],
    places: Places,
    blocks: Sequence[Block],
    calibrate: Callable[[Job], Sequence[Calibration]],
) -> None:
    """Write parts that are alike into ``out`` (layer, band, y, x).

    Parameters
    ----------
    out : ndarray
        Target.
    parts : sequence of Part
        All nearest, of one geometry, type and band.
    places : Places
        Of their geometry.
    blocks : sequence of Block
        What the loads of the parts gave, in order; held until the kernel is through, which reads by address.
    calibrate : callable
        Has nodata, nodata, scale and offset for each band of a job.
    """
    geometry = parts[0].job.geometry
    (top, left), (down, across) = geometry.first, geometry.table
    cells = np.array([(row - top) * across + col - left for row, col in geometry.blocks], dtype=np.int64)
    addresses = np.zeros((len(parts), max(down * across, 1)), dtype=np.int64)
    found = np.array([block.address for block in blocks], dtype=np.int64).reshape(len(parts), len(cells))
    addresses[:, cells] = found
    if len(parts) > 1:
        addresses = np.repeat(addresses, [len(part.layers) for part in parts], axis=0)
    layers = np.array([layer for part in parts for layer in part.layers], dtype=np.int64)
    offsets = np.array([offset for part in parts for offset in part.offsets], dtype=np.int64)
    calibration = np.array([row for part in parts for row in calibrate(part.job)])
    sample = np.zeros(1, parts[0].job.opened.source.dtype)

    def part(first: int, end: int) -> None:
        own = addresses[first:end] if len(parts) > 1 else addresses
        source = (np.ascontiguousarray(own), offsets[first:end], calibration[first:end])
        gather_layers(out, parts[0].band, layers[first:end], sample, source, (places.at, places.runs))

    in_parts(len(layers), 1, len(layers) * places.at.size, part)
