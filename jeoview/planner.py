"""From a chain and a grid to a plan: which node, on which pixels, in which order.

Pure: no pixel is read and no file is opened here. Pixel operators ask their inputs for the same
pixels, neighbourhoods for some more on every side, full-extent and fit operators for an area of
their own: a stage, whose result is kept under its key and cut or sampled for the tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from jeoview.errors import LimitError, ParameterError
from jeoview.graph import Node, walk
from jeoview.grid import Grid, region_grid
from jeoview.operator import (
    Input,
    Mode,
    Names,
    Operator,
    describe,
    find,
    input_nodes,
    input_schemas,
    is_lifted,
    options_of,
)
from jeoview.raster import Kind

Stage = str
Place = tuple[str, Stage]
Edge = Place | float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One node on one grid.

    Parameters
    ----------
    node : Node
        What to compute.
    stage : str
        Empty for the tile itself, else the key of the barrier whose area this belongs to.
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
        Whether the result is worth keeping: the array under a style, a barrier, a table.
    """

    node: Node
    stage: Stage
    grid: Grid
    bands: Names
    needs: tuple[Edge, ...]
    input_grid: Grid
    input_bands: tuple[Names, ...]
    keep: bool

    @property
    def place(self) -> Place:
        """What other steps name this one by."""
        return self.node.key, self.stage

    @property
    def is_cut(self) -> bool:
        """Whether the step only cuts the grid out of a barrier of the same node."""
        return self.stage == "" and (self.node.key, self.node.key) in self.needs

    @property
    def operator(self) -> Operator:
        """The operator of the node."""
        return find(self.node.operator)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in an order in which inputs come first; the last one is the result."""

    steps: tuple[Step, ...]
    grid: Grid

    @property
    def padding(self) -> int:
        """Widest padding of the tile's own stage, in pixels."""
        return max((_padding(step.grid, self.grid) for step in self.steps if step.stage == ""), default=0)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan would take when nothing is cached.

    Parameters
    ----------
    read_bytes : int
        Bytes decoded from files.
    array_bytes : int
        Bytes of all arrays of the plan.
    padding : int
        Widest padding in pixels.
    """

    read_bytes: int
    array_bytes: int
    padding: int

    @property
    def total(self) -> int:
        """Bytes read and held."""
        return self.read_bytes + self.array_bytes


@dataclass(slots=True)
class _Demand:
    """What the users of a node ask of it, gathered while walking from the result to the sources."""

    grid: Grid | None = None
    bands: set[str] = field(default_factory=set)
    keep: bool = False

    def add(self, grid: Grid, bands: Names) -> None:
        self.grid = grid if self.grid is None else self.grid.union(grid)
        self.bands.update(bands)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan may ask for."""

    max_padding: int = 512
    max_barrier_pixels: int = 16_777_216


def plan(root: Node, grid: Grid, *, view: Grid | None = None, limits: Limits = Limits()) -> Plan:
    """Decide which pixels of which node a grid needs.

    Parameters
    ----------
    root : Node
        Result, slider parameters bound.
    grid : Grid
        The pixels wanted.
    view : Grid, optional
        The area that a full-extent operator on the view works on; the grid itself by default.
    limits : Limits
        Largest padding and largest barrier.

    Raises
    ------
    LimitError
        If neighbourhoods add up to more padding, or a barrier to more pixels, than the limits allow.
    ParameterError
        If the view is on another lattice than the grid, or does not hold it.
    """
    view = grid if view is None else view
    if not view.contains(grid):
        raise ParameterError("the view does not hold the tile: it must be a block of tiles of the same zoom around it")
    steps: dict[Place, Step] = {}
    _plan_stage(root, "", grid, describe(root).bands, view, limits, steps)
    return Plan(tuple(steps.values()), grid)


def _plan_stage(
    root: Node, stage: Stage, grid: Grid, bands: Names, view: Grid, limits: Limits, steps: dict[Place, Step]
) -> None:
    """Add the steps of one stage, those of the barriers that it needs before it."""
    demands: dict[str, _Demand] = {root.key: _Demand()}
    demands[root.key].add(grid, bands)
    order = walk(root)
    planned: list[Step] = []
    for node in reversed(order):
        demand = demands.get(node.key)
        if demand is None:
            continue
        if _is_barrier(node) and (node.key != root.key or stage == ""):
            area = _barrier_grid(node, view, limits)
            if (node.key, node.key) not in steps:
                _plan_stage(node, node.key, area, describe(node).bands, view, limits, steps)
            if node.key == root.key:
                planned.append(_pass_through(node, grid, bands))
            continue
        step = _step(node, stage, demand, demands, keep=node.key == stage)
        _check_padding(step, grid, limits)
        planned.append(step)
    for step in reversed(planned):
        steps[step.place] = step


def _is_barrier(node: Node) -> bool:
    return find(node.operator).mode in (Mode.FULL, Mode.FIT)


