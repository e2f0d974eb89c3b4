"""From a chain and a grid to a plan: which node, on which pixels, in which order.

Pure: no pixel is read and no file is opened here. Pixel operators ask their inputs for the same
pixels, neighbourhoods for some more on every side, full-extent and fit operators for an area of
their own: a stage, whose result is kept under its key and cut or sampled for the tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from jeoview.describe import describe, input_nodes, input_schemas, is_lifted, options_of
from jeoview.errors import LimitError, ParameterError
from jeoview.graph import Node, walk
from jeoview.grid import Grid, region_grid
from jeoview.operator import Mode, Names, Operator, find
from jeoview.raster import Kind


@dataclass(frozen=True, slots=True)
class Stage:
    """A barrier on its area.

    Parameters
    ----------
    barrier : str
        Key of the node.
    area : Grid
        The pixels that it works on: they hang on the view, or on the barrier around it.
    bands : tuple of str
        The bands that somebody needs of it.
    """

    barrier: str
    area: Grid
    bands: Names


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
        The barrier that this is computed for; None for the tile itself.
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

    @property
    def place(self) -> Place:
        """What other steps name this one by."""
        return self.node.key, self.stage

    @property
    def is_cut(self) -> bool:
        """Whether the step only cuts the grid out of a barrier of the same node."""
        return self.stage is None and any(isinstance(edge, tuple) and edge[0] == self.node.key for edge in self.needs)

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
        return max((_padding(step.input_grid, self.grid) for step in self.steps if step.stage is None), default=0)


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

    grid: Grid
    bands: set[str] = field(default_factory=set)
    keep: bool = False
    input_grid: Grid | None = None
    input_bands: tuple[Names, ...] = ()

    def add(self, grid: Grid, bands: Names) -> None:
        self.grid = self.grid.union(grid)
        self.bands.update(bands)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan may ask for."""

    max_padding: int = 512
    max_barrier_pixels: int = 16_777_216
    max_barriers: int = 64


def plan(
    root: Node,
    grid: Grid,
    *,
    view: Grid | None = None,
    limits: Limits = Limits(),
    steady: frozenset[str] = frozenset(),
) -> Plan:
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
    steady : frozenset of str
        Keys of nodes whose bands are worth keeping, see `jeoview.make.below_sliders`.

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
    _plan_stage(root, None, grid, _Area(view, _view_dependent(root), limits, steady), steps)
    return Plan(tuple(steps.values()), grid)


@dataclass(frozen=True, slots=True)
class _Area:
    """What holds for one stage: the view that its barriers work on, which nodes hang on a view, and for all stages."""

    view: Grid
    dependent: frozenset[str]
    limits: Limits
    steady: frozenset[str] = frozenset()
    entered: set[Stage] = field(default_factory=set)


def _plan_stage(root: Node, stage: Stage | None, grid: Grid, area: _Area, steps: dict[Place, Step]) -> None:
    """Add the steps of one stage, inputs first, and those of the barriers that it needs before them."""
    bands = describe(root).bands if stage is None else stage.bands
    demands = _gather(root, stage, grid, bands, area)
    places: dict[str, Place] = {}
    for node in walk(root):
        demand = demands.get(node.key)
        if demand is None:
            continue
        if _is_barrier(node, root, stage):
            places[node.key] = _plan_barrier(node, _ordered(node, demand), area, steps)
            if node.key == root.key:
                cut = Step(node, None, grid, bands, (places[node.key],), grid, (bands,))
                steps[cut.place] = cut
        else:
            step = _step(node, stage, demand, places, area)
            places[node.key] = step.place
            steps[step.place] = step


def _gather(root: Node, stage: Stage | None, grid: Grid, bands: Names, area: _Area) -> dict[str, _Demand]:
    """What is asked of every node up to the sources and to the next barriers."""
    demands = {root.key: _Demand(grid, set(bands))}
    for node in reversed(walk(root)):
        demand = demands.get(node.key)
        if demand is None or _is_barrier(node, root, stage):
            continue
        found, schemas = find(node.operator), input_schemas(node)
        demand.input_grid = demand.grid.pad(found.radius(options_of(node), demand.grid))
        _check_padding(node, demand.input_grid, grid, area.limits)
        if schemas:
            demand.input_bands = found.demand(options_of(node), _ordered(node, demand), schemas)
        for image, schema, wanted in zip(input_nodes(node), schemas, demand.input_bands, strict=True):
            asked = demands.setdefault(image.key, _Demand(demand.input_grid))
            asked.add(demand.input_grid, wanted)
            under = found.kind is Kind.COLOUR or image.key in area.steady
            asked.keep |= under and schema.kind is Kind.BANDS
    return demands


