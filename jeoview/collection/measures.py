"""What the pixels of a stack say of its pairs: coherence, unwrapped share, closure of loops.

Everything is read through the engine on one coarse grid over the stack, and kept in the store by content: a pair or
a loop that was measured once is not read again, whatever network it stands in.
"""

from __future__ import annotations

import base64
import json
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog import Item
from jeoview.collection.areas import Geometry
from jeoview.collection.frozen import freeze_pairs, user_catalog
from jeoview.collection.network import DAYS_PER_YEAR, Pair, dates_of, triangles
from jeoview.engine import Engine
from jeoview.errors import StoreError
from jeoview.graph import digest
from jeoview.grid import Grid
from jeoview.image import Image, apply
from jeoview.progress import Bar, Watch, job

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
PHASE, COHERENCE = "unwrapped", "coherence"
# Part of every key: raised when a measure changes.
VERSION = 1
# Bytes of pixels that are asked for at once, and that are kept in memory, where all pairs must be read together.
STRIP, MEMORY = 5e7, 2e8


@dataclass(frozen=True, eq=False)
class PairMeasure:
    """What was seen of one pair on the coarse grid.

    Parameters
    ----------
    coherence : float
        Mean over its pixels; NaN where there is none.
    valid : (pixel,) bool
        Where it has phase.
    """

    coherence: float
    valid: Flags

    def encode(self) -> bytes:
        """As text for the store."""
        bits = base64.b64encode(zlib.compress(np.packbits(self.valid).tobytes())).decode()
        return json.dumps({"coherence": _plain(self.coherence), "pixels": self.valid.size, "valid": bits}).encode()

    @classmethod
    def decode(cls, text: bytes) -> PairMeasure:
        """From the store."""
        document = json.loads(text)
        bits = np.frombuffer(zlib.decompress(base64.b64decode(document["valid"])), dtype=np.uint8)
        return cls(_number(document["coherence"]), np.unpackbits(bits, count=document["pixels"]).astype(bool))


@dataclass(frozen=True, slots=True)
class LoopMeasure:
    """What was seen of one loop on the coarse grid.

    Parameters
    ----------
    rms : float
        Root mean square of the closure in rad; NaN where no pixel has all three pairs.
    median : float
        Median of the closure in rad, as the files have it (what arbitrary constants leave), or of corrected pairs.
    pixels : float
        Pixels that have all three pairs.
    errors : float
        Share of them where the closure is beyond pi.
    """

    rms: float
    median: float
    pixels: float
    errors: float

    def encode(self) -> bytes:
        """As text for the store."""
        return json.dumps([_plain(value) for value in (self.rms, self.median, self.pixels, self.errors)]).encode()

    @classmethod
    def decode(cls, text: bytes) -> LoopMeasure:
        """From the store."""
        return cls(*(_number(value) for value in json.loads(text)))

    @classmethod
    def of(cls, closure: Floats, constant: float | None) -> LoopMeasure:
        """Of a closure, less a constant; less its own median where none is given."""
        seen = closure[~np.isnan(closure)].astype(np.float64)
        if not seen.size or (constant is not None and np.isnan(constant)):
            return cls(np.nan, np.nan, float(seen.size), np.nan)
        median = float(np.median(seen))
        rest = seen - (median if constant is None else constant)
        return cls(float(np.sqrt((rest**2).mean())), median, float(seen.size), float((np.abs(rest) > np.pi).mean()))


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


@dataclass(frozen=True, slots=True)
class Loop:
    """Three pairs by id: i to j, j to k, i to k."""

    first: str
    second: str
    whole: str

    @property
    def ids(self) -> tuple[str, str, str]:
        """All three."""
        return self.first, self.second, self.whole