def _pass_through(node: Node, grid: Grid, bands: Names) -> Step:
    """The result itself is a barrier: a step that only cuts it."""
    return Step(node, "", grid, bands, ((node.key, node.key),), grid, (bands,), keep=False)


def _step(node: Node, stage: Stage, demand: _Demand, demands: dict[str, _Demand], *, keep: bool) -> Step:
    found = find(node.operator)
    schemas = input_schemas(node)
    if demand.grid is None:
        raise ValueError(f"{node.operator} is planned before what uses it")
    bands = tuple(band for band in describe(node).bands if band in demand.bands)
    radius = found.radius(options_of(node), demand.grid)
    input_grid = demand.grid.pad(radius)
    input_bands = found.demand(options_of(node), bands, schemas) if schemas else ()
    for image, schema, wanted in zip(input_nodes(node), schemas, input_bands, strict=True):
        asked = demands.setdefault(image.key, _Demand())
        asked.add(input_grid, wanted)
        asked.keep |= found.kind is Kind.COLOUR and schema.kind is Kind.BANDS
    edges = tuple(_edge(value, stage) for value in _values(node, found.inputs))
    return Step(node, stage, demand.grid, bands, edges, input_grid, input_bands, keep or demand.keep)


def _values(node: Node, inputs: tuple[Input, ...]) -> list[Any]:
    values: list[Any] = []
    for item in inputs:
        value = node.arguments.get(item.name)
        values.extend(value if isinstance(value, tuple) else [value])
    return values


def _edge(value: Any, stage: Stage) -> Edge:
    if not isinstance(value, Node):
        return None if value is None else float(value)
    return (value.key, value.key if _is_barrier(value) else stage)


def _padding(inner: Grid, outer: Grid) -> int:
    return max(
        outer.row - inner.row,
        outer.col - inner.col,
        inner.row + inner.height - outer.row - outer.height,
        inner.col + inner.width - outer.col - outer.width,
    )


def _check_padding(step: Step, grid: Grid, limits: Limits) -> None:
    padding = _padding(step.input_grid, grid)
    if padding > limits.max_padding:
        raise LimitError(
            f"the neighbourhoods of this chain add up to {padding} pixels of padding at {step.node.operator}; the limit "
            f"is {limits.max_padding}. Use a smaller radius, or zoom out if it is in metres"
        )


def _barrier_grid(node: Node, view: Grid, limits: Limits) -> Grid:
    options = options_of(node)
    if options["region"] == "view":
        area = view
        if area.height * area.width > limits.max_barrier_pixels:
            raise LimitError(
                f"{node.operator} would work on {area.width} x {area.height} pixels; the limit is "
                f"{limits.max_barrier_pixels:,}. Ask for a smaller area, or give it a region and a lower zoom"
            )
        return area
    return region_grid(options["region"], zoom=options["zoom"], max_pixels=limits.max_barrier_pixels)


def needs_view(root: Node) -> bool:
    """Whether a full-extent operator works on the viewed area, so that a tile's URL must say the view."""
    return any(find(node.operator).mode is Mode.FULL and options_of(node)["region"] == "view" for node in walk(root))


def time_axis(planned: Plan) -> Step:
    """The source step whose scenes are the layers of a series, in order.

    Raises
    ------
    ParameterError
        If the result is no series, or an operator on the way made dates of its own.
    """
    steps = {step.place: step for step in planned.steps}
    step = planned.steps[-1]
    while step.operator.mode is not Mode.SOURCE:
        before = [steps[edge] for edge in step.needs if isinstance(edge, tuple)]
        series = [found for found in before if describe(found.node).kind is Kind.SERIES]
        if not series or not (step.is_cut or is_lifted(step.node)):
            raise ParameterError(f"{step.node.operator} has no scenes along its time axis")
        step = series[0]
    return step


Measure = Callable[[Node, Grid, Names], tuple[int, int]]


def cost(planned: Plan, measure: Measure, steps: Iterable[Step] | None = None) -> Cost:
    """Estimate a plan before anything is read.

    Parameters
    ----------
    planned : Plan
        What would be done.
    steps : iterable of Step, optional
        Those of its steps that are left to do; all of them by default.
    measure : callable
        From a source node, a grid and bands to (bytes to decode, layers in time).
    """
    layers: dict[Place, int] = {}
    read_bytes = array_bytes = 0
    for step in planned.steps if steps is None else steps:
        depth = 1
        if step.operator.mode is Mode.SOURCE:
            decoded, depth = measure(step.node, step.grid, step.bands)
            read_bytes += decoded
        elif is_lifted(step.node):
            depth = max((layers.get(edge, 1) for edge in step.needs if isinstance(edge, tuple)), default=1)
        layers[step.place] = depth
        array_bytes += depth * max(len(step.bands), 1) * step.grid.height * step.grid.width * 4
    return Cost(read_bytes, array_bytes, planned.padding)


def style_base(root: Node) -> Node:
    """The node whose values a style shows: the chain without its colours."""
    node = root
    while describe(node).kind is Kind.COLOUR:
        node = input_nodes(node)[0]
    return node