def _is_barrier(node: Node, root: Node, stage: Stage | None) -> bool:
    """Whether a node has an area of its own; inside its own stage it is an ordinary step."""
    own = stage is not None and node.key == root.key
    return find(node.operator).mode in (Mode.FULL, Mode.FIT) and not own


def _ordered(node: Node, demand: _Demand) -> Names:
    return tuple(band for band in describe(node).bands if band in demand.bands)


def _plan_barrier(node: Node, bands: Names, area: _Area, steps: dict[Place, Step]) -> Place:
    """Add the steps of a barrier unless they stand there, and say which one is its result."""
    inner = _barrier_area(node, area)
    # A table is shared under the key of its node, so it always holds all bands.
    wanted = describe(node).bands if find(node.operator).mode is Mode.FIT else bands
    stage = Stage(node.key, inner.view, wanted)
    if stage not in area.entered:
        area.entered.add(stage)
        if len(area.entered) > area.limits.max_barriers:
            raise LimitError(f"more than {area.limits.max_barriers} steps of the chain work on a whole area")
        _plan_stage(node, stage, inner.view, inner, steps)
    return node.key, stage


def _barrier_area(node: Node, area: _Area) -> _Area:
    view, most = area.view, area.limits.max_barrier_pixels
    if not _works_on_view(node):
        options = options_of(node)
        grid = region_grid(options["region"], zoom=options["zoom"], max_pixels=most)
        # Inside a fixed region the view is that region: what is fixed must not hang on what somebody looks at.
        return replace(area, view=grid, dependent=frozenset())
    if view.height * view.width > most:
        raise LimitError(
            f"{node.operator} would work on {view.width} x {view.height} pixels; the limit is {most:,}. "
            "Ask for a smaller area, or give it a region and a lower zoom"
        )
    return area


def _step(node: Node, stage: Stage | None, demand: _Demand, places: dict[str, Place], area: _Area) -> Step:
    return Step(
        node=node,
        stage=stage,
        grid=demand.grid,
        bands=_ordered(node, demand),
        needs=tuple(_edge(value, places) for value in _values(node)),
        input_grid=demand.input_grid or demand.grid,
        input_bands=demand.input_bands,
        keep=demand.keep or (stage is not None and node.key == stage.barrier),
        view=area.view if node.key in area.dependent else None,
    )


def _values(node: Node) -> list[Any]:
    values: list[Any] = []
    for item in find(node.operator).inputs:
        value = node.arguments.get(item.name)
        values.extend(value if isinstance(value, tuple) else [value])
    return values


def _edge(value: Any, places: dict[str, Place]) -> Edge:
    if isinstance(value, Node):
        return places[value.key]
    return None if value is None else float(value)


def _padding(inner: Grid, outer: Grid) -> int:
    return max(
        outer.row - inner.row,
        outer.col - inner.col,
        inner.row + inner.height - outer.row - outer.height,
        inner.col + inner.width - outer.col - outer.width,
    )


def _check_padding(node: Node, padded: Grid, grid: Grid, limits: Limits) -> None:
    padding = _padding(padded, grid)
    if padding > limits.max_padding:
        raise LimitError(
            f"the neighbourhoods of this chain add up to {padding} pixels of padding at {node.operator}; the limit "
            f"is {limits.max_padding}. Use a smaller radius, or zoom out if it is in metres"
        )


def _works_on_view(node: Node) -> bool:
    return find(node.operator).mode is Mode.FULL and options_of(node)["region"] == "view"


def _view_dependent(root: Node) -> frozenset[str]:
    """Keys of the nodes whose values hang on the viewed area."""
    dependent: set[str] = set()
    for node in walk(root):
        fixed = find(node.operator).mode in (Mode.FULL, Mode.FIT) and not _works_on_view(node)
        if _works_on_view(node) or (not fixed and any(child.key in dependent for child in node.children)):
            dependent.add(node.key)
    return frozenset(dependent)


def needs_view(root: Node) -> bool:
    """Whether a full-extent operator works on the viewed area, so that a tile's URL must say the view."""
    return root.key in _view_dependent(root)


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
