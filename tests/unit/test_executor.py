"""From a plan to a raster: order, memory, names of bands, dates, letting go."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jeoview.errors import ParameterError, StoreError
from jeoview.executor import NoMemory, execute, finish, recall
from jeoview.graph import Node
from jeoview.grid import Grid
from jeoview.image import Image
from jeoview.memory import ResultMemory
from jeoview.operator import Names
from jeoview.planner import Step, plan
from jeoview.raster import Kind, Raster, Table
from jeoview.store import open_store
from tests.synthetic import DATES, SyntheticReader, grid_at, raster, render, source, touches

TILE = grid_at(12, 8.0, 47.0, 24, 20)


def three() -> Image:
    return source("1")[["red", "nir", "swir16"]].median()


def array(image: Image) -> Any:
    return raster(image, TILE).array


# ---------------------------------------------------------------- names of bands


def test_a_part_of_a_joint_result_has_the_declared_name() -> None:
    """One of three bands is wanted, and the other operand has one band of another name."""
    one = source("1")["green"].median()
    for product in (one * three(), three() * one):
        part = raster(product["B08"], TILE)
        assert part.bands == ("B08",)
        np.testing.assert_array_equal(part.array, array(one) * array(three()["B08"]))


def test_differences_are_taken_by_position_and_named_by_the_first() -> None:
    before, after = three(), source("2")[["nir", "red", "swir16"]].median()
    result = raster(before.difference(after), TILE)
    assert result.bands == ("B04", "B08", "B11")
    np.testing.assert_array_equal(result.array, array(after) - array(before))
    ratio = raster(three()["B04"].log_ratio(three()["B08"]), TILE)
    assert (ratio.bands, ratio.array.shape) == (("B04",), (1, 24, 20))


def test_names_that_change_places() -> None:
    swapped = three().rename(["B08", "B04", "x"])
    np.testing.assert_array_equal(array(swapped["B08"]), array(three()["B04"]))
    np.testing.assert_array_equal(array(swapped[["B04", "B08"]]), array(three()[["B08", "B04"]]))
    np.testing.assert_array_equal(array(swapped), array(three()))


def test_an_operator_that_returns_the_wrong_bands_is_a_fault() -> None:
    def read(node: Node, grid: Grid, bands: Names) -> Raster:
        return Raster(np.zeros((1, 3, *grid.shape), np.float32), grid, Kind.SERIES, ("a", "b", "c"), DATES[:1])

    with pytest.raises(ValueError, match="not in"):
        execute(plan(three()["B04"].node, TILE), read)


# ---------------------------------------------------------------- series


def test_an_operator_on_bands_works_on_every_date() -> None:
    series = source("1")
    result = raster((series * 2).focal_mean(1)["red"], TILE)
    assert result.kind is Kind.SERIES
    plain = raster(series["red"], TILE.pad(1))
    assert result.dates == plain.dates
    for index in range(len(plain.dates)):
        date = replace(plain, array=plain.array[index] * 2, kind=Kind.BANDS, dates=())
        np.testing.assert_allclose(result.array[index], box(date.array), rtol=1e-6)


def box(values: Any) -> Any:
    """Mean of the valid pixels of 3 x 3, NaN where the centre is."""
    windows = np.lib.stride_tricks.sliding_window_view(values, (3, 3), axis=(1, 2)).astype(np.float64)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(windows, axis=(3, 4)) / np.isfinite(windows).sum(axis=(3, 4))
    return np.where(np.isnan(values[:, 1:-1, 1:-1]), np.nan, mean)


def test_clouds_of_every_date_before_the_median() -> None:
    series = source("1")
    masked = raster(series.mask_clouds()["red"], TILE)
    assert masked.array.shape[1] == 1
    values, classes = raster(series["red"], TILE).array, raster(series["SCL"], TILE).array
    expected = np.where(np.isin(classes, (3, 8, 9, 10)) | np.isnan(classes), np.nan, values)
    np.testing.assert_array_equal(masked.array, expected)


def test_series_of_one_collection_go_together_date_by_date() -> None:
    series = source("1")
    result = raster(series["nir"] - series["red"], TILE)
    both = raster(series[["nir", "red"]], TILE).array
    np.testing.assert_array_equal(result.array[:, 0], both[:, 0] - both[:, 1])


def test_series_of_different_dates_are_refused() -> None:
    grids = [Grid(TILE.lattice, TILE.row, TILE.col + 200 * block, 4, 4) for block in range(50)]
    apart = next(g for g in grids if [touches(g, d, 1) for d in range(4)] != [touches(g, d, 2) for d in range(4)])
    with pytest.raises(ParameterError, match="subtract: the series have different dates"):
        raster(source("1")["nir"] - source("2")["red"], apart)


def test_an_area_that_no_scene_touches() -> None:
    def read(node: Node, grid: Grid, bands: Names) -> Raster:
        return Raster(np.empty((0, len(bands), *grid.shape), np.float32), grid, Kind.SERIES, bands)

    def empty(image: Image) -> Any:
        result = execute(plan(image.node, TILE), read)
        return result.array if isinstance(result, Raster) else result

    series = source("1")
    assert empty((series * 2).focal_mean(1)).shape == (0, 7, 24, 20)
    assert np.isnan(empty((series * 2).mask_clouds().median().focal_mean(2).ndvi())).all()
    assert (empty(series.count()) == 0).all()
    assert (empty(series.median().ndvi().colormap("viridis", 0, 1)) == 0).all()
    assert (empty(series.median().rgb())[3] == 0).all()
    assert np.isnan(empty((series.median()["red"] > 0).label())).all()
    table = empty(series.median().quantiles(region=(8, 47, 8.01, 47.01), zoom=10))
    assert all(np.isnan(table.values[band]).all() for band in series.bands)
    stretched = series.median()[["red"]].stretch(region=(8, 47, 8.01, 47.01), zoom=10)
    assert np.isnan(empty(stretched)).all()


# ---------------------------------------------------------------- memory


class Notes(NoMemory):
    """Keeps everything and notes what was asked."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def get(self, step: Step) -> Any:
        return self.kept.get(step.place)

    def put(self, step: Step, value: Any, seconds: float = 0.0) -> None:
        self.kept[step.place] = value


