"""Complex radar images against the data's README, scipy, and plain formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import uniform_filter

from jeoview.collection import SlcCollection
from jeoview.engine import Engine
from jeoview.errors import ParameterError
from jeoview.grid import Grid, web_mercator
from jeoview.image import Image
from jeoview.kernels import slc as kernel
from jeoview.kernels import slc_series
from jeoview.operators.slc_series import ps_reference, ps_velocity
from jeoview.projection import WEB_MERCATOR, WGS84, transform
from jeoview.raster import Kind, Raster
from tests.contracts.test_seams import assert_seamless
from tests.synthetic import grid_at

Complexes = NDArray[np.complex64]


@pytest.fixture
def folder(data_dir: Path, jeoview_home: Path) -> Path:
    return data_dir / "sarxarray-amsterdam-slc"


@pytest.fixture(params=["geotiff", "points", "zarr"])
def amsterdam(request: pytest.FixtureRequest, folder: Path) -> SlcCollection:
    """The same two images: with rasters of the places of their pixels, with control points, and as Zarr."""
    if request.param == "zarr":
        return SlcCollection.from_zarr(folder / "zarr")
    tif = folder / "geotiff"
    lon, lat = (tif / "lon.tif", tif / "lat.tif") if request.param == "geotiff" else (None, None)
    return SlcCollection.from_files(str(tif / "*_slc.tif"), longitude=lon, latitude=lat)


def at_sensor(image: Image) -> NDArray[Any]:
    """All pixels of the sensor, by row and column."""
    frame = image.schema.frame
    assert frame is not None
    raster = Engine.default().render(image.node, frame.extent)
    return np.asarray(raster.array[0])


# ---------------------------------------------------------------- real images


def test_amsterdam_is_as_its_readme_says(amsterdam: SlcCollection, folder: Path) -> None:
    assert amsterdam.dates == ("2023-03-19", "2023-03-31")
    mother, other = amsterdam["2023-03-31"], amsterdam["2023-03-19"]
    with rasterio.open(folder / "geotiff" / "20230331_VV_slc.tif") as file:
        stored = file.read(1)
    read = at_sensor(mother)
    np.testing.assert_array_equal(np.isnan(read), stored == 0)
    np.testing.assert_array_equal(read[stored != 0], stored[stored != 0])
    for window, expected in (((3, 13), 0.7533), ((5, 5), 0.7527), ((2, 8), 0.7564)):
        assert np.nanmean(at_sensor(mother.coherence(other, window))) == pytest.approx(expected, abs=2e-4)
    # 42 x 42 whole blocks; the last two samples are a block in part.
    looks = at_sensor(mother.interferogram(other).multilook(2, 8))[:42, :42]
    assert np.angle(looks.mean()) == pytest.approx(-1.3128, abs=1e-4)
    power = [at_sensor(image.interferogram(image).multilook(2, 8).amplitude())[:42, :42] for image in (mother, other)]
    blocks = np.abs(looks) / np.sqrt(power[0] * power[1])
    assert blocks.mean() == pytest.approx(0.7554, abs=1e-4)
    matrix = amsterdam.coherence_matrix(4.897, 52.371, window=(3, 13))
    values = matrix.to_numpy()
    assert list(matrix.index) == ["2023-03-19", "2023-03-31"]
    assert values[0, 0] == values[1, 1] == 1.0
    assert 0.3 < values[0, 1] == values[1, 0] < 1.0


def test_amsterdam_on_the_map_has_the_coherence_of_its_pixels(amsterdam: SlcCollection) -> None:
    """Every pixel of the map shows the sensor's pixel whose place is nearest."""
    image = amsterdam["2023-03-31"].coherence(amsterdam["2023-03-19"])
    values = at_sensor(image)
    engine = Engine.default()
    for row, col, lon, lat in known_places(amsterdam):
        shown = engine.point(image.node, lon, lat, 19)["values"]["coherence"]
        around = values[max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2]
        assert np.isclose(around, shown, atol=1e-6).any(), (row, col)


@pytest.mark.parametrize("zoom", [11, 13, 15, 17])
def test_amsterdam_has_no_seams(amsterdam: SlcCollection, zoom: int) -> None:
    """Tiles, also over the edge of the data, are cuts of the whole, whoever asks first."""
    a, b = amsterdam["2023-03-31"], amsterdam["2023-03-19"]
    image = a.interferogram(b).multilook(1, 4).phase().mask(a.coherence(b, (2, 7)) > 0.3)
    # The northern corner: the first line's last sample.
    corner = grid_at(zoom, 4.8893, 52.3775, 90, 110)
    area = Grid(corner.lattice, corner.row - 11, corner.col - 13, 90, 110)
    whole = assert_seamless(lambda grid, view: Engine.default().render(image.node, grid, view=view), area, area, 37)
    assert np.isfinite(whole.array).any()


