"""Exits: the same pixels as the engine's, in files that other programs read."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jeoview as jv
from jeoview.describe import describe
from jeoview.engine import Engine
from jeoview.errors import CancelledByUser, ChainError, JeoviewError, LimitError, ParameterError, SourceError
from jeoview.export import blocks, open_chain, provenance
from jeoview.export.dates import labels, passes
from jeoview.export.request import request
from jeoview.graph import parameter
from jeoview.grid import TILE_SIZE, Grid, tile_grid, web_mercator
from jeoview.image import Image
from jeoview.io import cog, tiffhead
from jeoview.io.write import BandText, CogProfile
from jeoview.make import bind
from jeoview.progress import Silent
from jeoview.projection import WEB_MERCATOR, WGS84, transform_bounds
from jeoview.raster import Kind
from jeoview.region import region_grid
from tests.unit.export_world import CRS, Scene, World, leave, numbers

HEIGHT, WIDTH = 700, 1300
OWN = (600_000.0, 5_000_000.0 - HEIGHT * 10, 600_000.0 + WIDTH * 10, 5_000_000.0)
NATIVE: dict[str, Any] = {"crs": CRS, "resolution": 10}
Chain = Callable[[Any], Any]


@pytest.fixture
def world(jeoview_home: Path) -> World:
    """Three dates; the second scene covers the west only, the third lies in the east."""
    return World(
        jeoview_home,
        [
            Scene("a", "2023-05-01T10:00:00Z", numbers(1, HEIGHT, WIDTH)),
            Scene("b", "2023-05-11T10:00:00Z", numbers(2, HEIGHT, 400)),
            Scene("c", "2023-05-21T10:00:00Z", numbers(3, 300, 500), left=608_000.0),
        ],
    )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where exports go; nothing else is there."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six blocks where there would be one."""
    monkeypatch.setattr(blocks, "BLOCK", 512)
    monkeypatch.setattr(blocks, "LARGE", 512)


def native_grid() -> Grid:
    return region_grid(OWN, **NATIVE)


def rendered(world: World, image: Image, grid: Grid) -> np.ndarray:
    raster = world.engine.render(image.node, grid)
    return raster.rgba() if raster.kind is Kind.COLOUR else raster.array


# -- the same pixels -----------------------------------------------------------------------------


@pytest.mark.usefixtures("small_blocks")
def test_geotiff_is_what_the_engine_gives(world: World, out: Path) -> None:
    ndvi = world.image().median().ndvi()
    path = leave(ndvi, "to_geotiff", out / "ndvi.tif", bounds=OWN, **NATIVE)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), rendered(world, ndvi, native_grid()))
        assert file.crs == rasterio.CRS.from_epsg(32632)
        assert file.bounds == OWN
        assert file.descriptions == ("ndvi",)
        assert np.isnan(file.nodata)
    assert [entry.name for entry in out.iterdir()] == ["ndvi.tif"]


def test_own_grid_gives_the_stored_numbers(world: World) -> None:
    """Computed from the arrays that the scenes were made of, not by the engine."""
    stack = np.full((3, 2, HEIGHT, WIDTH), np.nan)
    first, second, third = (scene.array.astype(np.float64) for scene in world.scenes)
    stack[0], stack[1][:, :, :400], stack[2][:, :300, 800:] = first, second, third
    stack[stack == 0] = np.nan
    found = leave(world.image(), "to_numpy", OWN, **NATIVE)
    np.testing.assert_allclose(found, stack * 1e-4, rtol=1e-6)


