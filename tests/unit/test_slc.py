"""Complex stacks: readers of small files of each layout, what is refused, and the way onto the map."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.transform import from_origin

import jeoview as jv
import jeoview.export
from jeoview import locators
from jeoview.collection import SlcCollection
from jeoview.engine import Engine
from jeoview.errors import BandError, CollectionError, LimitError, ParameterError, SourceError
from jeoview.geolocation import Geolocation
from jeoview.grid import Frame, Grid, web_mercator
from jeoview.io.zarr import describe_zarr
from jeoview.locators import LargePlaces
from jeoview.plan import Load, cost
from jeoview.raster import Raster
from jeoview.region import region_grid
from jeoview.settings import settings
from tests.synthetic import grid_at

Complexes = NDArray[np.complex64]
DAYS = ("20160802", "20160814", "20160826")
SHAPE = (60, 80)
ORIGIN, STEP = (500_000.0, 4_800_000.0), 10.0


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def images(count: int = 3, shape: tuple[int, int] = SHAPE) -> Complexes:
    """(date, y, x) with a common part, whose phase grows by 0.4 rad a date; one pixel without data."""
    random = np.random.default_rng(0)
    parts = random.normal(size=(count + 1, 2, *shape))
    made = parts[0, 0] + 1j * parts[0, 1]
    stack = np.stack([(made + 0.3 * (one[0] + 1j * one[1])) * np.exp(0.4j * i) for i, one in enumerate(parts[1:])])
    stack[:, 5, 7] = 0
    return np.asarray(stack, dtype=np.complex64)


def write(path: Path, array: NDArray[Any], **place: Any) -> None:
    profile = {"driver": "GTiff", "height": array.shape[0], "width": array.shape[1], "count": 1, "dtype": array.dtype}
    with rasterio.open(path, "w", **profile, **place) as file:
        file.write(array, 1)


def placed(folder: Path, stack: Complexes | None = None) -> SlcCollection:
    for day, image in zip(DAYS, images() if stack is None else stack, strict=True):
        write(folder / f"{day}.slc.tif", image, crs="EPSG:32632", transform=from_origin(*ORIGIN, STEP, STEP))
    return SlcCollection.from_files(str(folder / "*.slc.tif"))


def own_pixels() -> Grid:
    left, top = ORIGIN
    bounds = (left, top - STEP * SHAPE[0], left + STEP * SHAPE[1], top)
    return region_grid(bounds, crs="EPSG:32632", resolution=STEP)


def render(image: jv.Image, grid: Grid) -> Raster:
    return Engine.default().render(image.node, grid)


# ---------------------------------------------------------------- readers


def test_geocoded_files(tmp_path: Path) -> None:
    stack = placed(tmp_path)
    assert (len(stack), stack.dates) == (3, ("2016-08-02", "2016-08-14", "2016-08-26"))
    assert stack.wavelength == 0.0554658
    assert "3 images of 60 x 80 pixels, 2016-08-02 to 2016-08-26" in repr(stack)
    image = stack["2016-08-14"]
    assert (image.kind.value, image.bands) == ("bands", ("slc",))
    assert stack.image().kind.value == "series"
    expected = images()
    shown = render(stack.image(), own_pixels()).array[:, 0]
    np.testing.assert_array_equal(shown[expected != 0], expected[expected != 0])
    assert np.isnan(shown[:, 5, 7]).all()
    # In its own reference system a window of its own pixels is the file's own numbers, whatever is done natively.
    turned = render(image.interferogram(stack["2016-08-26"]), own_pixels()).array[0]
    np.testing.assert_allclose(
        np.delete(turned.ravel(), 5 * 80 + 7),
        np.delete((expected[1] * expected[2].conj()).ravel(), 5 * 80 + 7),
        rtol=1e-5,
    )


def test_the_later_image_farther_away_has_a_positive_phase(tmp_path: Path) -> None:
    """Distance grows: the phase of the images falls, that of earlier * conj(later) is positive."""
    distance = np.array([0.0, 0.002, 0.004])
    stack = placed(
        tmp_path,
        images(1).repeat(3, 0) * np.exp(-4j * np.pi * distance / 0.0554658)[:, None, None].astype(np.complex64),
    )
    image = stack[DAYS[0]] if DAYS[0] in (stack.ids or ()) else stack["2016-08-02"]
    phase = render(image.interferogram(stack["2016-08-14"]).phase(), own_pixels()).array[0]
    np.testing.assert_allclose(np.nanmean(phase), 4 * np.pi * 0.002 / 0.0554658, rtol=1e-4)


def test_control_points(tmp_path: Path) -> None:
    points = [
        GroundControlPoint(row=row, col=col, x=10.0 - 1e-4 * col + 1e-5 * row, y=45.0 + 2e-5 * col + 1.2e-4 * row)
        for row in (0.5, 30.5, 59.5)
        for col in (0.5, 40.5, 79.5)
    ]
    for day, image in zip(DAYS, images(), strict=True):
        write(tmp_path / f"{day}.tif", image, gcps=points, crs="EPSG:4326")
    stack = SlcCollection.from_files(str(tmp_path / "*.tif"))
    assert stack.items[0].bbox == pytest.approx((9.992, 45.0, 10.0006, 45.0088), abs=1e-4)
    expected = images()[1]
    for row, col in ((0, 0), (17, 44), (59, 79)):
        lon, lat = 10.0 - 1e-4 * (col + 0.5) + 1e-5 * (row + 0.5), 45.0 + 2e-5 * (col + 0.5) + 1.2e-4 * (row + 0.5)
        shown = Engine.default().point(stack["2016-08-14"].node, lon, lat, 19)["values"]["slc"]
        assert complex(*shown) == pytest.approx(complex(expected[row, col]))


def store(folder: Path, array: NDArray[Any], version: int) -> None:
    """A Zarr array in chunks of 32 x 32, by the specification: version 2 plain, version 3 with gzip and a check sum."""
    folder.mkdir(parents=True)
    fill: Any = [0.0, 0.0] if array.dtype.kind == "c" else 0.0
    if version == 2:
        about = {"zarr_format": 2, "shape": array.shape, "chunks": (32, 32), "dtype": array.dtype.str, "order": "C"}
        (folder / ".zarray").write_text(json.dumps({**about, "compressor": None, "filters": None, "fill_value": fill}))
    else:
        chunks = {"name": "regular", "configuration": {"chunk_shape": (32, 32)}}
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "gzip"}, {"name": "crc32c"}]
        about = {"zarr_format": 3, "node_type": "array", "shape": array.shape, "data_type": array.dtype.name}
        more = {"chunk_grid": chunks, "chunk_key_encoding": {"name": "default"}, "codecs": codecs, "fill_value": fill}
        (folder / "zarr.json").write_text(json.dumps({**about, **more}))
    for row in range(-(-array.shape[0] // 32)):
        for col in range(-(-array.shape[1] // 32)):
            chunk = np.zeros((32, 32), array.dtype)
            part = array[32 * row : 32 * row + 32, 32 * col : 32 * col + 32]
            chunk[: part.shape[0], : part.shape[1]] = part
            data, path = chunk.tobytes(), folder / f"{row}.{col}"
            if version == 3:
                data, path = gzip.compress(data) + b"sum.", folder / "c" / str(row) / str(col)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_with_one_complex_variable(tmp_path: Path, version: int) -> None:
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for day, image in zip(DAYS, images(), strict=True):
        store(tmp_path / f"{day}.zarr" / "slc_VV", image, version)
    store(tmp_path / f"{DAYS[0]}.zarr" / "lon", 10 + 1e-4 * cols, version)
    store(tmp_path / f"{DAYS[0]}.zarr" / "lat", 45 - 1e-4 * rows, version)
    stack = SlcCollection.from_zarr(tmp_path)
    assert len(stack) == 3
    frame = stack.image().schema.frame
    assert frame is not None
    values, expected = render(stack.image(), frame.extent).array[:, 0], images()
    np.testing.assert_array_equal(values[expected != 0], expected[expected != 0])
    shown = Engine.default().point(stack["2016-08-26"].node, 10.0033, 44.9988, 18)["values"]["slc"]
    assert complex(*shown) == pytest.approx(complex(expected[2][12, 33]))
    with pytest.raises(SourceError, match="0 complex images"):
        SlcCollection.from_zarr(tmp_path, polarisation="VH")


def test_damaged_zarr(tmp_path: Path) -> None:
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    group = tmp_path / "20160802.zarr"
    for name, array in (("slc", images()[0]), ("lon", 10 + 1e-4 * cols), ("lat", 45 - 1e-4 * rows)):
        store(group / name, array, 3)
    (group / "slc" / "c" / "0" / "1").write_bytes(b"no gzip at all")
    stack = SlcCollection.from_zarr(group)
    frame = stack.image().schema.frame
    assert frame is not None
    with pytest.raises(SourceError, match="corrupt"):
        render(stack.image(), frame.extent)
    (group / "slc" / "zarr.json").write_text('{"node_type": "array", "shape": [60, 80], "data_type": "complex64"}')
    with pytest.raises(SourceError, match="damaged"):
        SlcCollection.from_zarr(group)
    assert describe_zarr(group, "../20160802.zarr/lon") is not None
    assert describe_zarr(group, "../../other") is None


def test_cslc_of_the_documented_layout(tmp_path: Path) -> None:
    """No real granule is at hand: a small file with the variables of OPERA's product specification."""
    for day, image in zip(DAYS, images(), strict=True):
        name = f"OPERA_L2_CSLC-S1_T064-135518-IW1_{day}T012345Z_20240101T000000Z_S1A_VV_v0.1.h5"
        with h5py.File(tmp_path / name, "w") as file:
            data = file.create_group("data")
            data["VV"] = image
            data["x_coordinates"] = ORIGIN[0] + STEP * (np.arange(SHAPE[1]) + 0.5)
            data["y_coordinates"] = ORIGIN[1] - STEP * (np.arange(SHAPE[0]) + 0.5)
            data["x_spacing"], data["y_spacing"] = STEP, -STEP
            data["projection"] = np.int32(32632)
            data["projection"].attrs["spatial_ref"] = rasterio.CRS.from_epsg(32632).to_wkt()
            data["projection"].attrs["epsg_code"] = 32632
            data["VV"].attrs["grid_mapping"] = "projection"
    stack = SlcCollection.from_cslc(str(tmp_path / "*.h5"))
    assert stack.items[1].datetime.startswith("2016-08-14T01:23:45")
    shown = render(stack.image(), own_pixels()).array[:, 0]
    np.testing.assert_array_equal(shown[images() != 0], images()[images() != 0])
    coherence = render(stack["2016-08-02"].coherence(stack["2016-08-14"]), grid_at(15, 9.0, 43.35, 64, 64))
    assert 0.8 < np.nanmean(coherence.array) < 1.0
    with pytest.raises(SourceError, match="VH"):
        SlcCollection.from_cslc(str(tmp_path / "*.h5"), polarisation="VH")


