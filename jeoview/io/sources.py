"""Opens the files that items name, and notices when one is replaced."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from jeoview.catalog.items import Part
from jeoview.errors import RefusedError, SourceError
from jeoview.io import access
from jeoview.io.blocks import Block, BlockSource, ByteCache
from jeoview.io.gdal import Handles, open_gdal
from jeoview.io.geotiff import open_geotiff
from jeoview.io.hdf5 import is_hdf5, open_hdf5
from jeoview.io.items import BandLike, FileLike
from jeoview.io.joined import FileBlocks, OpenPart, join
from jeoview.io.raw import layout_of, open_raw
from jeoview.io.stack import open_stack
from jeoview.io.zarr import open_zarr

# Of a few hundred interferograms of several frames each all files are kept.
MAX_SOURCES = 4096
# Blocks that joined bands are put together from: two rows of those of a frame, as neighbours share them.
JOINING_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A source, and the file that it was opened from.

    Parameters
    ----------
    source : BlockSource
        Its pixels.
    version : Version
        Which file, and which version of it.
    stat : (int, int)
        Size and time of change, for a quick comparison.
    name : str
        Unique for the content: path, version and variable. Two files may share an etag, hence the path.
    """

    source: BlockSource
    version: access.Version
    stat: tuple[int, int]
    name: str


class Sources:
    """Open files by what items say of them; at most `MAX_SOURCES` are kept.

    Parameters
    ----------
    roots : tuple of Path
        Folders below which files may lie, links resolved; none means anywhere.
    virtual : bool
        Whether VRT files are opened, which may name any other file.
    """

    def __init__(self, roots: tuple[Path, ...] = (), *, virtual: bool = False) -> None:
        self._roots = roots
        self._blocks: ByteCache[Block] = ByteCache(JOINING_BYTES)
        self._virtual = virtual
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str | None], Opened] = OrderedDict()
        self._joined: OrderedDict[tuple[Part, ...], tuple[tuple[Opened, ...], Opened]] = OrderedDict()
        self._handles = Handles()

    def open(self, info: BandLike) -> Opened:
        """Return the source of a band, which is the version that the band names.

        Raises
        ------
        SourceError
            If the file is gone, replaced, or cannot be read.
        RefusedError
            If it lies outside the roots or is of a kind that is not opened.
        """
        opened = self._open_parts(info) if info.parts else self._open_file(info)
        check_etag(info, opened)
        return opened

    def _open_parts(self, info: BandLike) -> Opened:
        """The files of a joined band as one source, put together anew where one of them was opened anew."""
        files = tuple(self._open_part(file) for part in info.parts for file in (part, part.classes) if file is not None)
        with self._lock:
            known = self._joined.get(info.parts)
        if known is not None and known[0] == files:
            return known[1]
        opened = _joined(info, files, self._blocks)
        with self._lock:
            self._joined[info.parts] = files, opened
            while len(self._joined) > MAX_SOURCES:
                self._joined.popitem(last=False)
        return opened

    def _open_part(self, file: FileLike) -> Opened:
        try:
            return self._open_file(file)
        except (SourceError, RefusedError) as error:
            raise type(error)(f"{Path(file.href).name}: {error}") from error

    def _open_file(self, info: FileLike) -> Opened:
        key = (info.href, info.subdataset)
        with self._lock:
            opened = self._kept.get(key)
            if opened is not None:
                self._kept.move_to_end(key)
        if opened is None or not _is_current(opened):
            opened = self._open_anew(info)
            with self._lock:
                self._kept[key] = opened
                while len(self._kept) > MAX_SOURCES:
                    self._kept.popitem(last=False)
        check_etag(info, opened)
        return opened

    def close(self) -> None:
        """Forget all files."""
        self._handles.close()
        with self._lock:
            self._kept.clear()
            self._joined.clear()
        self._blocks.clear()

    def _open_anew(self, info: FileLike) -> Opened:
        path = access.resolve(info.href, self._roots)
        version = access.Version(path, access.current_etag(path))
        if info.etag and info.etag != version.etag:
            raise SourceError(access.changed())
        source: BlockSource | None = None
        if (layout := layout_of(info.subdataset)) is not None:
            source = open_raw(version, layout)
        elif path.is_dir():
            source = open_stack(version, info.subdataset)
        elif info.subdataset is None:
            source = open_geotiff(version)
        elif is_hdf5(path):
            source = open_hdf5(version, info.subdataset, self._handles)
        if source is None:
            source = self._by_gdal(version, info.subdataset)
        return Opened(source, version, _stat(path), f"{path}\0{version.etag}\0{info.subdataset}")

    def _by_gdal(self, version: access.Version, variable: str | None) -> BlockSource:
        try:
            return open_gdal(version, variable, self._handles, virtual=self._virtual)
        except SourceError:
            # GDAL knows where the pixels of a Zarr array lie, but not every way to store them.
            source = open_zarr(version, variable) if version.path.is_dir() else None
            if source is None:
                raise
            return source


def _joined(info: BandLike, files: tuple[Opened, ...], cache: ByteCache[Block]) -> Opened:
    rest = iter(files)

    def blocks(index: int) -> FileBlocks:
        opened = next(rest)
        return FileBlocks(opened.source, opened.name, index, cache)

    parts = [OpenPart(part, blocks(part.index), None if part.classes is None else blocks(1)) for part in info.parts]
    name = "\0".join([*(file.name for file in files), repr(info.parts)])
    return Opened(join(parts), access.Version(files[0].version.path, info.etag), files[0].stat, name)


def check_etag(info: FileLike, opened: Opened) -> None:
    """Make sure that a band means the version that is open.

    Raises
    ------
    SourceError
        If it means another one.
    """
    if info.etag and info.etag != opened.version.etag:
        raise SourceError(access.changed())


def _is_current(opened: Opened) -> bool:
    path = opened.version.path
    try:
        if path.is_dir():
            return access.current_etag(path) == opened.version.etag
        return opened.stat == _stat(path)
    except OSError:
        return False


def _stat(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - on the hot path
    return status.st_size, status.st_mtime_ns
