"""LiCSBAS's noise indices that no other operator gives: the network of a pixel, and how it moves beside its neighbours."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from jeoview.grid import Grid, Lattice
from jeoview.kernels.noise import NETWORK, bootstrap, consistency, statistics
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, SeriesInput, constant_unit, operator
from jeoview.operators.insar_pairs import (
    COHERENCE,
    PHASE,
    check_dates,
    check_pairs,
    displacement_only,
    layers,
    pair_dates,
    years_since,
)
from jeoview.projection import is_sensor
from jeoview.quantities import Later, Window
from jeoview.raster import Kind
from jeoview.region import is_finer


def _network_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_pairs("network_statistics", inputs[0])
    inputs[0].band(PHASE, "network_statistics")
    return NETWORK


def _both_bands(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    needed = (PHASE, COHERENCE) if "coh_avg" in wanted and COHERENCE in inputs[0].bands else (PHASE,)
    return (needed,)


@operator(mode=Mode.PIXEL, nodata="own", bands=_network_bands, demand=_both_bands, unit=constant_unit(maxTlen="yr"))
def network_statistics(stack: SeriesInput) -> BandsInput:
    """What the pairs of a pixel are like, by LiCSBAS's names (Morishita et al. 2020).

    Parameters
    ----------
    stack : series
        Pairs, with band ``unwrapped`` and perhaps ``coherence``.

    Returns
    -------
    bands
        ``coh_avg``: mean coherence of all pairs; ``n_unw``: pairs with phase; ``maxTlen``: the longest time without a
        gap, in years; ``n_gap``: intervals between neighbouring dates that no valid pair spans. Dates may fall apart
        without such a gap, where two networks are interleaved: ``inversion_quality`` counts the subsets. NaN where no
        pair has phase; ``coh_avg`` where no coherence is known.
    """
    shape = stack.array.shape[-2:]
    if not stack.dates:
        values = np.full((len(NETWORK), shape[0] * shape[1]), np.nan, dtype=np.float32)
    else:
        known = pair_dates(stack.dates)
        coherence = layers(stack, COHERENCE) if COHERENCE in stack.bands else None
        values = statistics(layers(stack, PHASE), coherence, known.network, known.years)
    return replace(stack, array=values.reshape(-1, *shape), kind=Kind.BANDS, bands=NETWORK, dates=())


def _one_pixel(options: Options, grid: Grid) -> int:
    return 1


def _displacement(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_dates("spatiotemporal_consistency", inputs[0])
    inputs[0].band("displacement", "spatiotemporal_consistency")
    return ("stc",)


@lru_cache(maxsize=256)
def _own(window: Window, lattice: Lattice) -> Grid | None:
    return window.grid if is_finer(lattice, window.grid) else None


def _own_pixels(options: Options, lattice: Lattice) -> Grid | None:
    """Those of the files, where the lattice has finer ones: their neighbours are often the same pixel once more."""
    return None if options["pixels"] is None or is_sensor(lattice.crs) else _own(options["pixels"], lattice)


@operator(
    mode=Mode.NEIGHBOURHOOD,
    nodata="own",
    bands=_displacement,
    demand=displacement_only,
    radius=_one_pixel,
    own=_own_pixels,
    unit=constant_unit("mm"),
)
def spatiotemporal_consistency(series: SeriesInput, *, pixels: Annotated[Window | None, Later()] = None) -> BandsInput:
    """How differently a pixel moves from the neighbour that moves most like it (Hanssen et al. 2008; LiCSBAS's stc).

    Parameters
    ----------
    series : series
        Band ``displacement`` in metres.
    pixels : dict of crs, resolution, corner and shape, optional
        All pixels of the files, as `InterferogramCollection.noise_indices` says them: where those of the map are finer,
        the neighbours are the files' pixels, and the value is the same at every such zoom.

    Returns
    -------
    bands
        ``stc`` in mm: sqrt(mean((d_x(t) - d_x(t-1) - d_y(t) + d_y(t-1))**2)) over neighbouring dates that both pixels
        have, the least of the eight neighbours y. Where pixels of the map are larger than those of the files, or ``pixels`` is
        not given, they are neighbours on the screen: the lower the zoom, the farther away. Neighbours that are one pixel of the file are passed
        over, as long as there are others. NaN where a pixel or all its neighbours have no two such dates.
    """
    values = np.ascontiguousarray(series.array[:, series.bands.index("displacement")], dtype=np.float32)
    out = np.empty(values.shape[-2:], dtype=np.float32)
    consistency(values, out)
    return replace(series, array=1000 * out[None], kind=Kind.BANDS, bands=("stc",), dates=())


Draws = Annotated[int, Field(ge=10, le=1000)]


@lru_cache(maxsize=64)
def drawn(dates: int, draws: int) -> NDArray[np.float64]:
    """(date, draw): how often each date is drawn, with replacement; the same at every call."""
    random = np.random.Generator(np.random.PCG64(0))
    chosen = random.integers(dates, size=(draws, dates))
    counts: NDArray[np.float64] = (chosen == np.arange(dates)[:, None, None]).sum(axis=2).astype(np.float64)
    return counts


def _bootstrap_band(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_dates("velocity_bootstrap", inputs[0])
    inputs[0].band("displacement", "velocity_bootstrap")
    return ("vstd",)


@operator(mode=Mode.PIXEL, nodata="own", bands=_bootstrap_band, demand=displacement_only, unit=constant_unit("mm/yr"))
def velocity_bootstrap(series: SeriesInput, *, draws: Draws = 100) -> BandsInput:
    """How much the velocity of a pixel hangs on which dates there are: LiCSBAS's ``vstd`` (Morishita et al. 2020).

    As many dates as the series has are drawn with replacement, a line is fitted to those that the pixel has, and again;
    the standard deviation of the slopes is the result. Unlike the standard error it does not take the errors of the
    dates for independent of time. The draws are the same everywhere, so that tiles agree.

    Parameters
    ----------
    series : series
        Band ``displacement`` in metres.
    draws : int
        How many lines are fitted; 100 as LiCSBAS.

    Returns
    -------
    bands
        ``vstd`` in mm/yr. NaN where a pixel has fewer than two dates. A draw that holds one date alone is left out.
    """
    shape = series.array.shape[-2:]
    out = np.full(shape[0] * shape[1], np.nan, dtype=np.float32)
    if series.dates:
        values = np.ascontiguousarray(series.array[:, series.bands.index("displacement")], dtype=np.float32)
        years = years_since(series.dates, series.dates[0])
        bootstrap(values.reshape(len(years), out.size), years, drawn(len(years), draws), out)
    return replace(series, array=1000 * out.reshape(1, *shape), kind=Kind.BANDS, bands=("vstd",), dates=())
