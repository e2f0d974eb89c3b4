"""The interferograms of one track: motion, air, orbit and noise put together, and the mistakes of unwrapping."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jeoview.demo import atmosphere, decorrelation, motion, volcano
from jeoview.demo.decorrelation import Network
from jeoview.demo.noise import Field, fractal, noise
from jeoview.demo.orbits import WAVENUMBER, Acquisition, Look, Track, acquisitions, look, pair_name, pairs
from jeoview.demo.volcano import Echo
from jeoview.grid import Grid

# Stored phase is a whole number of these, radians: 0.07 mm of motion, far below the noise.
PHASE_STEP = 1 / 64
COHERENCE_STEP = 1 / 255
# Mean coherence of 3 x 3 pixels below which nothing is unwrapped; echoes that have nothing in common show 0.2.
UNWRAPPED = 0.25
# Standard deviation of an elevation model's error, metres.
_ERROR = 4.0
_WRONG_SHARE = 0.03
_CYCLES = (1, -1, 2, -1)
# Unwrapping fails in islands of coherence: the volcano above the forest, the clearings. The radii reach into the forest.
_ISLANDS = ((*volcano.SUMMIT, 3700.0), *((x, y, radius + 400) for x, y, radius in volcano.CLEARINGS))


@dataclass(frozen=True, slots=True)
class Mistake:
    """A pair whose phase is wrong by whole cycles in one island.

    Parameters
    ----------
    pair : int
        Position in the network.
    island : (float, float, float)
        East, north and radius, metres.
    cycles : int
        Turns of 2 pi that were added.
    """

    pair: int
    island: tuple[float, float, float]
    cycles: int


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """All that makes the interferograms of a track.

    Parameters
    ----------
    track : Track
        Whose they are.
    grid : Grid
        Their pixels, EPSG:4326.
    passes, network : tuple
        The dates, and the pairs by position.
    look : Look
        The line of sight.
    height : (y, x) float32
        Elevation, metres.
    land : (y, x) bool
        What the mask of water leaves.
    displacement : (date, y, x) float32
        Metres along the line of sight, positive towards the satellite, 0 at the first date.
    phase : (date, y, x) float32
        Of motion, air and the error of the elevation model, radians.
    noise : (pair, y, x) float32
        Phase noise, radians.
    coherence : (pair, y, x) uint8
        In steps of `COHERENCE_STEP`.
    constants : (pair,) float64
        What each pair has been shifted by, radians.
    mistakes : tuple of Mistake
        Of unwrapping.
    """

    track: Track
    grid: Grid
    passes: tuple[Acquisition, ...]
    network: Network
    look: Look
    height: Field
    land: NDArray[np.bool_]
    displacement: Field
    phase: Field
    noise: Field
    coherence: NDArray[np.uint8]
    constants: NDArray[np.float64]
    mistakes: tuple[Mistake, ...]

    def without_pairs(self) -> Stack:
        """The same with no noise, coherence and phase: what takes most of the memory."""
        empty = np.empty((0, *self.grid.shape), dtype=np.float32)
        return replace(self, noise=empty, phase=empty, coherence=empty.astype(np.uint8))

    def name(self, pair: int) -> str:
        """A pair as ``20210106_20210118``."""
        i, j = self.network[pair]
        return pair_name(self.passes[i], self.passes[j])

    def baseline(self, pair: int) -> float:
        """Perpendicular baseline of a pair, metres."""
        i, j = self.network[pair]
        return round(self.passes[j].baseline - self.passes[i].baseline, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Interferogram:
    """One pair as it is stored.

    Parameters
    ----------
    phase : (y, x) int16
        Unwrapped, positive away from the satellite, in steps of `PHASE_STEP`; 0 where it was not unwrapped.
    coherence : (y, x) uint8
        In steps of `COHERENCE_STEP`; 0 does not occur.
    cycles : (y, x) int8
        Turns of 2 pi by which the phase is wrong.
    """

    phase: NDArray[np.int16]
    coherence: NDArray[np.uint8]
    cycles: NDArray[np.int8]


def simulate(track: Track, grid: Grid, slots: tuple[int, ...], done: Callable[[], object]) -> Stack:
    """Everything of a track but the files.

    Parameters
    ----------
    track, grid : Track, Grid
        Which track, and the pixels.
    slots : tuple of int
        Passes of the 12-day cycle.
    done : callable
        Called after each batch of pixels.
    """
    passes = acquisitions(track, slots)
    network, ground = pairs(passes), volcano.plane(grid)
    relief, sight = volcano.height(ground), look(track, ground)
    moved = displacement(passes, ground, sight)
    shares = volcano.cover(ground, relief)
    echo, land = volcano.echo(ground, shares), shares[volcano.KINDS.index("water")] < 0.5
    phase_noise, coherence = _noise(track, echo, passes, network, done)
    rng = np.random.Generator(np.random.SFC64([track.seed, 4]))
    constants = rng.uniform(-25, 25, len(network))
    mistakes = _mistakes(rng, ground, passes, network)
    phase = _phase(track, passes, ground, relief, sight, moved)
    return Stack(
        track, grid, passes, network, sight, relief, land, moved, phase, phase_noise, coherence, constants, mistakes
    )


def displacement(passes: tuple[Acquisition, ...], ground: Grid, sight: Look) -> Field:
    """Metres along the line of sight since the first pass, (date, y, x) float32."""
    history = motion.histories(np.array([each.day for each in passes]))
    sources = motion.line_of_sight(motion.patterns(ground), sight)
    return np.asarray(np.einsum("ds,syx->dyx", history - history[0], sources), dtype=np.float32)


def interferogram(stack: Stack, pair: int) -> Interferogram:
    """One pair, unwrapped on land where it is coherent, with its constant and its mistake."""
    i, j = stack.network[pair]
    coherence = stack.coherence[pair]
    smooth = ndimage.uniform_filter(coherence.astype(np.float32), 3, mode="nearest")
    valid = stack.land & (smooth >= UNWRAPPED / COHERENCE_STEP)
    cycles = _cycles(stack, pair, valid)
    phase = stack.phase[j] - stack.phase[i] + stack.noise[pair] + np.float32(stack.constants[pair])
    stored = np.rint((phase + np.float32(2 * np.pi) * cycles) / np.float32(PHASE_STEP)).astype(np.int16)
    # 0 says that there is nothing: a phase of 0 is stored as the next step.
    stored[stored == 0] = 1
    return Interferogram(np.where(valid, stored, np.int16(0)), coherence, cycles)


def _phase(
    track: Track, passes: tuple[Acquisition, ...], ground: Grid, relief: Field, sight: Look, moved: Field
) -> Field:
    """Phase of each date but for noise: motion towards the satellite shortens the path, air makes it longer."""
    window, spacing = (ground.row, ground.col), ground.lattice.resolution[1]
    error = np.float32(_ERROR) * noise(ground, 190.0, 331)
    per_metre = error / (sight.distance * np.sin(np.radians(sight.incidence)))
    path = np.empty_like(moved)
    for number, each in enumerate(passes):
        air = atmosphere.delay(track, each, relief, sight, window, spacing)
        path[number] = air - moved[number] + np.float32(each.baseline) * per_metre
    return path * np.float32(WAVENUMBER)


def _noise(
    track: Track, echo: Echo, passes: tuple[Acquisition, ...], network: Network, done: Callable[[], object]
) -> tuple[Field, NDArray[np.uint8]]:
    """Phase noise and coherence of all pairs, two batches of pixels at a time."""
    shape = (len(network), *echo.lasting.shape)
    phase, coherence = np.empty(shape, np.float32), np.empty(shape, np.uint8)
    flat, flat_coherence = phase.reshape(len(network), -1), coherence.reshape(len(network), -1)

    def batch(part: slice) -> None:
        rng = np.random.Generator(np.random.SFC64([track.seed, part.start, 3]))
        here = Echo(*(each.ravel()[part] for each in (echo.lasting, echo.fading, echo.memory, echo.span)))
        flat[:, part], estimate = decorrelation.interferograms(here, passes, network, rng)
        flat_coherence[:, part] = np.clip(np.rint(estimate / COHERENCE_STEP), 1, 255)
        done()

    with ThreadPoolExecutor(2, thread_name_prefix="demo-insar") as pool:
        list(pool.map(batch, decorrelation.batches(flat.shape[1])))
    return phase, coherence


# -- mistakes of unwrapping ----------------------------------------------------------------------


def _mistakes(
    rng: np.random.Generator, ground: Grid, passes: tuple[Acquisition, ...], network: Network
) -> tuple[Mistake, ...]:
    """A few pairs, each wrong in one island; in one island no date is in two wrong pairs, so that loops tell them."""
    inside = [island for island in _ISLANDS if _holds(ground, island)]
    # Not the shorter pairs: there the forest does not cut the islands off.
    longer = [n for n, (i, j) in enumerate(network) if 3 <= passes[j].slot - passes[i].slot <= 5]
    wanted = max(2, round(_WRONG_SHARE * len(network)))
    used: set[tuple[int, int]] = set()
    found: list[Mistake] = []
    for pair in rng.permutation(longer).tolist():
        place = len(found) % len(inside)
        dates = {(place, date) for date in network[pair]}
        if dates & used:
            continue
        used |= dates
        found.append(Mistake(pair, inside[place], _CYCLES[len(found) % len(_CYCLES)]))
        if len(found) == wanted:
            break
    return tuple(sorted(found, key=lambda mistake: mistake.pair))


def _holds(ground: Grid, island: tuple[float, float, float]) -> bool:
    west, south, east, north = ground.bounds
    x, y, radius = island
    return west < x - radius and x + radius < east and south < y - radius and y + radius < north


def _cycles(stack: Stack, pair: int, valid: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Wrong turns of a pair: the largest connected part of the island that was unwrapped."""
    cycles = np.zeros(valid.shape, dtype=np.int8)
    ground = volcano.plane(stack.grid)
    for mistake in stack.mistakes:
        if mistake.pair == pair:
            x, y, radius = mistake.island
            distance = np.hypot(ground.x[None, :] - x, ground.y[:, None] - y)
            island = valid & (distance + 110 * fractal(ground, 800.0, 2, 332) < radius)
            parts, count = ndimage.label(island)
            if count:
                largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
                cycles[parts == largest] = mistake.cycles
    return cycles