# ---------------------------------------------------------------- what is refused


def test_stacks_that_are_none(tmp_path: Path) -> None:
    first, second, third = images()
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write(tmp_path / "20160802.tif", first)
    with pytest.raises(SourceError, match=r"no place on the Earth.*latitude="):
        SlcCollection.from_files(str(tmp_path / "20160802.tif"))
    with pytest.raises(ParameterError, match="both rasters"):
        SlcCollection.from_files(str(tmp_path / "20160802.tif"), longitude="lon.tif")
    with pytest.raises(SourceError, match="no file matches"):
        SlcCollection.from_files(str(tmp_path / "*.slc"))
    with pytest.raises(SourceError, match="no Zarr group"):
        SlcCollection.from_zarr(tmp_path)
    place = {"crs": "EPSG:32632", "transform": from_origin(*ORIGIN, STEP, STEP)}
    write(tmp_path / "a_20160814.tif", second, **place)
    write(tmp_path / "a_20160826.tif", third[:50], **place)
    with pytest.raises(SourceError, match="not coregistered"):
        SlcCollection.from_files(str(tmp_path / "a_*.tif"))
    write(tmp_path / "r_20160802.tif", first.real, **place)
    with pytest.raises(SourceError, match="no complex numbers"):
        SlcCollection.from_files(str(tmp_path / "r_*.tif"))
    write(tmp_path / "d_VV_20160802.tif", first, **place)
    write(tmp_path / "d_VH_20160802.tif", first, **place)
    with pytest.raises(SourceError, match="several images of one date"):
        SlcCollection.from_files(str(tmp_path / "d_*.tif"))
    write(tmp_path / "nodate.tif", first, **place)
    with pytest.raises(SourceError, match="no date"):
        SlcCollection.from_files(str(tmp_path / "nodate.tif"))
    with pytest.raises(ParameterError, match="wavelength"):
        SlcCollection.from_files(str(tmp_path / "a_20160814.tif"), wavelength=55.0)
    with pytest.raises(ParameterError, match=r"wavelength is '5\.5 cm'; expected metres"):
        SlcCollection.from_files(str(tmp_path / "a_20160814.tif"), wavelength="5.5 cm")  # type: ignore[arg-type]
    (tmp_path / "folders" / "inner").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"'\*' matches folders alone; for the files in them write '\*/\*\.tif'"):
        jv.ImageCollection.from_files(str(tmp_path / "folders" / "*"))
    jv.ImageCollection.from_files(str(tmp_path / "a_20160814.tif"), name="plain")
    with pytest.raises(CollectionError, match="no complex radar images"):
        SlcCollection("plain")


