"""What a plan is: steps in order, each one node on one grid; and what can be read from it before it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jeoview.describe import describe, is_lifted, options_of
from jeoview.errors import ParameterError
from jeoview.graph import Node
from jeoview.grid import Grid
from jeoview.native import Landing
from jeoview.operator import Mode, Names, Operator, find
from jeoview.raster import Kind


@dataclass(frozen=True, slots=True)
class Stage:
    """What is computed together on pixels of its own: a barrier on its area, or what needs the sensor's pixels.

    Parameters
    ----------
    barrier : str
        Key of the node; empty for the tile itself.
    area : Grid
        The pixels that it works on: they hang on the view, or on the barrier around it.
    bands : tuple of str
        The bands that somebody needs of it.
    native : bool
        Whether this is the part of it that is computed at the pixels of a sensor.
    method : {"nearest", "bilinear"}
        How its result is sampled by who works on another lattice.
    parts : int
        Pixels, down and across, of which one of the area is made: what its node is given is on these. 0: the area's own.
    """

    barrier: str
    area: Grid
    bands: Names
    native: bool = False
    method: str = "nearest"
    parts: int = 0


Place = tuple[str, Stage | None]
Edge = Place | float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One node on one grid.

    Parameters
    ----------
    node : Node
        What to compute.
    stage : Stage, optional
        What this is computed for; None for the tile itself.
    grid : Grid
        The pixels to compute.
    bands : tuple of str
        The bands that somebody needs of the result.
    needs : tuple
        For each argument of the function: the step it comes from, or the number that stands there.
    input_grid : Grid
        The pixels that the function gets of each input: ``grid``, padded for a neighbourhood.
    input_bands : tuple of tuple of str
        The bands that it gets of each input that is an image.
    keep : bool
        Whether the result is worth keeping: the array under a style or a slider, a barrier, a table.
    view : Grid, optional
        The viewed area, where the values hang on it.
    landing : Landing, optional
        How the same node's result at the sensor's pixels comes onto ``grid``.
    """

    node: Node
    stage: Stage | None
    grid: Grid
    bands: Names
    needs: tuple[Edge, ...]
    input_grid: Grid
    input_bands: tuple[Names, ...]
    keep: bool = False
    view: Grid | None = None
    landing: Landing | None = None

    @property
    def place(self) -> Place:
        """What other steps name this one by."""
        return self.node.key, self.stage

    @property
    def is_cut(self) -> bool:
        """Whether the step only takes the grid out of another stage of the same node."""
        return any(isinstance(edge, tuple) and edge[0] == self.node.key for edge in self.needs)

    @property
    def is_barrier(self) -> bool:
        """Whether the step works on a whole area, or fits a table to it."""
        own = self.stage is not None and self.node.key == self.stage.barrier
        return own and self.operator.mode in (Mode.FULL, Mode.FIT)

    @property
    def is_from_parts(self) -> bool:
        """Whether the step makes larger pixels out of those that it is given."""
        return self.stage is not None and self.stage.parts > 0 and self.node.key == self.stage.barrier

    @property
    def is_read(self) -> bool:
        """Whether the step reads scenes."""
        return self.operator.mode is Mode.SOURCE and not self.is_cut

    @property
    def operator(self) -> Operator:
        """The operator of the node."""
        return find(self.node.operator)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in an order in which inputs come first; the last one is the result."""

    steps: tuple[Step, ...]
    grid: Grid

    def moved(self, grid: Grid) -> Plan:
        """The same plan on another grid; it must be one in which every step works on the pixels of the result."""
        steps = (
            Step(s.node, None, grid, s.bands, s.needs, grid, s.input_bands, s.keep, None, None) for s in self.steps
        )
        return Plan(tuple(steps), grid)

    @property
    def padding(self) -> int:
        """Widest padding of the tile's own stage, in pixels."""
        return max((padding(step.input_grid, self.grid) for step in self.steps if step.stage is None), default=0)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan would take when nothing is cached.

    Parameters
    ----------
    read_bytes : int
        Bytes decoded from files; of what only a fit reads, which is done once and not by every tile, those that are held
        at a time.
    array_bytes : int
        Bytes of all arrays of the plan.
    padding : int
        Widest padding in pixels.
    fit_bytes : int
        Of the bytes read and held, those of what only a fit needs.
    """

    read_bytes: int
    array_bytes: int
    padding: int
    fit_bytes: int = 0

    @property
    def total(self) -> int:
        """Bytes read and held."""
        return self.read_bytes + self.array_bytes


def padding(inner: Grid, outer: Grid) -> int:
    """Pixels that a window reaches over another, on the side where they are most."""
    return max(
        outer.row - inner.row,
        outer.col - inner.col,
        inner.row + inner.height - outer.row - outer.height,
        inner.col + inner.width - outer.col - outer.width,
    )


def time_axis(planned: Plan) -> Step:
    """The source step whose scenes are the layers of a series, in order.

    Raises
    ------
    ParameterError
        If the result is no series, or an operator on the way made dates of its own.
    """
    steps = {step.place: step for step in planned.steps}
    step = planned.steps[-1]
    while not step.is_read:
        before = [steps[edge] for edge in step.needs if isinstance(edge, tuple)]
        series = [found for found in before if describe(found.node).kind is Kind.SERIES]
        if not series or not (step.is_cut or is_lifted(step.node) or _keeps_layers(step.operator)):
            raise ParameterError(f"{step.node.operator} has no scenes along its time axis")
        step = series[0]
    return step


def _keeps_layers(found: Operator) -> bool:
    """Whether an operator on a whole series gives one of the same layers."""
    return found.kind is Kind.SERIES and found.layers == "kept"


class Load(NamedTuple):
    """What reading a source takes: bytes to decode, the most of them that are held at a time, and layers in time."""

    decoded: int
    held: int
    layers: int


Measure = Callable[[Node, Grid, Names], Load]


def cost(planned: Plan, measure: Measure, steps: Iterable[Step] | None = None, *, once: bool = False) -> Cost:
    """Estimate a plan before anything is read.

    Parameters
    ----------
    planned : Plan
        What would be done.
    steps : iterable of Step, optional
        Those of its steps that are left to do; all of them by default.
    measure : callable
        From a source node, a grid and bands to what reading them takes.
    once : bool
        Whether all of it is done once, as a fit is.
    """
    layers: dict[Place, int] = {}
    read_bytes = array_bytes = fit_bytes = 0
    todo = planned.steps if steps is None else tuple(steps)
    fitted = only_fitted(todo)
    for step in todo:
        depth, own, read = 1, 0, 0
        if step.is_read:
            load = measure(step.node, step.grid, step.bands)
            read, depth = load.held if once or step.place in fitted else load.decoded, load.layers
        elif describe(step.node).kind is Kind.SERIES:
            depth = max((layers.get(edge, 1) for edge in step.needs if isinstance(edge, tuple)), default=1)
        layers[step.place] = depth
        if not step.is_read and not step.is_cut and step.landing is None:
            scratch = step.operator.scratch(options_of(step.node))
            own = scratch * step.input_grid.height * step.input_grid.width
        own += depth * max(len(step.bands), 1) * step.grid.height * step.grid.width * _item_bytes(step)
        read_bytes, array_bytes = read_bytes + read, array_bytes + own
        fit_bytes += read + own if step.place in fitted else 0
    return Cost(read_bytes, array_bytes, planned.padding, fit_bytes)


def only_fitted(steps: Sequence[Step]) -> frozenset[Place]:
    """The steps that nothing but a fit needs, inputs of inputs included."""
    alone: dict[Place, bool] = {}
    for step in reversed(steps):
        here = step.operator.mode is Mode.FIT or alone.get(step.place, False)
        for edge in step.needs:
            if isinstance(edge, tuple):
                alone[edge] = here and alone.get(edge, True)
    return frozenset(place for place, fitted in alone.items() if fitted)


def _item_bytes(step: Step) -> int:
    # The sensor's pixels may be complex numbers; everything else is counted as float32.
    return 8 if step.landing is not None or (step.stage is not None and step.stage.native) else 4
