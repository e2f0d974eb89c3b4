"""The old picture stays until the new one is complete; the latest wish wins.

A slider is dragged faster than tiles come. One layer is shown, at most one waits unseen for its
tiles, and what nobody wants any more is dropped at once, so that the browser cancels its requests
and the server its work. A waiting layer gets a moment to arrive before a newer position of the same
drag takes its place: else nothing would be seen until the drag ends. How long a moment is follows
from how long the layers before it took.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from jeoview.widgets.tiles import Picture, Tiles

LEAST_PATIENCE, MOST_PATIENCE = 0.4, 2.0  # seconds


class Later(Protocol):
    """Call a function after some seconds; gives back a function that calls it off."""

    def __call__(self, seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        """See above."""


def timer(seconds: float, function: Callable[[], None]) -> Callable[[], None]:
    """`Later` by a thread, which works whatever the kernel is busy with."""
    thread = threading.Timer(max(seconds, 0.0), function)
    thread.daemon = True
    thread.start()
    return thread.cancel


class Swap:
    """Two tile layers that take turns.

    Parameters
    ----------
    make : function
        Makes the tile layer of a picture.
    put, drop : function
        Place a layer on the map, and take it away.
    arrange : function
        Called when what is to be seen has changed.
    later : Later
        How to wait; `timer` on a map.
    """

    def __init__(
        self,
        make: Callable[[Picture], Tiles],
        put: Callable[[Tiles], None],
        drop: Callable[[Tiles], None],
        arrange: Callable[[], None],
        later: Later,
    ) -> None:
        self._make, self._put, self._drop, self._arrange, self._later = make, put, drop, arrange, later
        self.shown: Tiles | None = None
        self.waiting: Tiles | None = None
        self._wanted: Picture | None = None
        self._since = 0.0
        self._patience = LEAST_PATIENCE
        self._call_off: Callable[[], None] | None = None

    @property
    def layers(self) -> tuple[Tiles, ...]:
        """The layers on the map: none, one or two."""
        return tuple(layer for layer in (self.shown, self.waiting) if layer is not None)

    @property
    def picture(self) -> Picture | None:
        """What will be seen in the end."""
        last = self.waiting or self.shown
        return self._wanted or (last.picture if last else None)

    def request(self, picture: Picture, *, dragging: bool = False, unseen: bool = False) -> None:
        """Show another picture.

        Parameters
        ----------
        picture : Picture
            The latest wish.
        dragging : bool
            Whether more wishes are likely to follow at once.
        unseen : bool
            Whether no browser shows the map: then there is nothing to wait for.
        """
        if picture == self.picture:
            return
        if self.shown is None or unseen:
            self.clear()
            self._show(picture)
        elif picture == self.shown.picture:
            self._drop_waiting()
        elif self.waiting is not None and picture == self.waiting.picture:
            self._forget_wish()
        elif self.waiting is not None and dragging:
            self._wish(picture)
        else:
            self._drop_waiting()
            self._wait_for(picture)

    def renew(self) -> None:
        """Ask for the same picture again, unless another one is on its way."""
        if self.shown is not None and self.waiting is None:
            self._wait_for(self.shown.picture)

    def loaded(self, layer: Tiles) -> None:
        """A layer's tiles are all there."""
        if layer is not self.waiting:
            return
        self._learn(2 * (time.monotonic() - self._since))
        old, self.shown, self.waiting = self.shown, layer, None
        self._arrange()
        if old is not None:
            self._drop(old)
        wanted = self._wanted
        self._forget_wish()
        if wanted is not None:
            self._wait_for(wanted)

    def clear(self) -> None:
        """Take everything off the map."""
        self._drop_waiting()
        if self.shown is not None:
            shown, self.shown = self.shown, None
            self._drop(shown)

    def _show(self, picture: Picture) -> None:
        self.shown = self._make(picture)
        self._arrange()
        self._put(self.shown)

    def _wait_for(self, picture: Picture) -> None:
        self.waiting = self._make(picture)
        self._since = time.monotonic()
        self._arrange()
        self._put(self.waiting)

    def _drop_waiting(self) -> None:
        self._forget_wish()
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            self._drop(waiting)

    def _wish(self, picture: Picture) -> None:
        self._wanted = picture
        if self._call_off is None:
            self._call_off = self._later(self._patience - (time.monotonic() - self._since), self.impatient)

    def _forget_wish(self) -> None:
        self._wanted = None
        if self._call_off is not None:
            self._call_off()
            self._call_off = None

    def impatient(self) -> None:
        """Give up the waiting layer for the latest wish."""
        wanted = self._wanted
        if wanted is not None:
            # Tiles that never come in time would never be seen: the next ones get more.
            self._learn(2 * self._patience)
            self._drop_waiting()
            self._wait_for(wanted)

    def _learn(self, patience: float) -> None:
        self._patience = min(max(patience, LEAST_PATIENCE), MOST_PATIENCE)
