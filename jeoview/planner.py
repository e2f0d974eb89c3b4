"""From a chain and a grid to a plan: which node, on which pixels, in which order.

Pure: no pixel is read and no file is opened here. Pixel operators ask their inputs for the same
pixels, neighbourhoods for some more on every side, full-extent and fit operators for an area of
their own: a stage, whose result is kept under its key and cut or sampled for the tile. What is only right at the
pixels of a sensor has a stage on those pixels: the window of the source that covers the grid, with the padding of the
neighbourhoods, in whole blocks; its results are averaged and resampled onto the grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from jeoview.coarse import factor_of, parts_of, shared, sources_of_parts
from jeoview.describe import describe, input_nodes, input_schemas, is_native, options_of, shows_scenes
from jeoview.errors import LimitError, ParameterError
from jeoview.graph import Node, walk
from jeoview.grid import Grid
from jeoview.native import Landing, Locate, landing, locate_in_chain
from jeoview.operator import Mode, Names, Schema, all_demand, find
from jeoview.plan import Cost, Edge, Measure, Place, Plan, Stage, Step, cost, padding, time_axis
from jeoview.projection import is_sensor
from jeoview.quantities import Window
from jeoview.raster import Kind
from jeoview.region import region_grid, under

__all__ = [
    "Cost",
    "Edge",
    "Limits",
    "Measure",
    "Place",
    "Plan",
    "Stage",
    "Step",
    "cost",
    "needs_view",
    "plan",
    "time_axis",
]


@dataclass(slots=True)
class _Demand:
    """What the users of a node ask of it, gathered while walking from the result to the sources."""

    grid: Grid
    bands: set[str] = field(default_factory=set)
    keep: bool = False
    shares: bool = False
    landing: Landing | None = None
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
    max_native_pixels: int = 16_777_216


def plan(
    root: Node,
    grid: Grid,
    *,
    view: Grid | None = None,
    limits: Limits = Limits(),
    steady: frozenset[str] = frozenset(),
    locate: Locate = locate_in_chain,
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
        Largest padding, largest barrier, most pixels of a sensor.
    steady : frozenset of str
        Keys of nodes whose bands or series are worth keeping, see `jeoview.make.below_sliders`.
    locate : callable
        From a source node to where its pixels lie, for sources with pixels of their own.

    Raises
    ------
    LimitError
        If neighbourhoods add up to more padding, or a barrier or the sensor's part to more pixels, than the
        limits allow.
    ParameterError
        If the view is on another lattice than the grid, or does not hold it; or the grid is one of a sensor's pixels, and
        the result is not at these.
    """
    view = grid if view is None else view
    _check_sensor(root, grid)
    if not view.contains(grid):
        raise ParameterError("the view does not hold the tile: it must be a block of tiles of the same zoom around it")
    steps: dict[Place, Step] = {}
    _plan_stage(root, None, grid, _Area(view, _view_dependent(root), limits, steady, locate), steps)
    return Plan(tuple(steps.values()), grid)


def _check_sensor(root: Node, grid: Grid) -> None:
    """Rows and columns mean something only to what works at these very pixels."""
    if not is_sensor(grid.crs):
        return
    frame = describe(root).frame
    if frame is None:
        raise ParameterError(
            f"{root.operator} works on the map, and rows and columns of a sensor are no place there; ask for a system "
            "of the map, such as crs='EPSG:4326'"
        )
    if frame.lattice != grid.lattice:
        rows, cols = frame.looks
        raise ParameterError(
            f"{root.operator} has pixels of {rows} x {cols} rows and columns of its own sensor; the grid asked for is of "
            "another sensor or of other pixels"
        )


@dataclass(frozen=True, slots=True)
class _Area:
    """What holds for one stage: the view that its barriers work on, which nodes hang on a view, and for all stages."""

    view: Grid
    dependent: frozenset[str]
    limits: Limits
    steady: frozenset[str] = frozenset()
    locate: Locate = locate_in_chain
    entered: set[Stage] = field(default_factory=set)