CHAINS: dict[str, Chain] = {
    "median": lambda s: s.median(),
    "ndvi": lambda s: s.mean().ndvi(),
    "focal of focal": lambda s: s.mosaic().ndvi().focal_mean(7).focal_mean(12),
    "label of the view": lambda s: (s.mosaic()["red"] > 0.3).label(),
    "label, then focal": lambda s: (s.mosaic()["red"].focal_mean(3) > 0.52).label(connectivity=8).focal_mean(2),
    "label of a region": lambda s: (s.mosaic()["red"] > 0.3).label(region=s.bbox, zoom=9),
    "fitted stretch": lambda s: s.median().stretch((2, 98), zoom=9),
    "colour map": lambda s: s.median().ndvi().colormap("RdYlGn", vmin=-1, vmax=1),
    "true colour": lambda s: s.median().rgb("red", "nir", "red"),
    "half-transparent": lambda s: s.median()["red"].colormap(["#ff000080", "#00ff00"], vmin=0, vmax=1),
    "series": lambda s: s["red"],
    "series of focal": lambda s: s.ndvi().focal_mean(9),
}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", CHAINS)
def test_blocks_equal_the_whole(world: World, out: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = CHAINS[name](world.image())
    expected = rendered(world, image, native_grid())
    monkeypatch.setattr(blocks, "_whole", lambda _: 0)
    np.testing.assert_array_equal(leave(image, "to_numpy", OWN, **NATIVE), expected)
    path = leave(image, "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    with rasterio.open(path) as file:
        found = file.read()
        if file.count == 1 and image.kind is Kind.COLOUR:
            table = np.array([file.colormap(1)[index] for index in range(256)], dtype=np.uint8)
            found = table[found[0]].transpose(2, 0, 1)
            found[:3, found[3] == 0] = 0
        np.testing.assert_array_equal(found, expected.reshape(-1, HEIGHT, WIDTH))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_pieces_equal_the_whole_for_any_size(world: World, data: st.DataObject) -> None:
    """Random chains on random grids, cut in random ways."""
    image = CHAINS[data.draw(st.sampled_from(sorted(CHAINS)))](world.image())
    zoom = data.draw(st.integers(10, 13))
    west, south, east, north = transform_bounds(CRS, WEB_MERCATOR, OWN)
    step = web_mercator(zoom).resolution[0]
    size = data.draw(st.integers(20, 150)), data.draw(st.integers(20, 150))
    left = west + data.draw(st.floats(-0.2, 1)) * (east - west)
    top = south + data.draw(st.floats(0, 1.2)) * (north - south)
    area = (left, top - size[0] * step, left + size[1] * step, top)
    wanted = request(image, area, crs=WEB_MERCATOR, zoom=zoom)
    whole = blocks.piecewise(wanted, wanted.grid, 4096)
    pieces = blocks.piecewise(wanted, wanted.grid, data.draw(st.integers(11, 97)))
    np.testing.assert_array_equal(pieces.array, whole.array)
    assert pieces.dates == whole.dates


@pytest.mark.parametrize("zoom", [11, 13])
def test_file_equals_the_tiles_of_its_zoom(world: World, out: Path, zoom: int) -> None:
    image = world.image().median().ndvi().focal_mean(4).colormap("viridis", vmin=-1, vmax=1)
    path = leave(image, "to_geotiff", out / "x.tif", zoom=zoom)
    grid = request(image, zoom=zoom).grid
    rows = range(grid.row // TILE_SIZE, (grid.row + grid.height - 1) // TILE_SIZE + 1)
    cols = range(grid.col // TILE_SIZE, (grid.col + grid.width - 1) // TILE_SIZE + 1)
    tiles = [[world.engine.render(image.node, tile_grid(zoom, x, y)).array[0] for x in cols] for y in rows]
    composed = tile_grid(zoom, cols[0], rows[0]).union(tile_grid(zoom, cols[-1], rows[-1]))
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), np.block(tiles)[composed.window_of(grid)])


def test_complex_numbers_stay_complex(jeoview_home: Path, out: Path) -> None:
    random = np.random.default_rng(5)
    values = (random.normal(size=(1, 40, 600)) + 1j * random.normal(size=(1, 40, 600))).astype(np.complex64)
    world = World(jeoview_home, [Scene("slc", "2023-05-01T10:00:00Z", values, scale=1.0)], bands={"slc": "slc"})
    path = leave(world.image().mosaic(), "to_geotiff", out / "slc.tif", bounds=world.scenes[0].bounds, **NATIVE)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), values)


def test_extent_is_grown_to_whole_pixels(world: World, out: Path) -> None:
    path = leave(world.image().mosaic(), "to_geotiff", out / "x.tif", **NATIVE)
    with rasterio.open(path) as file:
        west, south, _, north = file.bounds
        assert west % 10 == north % 10 == 0
        assert west <= OWN[0]
        assert south <= OWN[1]
        window = file.window(*OWN)
        np.testing.assert_array_equal(file.read(window=window), rendered(world, world.image().mosaic(), native_grid()))


