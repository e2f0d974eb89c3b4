"""The delay of the air: a layered part that follows the relief, and a turbulent part of a power law."""

from __future__ import annotations

import numpy as np
from scipy import fft

from jeoview.demo.noise import Field
from jeoview.demo.orbits import YEAR, Acquisition, Look, Track

# Turbulence is made on a larger periodic square, so that opposite edges of the area do not agree.
_SQUARE = 648
# Exponents of the amplitude's spectrum. Above 3 km delays differ with the square root of the distance (Emardson,
# Simons and Webb 2003, JGR 108: about 2.5 mm at 1 km in a pair); below, the one-dimensional power law has the exponent
# -8/3 (Hanssen 2001, Radar Interferometry, 4.7, regime II).
_COARSE, _FINE, _BREAK = -3 / 2, -11 / 6, 3000.0
# Standard deviation of the turbulent zenith delay over the whole square on an ordinary day, metres.
TURBULENT = 0.0060
# Zenith delay of a kilometre of air near the ground: passing weather, and the rainy season; scale height in metres.
LAYERED, SEASONAL, SCALE_HEIGHT = 0.008, 0.010, 4000.0
_WETTEST = 225.0


def delay(track: Track, each: Acquisition, relief: Field, look: Look, window: tuple[int, int], spacing: float) -> Field:
    """The delay of a pass along the line of sight.

    Parameters
    ----------
    track, each : Track, Acquisition
        Whose weather.
    relief : (y, x) float32
        Elevation, metres.
    look : Look
        The line of sight.
    window : (int, int)
        Row and column of the upper left pixel in the whole area.
    spacing : float
        Metres of a pixel.

    Returns
    -------
    (y, x) float32
        Metres; a longer path is positive.
    """
    rng = np.random.Generator(np.random.SFC64([track.seed, each.slot, 2]))
    season = np.cos(2 * np.pi * (each.day + 5 - _WETTEST) / YEAR)
    layer = SEASONAL * season + LAYERED * rng.standard_normal()
    strength = TURBULENT * np.exp(0.35 * rng.standard_normal())
    whole = turbulence(rng, _SQUARE, spacing)
    rows, cols = relief.shape
    eddies = strength * whole[window[0] : window[0] + rows, window[1] : window[1] + cols]
    # Air that is not there: above the relief there is less of it.
    column = layer * SCALE_HEIGHT / 1000 * np.expm1(-(relief - relief.dtype.type(900)) / SCALE_HEIGHT)
    return np.asarray((column + eddies) / look.up, dtype=np.float32)


def turbulence(rng: np.random.Generator, pixels: int, spacing: float) -> Field:
    """A random field on a periodic square whose spectrum is the power law of turbulent air.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    pixels : int
        Pixels a side.
    spacing : float
        Metres of a pixel.

    Returns
    -------
    (y, x) float32
        Mean 0, standard deviation 1 over the square in the mean of many fields.
    """
    down, across = fft.fftfreq(pixels, spacing)[:, None], fft.rfftfreq(pixels, spacing)[None, :]
    wave = np.hypot(down, across) * _BREAK
    wave[0, 0] = 1
    gain = np.where(wave < 1, wave**_COARSE, wave**_FINE).astype(np.float32)
    gain[0, 0] = 0
    # Half of the spectrum is stored: all columns but the first and the last count twice.
    power = 2 * (gain**2).sum() - (gain[:, 0] ** 2).sum() - (pixels % 2 == 0) * (gain[:, -1] ** 2).sum()
    white = fft.rfft2(rng.standard_normal((pixels, pixels), dtype=np.float32))
    return np.asarray(fft.irfft2(white * (gain * np.float32(pixels / np.sqrt(power))), s=(pixels, pixels)))
