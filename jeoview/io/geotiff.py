"""GeoTIFF and COG without GDAL: offsets from the directory, one read and one decode a block."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import ParameterError, SourceError
from jeoview.io import access, decode, tiff
from jeoview.io.blocks import Level
from jeoview.projection import canonical_crs
from jeoview.warp import Placement

Array = NDArray[Any]
# Strips are joined to blocks of about this many pixels, so that a tile takes a few blocks, not hundreds.
STRIP_PIXELS = 1 << 18
MAX_BLOCK_BYTES = 1 << 30


@dataclass(frozen=True)
class GeoTiff:
    """A `BlockSource`; it holds no open file, so a replaced file is noticed at the next block."""

    version: access.Version
    placement: Placement
    levels: tuple[Level, ...]
    bands: int
    dtype: np.dtype[Any]
    images: tuple[tiff.Image, ...]

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:
        """Decode a block: see `BlockSource`."""
        image, shape = self.images[level], self.levels[level]
        across = -(-image.width // image.block_width)
        per_band = -(-image.height // image.block_height) * across
        strips = shape.block_height // image.block_height
        last = min((row + 1) * strips, per_band // across)
        # Only strips are joined, and a strip is as wide as the image.
        wanted = [band * per_band + strip * across + col for strip in range(row * strips, last)]
        if not image.counts[wanted].any():
            return self._empty(image, shape)
        packed = self._read(image, wanted)
        parts = [self._part(image, data, row * strips + i) for i, data in enumerate(packed)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _read(self, image: tiff.Image, wanted: list[int]) -> list[bytes]:
        descriptor = _open(self.version)
        try:
            return [_pread(descriptor, int(image.offsets[i]), int(image.counts[i])) for i in wanted]
        finally:
            os.close(descriptor)

    def _part(self, image: tiff.Image, packed: bytes, strip: int) -> Array:
        tiled = tiff.TILE_OFFSETS in image.tags
        rows = image.block_height if tiled else min(image.block_height, image.height - strip * image.block_height)
        if not packed:
            return np.full((rows, image.block_width, _block_samples(image)), self._fill(image), self.dtype)
        return decode.decode(packed, image, rows)

    def _empty(self, image: tiff.Image, shape: Level) -> Array | None:
        """A block that was never written: GDAL reads it as nodata, else as 0."""
        fill = self._fill(image)
        if fill != 0 and tiff.nodata(self.images[0]) is not None:
            return None
        return np.zeros((shape.block_height, shape.block_width, shape.bands), self.dtype)

    def _fill(self, image: tiff.Image) -> float:
        value = tiff.nodata(self.images[0])
        if value is None:
            return 0.0
        if image.dtype.kind not in "ui":
            return value
        limits = np.iinfo(image.dtype)
        return value if limits.min <= value <= limits.max else 0.0


def _pread(descriptor: int, offset: int, count: int) -> bytes:
    # Checked first: a damaged count may be larger than all memory.
    whole = offset >= 0 and count >= 0 and offset + count <= os.fstat(descriptor).st_size
    data = os.pread(descriptor, count, offset) if whole and count else b""
    if not whole or len(data) != count:
        raise SourceError("the file is truncated: a block of pixels lies beyond its end")
    return data


def _block_samples(image: tiff.Image) -> int:
    return 1 if image.separate else image.samples


def open_geotiff(version: access.Version) -> GeoTiff | None:
    """Open a TIFF file; None where only GDAL can read it.

    Raises
    ------
    SourceError
        If it is gone, was replaced, or its directory is damaged.
    """
    descriptor = _open(version)
    try:
        images = tiff.parse(tiff.File.of(descriptor))
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(access.gone(error)) from error
    finally:
        os.close(descriptor)
    return None if images is None or _has_sidecar(version) else _assemble(version, images)


def _open(version: access.Version) -> int:
    try:
        descriptor = os.open(version.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SourceError(access.gone(error)) from error
    try:
        access.check_descriptor(descriptor, version)
    except SourceError:
        os.close(descriptor)
        raise
    return descriptor


def _has_sidecar(version: access.Version) -> bool:
    """Whether files beside it hold overviews, a mask or a place, which GDAL knows how to weigh."""
    beside = [Path(f"{version.path}{suffix}") for suffix in access.SIDECARS]
    if beside[0].exists() or beside[1].exists():
        return True
    return beside[2].exists() and any(word in beside[2].read_bytes() for word in (b"<GeoTransform", b"<SRS"))


def _assemble(version: access.Version, images: list[tiff.Image]) -> GeoTiff | None:
    first = images[0]
    affine, crs = tiff.affine(first), _crs(first)
    alpha = any(kind in (1, 2) for kind in first.tags.get(tiff.EXTRA_SAMPLES, np.array([0])).tolist())
    if affine is None or crs is None or alpha or first.overview:
        return None
    kept = [first, *(image for image in images[1:] if image.overview and _alike(image, first))]
    kept.sort(key=lambda image: -image.width)
    levels = tuple(_level(image) for image in kept)
    placement = Placement(crs, affine, first.height, first.width)
    return GeoTiff(version, placement, levels, first.samples, decode.decoded_dtype(first.dtype), tuple(kept))


def _crs(image: tiff.Image) -> str | None:
    code = tiff.epsg(image)
    try:
        return None if code is None else canonical_crs(code)
    except ParameterError:
        return None


def _alike(image: tiff.Image, first: tiff.Image) -> bool:
    return image.dtype == first.dtype and image.samples == first.samples and image.width < first.width


def _level(image: tiff.Image) -> Level:
    height, samples = image.block_height, _block_samples(image)
    if tiff.TILE_OFFSETS not in image.tags:
        height *= max(1, min(STRIP_PIXELS // (height * image.width), -(-image.height // height)))
    if height * image.block_width * samples * image.dtype.itemsize > MAX_BLOCK_BYTES:
        raise SourceError(f"its blocks of {image.block_width} x {height} pixels are too large; rewrite it as a COG")
    return Level(image.height, image.width, height, image.block_width, samples, image.block_width * samples, samples, 1)
