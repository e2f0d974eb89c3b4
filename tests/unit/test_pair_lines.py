"""What needs phases of several pairs at once is refused where they have no reference, or no loop that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from jeoview import InterferogramCollection
from jeoview.chain import decode, encode
from jeoview.errors import ParameterError
from jeoview.image import Image
from jeoview.operator import find

DAYS = ("20200101", "20200113", "20200125", "20200206")
AREA = (10.0, 44.99, 10.01, 45.0)
LINES: dict[str, Callable[[Image], Image]] = {
    "closure_integers": lambda image: image.closure_integers(),
    "correct_unwrapping": lambda image: image.correct_unwrapping(),
    "inversion_quality": lambda image: image.inversion_quality(),
    "invert": lambda image: image.invert(wavelength=0.0555),
    "loop_closure": lambda image: image.loop_closure(),
    "triplet_quality": lambda image: image.triplet_quality(),
    "unwrapping_errors": lambda image: image.unwrapping_errors(),
}


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def stack_of(folder: Path, *pairs: tuple[int, int]) -> InterferogramCollection:
    """Pairs of the days, of a phase that grows eastwards, each with a constant of its own."""
    profile: dict[str, Any] = {"driver": "GTiff", "width": 20, "height": 10, "count": 1, "dtype": "float32"}
    for number, (one, other) in enumerate(pairs):
        values = np.tile((other - one) * np.linspace(0.5, 1, 20, dtype=np.float32) + 9 * number, (1, 10, 1))
        with rasterio.open(
            folder / f"{DAYS[one]}_{DAYS[other]}_unw.tif",
            "w",
            transform=from_origin(10, 45, 0.001, 0.001),
            crs="EPSG:4326",
            **profile,
        ) as file:
            file.write(values)
    return InterferogramCollection.from_files(str(folder / "*_unw.tif"))


BANDED = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3))


@pytest.mark.parametrize("name", LINES)
def test_pairs_without_a_reference_are_refused(tmp_path: Path, name: str) -> None:
    stack, line = stack_of(tmp_path, *BANDED), LINES[name]
    image = stack.image()
    phase = image["unwrapped"]
    for unreferenced in (image, phase.mask(phase > 0.1), phase.mask_polygon(ring()), phase.wrap().unwrap(region=AREA)):
        with pytest.raises(ParameterError, match=rf"^{name}: the pairs have no reference, .*stack\.reference"):
            line(unreferenced)
    line(stack.reference(lon=10.005, lat=44.995).image())
    line(phase.referenced(phase.reference_phase(region=AREA)).mask(phase > 0.1))


def test_the_series_of_others_is_compared_with_referenced_pairs_alone(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, *BANDED)
    series = stack.reference(lon=10.005, lat=44.995).invert()
    with pytest.raises(ParameterError, match="series_quality: the pairs have no reference"):
        stack.image().series_quality(series, stack.wavelength)


def test_what_may_stand_for_a_reference_is_a_warning(tmp_path: Path) -> None:
    image = stack_of(tmp_path, *BANDED).image()
    ramps = image.ramps(region=AREA, zoom=12)
    for done, words in ((image.deramped(ramps), "deramped"), (image["unwrapped"] - 0.5, "subtract")):
        with pytest.warns(UserWarning, match=f"loop_closure: the pairs have no reference, unless {words} took"):
            done.loop_closure()


def test_a_chain_that_was_made_before_is_read(tmp_path: Path) -> None:
    """Lines are refused, not texts: what was kept opens."""
    stack = stack_of(tmp_path, *BANDED)
    text = stack.reference(lon=10.005, lat=44.995).image().loop_closure().chain
    assert encode(decode(text)) == text
    with pytest.raises(ParameterError, match="no reference"):
        Image.from_chain(stack.image().chain).loop_closure()


def test_successive_loops_are_the_default_and_the_others_are_named(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, (0, 1), (1, 3), (0, 3), (1, 2)).reference(lon=10.005, lat=44.995)
    with pytest.raises(ParameterError, match=r"no three successive dates of the 4 pairs .* 1 loops .*loops='all'"):
        stack.image().triplet_quality()
    found = np.asarray(stack.image().triplet_quality(loops="all").to_numpy())
    np.testing.assert_allclose(found[0], 1, atol=1e-6)
    for which in ("successive", "all"):
        with pytest.raises(ParameterError, match="no three of the 2 pairs make a loop: the result would be empty"):
            stack.filter_pairs(max_days=12).image().triplet_quality(loops=which)


def ring() -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[[10, 44.991], [10.015, 44.991], [10.01, 45], [10, 44.991]]]}


def test_a_chain_of_the_first_version_keeps_all_loops() -> None:
    found = find("triplet_quality")
    assert found.validate(found.upgrades[1]({})) == {"loops": "all"} != found.validate({})