def _plan_stage(root: Node, stage: Stage | None, grid: Grid, area: _Area, steps: dict[Place, Step]) -> None:
    """Add the steps of one stage, inputs first, and those of the barriers that it needs before them."""
    bands = describe(root).bands if stage is None else stage.bands
    demands = _gather(root, stage, grid, bands, area)
    sensor = Stage(stage.barrier if stage else "", grid, stage.bands if stage else (), native=True)
    places: dict[str, Place] = {}
    native: dict[str, Place] = {}
    for node in walk(root):
        deep, demand = demands.native.get(node.key), demands.outer.get(node.key)
        if deep is not None:
            native[node.key] = _add(_step(node, sensor, deep, {**places, **native}, area), steps)
        if demand is None:
            continue
        if demand.landing is not None:
            step = _step(node, stage, demand, native, area)
            places[node.key] = _add(replace(step, needs=(native[node.key],), landing=demand.landing), steps)
        elif _is_barrier(node, root, stage, demand.grid):
            places[node.key] = _plan_barrier(node, demand, area, steps)
            if node.key == root.key:
                _add(Step(node, None, grid, bands, (places[node.key],), grid, (bands,)), steps)
        else:
            places[node.key] = _add(_step(node, stage, demand, places, area), steps)


def _add(step: Step, steps: dict[Place, Step]) -> Place:
    steps[step.place] = step
    return step.place


@dataclass(frozen=True, slots=True)
class _Demands:
    """What is asked of each node by key: on the stage's grid, and at the pixels of the sensor."""

    outer: dict[str, _Demand]
    native: dict[str, _Demand]


def _gather(root: Node, stage: Stage | None, grid: Grid, bands: Names, area: _Area) -> _Demands:
    """What is asked of every node up to the sources and to the next barriers."""
    asked = {root.key: _Demand(grid, set(bands))}
    # A window of the sensor's own pixels is asked for as it is.
    demands = _Demands({}, asked) if is_sensor(grid.crs) else _Demands(asked, {})
    for node in reversed(walk(root)):
        demand = demands.outer.get(node.key)
        if demand is not None and is_native(node):
            _land(node, demand, demands.native, area)
        elif demand is not None and not _is_barrier(node, root, stage, demand.grid):
            demand.input_grid = demand.grid.pad(find(node.operator).radius(options_of(node), demand.grid))
            _check_padding(node, demand.input_grid, grid, area.limits)
            if stage is not None and stage.parts and node.key == root.key:
                # What is below works on these pixels, and has its padding around them.
                grid = demand.input_grid = sources_of_parts(node, demand.input_grid, stage.parts)
                demand.shares = True
            _pass_on(node, demand, demands.outer, area)
        deep = demands.native.get(node.key)
        if deep is not None:
            deep.input_grid = _native_input(node, deep.grid)
            _check_native(node, deep.input_grid, area.limits)
            _pass_on(node, deep, demands.native, area)
            _fit_on_the_map(node, demands, grid)
    return demands


def _fit_on_the_map(node: Node, demands: _Demands, grid: Grid) -> None:
    """Ask for the tables that a node at the sensor's pixels needs: they are fitted on a region of their own."""
    for image in input_nodes(node):
        table = demands.native.pop(image.key) if describe(image).kind is Kind.TABLE else None
        if table is not None:
            demands.outer.setdefault(image.key, _Demand(grid)).bands.update(table.bands)


def _pass_on(node: Node, demand: _Demand, demands: dict[str, _Demand], area: _Area) -> None:
    """Ask the inputs of a node for what it needs of them."""
    found, schemas = find(node.operator), input_schemas(node)
    grid = demand.input_grid or demand.grid
    if schemas:
        demand.input_bands = found.demand(options_of(node), _ordered(node, demand), schemas)
    for image, schema, wanted in zip(input_nodes(node), schemas, demand.input_bands, strict=True):
        asked = demands.setdefault(image.key, _Demand(grid))
        asked.add(grid, wanted)
        under = found.kind is Kind.COLOUR or demand.shares or image.key in area.steady
        asked.keep |= under and (schema.kind is Kind.BANDS or _is_made(image, schema))


def _is_made(image: Node, schema: Schema) -> bool:
    """A series that was computed, such as an inversion; scenes and pairs are read again as quickly as they are kept."""
    return schema.kind is Kind.SERIES and not schema.pairs and not shows_scenes(image)


def _land(node: Node, demand: _Demand, native: dict[str, _Demand], area: _Area) -> None:
    """Ask for a node at the pixels of the sensor that cover a grid."""
    source = next(_sources(node))
    demand.landing = landing(area.locate(source), describe(node), demand.grid, options_of(source)["resampling"])
    wanted = _ordered(node, demand)
    native.setdefault(node.key, _Demand(demand.landing.fine)).add(demand.landing.fine, wanted)
    demand.input_bands = (wanted,)


