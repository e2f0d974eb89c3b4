"""Stacks of plain files that are not what they are said to be: refused or said where they are opened."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jeoview.collection.interferograms import InterferogramCollection
from jeoview.errors import ParameterError
from tests.unit import product_files as made

Array = NDArray[Any]
SIZE = 80
DAYS = ("20200101", "20200113", "20200125", "20200206")
PAIRS = tuple(f"{one}_{other}" for one, other in pairwise(DAYS))
PLACE = (made.WEST, made.NORTH, made.STEP, made.STEP)


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def phase(number: int) -> Array:
    """Unwrapped: some cycles over the picture."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    found: Array = (20.0 * (number + 1) * np.hypot(y - 0.3, x - 0.6) - 4.0).astype(np.float32)
    return found


def coherence(number: int) -> Array:
    return np.random.default_rng(number).uniform(0.1, 0.95, (SIZE, SIZE)).astype(np.float32)


def write(folder: Path, kind: str, layers: list[Array], **more: Any) -> str:
    for pair, layer in zip(PAIRS, layers, strict=True):
        made.write_tif(folder / f"{pair}_{kind}.tif", layer, **more)
    return str(folder / f"*_{kind}.tif")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    numbers = range(len(PAIRS))
    return write(tmp_path, "unw", [phase(i) for i in numbers]), write(tmp_path, "cc", [coherence(i) for i in numbers])


def messages(*patterns: str, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        InterferogramCollection.from_files(*patterns, **options)
    return [str(one.message) for one in said]


def test_a_stack_as_it_should_be_is_opened_without_a_word(files: tuple[str, str]) -> None:
    assert messages(*files) == []


def test_phase_and_coherence_that_are_swapped(files: tuple[str, str]) -> None:
    unwrapped, correlation = files
    with pytest.raises(
        ParameterError, match=r"20200101_20200113_unw.tif holds .* are unwrapped= and coherence= the wrong way"
    ):
        InterferogramCollection.from_files(correlation, unwrapped)
    (said,) = messages(correlation)
    assert "the unwrapped phase lies within 0 to 1" in said


@pytest.mark.parametrize(
    ("factor", "offset", "way"), [(255, 0, "1/255 for bytes"), (1, -0.5, "choose the files"), (1, -9999, "no data")]
)
def test_coherence_that_is_none_is_refused(files: tuple[str, str], factor: float, offset: float, way: str) -> None:
    layers = [coherence(i) for i in range(len(PAIRS))]
    layers[-1] = layers[-1] * np.float32(factor) + np.float32(offset)
    write(Path(files[1]).parent, "cc", layers)
    with pytest.raises(ParameterError, match=rf"20200125_20200206_cc.tif holds .*coherence is 0 to 1; .*{way}"):
        InterferogramCollection.from_files(*files)


def test_a_scale_of_bytes_on_coherence_of_0_to_1_is_refused(files: tuple[str, str]) -> None:
    with pytest.raises(ParameterError, match=r"_cc.tif holds coherence of 0 to 1 already .* leave coherence_scale out"):
        InterferogramCollection.from_files(*files, coherence_scale=1 / 255)
    bytes_ = [np.round(coherence(i) * 255).astype(np.uint8) for i in range(len(PAIRS))]
    for layers in (bytes_, [layer.astype(np.float32) for layer in bytes_]):
        write(Path(files[1]).parent, "cc", layers)
        assert messages(*files, coherence_scale=1 / 255) == []


def test_wrapped_phase_given_as_unwrapped_is_said_once(files: tuple[str, str]) -> None:
    wrapped = [np.angle(np.exp(1j * phase(i))).astype(np.float32) for i in range(len(PAIRS))]
    write(Path(files[0]).parent, "unw", wrapped)
    (said,) = messages(*files)
    assert "the phase lies within -pi to pi wherever it was looked at (3 of 3 pairs)" in said
    # Small motion is within a cycle too, but does not fill it.
    write(Path(files[0]).parent, "unw", [layer / 2 for layer in wrapped])
    assert messages(*files) == []
    # One pair that goes beyond is enough.
    write(Path(files[0]).parent, "unw", [*wrapped[:-1], phase(2)])
    assert messages(*files) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"origin": (made.WEST + 0.5 * made.STEP, *PLACE[1:])}, r"shifted by [+-]0.5 columns and \+0 rows"),
        ({"origin": (made.WEST, made.NORTH, 0.002, 0.002)}, "pixels of 0.002 x 0.002 in place of 0.001 x 0.001"),
        ({"crs": "EPSG:32632", "origin": (4e5, 5e6, 90, 90)}, "EPSG:32632 in place of EPSG:4326"),
    ],
)
def test_a_file_on_other_pixels_is_named(files: tuple[str, str], more: dict[str, Any], words: str) -> None:
    folder = Path(files[0]).parent
    made.write_tif(folder / f"{PAIRS[0]}_unw.tif", phase(0), **more)
    with pytest.warns(UserWarning, match=rf"1 of 3 pairs .* first in {PAIRS[0]}_unw.tif: {words} \(as in {PAIRS[1]}"):
        InterferogramCollection.from_files(files[0])


def test_a_file_that_is_shifted_by_whole_pixels_is_none_of_them(files: tuple[str, str]) -> None:
    origin = (made.WEST + 7 * made.STEP, made.NORTH - 3 * made.STEP, made.STEP, made.STEP)
    made.write_tif(Path(files[0]).parent / f"{PAIRS[1]}_unw.tif", phase(1)[:50, :60], origin=origin)
    assert messages(files[0]) == []


def test_the_files_of_a_product_are_looked_at_too(tmp_path: Path) -> None:
    for number, pair in enumerate(PAIRS):
        place = (made.WEST + (0.3 * made.STEP if number == 2 else 0), *PLACE[1:])
        made.write_tif(tmp_path / "GEOC" / pair / f"{pair}.geo.unw.tif", phase(number), origin=place)
    with pytest.warns(
        UserWarning, match=rf"1 of 3 pairs lie on other pixels .* {PAIRS[2]}.geo.unw.tif: shifted by \+0.3"
    ):
        InterferogramCollection.from_licsar(tmp_path, "frame")