@dataclass(eq=False)
class Reading:
    """The pairs of a stack on one grid, read when they are asked for.

    Parameters
    ----------
    name : str
        Collection.
    items : dict of str to Item
        The pairs by id.
    grid : Grid
        Coarse.
    polygon : GeoJSON geometry, optional
        Pixels outside are left out.
    seen : dict of str to PairMeasure
        What was read.
    bar : Bar, optional
        Told of every pair that is read.
    correct : callable, optional
        From pairs as the files have them to those that are measured.
    together : bool
        Whether the correction of a pair looks at the others: then all are read at once.
    coherence : (y, x) float64
        Sum over the pairs that were read.
    counts : (2, y, x) int64
        How many of them have coherence, and phase.
    motion : (2, y, x) float64
        Sums over them of years times phase (less the pair's median), and of years squared.
    """

    name: str
    items: Mapping[str, Item]
    grid: Grid
    polygon: Geometry | None
    seen: dict[str, PairMeasure] = field(default_factory=dict)
    bar: Bar | None = None
    correct: Callable[[Image], Image] | None = None
    together: bool = False
    coherence: Doubles = field(init=False)
    counts: NDArray[np.int64] = field(init=False)
    motion: Doubles = field(init=False)
    _phases: dict[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.coherence, self.counts = np.zeros(self.grid.shape), np.zeros((2, *self.grid.shape), dtype=np.int64)
        self.motion = np.zeros((2, *self.grid.shape))

    @cached_property
    def dates(self) -> dict[str, Pair]:
        """Days of each pair."""
        return {name: dates_of(item) for name, item in self.items.items()}

    @cached_property
    def images(self) -> dict[str, Image]:
        """The chain that holds each pair: it alone, so that its key is the content of its files, or all together."""
        info = user_catalog().collection(self.name)
        if self.together:
            return dict.fromkeys(self.items, self._prepared(freeze_pairs(info, list(self.items.values()))))
        return {name: self._prepared(freeze_pairs(info, [item])) for name, item in self.items.items()}

    def _prepared(self, image: Image) -> Image:
        image = self.correct(image) if self.correct else image
        needed = tuple(band for band in (PHASE, COHERENCE) if band in image.bands)
        if len(needed) < len(image.bands):
            image = image[needed]
        if self.polygon is None:
            return image
        return apply("mask_polygon", (image,), {"polygon": self.polygon, "inside": True})

    def key(self, *names: str, more: object = None) -> str:
        """Where a measure of pairs is kept."""
        where = self.grid.lattice, self.grid.row, self.grid.col, self.grid.shape
        about = (names, more) if self.together else more
        return f"measure:{digest(repr((VERSION, [self.images[name].key for name in names], where, about)))}"

    def loops(self) -> list[Loop]:
        """Every loop of three pairs, in the order of their dates."""
        names = list(self.items)
        found = triangles([self.dates[name] for name in names])
        return [Loop(names[a], names[b], names[c]) for a, b, c in found]

    def read(self, name: str) -> tuple[Floats, Floats]:
        """Phase and coherence of a pair, (y, x); its measure is noted."""
        if self.together:
            phase, coherence = self._all[:, list(self.items).index(name)]
        else:
            phase, coherence = self._bands(self.images[name], self.grid)[:, 0]
        known, valid = ~np.isnan(coherence), ~np.isnan(phase)
        values = coherence[known].astype(np.float64)
        if name not in self.seen:
            self.coherence[known] += values
            self.counts += np.stack([known, valid])
            self._move(name, phase, valid)
        self.seen[name] = PairMeasure(float(values.mean()) if values.size else np.nan, valid.ravel())
        if self.bar is not None:
            self.bar.update(1)
        return phase, coherence

    def _bands(self, image: Image, grid: Grid) -> Floats:
        """Phase and coherence of every pair of a chain, (2, pair, y, x); NaN where there is no such band."""
        raster = Engine.default().render(image.node, grid, once=True)
        none = np.full((len(raster.array) or 1, *grid.shape), np.nan, dtype=np.float32)
        return np.stack(
            [
                raster.array[:, raster.bands.index(band)] if band in raster.bands and len(raster.array) else none
                for band in (PHASE, COHERENCE)
            ]
        )

    @cached_property
    def _all(self) -> Floats:
        """Phase and coherence of all pairs, (2, pair, y, x): read some rows at a time, in a file where they are many."""
        shape = 2, len(self.items), *self.grid.shape
        size = 4 * int(np.prod(shape))
        held: Floats = np.empty(shape, np.float32)
        if size > MEMORY:
            with tempfile.TemporaryFile() as file:  # the map keeps it
                held = np.memmap(file, np.float32, "w+", shape=shape)
        rows = max(int(self.grid.height * STRIP / size), 1)
        whole = next(iter(self.images.values()))
        for top in range(0, self.grid.height, rows):
            strip = replace(self.grid, row=self.grid.row + top, height=min(rows, self.grid.height - top))
            held[:, :, top : top + rows] = self._bands(whole, strip)
        return held

    def _move(self, name: str, phase: Floats, valid: NDArray[np.bool_]) -> None:
        if valid.any():
            earlier, later = self.dates[name]
            years = (later - earlier).days / DAYS_PER_YEAR
            self.motion[0, valid] += years * (phase[valid].astype(np.float64) - np.median(phase[valid]))
            self.motion[1, valid] += years**2

    @property
    def rates(self) -> Doubles:
        """Rate of phase in rad/yr relative to the ground that was read, (y, x): the pairs stacked, no inversion."""
        total, squares = self.motion
        return np.asarray(np.divide(total, squares, out=np.zeros(total.shape), where=squares > 0))

    def closures(self, loops: Iterable[Loop]) -> Iterator[tuple[Loop, Floats]]:
        """Closure of each loop in rad, (y, x); each pair is read once, and let go when no later loop can need it."""
        for start, batch in groupby(loops, key=lambda loop: self.dates[loop.first][0]):
            for loop in batch:
                first, second, whole = (self._phase(name) for name in loop.ids)
                yield loop, first + second - whole
            # Loops come in the order of their first date, and a pair belongs to none that starts after it.
            for name in [name for name in self._phases if self.dates[name][0] <= start]:
                del self._phases[name]

    def _phase(self, name: str) -> Floats:
        if name not in self._phases:
            self._phases[name] = self.read(name)[0]
        return self._phases[name]


@dataclass(frozen=True, eq=False)
class Survey:
    """What was measured.

    Parameters
    ----------
    pairs : mapping of str to PairMeasure
        By id.
    loops : mapping of Loop to LoopMeasure
        In the order of their dates.
    """

    pairs: Mapping[str, PairMeasure]
    loops: Mapping[Loop, LoopMeasure]

    def unwrapped(self) -> dict[str, float]:
        """Share of each pair of the pixels that any pair has phase at."""
        somewhere = np.logical_or.reduce([pair.valid for pair in self.pairs.values()])
        total = int(somewhere.sum())
        return {name: int(pair.valid.sum()) / total if total else np.nan for name, pair in self.pairs.items()}


def survey(
    reading: Reading, constants: Mapping[str, float] | None, *, with_loops: bool = True, progress: bool | Watch = True
) -> Survey:
    """Measure all pairs and loops of a stack; what the store knows is not measured again.

    Parameters
    ----------
    reading : Reading
        The stack.
    constants : mapping of str to float, optional
        Phase of each pair at the reference; without it each loop's own median stands for it.
    with_loops : bool
        Whether loops are asked for.
    progress : bool or function
        Show a bar where it takes longer than two seconds; a function of the job's name and size gives another bar.

    Raises
    ------
    CancelledByUser
        If the user stops it; what was measured until then is kept.
    """
    loops = reading.loops() if with_loops else []
    turn = {loop: None if constants is None else _turn(constants, loop) for loop in loops}
    keys = {name: reading.key(name) for name in reading.items}
    loop_keys = {loop: reading.key(*loop.ids, more=turn[loop]) for loop in loops}
    stored = _recall([*keys.values(), *loop_keys.values()])
    pairs = {name: PairMeasure.decode(stored[key]) for name, key in keys.items() if key in stored}
    known = {loop: LoopMeasure.decode(stored[key]) for loop, key in loop_keys.items() if key in stored}
    missing = [loop for loop in loops if loop not in known]
    todo = _names(missing) | (set(keys) - set(pairs))
    with job("Measuring interferograms", len(todo), "pair", progress=progress) as reading.bar:
        for loop, closure in reading.closures(missing):
            known[loop] = LoopMeasure.of(closure, turn[loop])
            _keep({loop_keys[loop]: known[loop].encode()})
        for name, key in keys.items():
            if name not in pairs and name not in reading.seen:
                reading.read(name)
            if name not in pairs:
                pairs[name] = reading.seen[name]
                _keep({key: pairs[name].encode()})
    return Survey({name: pairs[name] for name in keys}, {loop: known[loop] for loop in loops})


def closed(closure: Floats, constants: Mapping[str, float] | None, loop: Loop) -> Floats:
    """A closure less that of the constants; less its own median where these are not known."""
    if constants is not None:
        return closure - np.float32(_turn(constants, loop))
    return closure - np.float32(np.median(seen)) if (seen := closure[~np.isnan(closure)]).size else closure


def _turn(constants: Mapping[str, float], loop: Loop) -> float:
    """The closure of the constants alone, rounded as far as phases in float32 are."""
    return round(constants[loop.first] + constants[loop.second] - constants[loop.whole], 6)


def _names(loops: Collection[Loop]) -> set[str]:
    return {name for loop in loops for name in loop.ids}


def _recall(keys: Sequence[str]) -> dict[str, bytes]:
    """What the store has; one that cannot be reached has nothing."""
    with suppress(StoreError):
        return Engine.default().store.get_many(keys)
    return {}


def _keep(values: Mapping[str, bytes]) -> None:
    with suppress(StoreError):
        for key, value in values.items():
            Engine.default().store.put(key, value)
