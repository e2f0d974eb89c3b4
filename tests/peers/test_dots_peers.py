"""Dots, compared with SciPy's distance transform and with the slow rule."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from jeoview.grid import Grid, web_mercator
from jeoview.operators.dots import dots
from jeoview.raster import Kind, Raster

GRID = Grid(web_mercator(10), 1000, 2000, 60, 70)


def sparse(seed: int, share: float) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    values = random.random((2, *GRID.shape)).astype(np.float32)
    return np.where(random.random(values.shape) < share, values, np.float32(np.nan))


def drawn(array: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    image = Raster(array, GRID, Kind.BANDS, ("a", "b"))
    return dots(image, radius=radius).array


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 7])
def test_dots_are_where_scipy_finds_a_point_so_near_and_keep_its_value(radius: int) -> None:
    array = sparse(radius, 0.01)
    for values, found in zip(array, drawn(array, radius), strict=True):
        distance = ndimage.distance_transform_edt(np.isnan(values))
        assert isinstance(distance, np.ndarray)
        np.testing.assert_array_equal(~np.isnan(found), distance < radius + 0.5)
        rows, cols = np.nonzero(~np.isnan(values))
        for y, x in np.argwhere(~np.isnan(found)):
            squares = (rows - y) ** 2 + (cols - x) ** 2
            # argmin takes the first of equals, and nonzero goes from north to south and from west to east.
            nearest = int(np.argmin(squares))
            assert found[y, x] == values[rows[nearest], cols[nearest]]
            assert squares[nearest] == round(distance[y, x] ** 2)


def test_a_valid_pixel_keeps_its_own_value() -> None:
    array = sparse(1, 0.4)
    np.testing.assert_array_equal(drawn(array, 4)[~np.isnan(array)], array[~np.isnan(array)])
    np.testing.assert_array_equal(drawn(array, 0), array)
    assert np.isnan(drawn(np.full_like(array, np.nan), 3)).all()
