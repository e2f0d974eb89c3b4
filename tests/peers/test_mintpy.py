"""The simulated stack inverted by MintPy, with its own weights and with gaps: no data of others are needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from jeoview.demo import volcano
from jeoview.demo.orbits import TRACKS, WAVELENGTH
from jeoview.demo.stack import PHASE_STEP, interferogram, simulate
from jeoview.grid import Grid, web_mercator
from jeoview.operators import insar, insar_quality
from jeoview.operators.velocity import velocity
from jeoview.raster import Kind, Raster
from tests.peers import mintpy

# Of 90 x 90 pixels round the summit, and 14 dates in half a year.
SIDE, INNER, SLOTS = 90, np.s_[30:70, 30:70], tuple(range(14))
# MintPy counts independent looks in whole numbers and divides by 1.94; its least coherence is 0.05.
INDEPENDENT, LEAST, MOST, STEP = 20, 0.0525, 0.9475, 0.005
Weight = Literal["none", "coherence", "fisher", "variance"]
THEIRS = {"coherence": "coh", "fisher": "fim", "variance": "var"}


@pytest.fixture(scope="module")
def python() -> str:
    return mintpy.find()


@pytest.fixture(scope="module")
def stack() -> Raster:
    """All the pairs of 14 dates, 40 x 40 pixels of the volcano; referenced to its first valid pixel."""
    made = simulate(TRACKS[0], volcano.stack_grid(120, 120, SIDE), SLOTS, lambda: None)
    pairs = [interferogram(made, number) for number in range(len(made.network))]
    phase = np.stack([np.where(pair.phase == 0, np.nan, pair.phase * PHASE_STEP)[INNER] for pair in pairs])
    coherence = np.stack([pair.coherence[INNER] / 255.0 for pair in pairs])
    # At MintPy's own steps of coherence its table of variances and our formula mean the same; a little above them,
    # for it cuts off what a rounding leaves below.
    steps = np.rint((coherence.clip(LEAST, MOST) - STEP / 2) / STEP)
    array = np.stack([phase, STEP / 2 + STEP * steps + 1e-5], axis=1).astype(np.float32)
    days = [moment(f"{made.passes[one].when:%Y-%m-%d}") for one in range(len(made.passes))]
    names = tuple(f"{days[one]}/{days[other]}" for one, other in made.network)
    grid = Grid(web_mercator(12), 0, 0, *phase.shape[1:])
    found = Raster(array, grid, Kind.SERIES, ("unwrapped", "coherence"), names)
    row, col = np.argwhere(~np.isnan(phase).any(axis=0))[0]
    return insar.referenced(found, insar.reference_phase(found.cut(Grid(grid.lattice, int(row), int(col), 1, 1))))


def moment(day: str) -> str:
    return f"{day}T01:00:00Z"


def with_gaps(stack: Raster, share: float) -> Raster:
    """A share of all phases is gone, another one in every pixel."""
    gone = np.random.default_rng(5).random((len(stack.array), *stack.grid.shape)) < share
    array = stack.array.copy()
    array[:, 0][gone] = np.nan
    return replace(stack, array=array)


def both(stack: Raster, weight: Weight, python: str, folder: Path) -> tuple[dict[str, NDArray[Any]], ...]:
    """Ours and MintPy's, pixels in a row, where every date is connected."""
    days = sorted({day[:10] for name in stack.dates for day in name.split("/")})
    flat = stack.array.reshape(len(stack.array), 2, -1)
    given: dict[str, Any] = {"weight_sqrt": np.empty(0)}
    if weight != "none":
        given = {"coherence": flat[:, 1], "weight": THEIRS[weight], "looks": INDEPENDENT}
    ends = [[days.index(day[:10]) for day in name.split("/")] for name in stack.dates]
    dates = np.array([day.replace("-", "") for day in days])
    earlier, later = np.array(ends).T
    found = mintpy.invert(
        python, folder, phase=flat[:, 0], earlier=earlier, later=later, dates=dates, wavelength=WAVELENGTH, **given
    )
    options: dict[str, Any] = {"weight": weight, "looks": INDEPENDENT * 1.94 if weight == "variance" else None}
    series = insar.invert(stack, wavelength=WAVELENGTH, **options)
    rate = velocity(series).array.reshape(3, -1)
    ours = {
        "series": series.array.reshape(len(days), -1),
        "coherence": insar_quality.inversion_quality(stack, **options).array[0].ravel(),
        "velocity": rate[0] / 1000,
        "std": rate[1] / 1000,
    }
    known = ~np.isnan(ours["series"]).any(axis=0)
    assert known.mean() > 0.5
    return tuple({name: values[..., known] for name, values in each.items()} for each in (ours, found))


# MintPy keeps phases, intervals and weights in float32, which leaves 1 in 10 million. Its variance is a sum over 200 phases
# that counts both -pi and pi: up to 1.6 % too much of the least coherence, nothing of the highest. So with this weight
# a few pixels differ by 0.06 mm; in the middle they are as near as with the others.
EXACT = {"series": 6e-8, "coherence": 1e-6, "velocity": 1e-7, "std": 3e-8}
OF_VARIANCE = {"series": 7e-5, "coherence": 1.3e-3, "velocity": 1.5e-4, "std": 3e-5}


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize("weight", ["none", "coherence", "fisher", "variance"])
def test_equals_mintpy(stack: Raster, python: str, weight: Weight, share: float, tmp_path: Path) -> None:
    ours, theirs = both(with_gaps(stack, share), weight, python, tmp_path)
    for name, most in (OF_VARIANCE if weight == "variance" else EXACT).items():
        np.testing.assert_allclose(theirs[name], ours[name], rtol=0, atol=most, err_msg=name)
        assert np.median(np.abs(theirs[name] - ours[name])) < 5 * EXACT[name]
    assert np.ptp(ours["series"]) > 0.01


def test_the_weights_are_told_apart(stack: Raster, python: str, tmp_path: Path) -> None:
    """The tolerances above would not hold if a weight were mistaken for another one."""
    stack = with_gaps(stack, 0.2)
    series = {weight: both(stack, weight, python, tmp_path)[0]["series"] for weight in ("none", *THEIRS)}  # type: ignore[arg-type]
    for one, other in (("none", "coherence"), ("coherence", "fisher"), ("fisher", "variance")):
        apart = np.abs(series[one] - series[other])[1:]
        assert apart.max() > 5e-3
        assert np.median(apart) > 3e-6
