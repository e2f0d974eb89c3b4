"""Noise of interferograms as it arises: from the echoes of every date, look by look.

Each pixel has a number of independent looks. The echo of a look is a complex number that is made of a part that
lasts (and turns with the perpendicular baseline), a part that fades with time (a Markov process), and noise.
Phase noise and coherence of a pair come from the sum over the looks, as a processor makes them: they have the
distribution of distributed scatterers (Tough, Blacknell and Quegan 1995), coherence is biased where it is low, pairs
that share a date share its noise, and the three phases of a triplet do not quite close.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from jeoview.demo.noise import Field
from jeoview.demo.orbits import REPEAT, YEAR, Acquisition
from jeoview.demo.volcano import Echo

# Independent looks; a product that says 39 looks has about as many (1.94 samples overlap in one resolution cell).
LOOKS = 20
# Pixels that are simulated at once: their echoes of all dates fit into the processor's cache in part.
BATCH = 2048
_WETTEST = 225.0
Network = tuple[tuple[int, int], ...]


def batches(pixels: int) -> Iterator[slice]:
    """Slices of at most `BATCH` pixels."""
    return (slice(start, min(start + BATCH, pixels)) for start in range(0, pixels, BATCH))


def interferograms(
    echo: Echo, passes: tuple[Acquisition, ...], network: Network, rng: np.random.Generator
) -> tuple[Field, Field]:
    """Phase noise and coherence of a batch of pixels.

    Parameters
    ----------
    echo : Echo
        Of the pixels, (pixel,) arrays.
    passes : tuple of Acquisition
        The dates.
    network : tuple of (int, int)
        Positions of the earlier and the later date of each pair.
    rng : Generator
        Source of chance; only its raw bytes are used.

    Returns
    -------
    phase : (pair, pixel) float32
        Radians.
    coherence : (pair, pixel) float32
        Its estimate from the looks, 0 to 1.
    """
    echoes = _echoes(echo, passes, rng)
    power = np.einsum("npkx,npkx->nx", echoes, echoes)
    phase = np.empty((len(network), echoes.shape[-1]), dtype=np.float32)
    coherence = np.empty_like(phase)
    for number, (i, j) in enumerate(network):
        one, other = echoes[i], echoes[j]
        real = np.einsum("pkx,pkx->x", one, other)
        imaginary = np.einsum("kx,kx->x", one[0], other[1]) - np.einsum("kx,kx->x", one[1], other[0])
        np.arctan2(imaginary, real, out=phase[number])
        np.divide(np.hypot(real, imaginary), np.sqrt(power[i] * power[j]), out=coherence[number])
    return phase, coherence


def _echoes(echo: Echo, passes: tuple[Acquisition, ...], rng: np.random.Generator) -> Field:
    """(date, real or imaginary, look, pixel) float32 of unit power (each part has half of it)."""
    shape = (2, LOOKS, echo.lasting.size)
    lasting, fading = np.sqrt(echo.lasting), np.sqrt(echo.fading)
    still, turned, fresh = (_normal(rng, shape) for _ in range(3))
    found = np.empty((len(passes), *shape), dtype=np.float32)
    for number, each in enumerate(passes):
        if number:
            keep = np.exp(-_ageing(passes[number - 1], each) / echo.memory)
            fresh *= keep
            fresh += np.sqrt(1 - keep * keep) * _normal(rng, shape)
        turn, share = each.baseline / echo.span, np.float32(np.sqrt(each.quality))
        here = found[number]
        np.multiply(still, share * lasting * np.cos(turn), out=here)
        here += turned * (share * lasting * np.sin(turn))
        here += fresh * (share * fading)
        rest = 1 - each.quality * (echo.lasting + echo.fading)
        here += np.sqrt(rest, dtype=np.float32) * _normal(rng, shape)
    return found


def _ageing(one: Acquisition, other: Acquisition) -> np.float32:
    """Days between two passes; those of the rainy season count more than twice as much as those of the dry one."""
    days = np.arange(one.day, other.day, REPEAT / 4) + REPEAT / 8
    rate = 1 + 0.4 * np.cos(2 * np.pi * (days + 5 - _WETTEST) / YEAR)
    return np.float32(float(rate.mean()) * (other.day - one.day))


def _quantiles() -> Field:
    table: NDArray[np.float64] = ndtri((np.arange(256) + 0.5) / 256)
    return np.asarray(table / table.std(), dtype=np.float32)


_TABLE = _quantiles()


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Field:
    """Normal numbers in 256 steps: sums over looks do not show the steps, and a byte is made in no time."""
    steps = np.frombuffer(rng.bytes(int(np.prod(shape))), dtype=np.uint8)
    values: Field = _TABLE.take(steps, mode="clip")
    return values.reshape(shape)
