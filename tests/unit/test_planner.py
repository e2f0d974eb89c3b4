"""From a chain and a grid to a plan: padding, shared nodes, barriers, bands, limits, cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import jeoview as jv
from jeoview.describe import style_base
from jeoview.errors import LimitError, ParameterError
from jeoview.grid import Grid, tile_grid, web_mercator
from jeoview.image import Image
from jeoview.make import bind
from jeoview.memory import ResultMemory
from jeoview.operator import Mode
from jeoview.plan import Load
from jeoview.planner import Limits, Plan, Step, cost, needs_view, plan, time_axis
from jeoview.raster import Raster
from jeoview.region import region_grid
from jeoview.store import open_store
from tests.synthetic import BANDS, SyntheticReader, grid_at, raster, render, source

TILE = grid_at(12, 8.0, 47.0, 32, 32)
VIEW = TILE.pad(40)
REGION = (8.0, 46.97, 8.02, 46.99)


def series() -> Image:
    return source("1")


def nir() -> Image:
    return source("1")["nir"].median()


def sources(planned: Plan) -> list[Step]:
    return [step for step in planned.steps if step.operator.mode is Mode.SOURCE]


def padding_of(image: Image, tile: Grid = TILE, **options: Any) -> int:
    planned = plan(image.node, tile, **options)
    (step,) = sources(planned)
    assert step.grid == tile.pad(planned.padding)
    return planned.padding


# ---------------------------------------------------------------- padding


def test_pixel_operators_ask_for_the_same_pixels() -> None:
    assert padding_of((nir() * 2 + 1).clip(0, 1).colormap("viridis", 0, 1)) == 0


def test_padding_adds_up_along_a_path_and_the_widest_path_wins() -> None:
    image = nir()
    assert padding_of(image.focal_mean(3)) == 3
    assert padding_of(image.focal_mean(3).focal_mean(4)) == 7
    assert padding_of(image.focal_mean(3).focal_mean(4) + image.focal_mean(5) + image) == 7
    assert padding_of(image.focal_mean(2) + image.focal_mean(3).focal_mean(4).focal_mean(5)) == 12
    assert padding_of(image.log_ratio(image.focal_mean(2), 6)) == 8


def test_padding_before_a_reducer_counts_too() -> None:
    assert padding_of(series().focal_mean(4).median().focal_mean(1)) == 5


def test_metres_are_padded_for_the_row_that_needs_most() -> None:
    low = Grid(web_mercator(4), 200, 2000, 300, 32)
    grid = region_grid(low.bounds, crs="EPSG:3857", zoom=4)
    metres = 30_000.0
    planned = plan(nir().focal_mean(jv.metres(metres)).node, grid)
    largest = max(round(metres / (grid.lattice.resolution[0] / np.cosh(y / 6_378_137.0))) for y in grid.y)
    smallest = min(round(metres / (grid.lattice.resolution[0] / np.cosh(y / 6_378_137.0))) for y in grid.y)
    assert planned.padding == largest > smallest


def test_too_much_padding_is_refused_with_the_way_out() -> None:
    assert padding_of(nir().focal_mean(300).focal_mean(212)) == 512
    with pytest.raises(LimitError, match="add up to 513 pixels of padding at focal_mean; the limit is 512"):
        plan(nir().focal_mean(300).focal_mean(213).node, TILE)
    with pytest.raises(LimitError, match="zoom out if it is in metres"):
        plan(nir().focal_mean(jv.metres(1e6)).node, tile_grid(16, 30000, 20000))
    with pytest.raises(LimitError, match="limit is 4"):
        plan(nir().focal_mean(5).node, TILE, limits=Limits(max_padding=4))


def test_padding_of_a_barrier_is_its_own() -> None:
    planned = plan((nir() > 0.5).label(region=REGION, zoom=12).focal_mean(2).node, TILE)
    assert planned.padding == 2
    with pytest.raises(LimitError, match="padding"):
        plan((nir().focal_mean(600) > 0.5).label(region=REGION, zoom=12).node, TILE)


# ---------------------------------------------------------------- each thing once


def reads(image: Image, **options: Any) -> list[tuple[Grid, tuple[str, ...]]]:
    read = SyntheticReader()
    render(image, TILE, read=read, **options)
    return [(grid, bands) for _, grid, bands in read.asked]


def test_a_shared_node_is_computed_once() -> None:
    image = series().median()
    index = image.ndvi()
    chain = (index.focal_mean(2) - index) * index + image["red"]
    planned = plan(chain.node, TILE)
    keys = [step.node.key for step in planned.steps]
    assert len(keys) == len(set(keys))
    assert reads(chain) == [(TILE.pad(2), ("B04", "B08"))]


def test_equal_work_of_two_lines_is_shared() -> None:
    first, second = source("1").median().ndvi(), source("1").median().ndvi()
    assert len(reads(first.focal_mean(3) + second)) == 1


def test_inputs_come_before_what_uses_them() -> None:
    chain = series().median()[["red"]].stretch(region=REGION, zoom=11) + (nir() > 0.4).label()
    planned = plan(chain.node, TILE, view=VIEW)
    done: set[Any] = set()
    for step in planned.steps:
        assert {edge for edge in step.needs if isinstance(edge, tuple)} <= done
        assert step.place not in done
        done.add(step.place)
    assert planned.steps[-1].node == chain.node


def test_a_barrier_is_computed_once_for_all_its_users() -> None:
    labels = (nir() > 0.4).label(region=REGION, zoom=11)
    chain = labels.focal_mean(2) + labels * 2 + labels
    planned = plan(chain.node, TILE)
    assert [step.node.operator for step in planned.steps].count("label") == 1
    area = region_grid(REGION, zoom=11)
    assert reads(chain) == [(area, ("B08",))]


def test_a_barrier_is_computed_once_for_all_tiles() -> None:
    memory, read = ResultMemory(open_store("memory:"), 1 << 28), SyntheticReader()
    chain = (nir() > 0.4).label().colormap("viridis", 0, 50)
    for tile in VIEW.blocks(32):
        render(chain, tile, view=VIEW, memory=memory, read=read)
    assert [grid for _, grid, _ in read.asked] == [VIEW]
    render(chain, TILE, view=TILE.pad(41), memory=memory, read=read)
    assert len(read.asked) == 2


def test_what_hangs_on_the_view_is_kept_with_the_view() -> None:
    """The user pans: the same tile of the same chain shows other numbers."""
    memory = ResultMemory(open_store("memory:"), 1 << 28)
    chain = ((nir() > 0.4).label() + 0).colormap("viridis", 0, 50)
    for view in (VIEW, TILE.pad(3), TILE, VIEW):
        kept = raster(chain, TILE, view=view, memory=memory)
        np.testing.assert_array_equal(kept.array, raster(chain, TILE, view=view).array)


def test_a_table_is_computed_once_and_stored_for_other_processes() -> None:
    store, chain = open_store("memory:"), series().median()[["red"]].stretch(region=REGION, zoom=11)
    table = chain.node.arguments["table"]
    first, second = SyntheticReader(), SyntheticReader()
    one = raster(chain, TILE, memory=ResultMemory(store, 1 << 28), read=first)
    assert store.contains(f"table:{table.key}")
    two = raster(chain, TILE, memory=ResultMemory(store, 1 << 28), read=second)
    assert (len(first.asked), len(second.asked)) == (2, 1)
    np.testing.assert_array_equal(one.array, two.array)


def test_a_broken_stored_table_is_computed_again() -> None:
    chain = series().median()[["red"]].stretch(region=REGION, zoom=11)
    expected = raster(chain, TILE)
    for broken in (b"", b"{", b"[]", b'{"quantile": "x"}', b"\xff"):
        store = open_store("memory:")
        store.put(f"table:{chain.node.arguments['table'].key}", broken)
        np.testing.assert_array_equal(raster(chain, TILE, memory=ResultMemory(store, 1 << 28)).array, expected.array)


def test_a_recolour_reads_nothing() -> None:
    memory, read = ResultMemory(open_store("memory:"), 1 << 28), SyntheticReader()
    index = series().median().ndvi()
    render(index.colormap("viridis", 0, 1), TILE, memory=memory, read=read)
    render(index.colormap("RdYlGn", -1, 1), TILE, memory=memory, read=read)
    vmax = jv.parameter("vmax", 1.0, min=0.5, max=2)
    for position in (0.5, 1.5):
        render(index.colormap("RdYlGn", -1, vmax), TILE, memory=memory, read=read, parameters={"vmax": position})
    assert len(read.asked) == 1


# ---------------------------------------------------------------- bands


@pytest.mark.parametrize(
    ("chain", "bands"),
    [
        (lambda s: s.median().ndvi(), ("B04", "B08")),
        (lambda s: s.median()["blue"], ("B02",)),
        (lambda s: (s.median() * 2 - 1)["green"], ("B03",)),
        (lambda s: s.mask_clouds().median()["red"], ("B04", "SCL")),
        (lambda s: s.median().rename(list("abcdefg"))[["c", "a"]], ("B02", "B04")),
        (lambda s: s.median().expression("nir - swir2"), ("B08", "B12")),
        (lambda s: s.median().rgb(), ("B02", "B03", "B04")),
        (lambda s: (s["nir"].median() * s.median())["red"], ("B04", "B08")),
        (lambda s: s.median(), BANDS),
        (lambda s: (s.median() > 0.5).label()["nir"], ("B08",)),
    ],
)
def test_only_needed_bands_are_read(chain: Any, bands: tuple[str, ...]) -> None:
    read = SyntheticReader()
    render(chain(series()), TILE, read=read)
    assert [asked for _, _, asked in read.asked] == [bands]


def test_users_of_one_node_may_want_different_bands() -> None:
    image = series().median()
    chain = image["red"].join_bands(image[["nir", "blue"]].focal_mean(2))
    assert reads(chain) == [(TILE.pad(2), ("B02", "B04", "B08"))]


def test_stages_may_want_different_bands_of_one_barrier() -> None:
    labels = (series().median() > 0.5).label(region=REGION, zoom=11)
    chain = labels["red"].join_bands(labels[["nir"]].stretch(region=REGION, zoom=11))
    both = raster(chain, TILE)
    np.testing.assert_array_equal(both.array[0], raster(labels["red"], TILE).array[0])


# ---------------------------------------------------------------- barriers


def test_the_view_is_the_area_of_a_barrier() -> None:
    labels = (nir() > 0.4).label()
    whole = raster(labels, VIEW, view=VIEW)
    tile = raster(labels, TILE, view=VIEW)
    np.testing.assert_array_equal(tile.array, whole.cut(TILE).array)
    alone = raster(labels, TILE)
    assert np.nanmax(alone.array) < np.nanmax(whole.array)
    np.testing.assert_array_equal(np.isnan(alone.array), np.isnan(tile.array))


def test_a_view_holds_its_tile() -> None:
    with pytest.raises(ParameterError, match="does not hold the tile"):
        plan(nir().node, TILE, view=TILE.pad(-1))
    with pytest.raises(ParameterError, match="same zoom"):
        plan(nir().node, tile_grid(3, 4, 2), view=tile_grid(2, 2, 1))


def test_a_fixed_region_is_the_same_at_every_zoom() -> None:
    labels = (nir() > 0.4).label(region=REGION, zoom=11)
    area = region_grid(REGION, zoom=11)
    truth = raster(labels, area)
    for zoom in (10, 12, 13):
        grid = region_grid(REGION, zoom=zoom).pad(5)
        result = raster(labels, grid).array[0]
        # The pixel of the region's own lattice that holds each centre (nearest), by plain arithmetic.
        step, lattice = area.lattice.resolution[0], area.lattice
        rows = np.floor((lattice.top - grid.y) / step).astype(int) - area.row
        cols = np.floor((grid.x - lattice.left) / step).astype(int) - area.col
        inside = np.ix_((rows >= 0) & (rows < area.height), (cols >= 0) & (cols < area.width))
        expected = np.full(grid.shape, np.nan, dtype=np.float32)
        expected[inside] = truth.array[0][
            np.ix_(rows[(rows >= 0) & (rows < area.height)], cols[(cols >= 0) & (cols < area.width)])
        ]
        np.testing.assert_array_equal(result, expected)
        assert np.isfinite(expected).any()


def test_a_barrier_inside_a_barrier() -> None:
    inner = (nir() > 0.4).label(region=(7.99, 46.96, 8.03, 47.0), zoom=11)
    outer = (inner > 3).label(region=REGION, zoom=12, connectivity=8)
    area = region_grid(REGION, zoom=12)
    numbers = raster(inner, area).array[0]
    expected, _ = ndimage.label(np.nan_to_num(numbers) > 3, np.ones((3, 3)))
    full = raster(outer, area).array[0]
    np.testing.assert_array_equal(np.nan_to_num(full), expected)
    assert expected.max() > 1
    tile = Grid(area.lattice, area.row + 3, area.col + 4, 20, 20)
    np.testing.assert_array_equal(raster(outer, tile).array[0], full[3:23, 4:24])


def test_what_is_fixed_does_not_hang_on_the_view() -> None:
    """A view barrier inside a fixed region works on that region: the key says no view."""
    labels = (nir() > 0.4).label()
    chain = labels.stretch(region=REGION, zoom=12) + 0
    table = labels.quantiles(region=REGION, zoom=12)
    expected = raster(labels, region_grid(REGION, zoom=12)).array
    for view in (TILE, VIEW, TILE.pad(7)):
        planned = plan(chain.node, TILE, view=view)
        stages = {step.stage.area for step in planned.steps if step.stage and step.node.operator == "label"}
        assert stages == {view, region_grid(REGION, zoom=12)}
        values = render(table, TILE, view=view)
        assert not isinstance(values, Raster)
        np.testing.assert_allclose(values.values["B08"], np.nanquantile(expected, (0.02, 0.98)))


def test_who_needs_the_view() -> None:
    labels = (nir() > 0.4).label()
    assert needs_view(labels.node)
    assert needs_view((labels + 1).colormap("viridis", 0, 9).node)
    assert not needs_view(nir().node)
    assert not needs_view((nir() > 0.4).label(region=REGION).node)
    assert not needs_view(labels.quantiles(region=REGION).node)
    assert needs_view((labels.stretch(region=REGION, zoom=11) + 1).node)
    assert not needs_view((nir() * 1).stretch(region=REGION, zoom=11).node)


def test_a_barrier_that_is_too_large_is_refused() -> None:
    with pytest.raises(LimitError, match="label would work on 112 x 112 pixels; the limit is 10,000"):
        plan((nir() > 0).label().node, TILE, view=VIEW, limits=Limits(max_barrier_pixels=10_000))
    with pytest.raises(LimitError, match="the limit is 16,777,216"):
        plan((nir() > 0).label(region=(0, 0, 60, 60), zoom=10).node, TILE)
    with pytest.raises(LimitError, match="lower zoom"):
        plan(nir().quantiles(region=(0, 0, 60, 60), zoom=14).node, TILE)


def test_many_barriers_inside_one_another_are_refused_without_a_crash() -> None:
    image = nir()
    for _ in range(3000):
        image = image.label()
    with pytest.raises(LimitError, match="more than 64 steps"):
        plan(image.node, TILE)
    few = nir()
    for _ in range(60):
        few = few.label()
    assert isinstance(render(few, TILE), Raster)


# ---------------------------------------------------------------- cost, base of a style, time axis


def test_cost_counts_bytes_to_read_and_to_hold() -> None:
    asked: list[tuple[Grid, tuple[str, ...]]] = []

    def measure(node: Any, grid: Grid, bands: tuple[str, ...]) -> Load:
        asked.append((grid, bands))
        return Load(1000, 100, 7)

    planned = plan((series().median().ndvi() * 2).focal_mean(1).node, TILE)
    found = cost(planned, measure)
    pixels = 34 * 34 * 4
    assert asked == [(TILE.pad(1), ("B04", "B08"))]
    assert found.read_bytes == 1000
    # seven dates of two bands, their median, the index, its new name, its product, and the mean of the tile itself
    assert found.array_bytes == (7 * 2 + 2 + 1 + 1 + 1) * pixels + 32 * 32 * 4
    assert found.padding == 1
    assert found.total == found.read_bytes + found.array_bytes
    assert cost(planned, measure, planned.steps[-1:]).read_bytes == 0
    lifted = cost(plan((series()["red"] * 2).median().node, TILE), measure)
    # seven dates read, chosen and multiplied, and their median
    assert lifted.array_bytes == (7 + 7 + 7 + 1) * 32 * 32 * 4


def test_the_base_of_a_style() -> None:
    index = series().median().ndvi()
    assert style_base(index.colormap("viridis", 0, 1).node) == index.node
    picture = series().median().rgb().blend(index.colormap("viridis", 0, 1))
    assert style_base(picture.node) == series().median()["red"].node
    assert style_base(index.node) == index.node


def test_the_scenes_along_a_time_axis() -> None:
    planned = plan((series().mask_clouds()["red"] * 2).node, TILE)
    assert time_axis(planned) in sources(planned)
    with pytest.raises(ParameterError, match="median has no scenes"):
        time_axis(plan(series().median().node, TILE))
    # Pairs less their reference are the same pairs; dates that an inversion made have no scenes.
    stack = source("3", ("unwrapped", "coherence"), stack="pairs", unit="rad")
    held = stack.referenced(stack.reference_phase(region=REGION, zoom=12))
    assert time_axis(plan(held.node, TILE)).node == stack.node
    with pytest.raises(ParameterError, match="invert has no scenes"):
        time_axis(plan(held.invert(wavelength=0.055).node, TILE))


def test_cost_counts_every_layer_of_a_series() -> None:
    stack = source("3", ("unwrapped", "coherence"), stack="pairs", unit="rad")["unwrapped"]
    planned = plan(stack.invert(wavelength=0.055).node, TILE)
    one, many = (cost(planned, lambda *_, depth=depth: Load(0, 0, depth)).array_bytes for depth in (1, 50))
    assert many == 50 * one


def test_a_bound_chain_is_planned_like_any_other() -> None:
    radius = jv.parameter("radius", 2, min=1, max=9)
    chain = nir().focal_mean(radius)
    assert plan(bind(chain.node, {"radius": 7}), TILE).padding == 7
    assert plan(bind(chain.node), TILE).padding == 2
