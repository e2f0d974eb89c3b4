"""Which processes use the server: it ends when the last one is gone."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil

from jeoview.errors import ParameterError

_MAX_OWNERS = 1000


class Owners:
    """Processes of this machine, each known by its id and the time it was started.

    Parameters
    ----------
    pids : iterable of int
        The first ones; with none the server stays until it is told to end.
    linger : float
        Seconds to wait after the last one, for a kernel that restarts.
    """

    def __init__(self, pids: Iterable[int], linger: float) -> None:
        self._started: dict[int, float] = {}
        self._linger = linger
        self._alone_since: float | None = None
        self._watched = False
        for pid in pids:
            self.add(pid)

    def add(self, pid: int) -> None:
        """A process begins to use the server.

        Raises
        ------
        ParameterError
            If there is no such process.
        """
        started = _started(pid)
        if started is None or len(self._started) >= _MAX_OWNERS:
            raise ParameterError(f"process {pid} does not run on this machine")
        self._started[pid] = started
        self._watched = True
        self._alone_since = None

    def remove(self, pid: int) -> int:
        """A process does not use the server any more; how many still do."""
        self._started.pop(pid, None)
        return self.count()

    def count(self) -> int:
        """How many of them live."""
        # An id is given out again: a process that was started at another time is another one.
        self._started = {pid: started for pid, started in self._started.items() if _started(pid) == started}
        return len(self._started)

    def all_gone(self) -> bool:
        """Whether there were owners, and none has been alive for the time to linger."""
        if not self._watched or self.count():
            self._alone_since = None
            return False
        self._alone_since = self._alone_since or time.monotonic()
        return time.monotonic() - self._alone_since >= self._linger


def _started(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except (psutil.Error, OverflowError, ValueError):
        return None