def test_names_and_dates(tmp_path: Path) -> None:
    stack = placed(tmp_path)
    with pytest.raises(BandError, match=r"no day or image '2016-08-15'.*2016-08-14"):
        stack["2016-08-15"]
    assert stack.filter_date("2016-08-10").dates == ("2016-08-14", "2016-08-26")
    assert len(stack.filter_date(end="2016-08-14")) == 1
    with pytest.raises(ParameterError, match="start '2022-01-01' is not before end '2021-01-01'"):
        stack.filter_date("2022-01-01", "2021-01-01")
    with pytest.raises(CollectionError, match="none of the 3"):
        stack.filter_date("2017-01-01")
    with pytest.raises(ParameterError, match="fewer than 4"):
        stack["2016-08-02"].coherence(stack["2016-08-14"], (1, 3))
    with pytest.raises(ParameterError, match="phase"):
        stack["2016-08-02"].phase().multilook(2, 2)


def test_a_file_that_was_replaced(tmp_path: Path) -> None:
    image = placed(tmp_path)["2016-08-14"].amplitude()
    render(image, own_pixels())
    write(
        tmp_path / "20160814.slc.tif", images()[0][:, :70], crs="EPSG:32632", transform=from_origin(*ORIGIN, STEP, STEP)
    )
    Engine.default().forget()
    with pytest.raises(SourceError, match=r"changed|replaced"):
        render(image, own_pixels())


