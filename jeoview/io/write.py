"""Cloud-optimised GeoTIFFs, written block by block with bounded memory.

The blocks go into a plain tiled file first (in memory where it is small); GDAL's COG driver then
adds the overviews and lays the bytes out. All of it happens in a temporary folder beside the
target, which is renamed into place at the very end: after an error nothing is left.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import DTypeLike, NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter, MemoryFile
from rasterio.windows import Window

from jeoview.errors import JeoviewError, ParameterError
from jeoview.grid import Grid

BLOCK = 512
MEMORY_LIMIT = 64 << 20
# GDAL has no mean of angles: of four it takes one. `jeoview.io.cog` averages phasors.
OVERVIEWS = {"continuous": "average", "classes": "mode", "angles": "nearest", "none": None}
Content = Literal["continuous", "classes", "angles", "none"]
# What GDAL's failures arrive as: rasterio lets some of its inner errors through, and a bare SystemError
# where GDAL failed without a message.
GDAL_ERRORS = (RasterioError, CPLE_BaseError, OSError, SystemError)


@dataclass(frozen=True, slots=True)
class BandText:
    """What a file says of one band.

    Parameters
    ----------
    description : str
        Name of the band.
    scale, offset : float
        ``value = stored * scale + offset``.
    unit : str
        Unit of the value, empty where it has none.
    content : str, optional
        How the overviews of this band are made, where not as the profile's ``content`` says; of `CogStream` alone.
    """

    description: str = ""
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class CogProfile:
    """What a file is like, apart from its pixels.

    Parameters
    ----------
    grid : Grid
        Where the pixels lie.
    bands : tuple of BandText
        One entry a band.
    dtype : str
        numpy name of the stored type; uint8 .. float64, complex64 or complex128.
    nodata : float, optional
        Stored value that means "no data".
    tags : dict of str to str, optional
        Metadata of the file.
    content : str
        How overviews are made: ``"continuous"`` by the average of valid pixels, ``"classes"`` by
        the most frequent value, ``"angles"`` (wrapped phase in rad) by the mean phasor, ``"none"`` leaves them out.
    level : int
        Deflate level from 1 (fast) to 9.
    photometric : str, optional
        ``"RGB"`` where the bands are colours; a fourth one is alpha.
    """

    grid: Grid
    bands: tuple[BandText, ...]
    dtype: str
    nodata: float | None = None
    tags: Mapping[str, str] | None = None
    content: Content = "continuous"
    level: int = 6
    photometric: str | None = None

    def __post_init__(self) -> None:
        if not self.bands:
            raise ParameterError("a raster needs at least one band")
        if self.content not in OVERVIEWS:
            raise ParameterError(f"content is {self.content!r}; expected one of {sorted(OVERVIEWS)}")

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels at full resolution."""
        return len(self.bands) * self.grid.height * self.grid.width * np.dtype(self.dtype).itemsize