def _sources(node: Node) -> Iterator[Node]:
    return (part for part in walk(node) if find(part.operator).mode is Mode.SOURCE)


def _native_input(node: Node, grid: Grid) -> Grid:
    """The sensor's pixels that a node needs of its inputs."""
    found, options = find(node.operator), options_of(node)
    if found.mode is Mode.BLOCK:
        frame, looks = input_schemas(node)[0].frame, found.looks(options)
        return grid if frame is None else frame.finer(grid, *looks)
    return grid.pad(found.radius(options, grid))


def _is_barrier(node: Node, root: Node, stage: Stage | None, grid: Grid) -> bool:
    """Whether a node has pixels of its own; inside its own stage it is an ordinary step."""
    own = stage is not None and node.key == root.key
    return not own and (find(node.operator).mode in (Mode.FULL, Mode.FIT) or _elsewhere(node, grid) is not None)


def _elsewhere(node: Node, grid: Grid) -> tuple[Grid, str, int] | None:
    """The larger pixels that a neighbourhood is computed on in the place of a grid's, how they are sampled, and their parts."""
    own = find(node.operator).own(options_of(node), grid.lattice)
    if own is not None:
        return under(grid, own), "nearest", 0
    parts = parts_of(node, grid.lattice)
    # One pixel more on every side is what interpolation looks at.
    return (shared(grid.within(factor_of(node, grid.lattice))).pad(1), "bilinear", parts) if parts else None


def _ordered(node: Node, demand: _Demand) -> Names:
    return tuple(band for band in describe(node).bands if band in demand.bands)


def _plan_barrier(node: Node, demand: _Demand, area: _Area, steps: dict[Place, Step]) -> Place:
    """Add the steps of a barrier unless they stand there, and say which one is its result."""
    found = find(node.operator)
    mode = found.mode
    # A table is shared under the key of its node, so it always holds all bands; so does what is computed all at once.
    at_once = mode is Mode.FIT or (mode is Mode.FULL and found.demand is all_demand)
    wanted = describe(node).bands if at_once else _ordered(node, demand)
    if (larger := _elsewhere(node, demand.grid)) is not None:
        inner, stage = area, Stage(node.key, larger[0], wanted, method=larger[1], parts=larger[2])
    else:
        inner = _barrier_area(node, area)
        stage = Stage(node.key, inner.view, wanted)
    if stage not in area.entered:
        area.entered.add(stage)
        if len(area.entered) > area.limits.max_barriers:
            raise LimitError(f"more than {area.limits.max_barriers} steps of the chain work on a whole area")
        _plan_stage(node, stage, stage.area, inner, steps)
    return node.key, stage


def _barrier_area(node: Node, area: _Area) -> _Area:
    view, most = area.view, area.limits.max_barrier_pixels
    if not _works_on_view(node):
        grid = _fixed_region(node, most)
        # Inside a fixed region the view is that region: what is fixed must not hang on what somebody looks at.
        return replace(area, view=grid, dependent=frozenset())
    if view.height * view.width > most:
        raise LimitError(
            f"{node.operator} would work on {view.width} x {view.height} pixels; the limit is {most:,}. "
            "Ask for a smaller area, or give it a region and a lower zoom"
        )
    return area


def _fixed_region(node: Node, most: int) -> Grid:
    options = options_of(node)
    region = options["region"]
    if not isinstance(region, Window):
        return region_grid(region, zoom=options["zoom"], max_pixels=most)
    rows, cols = region.shape
    if rows * cols > most:
        raise LimitError(f"{node.operator}: the region has {rows} x {cols} pixels; the limit is {most:,}")
    return region.grid


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


def _check_native(node: Node, grid: Grid, limits: Limits) -> None:
    if grid.height * grid.width > limits.max_native_pixels:
        raise LimitError(
            f"{node.operator} needs {grid.width} x {grid.height} pixels of the sensor here; the limit is "
            f"{limits.max_native_pixels:,}. Zoom in: it is formed at full resolution and averaged down"
        )


def _check_padding(node: Node, padded: Grid, grid: Grid, limits: Limits) -> None:
    width = padding(padded, grid)
    if width > limits.max_padding:
        raise LimitError(
            f"the neighbourhoods of this chain add up to {width} pixels of padding at {node.operator}; the limit "
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
