"""The one door: a chain and a grid in, a raster out.

The tile worker, every export, the inspector and the batch layer go through it: the same door, the
same pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from jeoview import chain, planner
from jeoview.answers import below_style, common_unit, note
from jeoview.catalog import Catalog
from jeoview.describe import describe, is_native, is_source, sources_of
from jeoview.errors import KeyUnknownError, LimitError, ParameterError
from jeoview.executor import StepClock, Value, finish, recall
from jeoview.flights import Flights
from jeoview.graph import Node, walk
from jeoview.grid import Grid, Lattice, web_mercator
from jeoview.io.reader import Reader
from jeoview.make import below_sliders, bind
from jeoview.memory import ResultMemory
from jeoview.operator import Mode, find
from jeoview.planner import Cost, Limits, Plan
from jeoview.projection import WEB_MERCATOR, WGS84, transform
from jeoview.raster import Raster, Table
from jeoview.scenes import Layer, Scenes
from jeoview.settings import MIB, Settings, settings
from jeoview.store import Store, shared_store


class Engine:
    """Computes chains.

    Parameters
    ----------
    catalog : Catalog
        Knows where the files of the items are.
    store : Store
        Holds chains, frozen item lists and fitted tables.
    settings : Settings
        Limits and sizes of the caches.
    """

    def __init__(self, catalog: Catalog, store: Store, settings: Settings) -> None:
        self.catalog = catalog
        self.store = store
        self.settings = settings
        self.reader = Reader(cache_bytes=settings.block_cache_bytes, roots=settings.roots)
        self._memory = ResultMemory(store, settings.array_cache_bytes)
        self._limits = Limits(
            settings.max_padding, settings.max_barrier_pixels, max_native_pixels=settings.max_native_pixels
        )
        self._flights = Flights()
        self._load = lru_cache(maxsize=512)(self._load_text)
        self._plans = lru_cache(maxsize=256)(self._plan_anywhere)
        self._scenes = Scenes(catalog, store, self.reader)

    @classmethod
    def default(cls) -> Engine:
        """The engine of this process, made from the settings at the first call."""
        with _DEFAULT_LOCK:
            current = settings()
            if current not in _DEFAULT:
                _DEFAULT[current] = cls(Catalog(current.catalog), shared_store(current.store), current)
            return _DEFAULT[current]

    def save(self, node: Node) -> str:
        """Put a chain into the store and return its key."""
        self.store.put(f"chain:{node.key}", chain.encode(node).encode())
        return node.key

    def load(self, key: str) -> Node:
        """The verified chain of a key.

        Raises
        ------
        KeyUnknownError
            If the store has none.
        ChainError
            If the text was altered or is not a chain.
        """
        return self._load(key)

    def _load_text(self, key: str) -> Node:
        if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
            raise KeyUnknownError("a key is 64 hexadecimal digits")
        text = self.store.get(f"chain:{key}")
        if text is None:
            raise KeyUnknownError(f"there is no chain under the key {key[:12]}...; run the notebook cell again")
        return chain.decode(text, key)

    def plan(
        self,
        node: Node,
        grid: Grid,
        *,
        parameters: Mapping[str, Any] | None = None,
        view: Grid | None = None,
        steady: frozenset[str] = frozenset(),
    ) -> Plan:
        """What `render` would do."""
        bound, steady = bind(node, parameters), below_sliders(node) | steady
        if view in (None, grid) and _is_pixelwise(bound):
            return self._plans(bound, steady, grid.lattice, grid.shape).moved(grid)
        return self._plan(bound, steady, grid, view)

    def _plan(self, bound: Node, steady: frozenset[str], grid: Grid, view: Grid | None) -> Plan:
        locate = self._scenes.locate
        return planner.plan(bound, grid, view=view, limits=self._limits, steady=steady, locate=locate)

    def _plan_anywhere(self, bound: Node, steady: frozenset[str], lattice: Lattice, shape: tuple[int, int]) -> Plan:
        """The plan of pixel operators, which is the same for every tile of a zoom but for its place."""
        return self._plan(bound, steady, Grid(lattice, 0, 0, *shape), None)

    def cost(
        self, node: Node, grid: Grid, *, parameters: Mapping[str, Any] | None = None, view: Grid | None = None
    ) -> Cost:
        """Estimate what `render` would read and hold when nothing is cached.

        Raises
        ------
        LimitError
            If the padding or a barrier is above its limit.
        """
        return planner.cost(self.plan(node, grid, parameters=parameters, view=view), self._scenes.measure)

    def render(
        self,
        node: Node,
        grid: Grid,
        *,
        parameters: Mapping[str, Any] | None = None,
        view: Grid | None = None,
        times: dict[str, float] | None = None,
        patience: float | None = None,
        once: bool = False,
        steady: frozenset[str] = frozenset(),
    ) -> Raster:
        """Compute a chain on a grid.

        Parameters
        ----------
        node : Node
            The chain.
        grid : Grid
            The pixels wanted.
        parameters : mapping, optional
            Positions of the sliders; defaults for the others.
        view : Grid, optional
            The area that a full-extent operator on the view works on; the grid itself by default.
        times : dict, optional
            Filled with the milliseconds of ``plan``, ``read`` and ``compute``.
        patience : float, optional
            Seconds to wait for what works on a whole area; it is computed on, for who asks again. As long as it takes by
            default.
        once : bool
            Whether this is no tile of many but is done once, as a survey is: the bytes that are held at a time then count,
            not all that are decoded.
        steady : frozenset of str
            Keys of what is worth keeping besides what lies below the chain's sliders.

        Returns
        -------
        Raster
            Bands, a series, or colour.

        Raises
        ------
        JeoviewError
            `PendingError` where patience ran out, `LimitError` where the cost is above the settings, `SourceError` for a file that cannot be read,
            `ParameterError` for a chain that ends in a table.
        """
        clock = StepClock()
        planned = self.plan(node, grid, parameters=parameters, view=view, steady=steady)
        result = self._do(planned, clock, patience, once=once)
        if times is not None:
            times.update(clock.times)
        if isinstance(result, Table):
            raise ParameterError(f"{node.operator} gives a table, not an image; read it with .to_numpy()")
        return result

    def at_sensor(self, node: Node, lon: float, lat: float, window: tuple[int, int]) -> Raster:
        """The values of a chain at the sensor's own pixels around a place.

        Parameters
        ----------
        node : Node
            A chain of operators that work there.
        lon, lat : float
            Degrees.
        window : (int, int)
            Rows and columns; the place lies in the middle one, of an even number in the lower right of the two.

        Raises
        ------
        ParameterError
            If the chain has left the sensor's pixels, or the place lies outside of them.
        """
        frame = describe(node).frame
        if frame is None:
            raise ParameterError(f"{node.operator} has no pixels of a sensor; ask before they are brought onto the map")
        locator = self._scenes.locate(next(part for part in walk(node) if is_source(part)))
        rows, cols = locator.locate(WGS84, np.array([lon]), np.array([lat]))
        inside = 0.0 <= rows[0] < frame.shape[0] and 0.0 <= cols[0] < frame.shape[1]
        if not inside:
            raise ParameterError(f"lon={lon}, lat={lat} lies outside of the images")
        row, col = (
            int(at[0] // looks) - size // 2 for at, looks, size in zip((rows, cols), frame.looks, window, strict=True)
        )
        return self.render(node, Grid(frame.lattice, row, col, *window))

    def forget(self) -> None:
        """Let go of all kept arrays and tables; decoded blocks stay."""
        self._memory.clear()

    def layers(self, node: Node, grid: Grid, *, view: Grid | None = None) -> tuple[Layer, ...]:
        """Scenes and dates of a series, one for each layer of what `render` gives on the same grid, in the same order.

        Raises
        ------
        ParameterError
            If the chain does not end in a series whose layers are scenes.
        """
        source = planner.time_axis(self.plan(node, grid, view=view))
        return self._scenes.layers(source.node, source.grid)

    def own_grids(self, node: Node, near: Grid | None = None) -> tuple[Grid | None, ...]:
        """All pixels of the files that a chain reads, equal ones once; None for files that have none on the map.

        What only a table is fitted to, or a view is solved from, counts where nothing else is read.

        Parameters
        ----------
        node : Node
            Result, slider parameters bound.
        near : Grid, optional
            Of scenes only those that come near it count.
        """
        planned = self.plan(node, Grid(web_mercator(0), 0, 0, 1, 1))
        read = [step for step in planned.steps if is_source(step.node)]
        read = [step for step in read if step.stage is None] or read
        grids = (grid for step in read for grid in self._scenes.own_grids(step.node, step.bands, near))
        return tuple(dict.fromkeys(grids))

    def files(self, node: Node) -> frozenset[Path]:
        """The files that a chain may read."""
        return frozenset().union(*(self._scenes.files(part) for part in walk(node) if is_source(part)))

    def sources(self, node: Node) -> tuple[str, ...]:
        """The titles of the collections behind a chain, each once, that of what is shown first; simulated ones are called so."""
        titles = dict.fromkeys(self._scenes.credit(part) for part in sources_of(node))
        return tuple(filter(None, titles))

    def credits(self, node: Node) -> str:
        """`sources` in one line, joined by commas."""
        return ", ".join(self.sources(node))

    def admit(self, cost: Cost) -> None:
        """Refuse a cost above the settings.

        Raises
        ------
        LimitError
            Which says the cost, the limit and the ways out.
        """
        limit = self.settings.max_tile_bytes
        if cost.fit_bytes > limit:
            raise LimitError(
                f"a fit of this chain would hold {cost.fit_bytes / MIB:,.0f} MiB at a time; the limit is {limit / MIB:,.0f} MiB. "
                "Give it a smaller region=, or files with overviews, which stack.cache_stack() makes"
            )
        if cost.total > limit:
            raise LimitError(
                f"this would read {cost.read_bytes / MIB:,.0f} MiB and hold {cost.array_bytes / MIB:,.0f} MiB; the limit is "
                f"{limit / MIB:,.0f} MiB. Zoom in, choose fewer dates, or give the files overviews, which of a stack "
                "stack.cache_stack() makes"
            )

    def check_table(self, node: Node) -> None:
        """Refuse a fit now that would be refused when it is computed; no pixel is read.

        Raises
        ------
        LimitError
            As `admit`.
        """
        planned = self.plan(node, Grid(web_mercator(0), 0, 0, 1, 1))
        self.admit(planner.cost(planned, self._scenes.measure, recall(planned, self._memory).steps))

    def table(self, node: Node, *, parameters: Mapping[str, Any] | None = None) -> Table:
        """The values of a chain that ends in a fitted table.

        Raises
        ------
        ParameterError
            If it ends in an image.
        """
        result = self._do(self.plan(node, Grid(web_mercator(0), 0, 0, 1, 1), parameters=parameters), StepClock())
        if not isinstance(result, Table):
            raise ParameterError(f"{node.operator} gives an image, not a table")
        return result

    def point(
        self,
        node: Node,
        lon: float,
        lat: float,
        zoom: int,
        *,
        parameters: Mapping[str, Any] | None = None,
        view: Grid | None = None,
        patience: float | None = None,
    ) -> dict[str, Any]:
        """The values under a place, of the arrays below the style: all three of an image in red, green and blue.

        Parameters
        ----------
        lon, lat : float
            Degrees.
        zoom : int
            The zoom whose pixel is asked.
        parameters : mapping, optional
            Positions of the sliders; defaults for the others.
        view : Grid, optional
            What a map has in view, as in `render`: the value is then what its tile shows. Where the pixels do not hang on
            the view it is not looked at.
        patience : float, optional
            As in `render`.

        Returns
        -------
        dict
            ``lon``, ``lat``, ``unit`` (of all bands, empty where they differ), ``units`` by band, and ``values`` by band (a
            list by date for a series), None where there is no data. A band of the same name as one before it is numbered.

        Raises
        ------
        ParameterError
            If the place is not on the map, or not in view.
        """
        if not (-180 <= lon <= 180 and -85.06 <= lat <= 85.06):
            raise ParameterError(f"lon={lon}, lat={lat}: expected degrees on the map, lat within 85.06")
        x, y = transform(WGS84, WEB_MERCATOR, lon, lat)
        lattice = web_mercator(zoom)
        step = lattice.resolution[0]
        size = 256 << zoom
        col, row = (
            min(int((float(x) - lattice.left) / step), size - 1),
            min(int((lattice.top - float(y)) / step), size - 1),
        )
        pixel, bound = Grid(lattice, row, col, 1, 1), bind(node, parameters)
        if view is not None and not planner.needs_view(bound):
            view = None
        if view is not None and not view.contains(pixel):
            raise ParameterError(
                f"lon={lon}, lat={lat} at zoom {zoom} is not in view; expected a place in it, at its zoom"
            )
        bases = below_style(bound)
        answer: dict[str, Any] = {"lon": lon, "lat": lat, "unit": "", "units": {}, "values": {}}
        for base in bases:
            note(self.render(base, pixel, view=view, patience=patience), describe(base).units, answer)
        return answer | {"unit": common_unit(answer["units"])}

    def _do(self, planned: Plan, clock: StepClock, patience: float | None = None, *, once: bool = False) -> Value:
        work = recall(planned, self._memory)
        self.admit(planner.cost(planned, self._scenes.measure, work.steps, once=once))
        clock.lap("plan")
        if patience is not None:
            work = self._flights.settle(planned, work, self._scenes.read, self._memory, patience)
        result = finish(work, clock.timed("read", self._scenes.read), self._memory)
        clock.lap("compute", without="read")
        return result


_DEFAULT: dict[Settings, Engine] = {}
_DEFAULT_LOCK = threading.Lock()


@lru_cache(maxsize=512)
def _is_pixelwise(root: Node) -> bool:
    """Whether every operator gives a pixel from the same pixel of its inputs, on the map's own grid."""
    return all(find(node.operator).mode in (Mode.SOURCE, Mode.PIXEL) and not is_native(node) for node in walk(root))