# ---------------------------------------------------------------- cost and limits


def test_cost_counts_the_pixels_of_the_sensor(tmp_path: Path) -> None:
    stack = placed(tmp_path)
    image = stack["2016-08-02"].coherence(stack["2016-08-14"], (5, 5))
    engine, tile = Engine.default(), Grid(web_mercator(8), 93 * 256, 134 * 256, 256, 256)
    here = engine.cost(image.node, tile)
    # The whole of both images, complex64, read and held; some steps of it; the tile itself.
    assert here.read_bytes == 2 * 60 * 80 * 8
    assert here.array_bytes > 2 * 60 * 80 * 8 + 256 * 256 * 8
    planned = engine.plan(image.node, tile)
    assert cost(planned, lambda *_: Load(1000, 1000, 7)).read_bytes == 2000
    series = engine.plan(stack.image().coherence(stack["2016-08-14"]).node, tile)
    deep = cost(series, lambda *_: Load(0, 0, 7)).array_bytes
    flat = cost(series, lambda *_: Load(0, 0, 1)).array_bytes
    assert deep > 3 * flat


def test_memory_stays_below_what_is_estimated(tmp_path: Path) -> None:
    for day, image in zip(DAYS[:2], images(2, (1400, 1400)), strict=True):
        write(tmp_path / f"{day}.tif", image, crs="EPSG:32632", transform=from_origin(*ORIGIN, STEP, STEP))
    stack = SlcCollection.from_files(str(tmp_path / "*.tif"))
    image = stack["2016-08-02"].coherence(stack["2016-08-14"], (9, 21))
    engine, far = Engine.default(), grid_at(11, 8.9, 43.4, 256, 256)
    # Compiled and warmed up by a small window.
    engine.render(image.node, Grid(far.lattice, far.row + 100, far.col + 100, 4, 4))
    engine.reader.close()
    tracemalloc.start()
    try:
        shown = engine.render(image.node, far)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.isfinite(shown.array).sum() > 10_000
    assert 2 * 1400 * 1400 * 8 < peak < engine.cost(image.node, far).total


