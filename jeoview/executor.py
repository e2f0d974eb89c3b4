"""From a plan to a raster, with a reader that it is given; no file is opened here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from jeoview import warp
from jeoview.describe import describe, is_lifted, options_of, refuse_complex
from jeoview.errors import ParameterError
from jeoview.graph import Node
from jeoview.grid import Grid
from jeoview.operator import Mode, Names, Operator
from jeoview.plan import Place, Plan, Step
from jeoview.progress import check_wanted
from jeoview.raster import Array, Kind, Raster, Table

Read = Callable[[Node, Grid, Names], Raster]
Value = Raster | Table


class Memory(Protocol):
    """Where results worth keeping are found again: arrays under a style, barriers, tables."""

    def get(self, step: Step) -> Value | None:
        """The result of an equal step, or None."""
        ...

    def put(self, step: Step, value: Value, seconds: float = 0.0) -> None:
        """Keep a result that took so long to compute from its inputs."""
        ...


class NoMemory:
    """Keeps nothing."""

    def get(self, step: Step) -> Value | None:
        """None."""
        return None

    def put(self, step: Step, value: Value, seconds: float = 0.0) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is left of a plan once memory was asked.

    Parameters
    ----------
    results : dict
        What memory had.
    steps : tuple of Step
        What is still to be done, in order.
    result : (str, str)
        The step that is the plan's result.
    """

    results: dict[Place, Value]
    steps: tuple[Step, ...]
    result: Place


def recall(plan: Plan, memory: Memory, known: Mapping[Place, Value] | None = None) -> Work:
    """Ask memory for the steps worth keeping; what only a remembered or known step needed is not left to do."""
    known = known or {}
    results: dict[Place, Value] = {}
    todo: list[Step] = []
    result = plan.steps[-1].place
    needed = {result}
    for step in reversed(plan.steps):
        if step.place not in needed:
            continue
        kept = known.get(step.place) or (memory.get(step) if step.keep else None)
        if kept is None:
            todo.append(step)
            needed.update(_places(step))
        else:
            results[step.place] = kept
    return Work(results, tuple(reversed(todo)), result)


def part(work: Work, place: Place) -> Work:
    """What of a work leads to one of its steps."""
    needed, todo = {place}, []
    for step in reversed(work.steps):
        if step.place in needed:
            todo.append(step)
            needed.update(_places(step))
    return Work(work.results, tuple(reversed(todo)), place)


def finish(work: Work, read: Read, memory: Memory) -> Value:
    """Do what is left, keep what is worth keeping, and let go of the rest as soon as nobody needs it."""
    results = dict(work.results)
    uses = Counter(place for step in work.steps for place in _places(step))
    for step in work.steps:
        check_wanted()
        start = perf_counter()
        value = _run(step, results, read)
        results[step.place] = value
        if step.keep:
            memory.put(step, value, perf_counter() - start)
        for place in _places(step):
            uses[place] -= 1
            if not uses[place]:
                del results[place]
    return results[work.result]


def execute(plan: Plan, read: Read, memory: Memory | None = None) -> Value:
    """Do what a plan says.

    Parameters
    ----------
    plan : Plan
        Steps in order.
    read : callable
        Gives the raster of a source node on a grid.
    memory : Memory, optional
        Asked before a step that is worth keeping.

    Returns
    -------
    Raster or Table
        The result of the last step, on the plan's grid.
    """
    memory = memory or NoMemory()
    return finish(recall(plan, memory), read, memory)


def _places(step: Step) -> tuple[Place, ...]:
    """The steps that a step needs, each once."""
    return tuple(dict.fromkeys(edge for edge in step.needs if isinstance(edge, tuple)))


def _run(step: Step, results: dict[Place, Value], read: Read) -> Value:
    found = step.operator
    if step.landing is not None:
        return _landed(results[_places(step)[0]], step)
    if step.is_cut:
        place = _places(step)[0]
        return _fit(results[place], place, step.grid, step.bands)
    if found.mode is Mode.SOURCE:
        return read(step.node, step.grid, step.bands)
    inputs = _inputs(step, results)
    options = {name: value for name, value in options_of(step.node).items() if name not in _REGION}
    value = _call(found, inputs, options, step)
    if isinstance(value, Table):
        return value
    value = _wanted(value, step).cut(step.grid)
    # A view would keep the padded array alive in the cache.
    return replace(value, array=np.ascontiguousarray(value.array)) if step.keep else value


