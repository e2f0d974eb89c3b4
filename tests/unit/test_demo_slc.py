"""The simulated complex images: their truth is found again by the operators."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jeoview import demo
from jeoview.catalog import Catalog
from jeoview.collection import SlcCollection
from jeoview.demo.slc import SlcTruth
from jeoview.engine import Engine
from jeoview.errors import ParameterError
from jeoview.image import Image


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo-slc-home")
    assert demo.prepare_slc(folder, "full", progress=False) == folder / "demo-slc"
    return folder


@pytest.fixture
def stack(home: Path, monkeypatch: pytest.MonkeyPatch) -> SlcCollection:
    monkeypatch.setenv("JEOVIEW_HOME", str(home))
    return SlcCollection("demo-slc")


@pytest.fixture(scope="module")
def truth() -> SlcTruth:
    return demo.slc_truth()


def pixels(image: Image) -> NDArray[Any]:
    frame = image.schema.frame
    assert frame is not None
    return np.asarray(Engine.default().render(image.node, frame.extent).array)


def test_it_says_that_it_is_simulated(home: Path, stack: SlcCollection) -> None:
    assert Catalog(home / "catalog.sqlite").collection("demo-slc").simulated
    assert all(item.properties["jeoview:simulated"] for item in stack.items)
    assert len(stack) == 30
    assert stack.items[0].bbox[0] == pytest.approx(-104.9, abs=0.05)
    with pytest.raises(ParameterError, match="size is 'tiny'"):
        demo.prepare_slc(home, "tiny")  # type: ignore[arg-type]


def test_the_small_one_is_a_part_of_the_full_one(
    tmp_path: Path, stack: SlcCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = pixels(stack["2021-03-19"])
    demo.prepare_slc(tmp_path, "small", progress=False)
    monkeypatch.setenv("JEOVIEW_HOME", str(tmp_path))
    small = SlcCollection("demo-slc")
    assert (len(small), small.dates[1]) == (10, "2021-03-19")
    np.testing.assert_array_equal(pixels(small["2021-03-19"]), full)


def test_phase_and_coherence_are_the_true_ones(stack: SlcCollection, truth: SlcTruth) -> None:
    for one, other in ((0, 1), (3, 20)):
        a, b = stack[truth.dates[one]], stack[truth.dates[other]]
        product = pixels(a.interferogram(b))[0]
        turned = product * np.exp(-1j * (truth.phase[one] - truth.phase[other]))
        speckle = ~truth.scatterers
        assert abs(np.angle(turned[speckle].sum())) < 0.02
        # Expected coherence of classes of the ground, from all their pixels: the estimate of a small box is biased.
        images = pixels(a)[0] * np.exp(-1j * truth.phase[one]), pixels(b)[0] * np.exp(-1j * truth.phase[other])
        known = truth.coherence(one, other)
        edges = np.quantile(known, (0.0, 0.2, 0.5, 0.8, 1.0))
        for low, high in itertools.pairwise(edges):
            chosen = speckle & (known >= low) & (known <= high)
            x, y = (image[chosen].astype(np.complex128) for image in images)
            found = abs((x * y.conj()).sum()) / np.sqrt((abs(x) ** 2).sum() * (abs(y) ** 2).sum())
            assert found == pytest.approx(known[chosen].mean(), abs=0.04)
    estimated = pixels(stack[truth.dates[3]].coherence(stack[truth.dates[4]], (9, 21)))[0]
    assert np.corrcoef(estimated.ravel(), truth.coherence(3, 4).ravel())[0, 1] > 0.5


def test_looks_show_the_true_phase(stack: SlcCollection, truth: SlcTruth) -> None:
    """Two years apart, in the middle of the town: motion away, a positive phase."""
    a, b = stack[truth.dates[0]], stack[truth.dates[29]]
    looks = pixels(a.interferogram(b).multilook(4, 8))[0]
    expected = np.exp(1j * (truth.phase[0] - truth.phase[29])).reshape(48, 4, 40, 8).mean(axis=(1, 3))
    weight = truth.lasting.reshape(48, 4, 40, 8).mean(axis=(1, 3)) > 0.5
    error = np.angle(looks * expected.conj())[weight]
    assert np.abs(np.median(error)) < 0.1
    assert np.sqrt(np.mean(error**2)) < 0.6


def test_scatterers_and_their_velocity(stack: SlcCollection, truth: SlcTruth) -> None:
    series = stack.image()
    candidates = pixels(series.ps_candidates())[0] == 1
    assert (candidates & truth.scatterers).sum() > 0.99 * truth.scatterers.sum()
    # Of the speckle only a strong echo that lasts is as steady.
    assert (candidates & ~truth.scatterers).sum() < 0.03 * (~truth.scatterers).sum()
    west, _, _, north = truth.grid.bbox
    corner = (west, north - 0.002, west + 0.002, north)
    with pytest.raises(ParameterError, match="reference first"):
        stack.ps_velocity()
    with pytest.raises(ParameterError, match="outside"):
        stack.reference(lon=10.0, lat=45.0)
    held = stack.reference(bounds=corner)
    np.testing.assert_array_equal(pixels(held.ps_candidates()), pixels(series.ps_candidates()))
    dispersion = pixels(held.amplitude_dispersion())[0]
    np.testing.assert_array_equal(dispersion < 0.25, candidates)
    velocity, coherence = pixels(held.ps_velocity(limit=60.0))
    sure = candidates & truth.scatterers & (coherence > 0.8)
    assert sure.sum() > 0.9 * truth.scatterers.sum()
    error = velocity[sure] - truth.velocity[sure]
    # The air turns a date by half a radian or so, relative to the corner: 30 dates over 1.9 years.
    assert np.abs(np.median(error)) < 1.5
    assert np.percentile(np.abs(error), 95) < 4.0
    assert velocity[sure].min() == pytest.approx(-35.0, abs=4.0)


def test_a_matrix_of_all_dates(stack: SlcCollection, truth: SlcTruth) -> None:
    west, south, east, north = truth.grid.bbox
    matrix = stack.coherence_matrix((west + east) / 2, (south + north) / 2, window=(21, 41))
    assert matrix.shape == (30, 30)
    assert np.allclose(np.diag(matrix), 1.0)
    near, far = np.diag(matrix, 1).mean(), np.diag(matrix, 25).mean()
    assert near > far > 0.3