class CogWriter:
    """A cloud-optimised GeoTIFF that is filled block by block, in any order.

    Use it as a context manager: the file appears when the block ends without an error, and not
    at all otherwise. Pixels that were never written are nodata (0 where there is none).

    Parameters
    ----------
    path : Path
        The file to make; an existing one is replaced at the end.
    profile : CogProfile
        Grid, bands, type and metadata.
    on_progress : callable, optional
        Called with the number of pixels written so far, after every block. It may raise to stop.
    threads : int
        Threads that compress.

    Raises
    ------
    ParameterError
        If the folder does not exist, or the type cannot be stored in a GeoTIFF.
    JeoviewError
        If the file cannot be written (full disk, no permission).

    Notes
    -----
    Blocks that fall on the `BLOCK` x `BLOCK` raster of the grid are fastest: ``grid.blocks(512)``.
    Memory stays below about 200 MB whatever the size of the file: GDAL's block cache is held to 64 MB
    by this class, unless the process set ``GDAL_CACHEMAX`` before.
    """

    def __init__(
        self, path: Path, profile: CogProfile, *, on_progress: Callable[[int], None] | None = None, threads: int = 2
    ) -> None:
        self.path = Path(path)
        self.profile = profile
        self._progress = on_progress
        self._threads = threads
        self._pixels = 0
        self._folder: Path | None = None
        self._memory: MemoryFile | None = None
        self._staging: DatasetWriter | None = None

    def __enter__(self) -> CogWriter:
        if not self.path.parent.is_dir():
            raise ParameterError(f"the folder of {self.path.name!r} does not exist; make it first")
        try:
            self._folder = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", suffix=".part", dir=self.path.parent))
            self._staging = self._open_staging()
            _describe(self._staging, self.profile)
        except GDAL_ERRORS as error:
            self._discard()
            raise _failure(self.path, error) from error
        except BaseException:
            self._discard()
            raise
        return self

    def write(self, block: Grid, array: NDArray[Any]) -> None:
        """Store one block.

        Parameters
        ----------
        block : Grid
            A window of the profile's grid.
        array : ndarray
            (band, y, x) or, for one band, (y, x); of the profile's type, or safely castable to it.

        Raises
        ------
        ParameterError
            If the shape or the type does not fit, or the block lies outside.
        JeoviewError
            If the disk is full.
        """
        window = self._window(block)
        data = self._checked(block, array)
        if self._staging is None:
            raise ParameterError(f"{self.path.name!r} is not open for writing")
        try:
            self._staging.write(data, window=window)
        except GDAL_ERRORS as error:
            raise _failure(self.path, error) from error
        self._pixels += block.height * block.width
        if self._progress is not None:
            self._progress(self._pixels)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except GDAL_ERRORS as problem:
            raise _failure(self.path, problem) from problem
        finally:
            self._discard()

    def _open_staging(self) -> DatasetWriter:
        profile, grid = self.profile, self.profile.grid
        options: dict[str, Any] = {
            "driver": "GTiff",
            "height": grid.height,
            "width": grid.width,
            "count": len(profile.bands),
            "dtype": profile.dtype,
            "nodata": profile.nodata,
            "crs": grid.crs,
            "transform": rasterio.Affine(*grid.transform),
            **({"photometric": profile.photometric} if profile.photometric else {}),
            "tiled": True,
            "blockxsize": BLOCK,
            "blockysize": BLOCK,
            "interleave": "band",
            "bigtiff": "YES",
            "sparse_ok": True,
        }
        if profile.nbytes <= MEMORY_LIMIT:
            self._memory = MemoryFile()
            return self._memory.open(**options)
        options |= {"compress": "deflate", "zlevel": 1, "predictor": _predictor(profile.dtype)}
        return rasterio.open(self._part("staging.tif"), "w", **options)

    def _part(self, name: str) -> Path:
        if self._folder is None:
            raise ParameterError(f"{self.path.name!r} is not open for writing")
        return self._folder / name

    def _window(self, block: Grid) -> Window:
        grid = self.profile.grid
        if not grid.contains(block):
            raise ParameterError(f"the block {block} lies outside the file's grid {grid}")
        return Window(block.col - grid.col, block.row - grid.row, block.width, block.height)

    def _checked(self, block: Grid, array: NDArray[Any]) -> NDArray[Any]:
        data = array[np.newaxis] if array.ndim == 2 else array
        expected = (len(self.profile.bands), *block.shape)
        if data.shape != expected:
            raise ParameterError(f"the block has the shape {data.shape}; expected {expected}")
        if not np.can_cast(data.dtype, self.profile.dtype, casting="same_kind"):
            raise ParameterError(f"the block is {data.dtype}; expected {self.profile.dtype}")
        return data.astype(self.profile.dtype, copy=False)

    def _finish(self) -> None:
        """Turn the staging file into the COG and put it in its place."""
        if self._staging is None:
            raise ParameterError(f"{self.path.name!r} is not open for writing")
        name = self._staging.name
        self._staging.close()
        target = self._part(self.path.name)
        with rasterio.Env(GDAL_CACHEMAX=64, GDAL_TIFF_INTERNAL_MASK=True):
            rasterio.shutil.copy(name, target, driver="COG", **self._cog_options())
            _check(target, self.profile)
        target.replace(self.path)

    def _cog_options(self) -> dict[str, Any]:
        resampling = OVERVIEWS[self.profile.content]
        # The COG driver names predictors by what they do, and has none for complex numbers.
        predictor = {1: "NO", 2: "STANDARD", 3: "FLOATING_POINT"}[_predictor(self.profile.dtype)]
        options = {"COMPRESS": "DEFLATE", "LEVEL": self.profile.level, "PREDICTOR": predictor, "BLOCKSIZE": BLOCK}
        options |= {"BIGTIFF": "IF_SAFER", "NUM_THREADS": self._threads}
        if resampling is None:
            return options | {"OVERVIEWS": "NONE"}
        return options | {"OVERVIEWS": "IGNORE_EXISTING", "OVERVIEW_RESAMPLING": resampling.upper()}

    def _discard(self) -> None:
        for resource in (self._staging, self._memory):
            if resource is not None:
                # Closing flushes; on a full disk that fails again, and the first error is the one to tell.
                with suppress(*GDAL_ERRORS):
                    resource.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._staging = self._memory = self._folder = None


