"""Work that a click asks for, done beside the notebook's own thread; only the latest wish counts."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Latest:
    """Does what was asked last; what was asked before it and has not begun is never done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wish: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    def ask(self, work: Callable[[], None]) -> None:
        """Do this as soon as what has begun is done; it must not raise."""
        with self._lock:
            self._wish = work
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="jeoview-click")
                self._thread.start()

    def forget(self) -> None:
        """Do nothing more."""
        with self._lock:
            self._wish = None

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing is left to do."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _run(self) -> None:
        while True:
            with self._lock:
                work, self._wish = self._wish, None
                if work is None:
                    self._thread = None
                    return
            work()
