"""Connections to SQLite that are safe in threads and after a fork."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from jeoview.errors import StoreError

# Longest wait of a fork for calls in other threads.
_FORK_SECONDS = 60.0


class _Held(NamedTuple):
    connection: sqlite3.Connection
    file: tuple[int, int] | None


class Pool:
    """As many connections as there are callers at a time; each serves one caller at a time.

    Parameters
    ----------
    connect : callable
        Opens a connection.
    identity : callable
        Tells which file stands under the name now: a connection to a file that was removed or
        replaced is not used again, because what it writes nobody would read.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], identity: Callable[[], tuple[int, int] | None]
    ) -> None:
        self._connect = connect
        self._identity = identity
        self._changed = threading.Condition()
        self._idle: list[_Held] = []
        self._busy = 0
        self._forking = 0
        self._closed = False
        _POOLS.add(self)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection; after an error it is closed, not lent again.

        Raises
        ------
        StoreError
            If the pool was closed.
        """
        with self._changed:
            # a fork goes first, or a busy store would never let it through
            self._changed.wait_for(lambda: not self._forking)
            if self._closed:
                raise StoreError("the store in SQLite was closed")
            held = self._idle.pop() if self._idle else None
            self._busy += 1
        try:
            held = self._current(held)
            try:
                yield held.connection
            except BaseException:
                held.connection.close()
                held = None
                raise
        finally:
            self._take_back(held)

    def close(self) -> None:
        """Close what is idle now and, when it comes back, what is lent."""
        with self._changed:
            self._closed = True
            self._close_idle()

    def hold(self) -> None:
        """Wait until no connection is lent, close all, and lend none until `release`."""
        self._changed.acquire()
        self._forking += 1
        self._changed.wait_for(lambda: self._busy == 0, timeout=_FORK_SECONDS)
        self._close_idle()

    def release(self) -> None:
        """Lend again."""
        self._forking -= 1
        self._changed.notify_all()
        self._changed.release()

    def restart(self) -> None:
        """Lend again in a new process, where the threads that wait or have borrowed do not exist."""
        self._changed = threading.Condition()
        self._busy = self._forking = 0

    def _current(self, held: _Held | None) -> _Held:
        if held is not None and held.file != self._identity():
            _ABANDONED.append(held.connection)
            held = None
        return held or _Held(self._connect(), self._identity())

    def _take_back(self, held: _Held | None) -> None:
        with self._changed:
            self._busy -= 1
            if held is not None:
                self._idle.append(held)
            if self._closed:
                self._close_idle()
            self._changed.notify_all()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()


_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()

# Closing a connection to a file that was removed would remove the log of the file that replaced it,
# because SQLite removes the log by name. So it is kept.
_ABANDONED: list[sqlite3.Connection] = []

# SQLite keeps in the process which locks it holds; a child inherits the memory but not the locks,
# and may then write without one. So no connection is open while the process forks.
_FORKING: list[Pool] = []


def _before_fork() -> None:
    _FORKING.extend(_POOLS)
    for pool in _FORKING:
        pool.hold()


def _after_fork_in_parent() -> None:
    while _FORKING:
        _FORKING.pop().release()


def _after_fork_in_child() -> None:
    while _FORKING:
        _FORKING.pop().restart()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