def test_what_memory_has_is_not_computed_and_neither_is_what_only_it_needed() -> None:
    memory = Notes()
    chain = three().focal_mean(2)["nir"].colormap("viridis", 0, 1)
    planned = plan(chain.node, TILE)
    first = execute(planned, SyntheticReader(), memory)
    work = recall(planned, memory)
    assert [step.node.operator for step in work.steps] == ["colormap"]

    def never(node: Node, grid: Grid, bands: Names) -> Raster:
        raise AssertionError("nothing is to be read")

    again = finish(work, never, memory)
    assert isinstance(first, Raster)
    assert isinstance(again, Raster)
    np.testing.assert_array_equal(first.array, again.array)


def test_what_is_kept_does_not_hold_on_to_its_margin() -> None:
    memory = Notes()
    execute(plan(three().focal_mean(8)["nir"].colormap("viridis", 0, 1).node, TILE), SyntheticReader(), memory)
    (kept,) = memory.kept.values()
    assert kept.array.base is None or kept.array.base.nbytes == kept.array.nbytes
    assert kept.array.flags.c_contiguous


def test_arrays_are_let_go_as_soon_as_nobody_needs_them() -> None:
    alive: list[int] = []
    seen: list[weakref.ref[Any]] = []

    def read(node: Node, grid: Grid, bands: Names) -> Raster:
        gc.collect()
        alive.append(sum(ref() is not None for ref in seen))
        result = SyntheticReader()(node, grid, bands)
        seen.append(weakref.ref(result.array))
        return result

    total = source("1")["nir"].mean()
    for number in range(2, 8):
        total = total + source(str(number))["nir"].mean()
    execute(plan(total.node, TILE), read)
    assert len(alive) == 7
    assert max(alive) <= 1


def test_memory_is_bounded_and_forgets_the_least_used() -> None:
    memory = ResultMemory(open_store("memory:"), 40_000)
    chain = three()["nir"].colormap("viridis", 0, 1)
    tiles = [Grid(TILE.lattice, TILE.row, TILE.col + 40 * i, 40, 40) for i in range(9)]
    read = SyntheticReader()
    for tile in tiles:
        render(chain, tile, memory=memory, read=read)
        render(chain, tiles[0], memory=memory, read=read)
        assert memory.nbytes <= 40_000
    assert [grid for _, grid, _ in read.asked] == tiles


def test_an_array_too_large_for_memory_is_computed_and_not_kept() -> None:
    memory = ResultMemory(open_store("memory:"), 1000)
    chain = three()["nir"].colormap("viridis", 0, 1)
    np.testing.assert_array_equal(raster(chain, TILE, memory=memory).array, array(chain))
    assert memory.nbytes == 0
    labels = (three()["nir"] > 0.4).label()
    np.testing.assert_array_equal(raster(labels, TILE, memory=memory).array, array(labels))


def test_what_memory_keeps_cannot_be_written_to() -> None:
    memory = ResultMemory(open_store("memory:"), 1 << 20)
    labels = (three()["nir"] > 0.4).label()
    result = raster(labels, TILE, memory=memory)
    with pytest.raises(ValueError, match="read-only"):
        result.array[...] = 0


def test_a_store_that_fails_does_not_matter() -> None:
    class Broken:
        def get(self, key: str) -> bytes:
            raise StoreError("gone")

        def put(self, key: str, value: bytes) -> None:
            raise StoreError("gone")

    memory = ResultMemory(Broken(), 1 << 20)  # type: ignore[arg-type]
    chain = three()[["nir"]].stretch(region=(8, 47, 8.01, 47.01), zoom=10)
    np.testing.assert_array_equal(raster(chain, TILE, memory=memory).array, array(chain))


def test_tables_come_back_from_the_store_to_the_last_bit() -> None:
    store = open_store("memory:")
    table = three().quantiles(q=(0.0, 1 / 3, 1.0), region=(8, 47, 8.01, 47.01), zoom=10)
    first = render(table, TILE, memory=ResultMemory(store, 1 << 20))
    read = SyntheticReader()
    again = render(table, TILE, memory=ResultMemory(store, 1 << 20), read=read)
    assert isinstance(first, Table)
    assert isinstance(again, Table)
    assert not read.asked
    for name, values in first.values.items():
        np.testing.assert_array_equal(values, again.values[name])
