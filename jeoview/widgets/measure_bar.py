"""A long job beside the notebook's own thread: how far it is, and the buttons that begin and stop it."""

from __future__ import annotations

import time
from collections.abc import Callable

import ipywidgets


class MeasureBar:
    """How far measuring is, and the buttons that begin and stop it.

    Parameters
    ----------
    begin : function
        Called by the button *Measure*.

    Attributes
    ----------
    widget : ipywidgets.HBox
    busy : bool
    """

    def __init__(self, begin: Callable[[], None]) -> None:
        self.busy, self._stopped, self._shown = False, False, 0.0
        self._progress = ipywidgets.IntProgress(description="Measuring", layout=ipywidgets.Layout(width="320px"))
        self._words = ipywidgets.HTML()
        self._button = ipywidgets.Button(description="Measure", layout=ipywidgets.Layout(width="auto"))
        self._button.on_click(lambda _: self.stop() if self.busy else begin())
        self.widget = ipywidgets.HBox([self._progress, self._words, self._button])
        self._draw()

    def start(self) -> None:
        """Measuring was asked for."""
        self.busy, self._stopped = True, False
        self._progress.value, self._words.value = 0, ""
        self._draw()

    def watch(self, _name: str, total: int) -> MeasureBar:
        """Give the bar of a job, as `jeoview.progress.job` asks for it."""
        self._progress.max = max(total, 1)
        return self

    def update(self, done: float) -> None:
        """Note that so much more is done; the job ends here where it was stopped."""
        if self._stopped:
            raise KeyboardInterrupt
        value = self._progress.value + int(done)
        with self._progress.hold_sync():
            self._progress.value = value
        if time.monotonic() - self._shown > 0.2 or value == self._progress.max:
            self._shown = time.monotonic()
            self._words.value = f"{value} of {self._progress.max} pairs"

    def stop(self) -> None:
        """End the job at its next pair."""
        self._stopped = True

    def end(self) -> None:
        """Nothing is being measured any more."""
        self.busy = False
        self._draw()

    def leave(self) -> None:
        """All is measured."""
        self.widget.layout.display = "none"

    def _draw(self) -> None:
        self._progress.layout.display = self._words.layout.display = None if self.busy else "none"
        self._button.description = "Stop" if self.busy else "Measure"
