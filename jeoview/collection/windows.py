"""A whole stack pixel by pixel: cut into windows of bounded memory, neighbours after neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from jeoview.engine import Engine
from jeoview.graph import Node
from jeoview.grid import Grid
from jeoview.planner import Cost

# Of all arrays of one window.
WINDOW_BYTES = 256 << 20


@dataclass(eq=False)
class Windows:
    """Windows of a grid, each of which the engine computes within bounds.

    A grid is halved until its arrays are small enough, along the side that leaves less to decode: files may be cut into
    rows or into squares. Halves are whole powers of two, on which the blocks of files lie, and follow each other, so that
    what is decoded for one serves the next.

    Parameters
    ----------
    node : Node
        What is computed.
    grid : Grid
        All of it.
    """

    node: Node
    grid: Grid
    _known: dict[tuple[int, int], Cost] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Grid]:
        """The windows."""
        left = [self.grid]
        while left:
            window = left.pop()
            if self._cost(window).array_bytes <= WINDOW_BYTES or window.shape == (1, 1):
                yield window
            else:
                left.extend(reversed(self._halves(window)))

    def _halves(self, window: Grid) -> tuple[Grid, Grid]:
        ways = [half for half in (_rows(window), _columns(window)) if half is not None]
        longer = max(window.shape)
        return min(ways, key=lambda half: (self._cost(half[0]).read_bytes, max(half[0].shape) == longer))

    def _cost(self, window: Grid) -> Cost:
        """That of a window of this size without what is fitted, which all of them share."""
        if window.shape not in self._known:
            engine = Engine.default()
            one, least = (engine.cost(self.node, replace(window, height=h, width=w)) for h, w in (window.shape, (1, 1)))
            self._known[window.shape] = replace(one, array_bytes=one.array_bytes - least.array_bytes)
        return self._known[window.shape]


def _half(size: int) -> int:
    """The largest power of two that is smaller."""
    return 1 << (size - 1).bit_length() - 1


def _rows(window: Grid) -> tuple[Grid, Grid] | None:
    if window.height == 1:
        return None
    above = _half(window.height)
    return replace(window, height=above), replace(window, row=window.row + above, height=window.height - above)


def _columns(window: Grid) -> tuple[Grid, Grid] | None:
    if window.width == 1:
        return None
    left = _half(window.width)
    return replace(window, width=left), replace(window, col=window.col + left, width=window.width - left)
