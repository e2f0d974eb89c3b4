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
    image = Raster(array, Grid(web_mercator(10), 1000, 2000, *array.shape[1:]), Kind.BANDS, ("a", "b"))
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


def enlarged(times: int, radius: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A point alone as the map shows it from close by, and its dot."""
    values = np.full((2, *GRID.shape), np.nan, dtype=np.float32)
    values[:, 20 : 20 + times, 30 : 30 + times] = 0.5
    return values, drawn(values, radius)


@pytest.mark.parametrize("radius", [1, 2, 3, 7])
def test_a_dot_is_as_wide_however_large_its_pixel_is_and_a_larger_pixel_stays(radius: int) -> None:
    for times in range(1, 2 * radius + 5):
        values, found = enlarged(times, radius)
        rows, cols = np.nonzero(~np.isnan(found[0]))
        # An even block has no middle pixel: its dot may miss one pixel of the width.
        width = max(times, 2 * radius + times % 2)
        assert int(np.ptp(rows)) + 1 == int(np.ptp(cols)) + 1 == width
        if times > 2 * radius:
            np.testing.assert_array_equal(found, values)


def test_the_corners_of_a_dot_are_round_until_its_pixel_fills_it() -> None:
    areas = [int(np.isfinite(enlarged(times, 7)[1][0]).sum()) for times in (1, 5, 9, 13, 15)]
    assert areas == sorted(areas)
    assert areas[0] == np.sum(np.hypot(*np.mgrid[-7:8, -7:8]) < 7.5)
    assert areas[-1] == 15 * 15


def test_equal_points_in_a_row_stay_dots() -> None:
    values = np.full((2, *GRID.shape), np.nan, dtype=np.float32)
    values[:, 30, 20:28] = 0.5
    found = drawn(values, 3)
    assert np.isfinite(found[0, 27:34, 23]).all()
    assert np.isfinite(found[0]).sum() > 8 * 7


@pytest.mark.parametrize("radius", [1, 3, 5])
def test_tiles_of_enlarged_points_are_the_whole(radius: int) -> None:
    for times in (1, 2, 3, 5, 8, 13):
        points = sparse(times, 0.05)
        values = np.ascontiguousarray(np.kron(points, np.ones((1, times, times), dtype=np.float32))[:, :60, :70])
        whole, pad = drawn(values, radius), 3 * radius
        for top, left in ((pad, pad), (pad + 5, pad + 9)):
            part = np.ascontiguousarray(values[:, top - pad : top + 20 + pad, left - pad : left + 20 + pad])
            inner = drawn(part, radius)
            np.testing.assert_array_equal(
                inner[:, pad : pad + 20, pad : pad + 20], whole[:, top : top + 20, left : left + 20]
            )