@pytest.mark.parametrize(
    ("name", "resolution", "shape"),
    [
        ("pyrate-cropa-mexico/geotiffs/cropA_20180106-20180130_VV_8rlks_eqa_unw.tif", 0.0013888889, (60, 100)),
        ("eo-tools-morocco-ifg/coh_vv.tif", (0.000154335, 0.000154376), (552, 673)),
    ],
)
def test_an_export_of_a_file_in_degrees_has_the_files_own_pixels(
    data_dir: Path, out: Path, name: str, resolution: Any, shape: tuple[int, int]
) -> None:
    """The catalogue's box is rounded to 7 digits, and resolutions are typed by hand: no column of nothing comes of it."""
    image = jv.open(data_dir / name)
    with rasterio.open(data_dir / name) as file:
        assert file.shape == shape
        values = file.read(1)
    found = np.asarray(image.to_numpy(resolution=resolution))[0]
    assert found.shape == shape
    valid = np.isfinite(found)
    assert valid[:, -1].any()
    assert valid[-1].any()
    np.testing.assert_array_equal(found[valid], values[valid])
    asked = image.to_numpy(bounds=describe(image.node).bbox, resolution=resolution)
    assert np.asarray(asked).shape == (1, *shape)
    with rasterio.open(image.to_geotiff(out / "own.tif", resolution=resolution)) as file:
        assert file.shape == shape


# -- the file ------------------------------------------------------------------------------------


