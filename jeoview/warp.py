"""Where the pixels of a target lie in a source, the same for every window of the target.

Positions come from control points at multiples of a spacing on the absolute lattice of the target,
bilinear in between. The spacing depends on the target's lattice alone, so that two tiles agree on
every pixel that they share, bit for bit. A cell that the projection tears (a corner without a place,
the antimeridian) is computed pixel by pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import ParameterError
from jeoview.grid import Grid, Lattice
from jeoview.kernels import warp as kernel
from jeoview.projection import is_geographic, metres_per_unit, transform
from jeoview.raster import Array

METHODS = ("nearest", "bilinear")
# Largest error of a position between control points, in target pixels, by the estimate of `spacing`.
# The tests hold four times that, and a true nearest pixel for all but 0.01 % (zoom 12 and finer: 0.02 %).
POSITION_ERROR = 0.002
MAX_SPACING = 16
EARTH_RADIUS = 6_378_137.0
# A position this near to a pixel's edge or centre, in pixels, is meant to be on it: decimal
# resolutions are not exact in binary. Only for windows of the source's own reference system.
SNAP = 1e-6
MAX_OVERSAMPLING = 1.05
# Windows with more control points are remembered only shortly.
FEW = 2048

Affine = tuple[float, float, float, float, float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the pixels of a source lie; unlike a `Grid` it may be rotated.

    Parameters
    ----------
    crs : str
        Canonical reference system.
    transform : tuple of 6 floats
        (a, b, c, d, e, f): x = a col + b row + c, y = d col + e row + f, at pixel corners.
    height, width : int
        Size in pixels.
    row, col : int
        Pixel of the transform's count that is the upper left one of the source.
    """

    crs: str
    transform: Affine
    height: int
    width: int
    row: int = 0
    col: int = 0

    @classmethod
    def of(cls, grid: Grid) -> Placement:
        """The placement of a window; positions count from the origin of its lattice."""
        return cls(grid.crs, grid.lattice.transform, grid.height, grid.width, grid.row, grid.col)

    def at_level(self, height: int, width: int) -> Placement:
        """The same area with another number of pixels: an overview."""
        x, y = self.width / width, self.height / height
        a, b, c, d, e, f = self.transform
        return Placement(self.crs, (a * x, b * y, c, d * x, e * y, f), height, width)

    @property
    def period(self) -> float:
        """Columns of 360 degrees, for a north-up source in degrees; else 0."""
        a, b, _, d, _, _ = self.transform
        return abs(360.0 / a) if b == d == 0.0 and is_geographic(self.crs) else 0.0


@dataclass(frozen=True, slots=True)
class Positions:
    """Source positions of a target window, as `jeoview.kernels.warp` takes them."""

    nodes: tuple[Floats, Floats]
    window: tuple[int, int, int]
    period: float
    exact: bool = False

    @property
    def where(self) -> kernel.Where:
        """The same as one argument."""
        return self.nodes, self.window, self.period

    @property
    def aligned(self) -> bool:
        """Whether every target centre is a source centre, so that no method changes a value."""
        return self.exact and all(bool((axis - np.floor(axis) == 0.5).all()) for axis in self.nodes)


@lru_cache(maxsize=1024)
def spacing(lattice: Lattice) -> int:
    """Pixels between control points: a power of two, 16 for fine lattices, 1 (exact) for the coarsest.

    Bending over a cell of s pixels of r metres is about (s r)^2 / (8 R), so the error in pixels is
    s^2 r / (8 R), R the radius of the Earth.
    """
    metres = max(lattice.resolution) * metres_per_unit(lattice.crs)
    largest = math.sqrt(8.0 * EARTH_RADIUS * POSITION_ERROR / metres)
    return max(1, min(MAX_SPACING, 1 << max(0, math.floor(math.log2(largest)))))


def positions(source: Placement, target: Grid) -> Positions:
    """Return the source positions of all pixel centres of ``target``.

    Returns
    -------
    Positions
        In source pixels, edge convention: pixel (i, j) covers [i, i + 1) x [j, j + 1).
    """
    if source.crs == target.crs and source.transform[1] == source.transform[3] == 0.0:
        return _separable(source, target)
    step = 1 if source.crs == target.crs else spacing(target.lattice)
    first_row, first_col = target.row // step, target.col // step
    count = (target.row + target.height - 1) // step - first_row, (target.col + target.width - 1) // step - first_col
    rows, cols = count[0] + 2, count[1] + 2
    control_points = _few_points if rows * cols <= FEW else _many_points
    x, y, torn = control_points(source.crs, target.lattice, step, first_row, first_col, rows, cols)
    window = (step, target.row - first_row * step, target.col - first_col * step)
    nodes = pixels_of(source, x, y)
    if torn is None:
        return Positions(nodes, window, source.period)
    return Positions(_mended(source, target, nodes, window, torn), (1, 0, 0), source.period)


