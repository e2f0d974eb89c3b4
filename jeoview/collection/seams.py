"""By how much the unwrapped phases of the frames of one pair differ: arrays alone.

Frames of a pair are unwrapped one by one. Where two overlap they show the same phase but for a constant of each frame (its
reference, its coregistration) and whole cycles of each connected component, which unwrapping leaves open. So a component's phase
is corrected by one number: its frame's constant, which is measured and not rounded, and its own cycles, which are whole.

ARIA-tools' sequential stitching has the same two terms (``cycle2pi`` and ``range_correction``), frame after frame from north to
south and for each pair of components; here the constant is one a frame, as components of one frame share it, and components are
related in the order of their common pixels, so that a sliver decides nothing where a large overlap can.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Thing = TypeVar("Thing", bound=Hashable)
CYCLE = 2.0 * math.pi
# Fewer common pixels say nothing: with noise of 1 rad the median of so many is good to 0.15 rad.
ENOUGH = 64
# Of a larger overlap a lattice of pixels is compared: the medians of so many are exact enough.
SAMPLE = 250_000


class Node(NamedTuple):
    """A connected component of a frame; 0 stands for the frame where there are none."""

    frame: int
    label: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """Component of one frame over a component of another: what the second has more, in rad, and on how many pixels."""

    one: Node
    other: Node
    difference: float
    pixels: int


@dataclass(frozen=True, slots=True)
class Seam:
    """Where two frames overlap.

    Parameters
    ----------
    one, other : int
        The frames.
    fraction : float
        What the second has more, in rad, apart from whole cycles.
    overlaps : tuple of Overlap
        By components.
    spread : float
        Median distance of the differences from their component's median, in rad: what no constant explains.
    pixels : int
        Valid in both.
    """

    one: int
    other: int
    fraction: float
    overlaps: tuple[Overlap, ...]
    spread: float
    pixels: int


@dataclass(frozen=True, slots=True)
class Solution:
    """What is added to the phases of the frames that are related to the first.

    Parameters
    ----------
    frames : dict of int to float
        By frame: rad for a pixel of no component below.
    components : dict of Node to float
        By component, where it was seen in an overlap: rad.
    labels : dict of Node to Node
        The first of the components that it continues across the seams.
    """

    frames: dict[int, float]
    components: dict[Node, float]
    labels: dict[Node, Node]

    def step(self, seam: Seam) -> float:
        """What is left at a seam, in rad: noise where frames form a chain, more where they meet in a ring and do not close."""
        added = self.components
        left = [abs(found.difference + added[found.other] - added[found.one]) * found.pixels for found in seam.overlaps]
        return sum(left) / sum(found.pixels for found in seam.overlaps)


def seam_of(one: int, other: int, phases: tuple[Array, Array], labels: tuple[Array, Array] | None) -> Seam | None:
    """Compare two frames on their common pixels; None where these are too few.

    Parameters
    ----------
    one, other : int
        Numbers of the frames.
    phases : two ndarrays
        (y, x) rad, NaN where there is none.
    labels : two ndarrays, optional
        (y, x) connected components, 0, negative or NaN where there is none.
    """
    step = math.ceil(math.sqrt(phases[0].size / SAMPLE))
    difference = phases[1][::step, ::step].astype(np.float64) - phases[0][::step, ::step]
    valid = np.isfinite(difference)
    if valid.sum() < ENOUGH:
        return None
    values = difference[valid]
    groups = {(0, 0): values}
    if labels is not None:
        one_label, other_label = (label[::step, ::step][valid] for label in labels)
        groups = _by_component(values, one_label, other_label)
    medians = {kind: float(np.median(here)) for kind, here in groups.items()}
    overlaps = tuple(
        Overlap(Node(one, first), Node(other, second), medians[first, second], len(here) * step * step)
        for (first, second), here in groups.items()
    )
    spread = float(np.median(np.abs(np.concatenate([here - medians[kind] for kind, here in groups.items()]))))
    fraction = _fraction(np.concatenate(list(groups.values())))
    return Seam(one, other, fraction, overlaps, spread, len(values) * step * step)


def _by_component(values: Array, one: Array, other: Array) -> dict[tuple[int, int], Array]:
    """The values of each two components that have enough in common; all together where there are no such."""
    first, second = (np.maximum(np.nan_to_num(labels, nan=0.0), 0).astype(np.int64) for labels in (one, other))
    base = int(second.max()) + 1
    keys = np.where((first > 0) & (second > 0), first * base + second, 0)
    kinds, counts = np.unique(keys, return_counts=True)
    found = {divmod(int(kind), base): values[keys == kind] for kind in kinds[(counts >= ENOUGH) & (kinds > 0)]}
    # Pixels of no component are better than none.
    return found or {(0, 0): values}


def _fraction(values: Array) -> float:
    """The median of angles: about their mean direction."""
    mean = float(np.angle(np.exp(1j * values).mean()))
    rest = values - mean
    return mean + float(np.median(rest - CYCLE * np.round(rest / CYCLE)))


@dataclass(slots=True)
class _Heights(Generic[Thing]):
    """Things whose differences become known one by one: those that are related, and how high each lies over the first."""

    above: dict[Thing, tuple[Thing, float]] = field(default_factory=dict)

    def of(self, thing: Thing) -> tuple[Thing, float]:
        root, height = self.above.get(thing, (thing, 0.0))
        if root == thing:
            return root, height
        top, more = self.of(root)
        return top, height + more

    def relate(self, one: Thing, other: Thing, difference: float) -> None:
        """Say that the second lies so much higher, unless they are related already."""
        (root, height), (far, distance) = self.of(one), self.of(other)
        if root != far:
            self.above[far] = root, height + difference - distance


def related(count: int, seams: Sequence[Seam]) -> list[list[int]]:
    """Frames that seams connect: the group with most frames first, then that with most common pixels."""
    heights: _Heights[int] = _Heights()
    for seam in seams:
        heights.relate(seam.one, seam.other, 0.0)
    groups: dict[int, list[int]] = {}
    for frame in range(count):
        groups.setdefault(heights.of(frame)[0], []).append(frame)
    return sorted(groups.values(), key=lambda group: (-len(group), -_pixels(group, seams)))


def _pixels(group: Sequence[int], seams: Sequence[Seam]) -> int:
    return sum(seam.pixels for seam in seams if seam.one in group)


def solve(frames: Sequence[int], seams: Sequence[Seam]) -> Solution:
    """What makes the phases of frames continue each other; the first frame keeps its own.

    Parameters
    ----------
    frames : sequence of int
        All connected by seams.
    seams : sequence of Seam
        Between any frames.
    """
    mine = sorted((seam for seam in seams if seam.one in frames), key=lambda seam: (-seam.pixels, seam.one, seam.other))
    constants: _Heights[int] = _Heights()
    for seam in mine:
        constants.relate(seam.one, seam.other, seam.fraction)
    constant = {frame: constants.of(frame)[1] - constants.of(frames[0])[1] for frame in frames}
    overlaps = sorted(
        (one for seam in mine for one in seam.overlaps), key=lambda one: (-one.pixels, one.one, one.other)
    )
    cycles: _Heights[Node] = _Heights()
    linked: _Heights[Node] = _Heights()
    main: dict[int, Node] = {}
    for found in overlaps:
        rest = found.difference - (constant[found.other.frame] - constant[found.one.frame])
        cycles.relate(found.one, found.other, round(rest / CYCLE))
        for node in (found.one, found.other):
            main.setdefault(node.frame, node)
    nodes = sorted({node for found in overlaps for node in (found.one, found.other)})
    for found in overlaps:
        # The first in order is the root, whatever came first.
        one, other = sorted((linked.of(found.one)[0], linked.of(found.other)[0]))
        linked.relate(one, other, 0.0)
    for node in nodes:
        # Only where no overlap says how components lie is the frame believed, which left their cycles open.
        cycles.relate(main[node.frame], node, 0.0)
    zero = cycles.of(main[frames[0]])[1]
    components = {node: -constant[node.frame] - CYCLE * (cycles.of(node)[1] - zero) for node in nodes}
    whole = {frame: components[main[frame]] for frame in frames}
    return Solution(whole, components, {node: linked.of(node)[0] for node in nodes})
