"""Ramps of the dates, fitted to all pairs together: against one dense least-squares problem, and on real pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jeoview.catalog.pixels import grids_of, union
from jeoview.collection import InterferogramCollection
from jeoview.engine import Engine
from jeoview.errors import ParameterError
from jeoview.graph import walk
from jeoview.kernels.network import Network
from jeoview.kernels.ramp import fit_network, fit_surface, terms
from tests.samples import image

PAIRS = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4), (2, 4), (5, 6)]
Doubles = NDArray[np.float64]


def dense(layers: NDArray[np.float32], columns: Doubles, pairs: list[tuple[int, int]], dates: int) -> Doubles:
    """Surfaces of the pairs by one system: a row for each pixel of each pair, a column for each term of each date."""
    size = len(columns) - 1
    rows, values = [], []
    for k, (one, other) in enumerate(pairs):
        for pixel in np.flatnonzero(~np.isnan(layers[k])):
            row = np.zeros(dates * size + len(pairs))
            row[one * size : (one + 1) * size] = -columns[1:, pixel]
            row[other * size : (other + 1) * size] = columns[1:, pixel]
            row[dates * size + k] = 1.0
            rows.append(row)
            values.append(layers[k, pixel])
    found = np.linalg.lstsq(np.array(rows), np.array(values, dtype=np.float64), rcond=None)[0]
    slopes = found[: dates * size].reshape(dates, size)
    return np.array([[found[dates * size + k], *(slopes[b] - slopes[a])] for k, (a, b) in enumerate(pairs)])


@pytest.mark.parametrize("degree", [1, 2])
def test_it_is_the_least_squares_solution(degree: int) -> None:
    random = np.random.default_rng(degree)
    x, y = random.uniform(-1, 1, (2, 80))
    columns = terms(x, y, degree)
    layers = random.normal(size=(len(PAIRS), 80)).astype(np.float32)
    layers[random.random(layers.shape) < 0.3] = np.nan
    pairs, dates = fit_network(layers, columns, Network.of(7, PAIRS))
    np.testing.assert_allclose(pairs, dense(layers, columns, PAIRS, 7), rtol=1e-6, atol=1e-8)
    assert (dates[[0, 5]] == 0).all()
    np.testing.assert_allclose(pairs[:, 1:], [dates[b] - dates[a] for a, b in PAIRS])
    # No pair of its own kind: alone it has the surface that it has without a network.
    np.testing.assert_allclose(pairs[-1], fit_surface(layers[-1:], columns)[0], rtol=1e-9)


def test_known_ramps_of_the_dates_are_found_and_few_pixels_tell_nothing() -> None:
    random = np.random.default_rng(3)
    x, y = random.uniform(-1, 1, (2, 50))
    columns, true = terms(x, y, 1), random.normal(size=(7, 2))
    layers = np.array([k + (true[b] - true[a]) @ columns[1:] for k, (a, b) in enumerate(PAIRS)], dtype=np.float32)
    layers[3, 2:] = np.nan  # two pixels: no surface of its own, but its dates have theirs
    layers[4] = np.nan
    layers[7, 1:] = np.nan
    pairs, dates = fit_network(layers, columns, Network.of(7, PAIRS))
    np.testing.assert_allclose(dates[:5], true[:5] - true[0], atol=1e-5)
    assert np.isnan(dates[5:]).all()
    np.testing.assert_allclose(pairs[[0, 1, 2, 3, 5, 6], 0], [0, 1, 2, 3, 5, 6], atol=1e-5)
    assert np.isnan(pairs[[4, 7]]).all()
    np.testing.assert_allclose(pairs[3, 1:], true[3] - true[1], atol=1e-5)
    nothing, none = fit_network(np.full_like(layers, np.nan), columns, Network.of(7, PAIRS))
    assert np.isnan(nothing).all()
    assert np.isnan(none).all()


def test_loops_close_as_before_and_the_map_is_flat(data_dir: Path, jeoview_home: Path) -> None:
    stack = InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico").reference(lon=-99.18, lat=19.44)
    own = union(grids_of(stack.items))
    assert own is not None
    joint, each = stack.deramp(joint=True), stack.deramp()
    assert "corrected: ramps of degree 1 of the dates" in joint.report()
    before, after, apart = (
        Engine.default().render(one.image()["unwrapped"].node, own).array[:, 0].astype(np.float64)
        for one in (stack, joint, each)
    )
    names = list(stack.ids or ())
    changes: dict[str, list[float]] = {"after": [], "apart": []}
    for pairs in stack.loops(progress=False)["pairs"]:
        one, other, both = (names.index(name) for name in pairs)
        for word, values in (("after", after), ("apart", apart)):
            change = values - before
            changes[word].append(float(np.nanstd(change[one] + change[other] - change[both])))
    # But for a constant that the reference takes: a median is not linear.
    assert max(changes["after"]) < 1e-5
    assert max(changes["apart"]) > 0.1
    spread = [np.nanmean(np.nanstd(values, axis=(1, 2))) for values in (before, after, apart)]
    assert spread[0] > 1.02 * spread[1] > 1.02 * spread[2]
    table = joint.loops(progress=False)
    assert len(table) == len(changes["after"])
    assert Engine.default().render(joint.invert().node, own).array.shape[0] == len(stack.dates)
    (node,) = {node for node in walk(joint.image().node) if node.operator == "ramps"}
    fitted = Engine.default().table(node).values
    assert len(fitted["ramp"]) == 2 * len(fitted["date"]) == 2 * len(stack.dates)
    assert (fitted["ramp"][:2] == 0).all()


def test_the_dates_of_pairs_are_needed() -> None:
    moved = image("displacement").rename(bands=("unwrapped",))
    assert moved.ramps().schema.bands == ("unwrapped",)
    with pytest.raises(ParameterError, match="ramps: the layers of the series are dates"):
        moved.ramps(joint=True)
