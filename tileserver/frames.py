"""Messages between the server and its workers: two lengths, a JSON header, bytes. Nothing is unpickled."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

Header = dict[str, Any]

# json.dumps would make one for every message.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_LENGTHS = struct.Struct("!II")
MAX_HEADER = 16 << 20
MAX_BODY = 1 << 30


class FrameError(Exception):
    """The other end sent something that is no message; the connection is of no more use."""


def pack(header: Header, body: bytes = b"") -> bytes:
    """Return a message as bytes.

    Raises
    ------
    FrameError
        If it is above the limits.
    """
    text = _ENCODER.encode(header).encode()
    _check(len(text), len(body))
    return b"".join((_LENGTHS.pack(len(text), len(body)), text, body))


def read(stream: BinaryIO) -> tuple[Header, bytes] | None:
    """Read one message, waiting for it; None at the end of the stream."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, body_length = _LENGTHS.unpack(lengths)
    _check(header_length, body_length)
    text, body = stream.read(header_length), stream.read(body_length)
    if len(text) < header_length or len(body) < body_length:
        return None
    return _header(text), body


class Frames:
    """Cuts a stream that arrives in pieces into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Header, bytes]]:
        """Take a piece; yield the messages that are complete now.

        Raises
        ------
        FrameError
            If a length is above the limits or a header is no JSON object.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTHS.size:
            header_length, body_length = _LENGTHS.unpack_from(self._buffer)
            _check(header_length, body_length)
            middle = _LENGTHS.size + header_length
            end = middle + body_length
            if len(self._buffer) < end:
                return
            text, body = bytes(self._buffer[_LENGTHS.size : middle]), bytes(self._buffer[middle:end])
            del self._buffer[:end]
            yield _header(text), body


def _check(header_length: int, body_length: int) -> None:
    if header_length > MAX_HEADER or body_length > MAX_BODY:
        raise FrameError(f"a message of {header_length} + {body_length} bytes is above the limit")


def _header(text: bytes) -> Header:
    try:
        header = json.loads(text)
    except ValueError:
        raise FrameError("a message has no JSON header") from None
    if not isinstance(header, dict):
        raise FrameError("the header of a message is no object")
    return header