def test_a_limit_of_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JEOVIEW_MAX_NATIVE_PIXELS", "2000")
    stack = placed(tmp_path)
    image = stack["2016-08-02"].amplitude()
    with pytest.raises(LimitError, match="Zoom in"):
        Engine.default().render(image.node, own_pixels())
    assert settings().max_native_pixels == 2000
    part = own_pixels().blocks(20)[0]
    assert Engine.default().render(image.node, part).array.shape == (1, 20, 20)


def test_an_export_is_cut_into_blocks_that_keep_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = placed(tmp_path)
    image = stack["2016-08-02"].amplitude()
    bounds = own_pixels().bounds
    expected = Engine.default().render(image.node, region_grid(bounds, crs="EPSG:32632", resolution=20)).array
    monkeypatch.setenv("JEOVIEW_MAX_NATIVE_PIXELS", "4300")
    image.to_geotiff(tmp_path / "amplitude.tif", bounds=bounds, crs="EPSG:32632", resolution=20)
    with rasterio.open(tmp_path / "amplitude.tif") as file:
        np.testing.assert_array_equal(file.read(), expected)


# ---------------------------------------------------------------- where pixels lie


def bent(rows: NDArray[np.float64], cols: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A swath that is turned, stretched and bent."""
    lon = 10 + 2e-3 * cols - 4e-4 * rows + 3e-7 * rows * cols + 2e-5 * np.sin(rows / 7) * np.cos(cols / 9)
    lat = 45 - 1e-3 * rows - 3e-4 * cols + 2e-7 * cols**2 + 2e-5 * np.cos(rows / 5) * np.sin(cols / 8)
    return lon, lat


@pytest.mark.parametrize("turn", [0.0, 169.999, -190.05])
def test_a_raster_of_places_is_inverted(turn: float) -> None:
    rows, cols = np.meshgrid(np.arange(40) + 0.5, np.arange(60) + 0.5, indexing="ij")
    lon, lat = bent(rows, cols)
    where = Geolocation.of(lon + turn, lat, (0.5, 0.5), (1.0, 1.0), (40, 60))
    random = np.random.default_rng(1)
    row, col = random.uniform(0.5, 39.4, 500), random.uniform(0.5, 59.4, 500)
    # Between the nodes a place is bilinear.
    i, j = np.floor(row - 0.5).astype(int), np.floor(col - 0.5).astype(int)
    p, q = row - 0.5 - i, col - 0.5 - j

    def between(nodes: NDArray[np.float64]) -> NDArray[np.float64]:
        upper = nodes[i, j] * (1 - q) + nodes[i, j + 1] * q
        return np.asarray(upper * (1 - p) + (nodes[i + 1, j] * (1 - q) + nodes[i + 1, j + 1] * q) * p)

    x = (between(lon) + turn + 180) % 360 - 180
    found = where.locate("EPSG:4326", x, between(lat))
    np.testing.assert_allclose(found[0], row, atol=1e-6)
    np.testing.assert_allclose(found[1], col, atol=1e-6)
    outside = where.locate("EPSG:4326", np.array([turn + 9.0, turn + 11.0, np.nan]), np.array([45.0, 44.0, 45.0]))
    assert np.isnan(outside).all()


@pytest.mark.parametrize("strip", [10_000, 300])
def test_a_large_raster_of_places_is_thinned_out(monkeypatch: pytest.MonkeyPatch, strip: int) -> None:
    monkeypatch.setattr(locators, "MAX_NODES", 4000)
    monkeypatch.setattr(locators, "STRIP", strip)
    asked: list[Grid] = []

    def places(grid: Grid) -> NDArray[np.float64]:
        asked.append(grid)
        rows = np.arange(grid.row, grid.row + grid.height)[:, None] + 0.5
        cols = np.arange(grid.col, grid.col + grid.width)[None] + 0.5
        return np.stack([10 + 2e-5 * cols - 4e-6 * rows, 45 - 1e-5 * rows - 3e-6 * cols])

    where = locators.located(places, Frame("0" * 16, (303, 407)))
    assert len(asked) > 3
    assert max(grid.height * grid.width for grid in asked) <= max(strip, 407)
    assert isinstance(where, LargePlaces)
    assert where.thin.places[0].size < 5000
    row, col = np.array([0.1, 302.9, 150.0, 299.7]), np.array([0.1, 406.9, 3.0, 203.3])
    found = where.locate("EPSG:4326", 10 + 2e-5 * col - 4e-6 * row, 45 - 1e-5 * row - 3e-6 * col)
    np.testing.assert_allclose(found, [row, col], atol=1e-5)


def rough(grid: Grid) -> NDArray[np.float32]:
    """Degrees of a turned scene, whose pixels a terrain displaces by up to half a pixel from one to the next."""
    rows = np.arange(grid.row, grid.row + grid.height)[:, None] + 0.5
    cols = np.arange(grid.col, grid.col + grid.width)[None] + 0.5
    cols = cols + 0.3 * np.sin(0.9 * rows) * np.sin(1.1 * cols) + 3 * np.sin(rows / 50)
    return np.stack([1 + 2e-4 * cols - 4e-5 * rows, 0.5 - 1e-4 * rows - 3e-5 * cols]).astype(np.float32)


def test_a_large_raster_of_places_is_exact_around_a_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = Frame("0" * 16, (303, 407))
    held = locators.located(rough, frame)
    monkeypatch.setattr(locators, "MAX_NODES", 4000)
    asked: list[Grid] = []

    def places(grid: Grid) -> NDArray[np.float32]:
        asked.append(grid)
        return rough(grid)

    large = locators.located(places, frame)
    assert isinstance(held, Geolocation)
    assert isinstance(large, LargePlaces)
    assert large.every == 6
    for zoom, height, width in ((14, 200, 60), (13, 500, 900), (12, 300, 450)):
        target = grid_at(zoom, 0.997, 0.502, height, width)
        asked.clear()
        found, expected = large.positions(target).nodes, held.positions(target).nodes
        assert sum(grid.height * grid.width for grid in asked) < (40_000 if zoom == 14 else 303 * 407 + 1)
        assert np.isfinite(expected[0]).mean() > 0.1
        part = Grid(target.lattice, target.row + 27, target.col + 11, 90, 41)
        for one, other, cut in zip(found, expected, large.positions(part).nodes, strict=True):
            # A function of the pixel alone, and the same as of all pixels of the sensor, at its edges too.
            assert cut.tobytes() == one[27:117, 11:52].tobytes()
            np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
            np.testing.assert_allclose(one, other, atol=1e-4)
        thin = large.thin.positions(target).nodes
        assert np.nanmax(np.abs(thin[1] - expected[1])) > 0.3, "which pixels that are left out do not give"
    lon, lat = (float(axis[100, 200]) for axis in rough(frame.extent))
    np.testing.assert_allclose(
        large.locate("EPSG:4326", np.array([lon]), np.array([lat])), [[100.5], [200.5]], atol=1e-3
    )
    # Where the map's pixels are as large as those that are kept lie apart, these are enough.
    coarse = grid_at(7, 0.99, 0.51, 20, 30)
    asked.clear()
    assert np.isfinite(large.positions(coarse).nodes[0]).any()
    assert asked == []


def test_control_points_without_order() -> None:
    random = np.random.default_rng(2)
    rows, cols = random.uniform(0, 400, 60), random.uniform(0, 600, 60)
    lon = 10 + 2e-5 * cols - 4e-6 * rows + 1e-9 * rows * cols
    lat = 45 - 1e-5 * rows - 3e-6 * cols + 1e-9 * cols**2
    where = Geolocation.of_points(list(zip(rows, cols, lon, lat, strict=True)), (400, 600))
    found = where.locate("EPSG:4326", lon, lat)
    np.testing.assert_allclose(found, [rows, cols], atol=0.02)
    with pytest.raises(SourceError, match="at least 4"):
        Geolocation.of_points([(0, 0, 10, 45)] * 3, (10, 10))
    with pytest.raises(SourceError, match="on a line"):
        Geolocation.of_points([(0, i, 10 + i, 45) for i in range(5)], (10, 10))
    with pytest.raises(SourceError, match="not known"):
        Geolocation.of(np.full((3, 3), np.nan), np.zeros((3, 3)), (0, 0), (1, 1), (3, 3))
