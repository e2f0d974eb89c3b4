"""From the packed bytes of a TIFF block to its values. Everything slow releases Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from jeoview.errors import SourceError
from jeoview.io import tiff
from jeoview.kernels.blocks import undo_differences, undo_float_differences

Array = NDArray[Any]
Bytes = NDArray[np.uint8]

_DECODERS: dict[str, Callable[..., Any]] = {
    "deflate": imagecodecs.deflate_decode,
    "zstd": imagecodecs.zstd_decode,
    "lzw": imagecodecs.lzw_decode,
    "packbits": imagecodecs.packbits_decode,
    "lzma": imagecodecs.lzma_decode,
}
# The warp kernel is compiled for few types; the others are read as one that holds their values.
_WIDER = {"i1": "i2", "u4": "f8", "i4": "f8", "u8": "f8", "i8": "f8", "c16": "c8"}


def decoded_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the native type that values of ``dtype`` are handed on in."""
    code = dtype.str[1:]
    return np.dtype(_WIDER.get(code, code))


def decode(packed: bytes, image: tiff.Image, rows: int) -> Array:
    """Decode one strip or tile.

    Parameters
    ----------
    packed : bytes
        As in the file.
    image : Image
        How it is packed.
    rows : int
        Rows that it must hold: fewer than the block's height in the last strip.

    Returns
    -------
    ndarray
        (row, column, sample) of a native type.

    Raises
    ------
    SourceError
        If the bytes are corrupt or too few.
    """
    samples = 1 if image.separate else image.samples
    row_bytes = image.block_width * samples * image.dtype.itemsize
    flat = _unpacked(packed, image.codec, image.block_height * row_bytes, rows * row_bytes)
    shape = (rows, image.block_width, samples)
    if image.predictor == 3:
        block = _undo_float(flat, image.dtype, shape)
    else:
        block = flat.view(image.dtype).reshape(shape)
        block = block if block.dtype.isnative else block.astype(block.dtype.newbyteorder("="))
        if image.predictor == 2:
            undo_differences(block.view(f"u{image.dtype.itemsize}") if image.dtype.itemsize <= 8 else block)
    return block.astype(decoded_dtype(image.dtype), copy=False)


def _unpacked(packed: bytes, codec: str, capacity: int, needed: int) -> Bytes:
    if codec == "none":
        flat = np.frombuffer(bytearray(packed[:needed]), dtype=np.uint8)
    else:
        # Some writers fill the last strip up to its full height.
        flat = np.empty(capacity, dtype=np.uint8)
        try:
            flat = flat[: len(_DECODERS[codec](packed, out=flat))]
        except (RuntimeError, ValueError) as error:
            raise SourceError(f"the file is corrupt: a {codec} block does not decode") from error
    if len(flat) < needed:
        raise SourceError(f"the file is corrupt: a {codec} block holds {len(flat)} bytes of {needed}")
    return flat[:needed]


def _undo_float(flat: Bytes, dtype: np.dtype[Any], shape: tuple[int, int, int]) -> Array:
    rows, columns, samples = shape
    out = np.empty((rows, columns * samples, dtype.itemsize), dtype=np.uint8)
    undo_float_differences(flat.reshape(rows, -1), out, samples)
    return out.view(dtype.newbyteorder("<")).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