def _landed(value: Value, step: Step) -> Value:
    """A result at the sensor's pixels, brought onto the step's grid."""
    if step.landing is None or isinstance(value, Table):
        return value
    return step.landing.bring(value.select(step.bands), step.grid)


_REGION = ("region", "zoom")


def _wanted(value: Raster, step: Step) -> Raster:
    """The bands that the step is to give, under their own names."""
    if value.kind is Kind.COLOUR:
        return value
    # A function that gets only the wanted bands gives them in their order, but does not know all names: of a band
    # renamed, or of two inputs with one band each. One that gives more, such as the quality band, names them itself.
    same = len(value.bands) == len(step.bands)
    return replace(value, bands=step.bands) if same else value.select(step.bands)


def _inputs(step: Step, results: dict[Place, Value]) -> list[Any]:
    bands = iter(step.input_bands)
    return [
        _fit(results[edge], edge, step.input_grid, next(bands)) if isinstance(edge, tuple) else edge
        for edge in step.needs
    ]


def _fit(value: Value, place: Place, grid: Grid, bands: Names) -> Value:
    """A result on the grid that its user works on: cut, or sampled where the lattice is another one."""
    if isinstance(value, Table):
        return value
    if value.kind is not Kind.COLOUR:
        value = value.select(bands)
    if value.grid.contains(grid):
        return value.cut(grid)
    method = place[1].method if place[1] else "nearest"
    return replace(value, array=warp.resample(value.array, value.grid, grid, method), grid=grid)


def _call(found: Operator, inputs: list[Any], options: dict[str, Any], step: Step) -> Value:
    if step.is_from_parts:
        options = {**options, "grid": step.grid}
    # A file may be complex without the chain's knowledge.
    if any(isinstance(item, Raster) and np.iscomplexobj(item.array) for item in inputs):
        refuse_complex(found)
    if not is_lifted(step.node):
        result: Value = _computed(step, inputs, options)
        return result
    dates = _joint_dates(found, inputs)
    each = [_computed(step, [_at_date(item, index) for item in inputs], options) for index in range(len(dates))]
    if not each:
        dtype = np.complex64 if describe(step.node).is_complex else np.float32
        grid = step.grid if step.is_from_parts else step.input_grid
        none: Array = np.empty((0, len(step.bands), *grid.shape), dtype=dtype)
        return Raster(none, grid, Kind.SERIES, step.bands)
    first: Raster = each[0]
    return replace(first, array=np.stack([one.array for one in each]), kind=Kind.SERIES, dates=dates)


def _computed(step: Step, inputs: list[Any], options: dict[str, Any]) -> Any:
    found = step.operator
    function = found.coarser.from_parts if step.is_from_parts and found.coarser else found.function
    # Absurd values, such as a fill value that nobody declared, make absurd results; that is nothing to log for every tile.
    with np.errstate(over="ignore"):
        return function(*inputs, **options)


def _joint_dates(found: Operator, inputs: list[Any]) -> tuple[str, ...]:
    dates = {item.dates for item in inputs if isinstance(item, Raster) and item.kind is Kind.SERIES}
    if len(dates) > 1:
        raise ParameterError(f"{found.name}: the series have different dates; use one collection, or reduce them first")
    return dates.pop()


def _at_date(item: Any, index: int) -> Any:
    if isinstance(item, Raster) and item.kind is Kind.SERIES:
        return replace(item, array=item.array[index], kind=Kind.BANDS, dates=())
    return item


class StepClock:
    """Milliseconds by step of one rendering."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self._start = perf_counter()

    def lap(self, name: str, without: str = "") -> None:
        """Note the time since the last lap, less that of a step inside it."""
        now = perf_counter()
        self.times[name] = (now - self._start) * 1e3 - self.times.get(without, 0.0)
        self._start = now

    def timed(self, name: str, read: Read) -> Read:
        """The same function, its time added up under a name."""
        self.times[name] = 0.0

        def measured(node: Node, grid: Grid, bands: Names) -> Raster:
            start = perf_counter()
            try:
                return read(node, grid, bands)
            finally:
                self.times[name] += (perf_counter() - start) * 1e3

        return measured