def write_cog(path: Path, array: NDArray[Any], profile: CogProfile) -> None:
    """Write one array as a cloud-optimised GeoTIFF, by way of `CogWriter`.

    Parameters
    ----------
    path : Path
        The file to make.
    array : ndarray
        (band, y, x) or (y, x).
    profile : CogProfile
        Grid, bands, type and metadata.

    Raises
    ------
    ParameterError, JeoviewError
        As `CogWriter`.
    """
    with CogWriter(path, profile) as writer:
        writer.write(profile.grid, array)


def band_texts(names: Sequence[str], scale: float = 1.0, offset: float = 0.0, unit: str = "") -> tuple[BandText, ...]:
    """Texts of bands that differ in the name only."""
    return tuple(BandText(name, scale, offset, unit) for name in names)


def _predictor(dtype: DTypeLike) -> int:
    """TIFF predictor: 2 differences of whole numbers, 3 of floating-point bytes, 1 none."""
    return {"u": 2, "i": 2, "f": 3}.get(np.dtype(dtype).kind, 1)


def _describe(dataset: DatasetWriter, profile: CogProfile) -> None:
    dataset.descriptions = tuple(band.description for band in profile.bands)
    dataset.units = tuple(band.unit for band in profile.bands)
    if any((band.scale, band.offset) != (1.0, 0.0) for band in profile.bands):
        dataset.scales = tuple(band.scale for band in profile.bands)
        dataset.offsets = tuple(band.offset for band in profile.bands)
    if profile.photometric == "RGB" and len(profile.bands) == 4:
        dataset.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    dataset.update_tags(**(profile.tags or {}))


def _check(path: Path, profile: CogProfile) -> None:
    """Read the last block of every level: GDAL does not always report a disk that filled up on closing."""
    with rasterio.open(path) as dataset:
        levels = len(dataset.overviews(1))
        for band in range(1, dataset.count + 1):
            dataset.read(band, window=_last(dataset))
    for level in range(levels):
        with rasterio.open(path, overview_level=level) as dataset:
            dataset.read(len(profile.bands), window=_last(dataset))


def _last(dataset: Any) -> Window:
    return Window(dataset.width - 1, dataset.height - 1, 1, 1)


def _failure(path: Path, error: Exception) -> JeoviewError:
    """Say what happened without GDAL's words, which may hold a path."""
    reason = f"{error.strerror}. " if isinstance(error, OSError) and error.strerror else ""
    return JeoviewError(f"the file {path.name!r} cannot be written: {reason}Is the disk full, or the folder locked?")
