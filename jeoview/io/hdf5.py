"""HDF5 files, which netCDF-4 files are as well. The home of h5py.

GDAL's own HDF5 driver knows the places of few products, folds attributes that differ in case only (a MintPy
file has ``LENGTH`` and ``length``, and they differ), and must be called by one thread at a time together with
all other drivers; decision 071.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from jeoview.errors import JeoviewError, RefusedError, SourceError, choices
from jeoview.io import access
from jeoview.io.blocks import Level
from jeoview.io.decode import decoded_dtype
from jeoview.io.gdal import Handles
from jeoview.io.hdf5_place import Layout, place_of
from jeoview.warp import Placement

Array = NDArray[Any]
SIGNATURE = b"\x89HDF\r\n\x1a\n"
BLOCK_SIDE = 256
# Where chunks go through time, a block holds all dates, so that no chunk is decoded twice.
MAX_BLOCK_BYTES = 32 << 20
MAX_CHUNK_BYTES = 1 << 30
MAX_SMALL_ITEMS = 10_000_000


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does; False where there is none."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


# -- what a file holds ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Variable:
    """A dataset as the file describes it: shape, numpy name of its type, attributes."""

    shape: tuple[int, ...]
    dtype: str
    attributes: Mapping[str, Any]


class Contents:
    """An open file: its attributes, variables and small arrays; no pixel is read unless asked. See `contents`."""

    def __init__(self, name: str, file: Any) -> None:
        self._name = name
        self._file = file

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the file itself, text as str and numbers as they are."""
        return attributes_of(self._file)

    def __contains__(self, variable: str) -> bool:
        try:
            found = _find(self._file, variable)
        except (SourceError, RefusedError):
            return False
        return isinstance(found, h5py.Dataset)

    def names(self, group: str = "/") -> list[str]:
        """Names of what lies in a group, none where there is no such group."""
        return sorted(self._file[group]) if isinstance(self._file.get(group), h5py.Group) else []

    def variable(self, name: str) -> Variable:
        """Describe a variable.

        Raises
        ------
        SourceError
            If there is none.
        """
        found = self._dataset(name)
        return Variable(tuple(found.shape), found.dtype.name, attributes_of(found))

    def array(self, name: str) -> Array:
        """The values of a small variable, text as str.

        Raises
        ------
        SourceError
            If there is none, it is large, or broken.
        """
        found = self._dataset(name)
        if found.size is None or found.size > MAX_SMALL_ITEMS:
            raise SourceError(f"{self._name}: {name} is too large for what is expected there")
        with translated(self._name):
            values = np.asarray(found[()])
        return np.array([_plain(value) for value in values.ravel()]) if values.dtype.kind in "SO" else values

    def text(self, name: str) -> str:
        """The only value of a variable, as text.

        Raises
        ------
        SourceError
            As `array`.
        """
        values = self.array(name).ravel()
        return str(values[0]).strip() if len(values) else ""

    def require(self, *names: str, what: str) -> None:
        """Make sure that variables are there.

        Raises
        ------
        SourceError
            If one is not; the message names the file, what it should be, and what it holds.
        """
        for name in names:
            if name not in self:
                folder = name.rpartition("/")[0] or "/"
                raise SourceError(f"{self._name} is no {what}: {name} is missing; {choices(name, self.names(folder))}")

    def _dataset(self, name: str) -> Any:
        with translated(self._name):
            found = _find(self._file, name)
        if not isinstance(found, h5py.Dataset):
            raise SourceError(f"{self._name}: {name} is a group, not a variable")
        return found


@contextmanager
def contents(path: Path) -> Iterator[Contents]:
    """Open a file to see what it holds.

    Raises
    ------
    SourceError
        If it is missing, broken or no HDF5 file.
    """
    if not path.is_file():
        raise SourceError(f"{path.name}: there is no such file")
    if not is_hdf5(path):
        raise SourceError(f"{path.name} is no HDF5 or netCDF-4 file")
    with translated(path.name):
        handle = _Handle.of(path)
    with closing(handle):
        yield Contents(path.name, handle.file)


def attributes_of(found: Any) -> dict[str, Any]:
    """Attributes of a file, group or variable as plain values; those that h5py cannot read are left out."""
    values: dict[str, Any] = {}
    for name in found.attrs:
        try:
            values[str(name)] = _plain(found.attrs[name])
        except (OSError, TypeError):
            continue
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    return value.item() if isinstance(value, np.generic) else value


@contextmanager
def translated(name: str) -> Iterator[None]:
    """h5py's messages may hold a path; ours do not."""
    try:
        yield
    except JeoviewError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise SourceError(f"{name} is corrupt or truncated: HDF5 cannot read it") from error


class _Stream:
    """A file that h5py reads; unlike Python's own, it may be forgotten without a word, as handles are."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._descriptor = descriptor
        self._at = 0
        self.close = weakref.finalize(self, os.close, descriptor)

    def read(self, size: int) -> bytes:
        data = os.pread(self._descriptor, size, self._at)
        self._at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self._descriptor, [buffer], self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (os.fstat(self._descriptor).st_size if start is None else start)
        return self._at

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is written."""