def test_file_is_a_cog(world: World, out: Path) -> None:
    path = leave(world.image().median(), "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.block_shapes == [(512, 512)] * 2
        assert file.overviews(1) == file.overviews(2) == [2, 4]
        full = [_tile_offset(path, 0, band) for band in (1, 2)]
        overviews = [_tile_offset(path, level, band) for level in (1, 2) for band in (1, 2)]
    # Coarse first, the full image last, so that a reader far away gets a first picture from the head of the file.
    assert overviews[2] < overviews[3] < overviews[0] < overviews[1] < full[0] < full[1]


def _tile_offset(path: Path, level: int, band: int) -> int:
    """Where the first tile of a band begins, read by another program."""
    with tifffile.TiffFile(path) as file:
        offsets = file.pages[level].dataoffsets
        return int(offsets[(band - 1) * len(offsets) // 2])


def test_overviews_are_means_of_valid_pixels(world: World, out: Path) -> None:
    image = world.image().median()["red"]
    path = leave(image, "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    values = rendered(world, image, native_grid())[0].astype(np.float64)
    for level in range(2):
        height, width = (-(-size // 2) for size in values.shape)
        padded = np.full((2 * height, 2 * width), np.nan)
        padded[: values.shape[0], : values.shape[1]] = values
        four = padded.reshape(height, 2, width, 2).transpose(0, 2, 1, 3).reshape(height, width, 4)
        count = (~np.isnan(four)).sum(axis=2)
        values = np.where(count > 0, np.nansum(four, axis=2) / np.maximum(count, 1), np.nan)
        with rasterio.open(path, overview_level=level) as file:
            np.testing.assert_allclose(file.read(1), values, rtol=1e-5)


def test_overviews_of_labels_hold_no_label_that_is_not_there(world: World, out: Path) -> None:
    image = (world.image().mosaic()["red"] > 0.3).label()
    path = leave(image, "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    with rasterio.open(path) as file:
        labels = np.unique(file.read(1))
    with rasterio.open(path, overview_level=0) as file:
        assert set(np.unique(file.read(1, masked=True).compressed())) <= set(labels.tolist())


def test_colour_overviews_do_not_darken_towards_nothing(world: World, out: Path) -> None:
    image = world.image().mosaic().rgb("red", "red", "red", vmin=-1, vmax=0.00001)  # white, or nothing
    path = leave(image, "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    with rasterio.open(path, overview_level=0) as file:
        red, alpha = file.read(1), file.read(4)
    assert (red[alpha > 0] == 255).all()
    assert set(np.unique(alpha)) <= {0, 64, 128, 191, 255}


def test_palette_is_small_and_transparent_where_there_is_nothing(world: World, out: Path) -> None:
    image = world.image().median().ndvi().colormap("RdYlGn", vmin=-1, vmax=1)
    path = leave(image, "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    raster = world.engine.render(image.node, native_grid())
    assert raster.palette is not None
    with rasterio.open(path) as file:
        assert (file.count, file.dtypes, file.nodata) == (1, ("uint8",), 0)
        assert file.colormap(1)[0][3] == 0
        assert [file.colormap(1)[i] for i in range(1, 256)] == [tuple(row) for row in raster.palette[1:].tolist()]
        np.testing.assert_array_equal(file.read(1), raster.array[0])


def test_half_transparent_colours_keep_their_alpha(world: World, out: Path) -> None:
    image = CHAINS["half-transparent"](world.image())
    path = leave(image, "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    with rasterio.open(path) as file:
        assert file.colorinterp[3] is rasterio.enums.ColorInterp.alpha
        assert {0, 128}.issubset(np.unique(file.read(4)).tolist())


def test_file_says_where_it_comes_from(jeoview_home: Path, out: Path) -> None:
    scene = Scene("a", "2023-05-01T10:00:00Z", numbers(1, 50, 60))
    world = World(jeoview_home, [scene], simulated=True)
    image = world.image().median().focal_mean(3) * 2
    path = leave(image, "to_geotiff", out / "x.tif", bounds=scene.bounds, **NATIVE)
    with rasterio.open(path) as file:
        tags = file.tags()
    assert json.loads(tags["JEOVIEW_CHAIN"])["result"] == image.key
    assert tags["JEOVIEW_SIMULATED"] == "yes"
    assert "Simulated" in tags["TIFFTAG_IMAGEDESCRIPTION"]
    assert str(jeoview_home) not in path.read_bytes().decode("latin-1")


# -- from the file back to the chain --------------------------------------------------------------


def test_chain_comes_back_alive(world: World, out: Path) -> None:
    threshold = parameter("threshold", 0.1, min=-1, max=1)
    image = world.image().median().ndvi()
    image = image.mask(image > threshold)
    path = leave(image, "to_geotiff", out / "x.tif", bounds=OWN, parameters={"threshold": 0.4}, **NATIVE)
    back = open_chain(path)
    assert back.key == bind(image.node, {"threshold": 0.4}).key
    assert not back.parameters
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(rendered(world, back, native_grid()), file.read())


def test_chain_comes_back_after_the_store_was_emptied(world: World, out: Path) -> None:
    image = world.image().median()
    path = leave(image, "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    for key in world.engine.store.keys():
        world.engine.store.delete(key)
    back = open_chain(path)
    fresh = Engine(world.engine.catalog, world.engine.store, world.engine.settings)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(fresh.render(back.node, native_grid()).array, file.read())


def test_altered_chain_of_a_file_is_refused(world: World, out: Path) -> None:
    path = leave(world.image().median().focal_mean(3), "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
        text = file.tags()["JEOVIEW_CHAIN"]
        file.update_tags(JEOVIEW_CHAIN=text.replace('"radius":3', '"radius":4'))
    with pytest.raises(ChainError, match="altered"):
        open_chain(path)


def test_altered_item_list_of_a_file_is_left_out(world: World, out: Path) -> None:
    path = leave(world.image().median(), "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    (key,) = world.engine.store.keys("items:")
    world.engine.store.delete(key)
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
        file.update_tags(JEOVIEW_ITEMS=file.tags()["JEOVIEW_ITEMS"].replace("2023-05-01", "2022-05-01"))
    open_chain(path)
    assert not world.engine.store.contains(key)


def test_other_files_have_no_chain(world: World, out: Path) -> None:
    with pytest.raises(ParameterError, match="holds no chain"):
        open_chain(world.path(world.scenes[0]))
    with pytest.raises(SourceError, match="there is no file") as raised:
        open_chain(out / "secret.tif")
    assert str(out) not in str(raised.value)
    with pytest.raises(JeoviewError):
        open_chain("/vsicurl/http://example.org/x.tif")


def test_a_chain_is_opened_from_its_text(world: World, out: Path) -> None:
    image = world.image().median() * parameter("factor", 2.0, min=1.0, max=3.0)
    for name, text in (("chain.json", image.chain), ("indented.txt", json.dumps(json.loads(image.chain), indent=1))):
        (out / name).write_text(text + "\n", encoding="utf-8")
        back = open_chain(out / name)
        assert back.key == image.key
        assert list(back.parameters) == ["factor"], "a slider is still one"
    (out / "altered.json").write_text(image.chain.replace("2.0", "2.5"), encoding="utf-8")
    with pytest.raises(ChainError, match="altered"):
        open_chain(out / "altered.json")
    (out / "other.json").write_text('{"type": "FeatureCollection"}', encoding="utf-8")
    with pytest.raises(ChainError, match="no chain of format"):
        open_chain(out / "other.json")
    with pytest.raises(SourceError, match=r"no file 'nowhere\.json'"):
        open_chain(out / "nowhere.json")
    with pytest.raises(ParameterError, match="expected the path"):
        open_chain(5)  # type: ignore[arg-type]


# -- series --------------------------------------------------------------------------------------


def test_series_has_a_band_for_each_date(world: World, out: Path) -> None:
    path = leave(world.image(), "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    with rasterio.open(path) as file:
        days = ("2023-05-01", "2023-05-11", "2023-05-21")
        assert file.descriptions == tuple(f"{day} {band}" for day in days for band in ("B04", "B08"))
        assert json.loads(file.tags()["JEOVIEW_DATES"])[1] == "2023-05-11T10:00:00Z"
        assert np.isnan(file.read(3)[:, 400:]).all()
        stored = world.scenes[1].array[0]
        np.testing.assert_allclose(file.read(3)[:, :400], np.where(stored == 0, np.nan, stored * 1e-4), rtol=1e-6)


def test_series_as_one_file_for_each_date(world: World, out: Path) -> None:
    found = leave(world.image()["nir"], "to_geotiff", out / "nir_{date}.tif", bounds=OWN, **NATIVE)
    assert [path.name for path in found] == [f"nir_2023-05-{day}.tif" for day in ("01", "11", "21")]
    expected = rendered(world, world.image()["nir"], native_grid())
    for path, layer in zip(found, expected, strict=True):
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(), layer)
            assert file.descriptions == ("B08",)


def test_scenes_of_one_pass_are_one_date(jeoview_home: Path, out: Path) -> None:
    """Two tiles of a pass, the second on top because it comes first, and a pass of the evening."""
    times = ("2023-05-01T10:00:14Z", "2023-05-01T10:00:00Z", "2023-05-01T20:00:00Z")
    scenes = [Scene(name, time, numbers(i, 40, 50)) for i, (name, time) in enumerate(zip("abc", times, strict=True))]
    image = World(jeoview_home, scenes).image()["red"]
    found = leave(image, "to_geotiff", out / "{date}.tif", bounds=scenes[0].bounds, **NATIVE)
    assert [path.name for path in found] == ["2023-05-01T100014Z.tif", "2023-05-01T200000Z.tif"]
    a, b, c = (scene.array[0] for scene in scenes)
    for path, stored in zip(found, (np.where(a > 0, a, b), c), strict=True):
        with rasterio.open(path) as file:
            np.testing.assert_allclose(np.nan_to_num(file.read(1)), stored * 1e-4, rtol=1e-6)
    array = leave(image, "to_xarray", scenes[0].bounds, **NATIVE)
    assert array.time.values.tolist() == [np.datetime64(time[:19], "ns").item() for time in (times[0], times[2])]
    np.testing.assert_allclose(np.nan_to_num(array[0, 0]), np.where(a > 0, a, b) * 1e-4, rtol=1e-6)
    np.testing.assert_array_equal(leave(image, "to_numpy", scenes[0].bounds, **NATIVE), array)


def test_passes_and_labels() -> None:
    day = "2023-05-01T"
    assert passes([f"{day}10:00:00Z", f"{day}10:09:00Z", f"{day}10:04:30Z", f"{day}11:00:00Z"]) == [[0, 1, 2], [3]]
    assert passes([f"{day}11:00:00Z", f"{day}10:00:00Z", f"{day}11:00:00Z"]) == [[0, 2], [1]]
    assert passes([]) == []
    pair = f"{day}10:00:00Z/2023-05-13T10:00:00Z"
    assert passes([pair, pair]) == [[0], [1]]
    assert labels([pair, f"{day}10:00:00Z"]) == ["2023-05-01/2023-05-13", "2023-05-01"]
    assert labels([f"{day}10:00:00Z", f"{day}11:00:00Z"]) == [f"{day}10:00:00Z", f"{day}11:00:00Z"]
    assert labels([pair, pair]) == [f"{pair}-1", f"{pair}-2"]


def test_date_in_a_name_needs_dates(world: World, out: Path) -> None:
    with pytest.raises(ParameterError, match="no dates"):
        leave(world.image().median(), "to_geotiff", out / "{date}.tif", bounds=OWN, **NATIVE)
    with pytest.raises(ParameterError, match="no scene"):
        leave(world.image(), "to_geotiff", out / "x.tif", bounds=(0, 0, 1, 1), zoom=8)


# -- arrays --------------------------------------------------------------------------------------


def test_table_is_read_with_to_numpy(world: World, out: Path) -> None:
    table = world.image().median().quantiles(q=(0.5,), region=world.image().bbox, zoom=9)
    found = leave(table, "to_numpy")
    assert set(found) == {"quantile", "B04", "B08"}
    assert 0.3 < found["B04"][0] < 0.7
    with pytest.raises(ParameterError, match="table"):
        leave(table, "to_geotiff", out / "x.tif", zoom=9)


def test_colour_as_numpy_is_rgba(world: World) -> None:
    image = world.image().median().ndvi().colormap("RdYlGn", vmin=-1, vmax=1)
    found = leave(image, "to_numpy", OWN, **NATIVE)
    assert (found.shape, found.dtype) == ((4, HEIGHT, WIDTH), np.uint8)


def test_xarray_knows_where_it_lies(world: World) -> None:
    image = world.image()["red"]
    found = leave(image, "to_xarray", OWN, **NATIVE)
    assert found.dims == ("time", "band", "y", "x")
    np.testing.assert_array_equal(found.values, leave(image, "to_numpy", OWN, **NATIVE))
    assert found.sizes == {"time": 3, "band": 1, "y": HEIGHT, "x": WIDTH}
    assert found.x.values[[0, -1]].tolist() == [600_005.0, 612_995.0]
    assert found.y.values[[0, -1]].tolist() == [4_999_995.0, 4_993_005.0]
    assert found.time.values[1] == np.datetime64("2023-05-11T10:00:00", "ns")
    assert found.band.values.tolist() == ["B04"]
    assert rasterio.CRS.from_wkt(found.spatial_ref.attrs["crs_wkt"]) == rasterio.CRS.from_epsg(32632)
    numbers_of = [float(text) for text in found.spatial_ref.attrs["GeoTransform"].split()]
    assert rasterio.Affine.from_gdal(*numbers_of) == rasterio.Affine(*found.attrs["transform"])
    assert Image.from_chain(found.attrs["chain"]).key == image.key
    assert (found.attrs["crs"], found.name) == (CRS, "B04")
    assert float(found.sel(x=600_005.0, y=4_999_995.0).max()) == pytest.approx(
        max(scene.array[0, 0, 0] for scene in world.scenes[:2]) * 1e-4, rel=1e-6
    )


# -- bad input and bad luck ------------------------------------------------------------------------


def test_limit_says_size_limit_and_way_out(world: World, out: Path) -> None:
    with pytest.raises(
        LimitError, match=r"1300 x 700 = 910,000 pixels; the limit is 1,000\. Ask for .* raise max_pixels"
    ):
        leave(world.image().median(), "to_geotiff", out / "x.tif", bounds=OWN, max_pixels=1000, **NATIVE)
    with pytest.raises(LimitError, match=r"6 layers of 1300 x 700 pixels = 5,460,000 values"):
        leave(world.image(), "to_numpy", OWN, max_pixels=2e6, **NATIVE)
    assert not any(out.glob("*.tif*"))


def test_limit_of_full_extent_operators(world: World, out: Path) -> None:
    image = (world.image().mosaic()["red"] > 0.3).label()
    with pytest.raises(LimitError, match="label would work on"):
        leave(image, "to_geotiff", out / "x.tif", bounds=OWN, crs=CRS, resolution=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bounds": OWN, "crs": CRS, "zoom": 9, "resolution": 10}, "exactly one of zoom= and resolution="),
        ({"bounds": (1, 2, 3), "zoom": 9}, "four numbers"),
        ({"bounds": OWN, "zoom": 9}, "leave the globe"),
        ({"zoom": 99}, "zoom is 99"),
        ({"resolution": "fine", "crs": CRS}, "resolution is 'fine'"),
        ({"resolution": -1, "crs": CRS}, "positive"),
        ({"zoom": 9, "crs": "EPSG:bananas"}, "not a coordinate reference system"),
        ({"zoom": 9, "parameters": {"nothing": 1}}, "no parameter 'nothing'"),
    ],
)
def test_bad_requests_are_named(world: World, out: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        leave(world.image().median(), "to_geotiff", out / "x.tif", **arguments)


def test_bad_paths_are_named(world: World, out: Path) -> None:
    image = world.image().median()
    (out / "old.tif").write_text("precious")
    cases = {
        out / "no" / "x.tif": "folder of 'x.tif' does not exist",
        out / "x.jpg": "ends in .tif or .tiff",
        out / "old.tif": "exists",
        7: "expected the name of a file",
    }
    for path, message in cases.items():
        with pytest.raises(ParameterError, match=message):
            leave(image, "to_geotiff", path, bounds=OWN, overwrite=False, **NATIVE)
    assert (out / "old.tif").read_text() == "precious"


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("trouble", ["source", "disk", "stop"])
def test_nothing_is_left_after_trouble(world: World, out: Path, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (out / "x.tif").write_text("the file of yesterday")
    image = world.image().median()
    calls = 0
    real = os.pwrite

    def full(descriptor: int, data: bytes, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls > 9:
            raise OSError(28, "No space left on device")
        return real(descriptor, data, offset)

    def interrupted(descriptor: int, data: bytes, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return real(descriptor, data, offset)

    if trouble == "source":
        world.path(world.scenes[0]).unlink()
    monkeypatch.setattr(os, "pwrite", {"disk": full, "stop": interrupted}.get(trouble, real))
    expected = {"source": SourceError, "disk": JeoviewError, "stop": CancelledByUser}[trouble]
    with pytest.raises(expected, match={"source": "'a'", "disk": "No space left", "stop": "was stopped"}[trouble]):
        leave(image, "to_geotiff", out / "x.tif", bounds=OWN, **NATIVE)
    assert [path.name for path in out.iterdir()] == ["x.tif"]
    assert (out / "x.tif").read_text() == "the file of yesterday"


def test_stop_button_stops_soon(world: World, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real signal, while two threads compute: no block is begun after it."""
    monkeypatch.setattr(blocks, "BLOCK", 512)
    begun: list[Grid] = []
    render = Engine.render

    def slow(self: Engine, node: Any, grid: Grid, **options: Any) -> Any:
        begun.append(grid)
        time.sleep(0.2)
        return render(self, node, grid, **options)

    monkeypatch.setattr(Engine, "render", slow)
    threading.Timer(0.5, lambda: signal.raise_signal(signal.SIGINT)).start()
    with pytest.raises(CancelledByUser):
        leave(world.image().median(), "to_geotiff", out / "x.tif", bounds=OWN, crs=CRS, resolution=2.5)
    count = len(begun)
    assert count < 20
    time.sleep(0.3)
    assert len(begun) == count
    assert not list(out.glob("*x.tif*"))


# -- how blocks are cut ----------------------------------------------------------------------------


def test_blocks_cover_the_grid_once_and_begin_in_the_middle(world: World) -> None:
    grid = native_grid()
    cut = blocks._ordered(grid.blocks(512))
    count = np.zeros(grid.shape, int)
    for block in cut:
        count[grid.window_of(block)] += 1
    assert (count == 1).all()
    assert cut[0].contains(Grid(grid.lattice, grid.row + HEIGHT // 2, grid.col + WIDTH // 2, 1, 1))


def test_heavy_chains_get_small_pieces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = request(world.image().median(), OWN, **NATIVE)
    assert blocks._block_size(wanted) == 1024
    monkeypatch.setattr(blocks, "MEMORY", 4 << 20)
    assert blocks._block_size(wanted) < 512
    found: list[Grid] = []
    blocks.render(wanted, lambda raster: found.append(raster.grid), Silent())
    assert all(grid.col % 512 == 0 for grid in found)


def test_view_operators_see_the_whole_at_once(world: World) -> None:
    image = (world.image().mosaic()["red"] > 0.3).label()
    assert blocks._whole(request(image, OWN, **NATIVE)) >= WIDTH
    assert blocks._whole(request(world.image().median(), OWN, **NATIVE)) == 0


def test_wide_radii_get_large_blocks(world: World) -> None:
    assert blocks._block_size(request(world.image().median().focal_mean(80), OWN, **NATIVE)) == blocks.LARGE


def test_items_in_files_hold_no_path(world: World) -> None:
    lists = provenance.item_lists(world.engine, world.image().median().node)
    assert str(world.folder) not in json.dumps(lists)
    assert json.loads(next(iter(lists.values())))["items"][0]["id"] == "a"


# -- the writer itself -----------------------------------------------------------------------------


def test_writer_takes_blocks_in_any_order_and_needs_all(out: Path) -> None:
    grid = region_grid((0, 0, 1100, 600), crs=CRS, resolution=1)
    values = np.random.default_rng(0).normal(size=(2, *grid.shape)).astype(np.float32)
    profile = CogProfile(
        grid, (BandText("a"), BandText("b & <c>")), "float32", nodata=float("nan"), tags={"x": 'a & "b"'}
    )
    with cog.CogStream(out / "x.tif", profile) as file:
        for block in reversed(grid.blocks(512)):
            file.write(block, values[(slice(None), *grid.window_of(block))])
    with rasterio.open(out / "x.tif") as read:
        np.testing.assert_array_equal(read.read(), values)
        assert read.descriptions == ("a", "b & <c>")
        assert read.tags()["x"] == 'a & "b"'
    with pytest.raises(ParameterError, match="blocks are missing"), cog.CogStream(out / "y.tif", profile) as file:
        file.write(grid.blocks(512)[0], values[:, :512, :512])
    with pytest.raises(ParameterError, match="multiples of 512"), cog.CogStream(out / "y.tif", profile) as file:
        file.write(grid.blocks(100)[0], values[:, :100, :100])
    with pytest.raises(ParameterError, match="as the first one"), cog.CogStream(out / "y.tif", profile) as file:
        file.write(grid.blocks(512)[0], values[:, :512, :512].astype(np.complex64))
    assert [path.name for path in out.iterdir()] == ["x.tif"]


def test_large_files_become_bigtiff(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same layout with eight-byte places, as a file above 4 GB has it."""
    monkeypatch.setattr(tiffhead, "_CLASSIC_LIMIT", 1000)
    grid = region_grid((0, 0, 1100, 600), crs=CRS, resolution=1)
    values = np.random.default_rng(0).normal(size=(1, *grid.shape)).astype(np.float32)
    with cog.CogStream(out / "x.tif", CogProfile(grid, (BandText("a"),), "float32", nodata=float("nan"))) as file:
        file.write(grid, values)
    assert (out / "x.tif").read_bytes()[:4] == b"II+\0"
    with rasterio.open(out / "x.tif") as read:
        np.testing.assert_array_equal(read.read(), values)
        assert read.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert read.overviews(1) == [2, 4]


def test_bounds_in_degrees_are_the_default(world: World) -> None:
    box = transform_bounds(CRS, WGS84, OWN)
    wanted = request(world.image().median(), box, zoom=10)
    assert wanted.grid == region_grid(box, zoom=10)


@pytest.mark.parametrize("resolution", [(0.00083, 0.00055), 0.0011])
def test_a_file_in_degrees_is_asked_for_its_own_pixels_without_bounds(
    tmp_path: Path, jeoview_home: Path, resolution: float | tuple[float, float]
) -> None:
    """Its corner is no multiple of the resolution: no row is added, and no pixel moves. ``jeoview_home`` is the cache."""
    dx, dy = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    array = np.arange(40 * 60, dtype=np.float32).reshape(1, 40, 60)
    place = rasterio.transform.from_origin(10.123456, 45.0123, dx, dy)
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        crs="EPSG:4326",
        transform=place,
        width=60,
        height=40,
        count=1,
        dtype="float32",
    ) as file:
        file.write(array)
    assert jeoview_home.exists()
    image = jv.open(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.to_numpy(resolution=resolution), array)
    path = image.to_geotiff(tmp_path / "copy.tif", resolution=resolution, progress=False)
    with rasterio.open(str(path)) as file:
        np.testing.assert_array_equal(file.read(), array)
        np.testing.assert_allclose(file.transform[:6], place[:6], rtol=1e-9)
