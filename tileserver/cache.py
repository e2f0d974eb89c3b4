"""Rendered tiles: in the memory of the server, and in Redis where several servers share one."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass

from jeoview.errors import JeoviewError
from jeoview.store import Store

log = logging.getLogger("tileserver")

_HASH = 32
_PAUSE_SECONDS = 5.0
_OVERHEAD = 300


@dataclass(frozen=True, slots=True)
class Tile:
    """An encoded tile."""

    data: bytes
    type: str


class TileMemory:
    """A bounded memory of tiles, least recently used out first.

    Parameters
    ----------
    max_bytes : int
        Bytes held at the most.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._tiles: OrderedDict[str, Tile] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._tiles)

    def get(self, digest: str) -> Tile | None:
        """The tile of a digest, or None."""
        tile = self._tiles.get(digest)
        if tile is not None:
            self._tiles.move_to_end(digest)
        return tile

    def put(self, digest: str, tile: Tile) -> None:
        """Keep a tile; one larger than a quarter of the memory is not kept."""
        if digest in self._tiles or len(tile.data) > self._max_bytes // 4:
            return
        self._tiles[digest] = tile
        self.nbytes += len(tile.data) + _OVERHEAD
        while self.nbytes > self._max_bytes:
            _, old = self._tiles.popitem(last=False)
            self.nbytes -= len(old.data) + _OVERHEAD


class SharedTiles:
    """Tiles in a store that several servers share; whatever is wrong with it, tiles are served without.

    Parameters
    ----------
    store : Store
        Asked in a thread, as it may wait for the network.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._paused_until = 0.0

    async def get(self, digest: str) -> Tile | None:
        """The tile of a digest; None also where the entry is broken or the store does not answer."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            entry = await asyncio.to_thread(self._store.get, f"tile:{digest}")
        except JeoviewError as error:
            self._pause(error)
            return None
        return None if entry is None else unseal(digest, entry)

    async def put(self, digest: str, tile: Tile) -> None:
        """Keep a tile."""
        if time.monotonic() < self._paused_until:
            return
        try:
            await asyncio.to_thread(self._store.put, f"tile:{digest}", seal(digest, tile))
        except JeoviewError as error:
            self._pause(error)

    def _pause(self, error: JeoviewError) -> None:
        """Leave a store alone for a while: every tile would wait for its time-out."""
        log.warning("the store for tiles is left alone for %g s: %s", _PAUSE_SECONDS, error)
        self._paused_until = time.monotonic() + _PAUSE_SECONDS


def seal(digest: str, tile: Tile) -> bytes:
    """A tile with its type and a hash over all of it and its name."""
    content = tile.type.encode() + b"\n" + tile.data
    return hashlib.sha256(digest.encode() + content).digest() + content


def unseal(digest: str, entry: bytes) -> Tile | None:
    """The tile of an entry; None where a byte of it was altered, or it was put under another name."""
    content = entry[_HASH:]
    if hashlib.sha256(digest.encode() + content).digest() != entry[:_HASH]:
        log.warning("a stored tile is broken; it is computed again")
        return None
    kind, _, data = content.partition(b"\n")
    return Tile(data, kind.decode("ascii", "replace"))