@dataclass(frozen=True, slots=True)
class _Handle:
    """An open file; HDF5 is handed the stream, not the name, so that it neither locks it nor looks beside it."""

    stream: _Stream
    file: Any

    @classmethod
    def of(cls, path: Path) -> _Handle:
        stream = _Stream(path)
        try:
            return cls(stream, h5py.File(stream, "r"))
        except BaseException:
            stream.close()
            raise

    def close(self) -> None:
        self.file.close()
        self.stream.close()


def _find(file: Any, name: str) -> Any:
    """What a path leads to, by links that stay in the file."""
    found = file
    for part in re.findall(r"[^/]+", name):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if isinstance(link, h5py.ExternalLink):
            raise RefusedError(f"the variable {name!r} is a link to another file")
        found = None if link is None else found.get(part)
        if found is None:
            raise SourceError(f"the file has no variable {name!r}")
    if isinstance(found, h5py.Dataset) and (found.is_virtual or found.external):
        raise RefusedError(f"the variable {name!r} lies in another file")
    return found


# -- pixels --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hdf5Raster:
    """A `BlockSource`: a variable (y, x) or (band, y, x) of an HDF5 file."""

    version: access.Version
    variable: str
    placement: Placement
    levels: tuple[Level, ...]
    bands: int
    dtype: np.dtype[Any]
    handles: Handles = field(repr=False, compare=False)

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:
        """Decode a block: see `BlockSource`."""
        shape = self.levels[level]
        top, left = row * shape.block_height, col * shape.block_width
        rows, columns = slice(top, top + shape.block_height), slice(left, left + shape.block_width)
        with translated("the file"), self.handles.borrow(self._key(), self._opener()) as handle:
            dataset = _find(handle.file, self.variable)
            if shape.bands > 1:
                data = np.moveaxis(dataset[:, rows, columns], 0, -1)
            else:
                data = dataset[rows, columns] if dataset.ndim == 2 else dataset[band, rows, columns]
        block = np.zeros((shape.block_height, shape.block_width, *data.shape[2:]), self.dtype)
        block[: data.shape[0], : data.shape[1]] = data
        return block

    def _key(self) -> tuple[str, str]:
        return str(self.version.path), self.version.etag

    def _opener(self) -> Callable[[], Any]:
        return lambda: _handle_of(self.version)


def _handle_of(version: access.Version) -> _Handle:
    if access.current_etag(version.path) != version.etag:
        raise SourceError(access.changed())
    return _Handle.of(version.path)


def open_hdf5(version: access.Version, variable: str, handles: Handles) -> Hdf5Raster | None:
    """Open a variable of an HDF5 file; None where its place on the Earth is said in a way that only GDAL may know.

    Raises
    ------
    SourceError
        If there is no such variable, it is no raster, or the file is broken.
    RefusedError
        If the variable lies in another file.
    """
    with translated("the file"), closing(_handle_of(version)) as handle:
        file = handle.file
        dataset = _find(file, variable)
        layout = _raster_layout(dataset, variable)
        placement = place_of(file, dataset, layout, attributes_of)
        if placement is None:
            return None
        dtype = _pixel_type(dataset)
        level, bands = _level(layout, dataset.chunks, dtype.itemsize), layout.bands
    return Hdf5Raster(version, variable, placement, (level,), bands, dtype, handles)


def describe_hdf5(path: Path, variable: str) -> tuple[Placement, Layout, Variable] | None:
    """Place, size and description of a variable that is a raster; None where its place is not known.

    Raises
    ------
    SourceError, RefusedError
        As `open_hdf5`.
    """
    with translated("it"), closing(_Handle.of(path)) as handle:
        file = handle.file
        dataset = _find(file, variable)
        layout = _raster_layout(dataset, variable)
        found = Variable(tuple(dataset.shape), _pixel_type(dataset).name, attributes_of(dataset))
        placement = place_of(file, dataset, layout, attributes_of)
        return None if placement is None else (placement, layout, found)


def _raster_layout(dataset: Any, variable: str) -> Layout:
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim not in (2, 3) or 0 in dataset.shape:
        raise SourceError(f"the variable {variable!r} is no raster: expected (y, x) or (band, y, x)")
    height, width = dataset.shape[-2:]
    return Layout(int(height), int(width), int(dataset.shape[0]) if dataset.ndim == 3 else 1)


def _pixel_type(dataset: Any) -> np.dtype[Any]:
    if dataset.dtype.kind not in "biufc":
        raise SourceError("the variable holds no numbers")
    return decoded_dtype(np.dtype("u1") if dataset.dtype.kind == "b" else dataset.dtype.newbyteorder("="))


def _level(layout: Layout, chunks: tuple[int, ...] | None, itemsize: int) -> Level:
    height, width = chunks[-2:] if chunks else (1, 1)
    together = layout.bands if chunks and len(chunks) == 3 and chunks[0] > 1 else 1
    # Blocks are whole chunks, so that no chunk is decoded for two blocks.
    side = min(BLOCK_SIDE, max(1, int((MAX_BLOCK_BYTES / (together * itemsize)) ** 0.5)))
    rows = min(layout.height, height * max(1, side // height))
    columns = min(layout.width, width * max(1, side // width))
    row_stride = columns * together
    if rows * row_stride * itemsize > MAX_CHUNK_BYTES:
        raise SourceError(f"its chunks of {columns} x {rows} pixels are too large; rewrite it with smaller ones")
    return Level(layout.height, layout.width, rows, columns, together, row_stride, together, 1 if together > 1 else 0)