def _separable(source: Placement, target: Grid) -> Positions:
    a, _, c, _, e, f = source.transform
    rows, cols = _snapped((target.y - f) / e), _snapped((target.x - c) / a)
    return Positions((rows[:, None], cols[None, :]), (1, 0, 0), source.period, exact=True)


def _snapped(values: Floats) -> Floats:
    half = np.round(2.0 * values) / 2.0
    return np.ascontiguousarray(np.where(np.abs(values - half) < SNAP, half, values))


def pixels_of(source: Placement, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Rows and columns of places in the source's own reference system."""
    a, b, c, d, e, f = source.transform
    if b == d == 0.0:
        return (y - f) / e, (x - c) / a
    area = a * e - b * d
    return (a * (y - f) - d * (x - c)) / area, (e * (x - c) - b * (y - f)) / area


def _control_points(
    crs: str, lattice: Lattice, step: int, row: int, col: int, height: int, width: int
) -> tuple[Floats, Floats, NDArray[np.bool_] | None]:
    """Coordinates in ``crs`` of nodes row .. row + height - 1, and which cells are torn (None: no cell)."""
    # The centre of every step-th pixel of the lattice, counted from its origin.
    rows, cols = np.arange(row, row + height) * step, np.arange(col, col + width) * step
    x, y = _centres(crs, lattice, *np.meshgrid(rows, cols, indexing="ij"))
    torn = _torn(x, y, lattice, crs, step) if step > 1 else np.zeros((1, 1), dtype=bool)
    return x, y, torn if torn.any() else None


_few_points = lru_cache(maxsize=2048)(_control_points)
_many_points = lru_cache(maxsize=8)(_control_points)


def _centres(crs: str, lattice: Lattice, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> tuple[Floats, Floats]:
    dx, dy = lattice.resolution
    return transform(lattice.crs, crs, lattice.left + (cols + 0.5) * dx, lattice.top - (rows + 0.5) * dy)


def _torn(x: Floats, y: Floats, lattice: Lattice, crs: str, step: int) -> NDArray[np.bool_]:
    """Cells with a corner that has no place, or with corners much farther apart than the cell is wide."""
    limit = 8.0 * step * max(lattice.resolution) * metres_per_unit(lattice.crs) / metres_per_unit(crs)
    corners = [np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, :-1], np.s_[1:, 1:]]
    wide = np.zeros((x.shape[0] - 1, x.shape[1] - 1), dtype=bool)
    for axis in (x, y):
        stack = np.stack([axis[corner] for corner in corners])
        # A difference with NaN is not below the limit either.
        wide |= ~(stack.max(axis=0) - stack.min(axis=0) < limit)
    return wide


def _mended(
    source: Placement, target: Grid, nodes: tuple[Floats, Floats], window: tuple[int, int, int], torn: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Dense positions: from the nodes, and exact where a cell is torn."""
    rows, cols = np.empty(target.shape), np.empty(target.shape)
    kernel.dense(nodes, window, rows, cols)
    step, row, col = window
    y, x = np.arange(target.height), np.arange(target.width)
    where = np.nonzero(torn[np.ix_((row + y) // step, (col + x) // step)])
    place = _centres(source.crs, target.lattice, target.row + where[0], target.col + where[1])
    rows[where], cols[where] = pixels_of(source, *place)
    return rows, cols


@lru_cache(maxsize=4096)
def sampling(source: Placement, lattice: Lattice) -> float:
    """Source pixels per target pixel, along one axis, at the centre of the source.

    A function of the source and the lattice alone, so that every tile of a zoom reads the same overview.
    """
    for down, right in ((0.5, 0.5), (0.25, 0.5), (0.75, 0.5), (0.5, 0.25), (0.5, 0.75)):
        ratio = _sampling_at(source, lattice, down * source.height, right * source.width)
        if math.isfinite(ratio) and ratio > 0.0:
            return ratio
    return 1.0


def _sampling_at(source: Placement, lattice: Lattice, row: float, col: float) -> float:
    a, b, c, d, e, f = source.transform
    row, col = row + source.row, col + source.col
    x, y = transform(source.crs, lattice.crs, [a * col + b * row + c], [d * col + e * row + f])
    dx, dy = lattice.resolution
    around = np.array([-0.5, 0.5, 0.0, 0.0]), np.array([0.0, 0.0, -0.5, 0.5])
    rows, cols = pixels_of(source, *transform(lattice.crs, source.crs, x + dx * around[0], y + dy * around[1]))
    area = (rows[1] - rows[0]) * (cols[3] - cols[2]) - (rows[3] - rows[2]) * (cols[1] - cols[0])
    return math.sqrt(abs(float(area)))


def choose_level(source: Placement, shapes: tuple[tuple[int, int], ...], lattice: Lattice) -> int:
    """The coarsest of the levels (full resolution first) that is not coarser than the target's pixels."""
    ratio = sampling(source, lattice) * MAX_OVERSAMPLING
    fitting = [i for i, (height, width) in enumerate(shapes) if i == 0 or source.width / width <= ratio]
    return max(fitting, key=lambda i: source.height / shapes[i][0])


def check_method(method: str) -> str:
    """Return the resampling method.

    Raises
    ------
    ParameterError
        If it is neither ``nearest`` nor ``bilinear``.
    """
    if method not in METHODS:
        raise ParameterError(f"resampling is {method!r}; expected 'nearest' or 'bilinear'")
    return method


def resample(array: Array, source: Grid, target: Grid, method: str) -> Array:
    """Warp an array in memory to another grid.

    Parameters
    ----------
    array : ndarray
        (..., height, width) on ``source``. float32, float64 and complex numbers (resampled as such) with NaN
        as nodata; integers and booleans, which are labels, only by ``nearest``.
    source, target : Grid
        Where the pixels lie and where they are wanted.
    method : {"nearest", "bilinear"}
        ``nearest``: the pixel that holds the target's centre. ``bilinear``: NaN where that pixel is invalid,
        else the weights of invalid neighbours go to the valid ones.

    Returns
    -------
    ndarray
        (..., height, width) on ``target``, of the same type; NaN (labels: 0) outside the source.

    Raises
    ------
    ParameterError
        If the method is not known, or is bilinear for labels.
    ValueError
        If the array is not on ``source``: a fault of the caller.
    """
    check_method(method)
    if array.shape[-2:] != source.shape:
        raise ValueError(f"the array has {array.shape[-2:]} pixels, its grid {source.shape}")
    if source.lattice == target.lattice and source.contains(target):
        rows, cols = source.window_of(target)
        return np.ascontiguousarray(array[..., rows, cols])
    where = positions(Placement.of(source), target)
    if array.dtype.kind in "biu":
        if method != "nearest":
            raise ParameterError("labels can only be resampled by 'nearest'; a mean of two labels is none")
        return _take(array, source, target, where)
    return sample(np.ascontiguousarray(array), source, target, where, method)


def _take(array: Array, source: Grid, target: Grid, where: Positions) -> Array:
    index = np.empty(target.shape, dtype=np.int64)
    kernel.nearest_index(index, _layout(source), where.where)
    flat = array.reshape(*array.shape[:-2], -1)
    return np.where(index >= 0, flat[..., index], flat.dtype.type(0))


def sample(array: Array, source: Grid, target: Grid, where: Positions, method: str) -> Array:
    """Values at known positions, counted from the origin of the source's lattice; see `resample`."""
    if array.size == 0:
        return np.full((*array.shape[:-2], *target.shape), np.nan, dtype=array.dtype)
    layers = array.reshape(-1, *source.shape)
    out = np.empty((len(layers), *target.shape), dtype=array.dtype)
    table = np.array([[layers.ctypes.data]], dtype=np.int64)
    bands = np.arange(len(layers), dtype=np.int64) * (source.height * source.width)
    calibration = np.tile([0.0, 0.0, 1.0, 0.0], (len(layers), 1))
    gather(method, where)(out, np.zeros(1, array.dtype), (table, _layout(source), bands, calibration), where.where)
    return out.reshape(*array.shape[:-2], *target.shape)


def gather(method: str, where: Positions) -> kernel.Gather:
    """The kernel of a method; where all centres coincide the nearest pixel is the answer of both."""
    return kernel.gather_nearest if method == "nearest" or where.aligned else kernel.gather_bilinear


def _layout(source: Grid) -> NDArray[np.int64]:
    height, width = source.shape
    return np.array([source.row, source.col, height, width, 0, 0, height, width, width, 1], dtype=np.int64)
