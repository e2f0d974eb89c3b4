"""InSAR chains put together at random: tile = whole, bit for bit, in any order and whatever is kept."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeoview.collection import InterferogramCollection
from jeoview.engine import Engine
from jeoview.executor import execute
from jeoview.export import array as array_export
from jeoview.export import blocks
from jeoview.grid import Grid
from jeoview.image import Image
from jeoview.make import bind
from jeoview.memory import ResultMemory
from jeoview.planner import Limits, plan
from jeoview.raster import Kind, Raster
from jeoview.region import region_grid
from jeoview.store import open_store
from tests.chains import Draw, Place
from tests.contracts.test_native_seams import GEOMETRIES, PLACES
from tests.contracts.test_seams import assert_seamless
from tests.insar_chains import (
    NETWORKS,
    WAVELENGTH,
    PairReader,
    collection_chains,
    pair_chains,
    slc_chains,
    stack_of,
    write_pairs,
)
from tests.synthetic import grid_at, slc

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
LIMITS = Limits()


def render(image: Image, grid: Grid, view: Grid, memory: ResultMemory | None = None) -> Raster:
    result = execute(plan(bind(image.node, {}), grid, view=view, limits=LIMITS), PairReader(), memory)
    assert isinstance(result, Raster)
    return result


@st.composite
def places(draw: Draw) -> Place:
    zoom = draw(st.integers(5, 16))
    lon, lat = draw(st.floats(-168, 168)), draw(st.floats(-75, 75))
    return Place(grid_at(zoom, lon, lat, draw(st.integers(30, 70)), draw(st.integers(30, 70))), zoom)


@st.composite
def sensor_places(draw: Draw) -> Place:
    """Around the sensor's pixels, and at their corners."""
    zoom = draw(st.integers(9, 15))
    lon, lat = draw(st.sampled_from(PLACES[:4]))
    corner = grid_at(zoom, lon, lat, draw(st.integers(30, 60)), draw(st.integers(30, 60)))
    back = draw(st.integers(0, 29)), draw(st.integers(0, 29))
    return Place(Grid(corner.lattice, corner.row - back[0], corner.col - back[1], *corner.shape), zoom)


def check(draw: Draw, image: Image, place: Place) -> None:
    """Tiles of two sizes with nothing kept, in another order with what they leave behind, and with what others left."""
    area = place.area
    size, random = draw(st.sampled_from((16, 21, 32))), Random(draw(st.integers(0, 99)))
    whole = assert_seamless(lambda grid, view: render(image, grid, view), area, area, size)
    memory = ResultMemory(open_store("memory:"), 1 << 26)
    assert_seamless(lambda grid, view: render(image, grid, view, memory), area, area, size, whole)
    cold = ResultMemory(open_store("memory:"), 1 << 26)
    tiles = area.blocks(size + 3)
    random.shuffle(tiles)
    for tile in tiles:
        part = render(image, tile, area, random.choice((memory, cold)))
        expected = whole.cut(tile)
        assert part.dates == expected.dates
        assert np.array_equal(part.array, expected.array, equal_nan=whole.kind is not Kind.COLOUR)


@settings(max_examples=30, suppress_health_check=SLOW)
@given(st.data())
def test_pairs(data: st.DataObject) -> None:
    place = data.draw(places())
    check(data.draw, data.draw(pair_chains(place)), place)


@settings(max_examples=24, suppress_health_check=SLOW)
@given(st.data())
def test_complex_images(data: st.DataObject) -> None:
    place, geometry = data.draw(sensor_places()), GEOMETRIES[data.draw(st.sampled_from(sorted(GEOMETRIES)))]
    resampling = data.draw(st.sampled_from(("nearest", "bilinear")))
    series, other = (slc(name, resampling, **geometry) for name in "56")
    check(data.draw, data.draw(slc_chains(series, other, place)), place)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> list[InterferogramCollection]:
    """Files of a connected network and of one with a gap, and a copy of the first with overviews."""
    found = []
    for seed in (0, 2):
        folder = write_pairs(tmp_path_factory.mktemp("pairs"), seed)
        patterns = (str(folder / f"*.{band}.tif") for band in ("unw", "cc"))
        found.append(InterferogramCollection.from_files(*patterns, name=f"seams-{seed}"))
    return [*found, found[0].cache_stack(tmp_path_factory.mktemp("copy"), progress=False)]


@settings(max_examples=12, suppress_health_check=SLOW)
@given(st.data())
def test_collections_and_their_export(stacks: list[InterferogramCollection], data: st.DataObject) -> None:
    """What a user writes, by tiles of an engine that knows nothing and one that knows all, and as an array in blocks."""
    stack = data.draw(st.sampled_from(stacks))
    zoom = data.draw(st.integers(10, 14))
    corner = grid_at(zoom, 9.99, 44.01, data.draw(st.integers(70, 110)), data.draw(st.integers(70, 110)))
    area = Grid(corner.lattice, corner.row + data.draw(st.integers(0, 20)), corner.col, *corner.shape)
    node = (image := data.draw(collection_chains(stack, Place(area, zoom)))).node
    known = Engine.default()
    fresh = Engine(known.catalog, known.store, known.settings)
    whole = assert_seamless(lambda grid, view: known.render(node, grid, view=view), area, area, 40)
    assert_seamless(lambda grid, view: fresh.render(node, grid, view=view), area, area, 33, whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "STEP", 32)
        patch.setattr(blocks, "BLOCK", 32)
        patch.setattr(blocks, "LARGE", 64)
        # Where nothing is left of a stack, that is said.
        patch.setattr(array_export, "warn_empty", lambda *_: None)
        array = image.to_numpy(area.bounds, crs=area.crs, zoom=zoom, progress=False)
    np.testing.assert_array_equal(array, whole.rgba() if whole.kind is Kind.COLOUR else whole.array)


@pytest.mark.parametrize("geometry", ["geocoded", "radar"])
def test_a_reference_is_the_same_for_all_tiles_of_a_sensor(geometry: str) -> None:
    """A table that is applied at the sensor's pixels was once fitted to those that each tile happened to read."""
    series, area = slc("5", **GEOMETRIES[geometry]), grid_at(13, 10.0, 44.02, 60, 60)
    region = (10.004, 44.008, 10.012, 44.015)
    held = series.ps_referenced(series.ps_reference(region=region, zoom=14))
    found = held.ps_velocity(WAVELENGTH, limit=20.0, min_dates=2)
    whole = assert_seamless(lambda grid, view: render(found, grid, view), area, area, 23)
    assert np.isfinite(whole.array).sum() > 500
    steps = plan(found.node, area).steps
    fitted = next(step for step in steps if step.node.operator == "ps_reference")
    assert fitted.grid == region_grid(region, zoom=14)


@pytest.mark.parametrize("number", range(len(NETWORKS)))
def test_there_is_motion_to_see(number: int) -> None:
    """The properties above would hold for empty tiles too."""
    area = grid_at(12, 10.0, 44.0, 64, 64)
    stack = stack_of(number)
    table = stack.reference_phase(region=area.bbox, zoom=12)
    series = stack.referenced(table).invert(wavelength=0.0555, method="nsbas", weight="coherence")
    found = render(series.velocity(min_dates=2), area, area)
    assert 0.3 < np.isfinite(found.array[0]).mean() < 1.0
    assert np.nanstd(found.array[0]) > 0.1