def test_amsterdam_by_a_table_of_its_places(folder: Path, tmp_path: Path) -> None:
    """A look-up table, made from longitude and latitude by scipy's triangles, finds the pixels that the search finds."""
    tif, step = folder / "geotiff", 5e-5
    degrees = []
    for name in ("lon", "lat"):
        with rasterio.open(tif / f"{name}.tif") as file:
            degrees.append(file.read(1).astype(np.float64).ravel())
    # Triangles of even shape: a degree of latitude is 1.6 of longitude there.
    stretch = np.array([1.0, 1.6])
    at = np.stack(np.meshgrid(4.885 + step * (np.arange(460) + 0.5), 52.379 - step * (np.arange(300) + 0.5)), axis=-1)
    pixels = np.stack(np.meshgrid(np.arange(84.0), np.arange(338.0), indexing="ij"), axis=-1).reshape(-1, 2)
    found = LinearNDInterpolator(np.stack(degrees, axis=1) * stretch, pixels)(at * stretch)
    table = np.nan_to_num(found[..., 1] + 1j * found[..., 0]).astype(np.complex64)
    profile = {"driver": "GTiff", "height": 300, "width": 460, "count": 1, "dtype": "complex64", "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "lut.tif", "w", **profile, transform=from_origin(4.885, 52.379, step, step)) as file:
        file.write(table, 1)
    stack = SlcCollection.from_files(str(tif / "*_slc.tif"), lookup=tmp_path / "lut.tif")
    other = SlcCollection.from_files(str(tif / "*_slc.tif"), longitude=tif / "lon.tif", latitude=tif / "lat.tif")
    one, two = (each["2023-03-31"].coherence(each["2023-03-19"], (3, 13)) for each in (stack, other))
    area = grid_at(15, 4.885, 52.379, 480, 500)
    shown, expected = (Engine.default().render(image.node, area).array[0] for image in (one, two))
    both = np.isfinite(shown) & np.isfinite(expected)
    assert both.sum() > 0.97 * np.isfinite(expected).sum() > 100_000
    assert (shown == expected)[both].mean() > 0.99


def known_places(stack: SlcCollection) -> list[tuple[int, int, float, float]]:
    """Row, column and degrees of some pixels, as the control points or the rasters say them."""
    item = stack.items[0]
    if "longitude" not in item.bands:
        inner = [point for point in item.properties["jeoview:points"] if 0 < point[0] < 84 and 0 < point[1] < 338]
        return [(int(row), int(col), lon, lat) for row, col, lon, lat in inner]
    frame, read = stack.image().schema.frame, Engine.default().reader.read
    assert frame is not None
    lon, lat = read(item, ("longitude", "latitude"), frame.extent, "nearest")
    chosen = ((0, 0), (10, 300), (41, 170), (83, 337), (60, 20))
    return [(row, col, float(lon[row, col]), float(lat[row, col])) for row, col in chosen]


def test_every_pixel_of_the_rasters_is_found_again(folder: Path) -> None:
    tif = folder / "geotiff"
    stack = SlcCollection.from_files(
        str(tif / "*_slc.tif"), longitude=str(tif / "lon.tif"), latitude=str(tif / "lat.tif")
    )
    lon, lat = (rasterio.open(tif / f"{name}.tif").read(1).astype(np.float64) for name in ("lon", "lat"))
    locator = Engine.default()._scenes.locate(stack.image().node)
    x, y = transform(WGS84, WEB_MERCATOR, lon.ravel(), lat.ravel())
    rows, cols = locator.locate(WEB_MERCATOR, x, y)
    expected = np.mgrid[:84, :338].reshape(2, -1) + 0.5
    # The rasters are float32: a step of 0.4 m, a sixth of a sample. Where the ground folds over there are two answers.
    off = np.hypot(rows - expected[0], cols - expected[1])
    assert np.nanmedian(off) < 1e-6
    assert np.mean(off < 0.01) > 0.99
    with pytest.raises(ParameterError, match="outside"):
        stack.coherence_matrix(5.2, 52.37)


# ---------------------------------------------------------------- formulas


def speckle(shape: tuple[int, ...], seed: int) -> Complexes:
    random = np.random.default_rng(seed)
    return (random.normal(size=shape) + 1j * random.normal(size=shape)).astype(np.complex64)


@pytest.mark.parametrize("window", [(3, 13), (5, 5), (2, 8), (1, 4), (11, 21)])
def test_coherence_is_that_of_box_filters(window: tuple[int, int]) -> None:
    common = speckle((70, 90), 0)
    a, b = (
        common + 0.7 * speckle((70, 90), 1),
        (common * np.exp(0.8j) + 0.7 * speckle((70, 90), 2)).astype(np.complex64),
    )
    out = np.empty(a.shape, dtype=np.float32)
    kernel.coherence(a, b, window, (1234, -77), out)
    one, other = a.astype(np.complex128), b.astype(np.complex128)

    def box(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(uniform_filter(values, window, mode="constant"))

    product = one * other.conj()
    size = np.hypot(box(product.real), box(product.imag))
    expected = size / np.sqrt(box(np.abs(one) ** 2) * box(np.abs(other) ** 2))
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_amplitude_dispersion_is_that_of_numpy() -> None:
    stack = speckle((40, 500), 3) + 3
    out = np.empty(500, dtype=np.float32)
    slc_series.amplitude_dispersion(stack, out)
    size = np.abs(stack.astype(np.complex128))
    np.testing.assert_allclose(out, size.std(axis=0) / size.mean(axis=0), rtol=1e-5)


def moving(velocity: NDArray[np.float64], noise: float) -> Raster:
    """Five years of 24 days, mm/yr towards the satellite, with a phase of its own in every pixel."""
    days = np.arange(0, 1826, 24)
    random = np.random.default_rng(4)
    distance = -velocity * 1e-3 * days[:, None] / 365.25
    phase = -4 * np.pi / 0.0554658 * distance + random.uniform(-3, 3, velocity.size)
    values = 4 * np.exp(1j * (phase + noise * random.normal(size=phase.shape)))
    dates = tuple(f"{np.datetime64('2018-01-01') + day}T00:00:00Z" for day in days)
    grid = Grid(web_mercator(12), 0, 0, 1, velocity.size)
    return Raster(values.astype(np.complex64)[:, None, None], grid, Kind.SERIES, ("slc",), dates)


def test_velocity_of_the_periodogram_is_the_true_one() -> None:
    velocity = np.linspace(-48.0, 48.0, 301)
    exact = ps_velocity(moving(velocity, 0.0), wavelength=0.0554658, limit=60.0)
    np.testing.assert_allclose(exact.array[0, 0], velocity, atol=0.02)
    np.testing.assert_allclose(exact.array[1], 1.0, atol=1e-4)
    noisy = ps_velocity(moving(velocity, 0.5), wavelength=0.0554658, limit=60.0)
    # Cramer-Rao: the standard deviation of a slope from 77 phases of 0.5 rad.
    years = np.arange(0, 1826, 24) / 365.25
    bound = 0.5 / (4 * np.pi / 55.4658) / np.sqrt(((years - years.mean()) ** 2).sum())
    error = noisy.array[0, 0] - velocity
    assert np.abs(error.mean()) < 4 * bound / np.sqrt(301)
    assert 0.8 * bound < error.std() < 1.2 * bound
    assert noisy.array[1].mean() == pytest.approx(np.exp(-0.125), abs=0.01)


def test_velocity_is_the_best_of_a_fine_search() -> None:
    stack = moving(np.full(20, 7.0), 1.2)
    found = ps_velocity(stack, wavelength=0.0554658, limit=30.0)
    days = np.array([date[:10] for date in stack.dates], dtype="datetime64[D]").astype(int)
    rates = 4 * np.pi / 55.4658 * (days - days[0]) / 365.25
    trials = np.arange(-30, 30, 0.01)
    phasors = np.exp(1j * np.angle(stack.array[:, 0, 0].astype(np.complex128)))
    best = np.abs(np.exp(-1j * trials[:, None] * rates) @ phasors / len(rates))
    np.testing.assert_allclose(found.array[0, 0], trials[best.argmax(axis=0)], atol=0.15)
    np.testing.assert_allclose(found.array[1, 0], best.max(axis=0), atol=2e-3)


def test_the_reference_does_not_move_afterwards() -> None:
    stack = moving(np.full(9, 12.0), 0.1)
    table = ps_reference(stack)
    expected = np.unwrap(table.values["phase"])
    days = np.array([date[:10] for date in stack.dates], dtype="datetime64[D]").astype(int)
    slope = np.polyfit((days - days[0]) / 365.25, expected, 1)[0]
    assert slope == pytest.approx(4 * np.pi / 55.4658 * 12.0, rel=0.01)
