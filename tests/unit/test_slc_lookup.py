"""Complex stacks with a look-up table: on a scene whose truth is known, against longitude and latitude, tile by tile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin

from jeoview import locators
from jeoview.collection import SlcCollection
from jeoview.engine import Engine
from jeoview.errors import ParameterError, SourceError
from jeoview.geolocation import LookupTable
from jeoview.grid import Grid, Lattice
from jeoview.image import Image
from jeoview.locators import LargeTable, tabulated
from jeoview.projection import transform
from jeoview.raster import Raster
from jeoview.warp import Placement
from tests.contracts.test_seams import assert_seamless
from tests.synthetic import grid_at
from tests.unit.test_slc import DAYS, SHAPE, images, write

Floats = NDArray[np.float64]
UTM = "EPSG:32632"
# Lines run to the south-west, samples to the east; pixels of 12 m x 8 m and a bend along the lines.
LEFT, TOP = 500_000.0, 4_800_000.0
ON_MAP: dict[str, Any] = {"crs": UTM, "transform": from_origin(499_600.0, 4_800_200.0, 10.0, 10.0)}
TABLE = (110, 140)


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def place(rows: Floats, cols: Floats) -> tuple[Floats, Floats]:
    """UTM of a position among the sensor's pixels, edge convention."""
    return LEFT + 8.0 * cols - 3.0 * rows + 2e-3 * rows**2, TOP - 12.0 * rows


def position(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The inverse of `place`."""
    rows = (TOP - y) / 12.0
    return rows, (x - LEFT + 3.0 * rows - 2e-3 * rows**2) / 8.0


def table() -> NDArray[np.complex64]:
    """Sample + i line of every pixel of the map, from 0 at the centre of the first pixel; 0 outside of the images."""
    rows, cols = np.meshgrid(np.arange(TABLE[0]) + 0.5, np.arange(TABLE[1]) + 0.5, indexing="ij")
    row, col = position(499_600.0 + 10.0 * cols, 4_800_200.0 - 10.0 * rows)
    inside = (row > -2) & (row < SHAPE[0] + 2) & (col > -2) & (col < SHAPE[1] + 2)
    return np.where(inside, (col - 0.5) + 1j * (row - 0.5), 0).astype(np.complex64)


def write_images(folder: Path) -> str:
    for day, image in zip(DAYS, images(), strict=True):
        with pytest.warns(NotGeoreferencedWarning):
            write(folder / f"{day}.slc.tif", image)
    return str(folder / "*.slc.tif")


def with_table(folder: Path, **options: Any) -> SlcCollection:
    write(folder / "map_to_rdc.tif", table(), **ON_MAP)
    return SlcCollection.from_files(write_images(folder), lookup=folder / "map_to_rdc.tif", **options)


def render(image: Image, grid: Grid) -> NDArray[Any]:
    return np.asarray(Engine.default().render(image.node, grid).array)


def by_truth(grid: Grid, image: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The pixel of an image that lies at each centre of a grid; and where that is far from the pixel's edge."""
    x, y = np.meshgrid(grid.x, grid.y)
    row, col = position(*transform(grid.crs, UTM, x, y))
    inside = (row > 0) & (row < SHAPE[0]) & (col > 0) & (col < SHAPE[1])
    values = np.full(grid.shape, np.nan + 0j, dtype=np.complex64)
    values[inside] = image[np.floor(row[inside]).astype(int), np.floor(col[inside]).astype(int)]
    clear = (np.abs(row - np.round(row)) > 0.01) & (np.abs(col - np.round(col)) > 0.01)
    return np.where(values == 0, np.complex64(complex(np.nan, np.nan)), values), clear


def test_every_pixel_of_the_map_shows_the_pixel_of_the_truth(tmp_path: Path) -> None:
    stack = with_table(tmp_path)
    assert (len(stack), stack.dates[1]) == (3, "2016-08-14")
    area = grid_at(17, 8.995, 43.355, 1100, 1300)
    shown, (expected, clear) = render(stack["2016-08-14"], area)[0], by_truth(area, images()[1])
    assert np.isfinite(expected).sum() > 200_000
    np.testing.assert_array_equal(shown[clear], expected[clear])
    west, south, east, north = stack.items[0].bbox
    lon, lat = transform(area.crs, "EPSG:4326", *(a[np.isfinite(expected)] for a in np.meshgrid(area.x, area.y)))
    assert west <= lon.min() <= west + 3e-4
    assert east - 3e-4 <= lon.max() <= east
    assert south <= lat.min()
    assert lat.max() <= north


def test_as_by_longitude_and_latitude(tmp_path: Path) -> None:
    stack = with_table(tmp_path)
    rows, cols = np.meshgrid(np.arange(SHAPE[0]) + 0.5, np.arange(SHAPE[1]) + 0.5, indexing="ij")
    for name, degrees in zip(("lon", "lat"), transform(UTM, "EPSG:4326", *place(rows, cols)), strict=True):
        with pytest.warns(NotGeoreferencedWarning):
            write(tmp_path / f"{name}.tif", degrees)
    other = SlcCollection.from_files(
        str(tmp_path / "*.slc.tif"), longitude=tmp_path / "lon.tif", latitude=tmp_path / "lat.tif"
    )
    for zoom, away in ((17, 0.01), (13, 0.02)):
        area = grid_at(zoom, 8.995, 43.355, 1100 >> (17 - zoom), 1100 >> (17 - zoom))
        for one, two in zip(results(stack), results(other), strict=True):
            shown, expected = render(one, area)[0], render(two, area)[0]
            # Degrees are read as float32, a hundredth of a pixel here; neighbours differ by about 2.
            differs = ~np.isclose(shown, expected, rtol=0.0, atol=0.1, equal_nan=True)
            assert np.isfinite(expected).sum() > 400
            assert differs.sum() < away * np.isfinite(expected).sum() + 3


def results(stack: SlcCollection) -> tuple[Image, ...]:
    one, two = stack["2016-08-02"], stack["2016-08-14"]
    return one.coherence(two, (5, 5)), one.interferogram(two).multilook(2, 3).phase(), stack.image("bilinear").first()


def test_seams(tmp_path: Path) -> None:
    for image in results(with_table(tmp_path)):

        def tile(grid: Grid, view: Grid, image: Image = image) -> Raster:
            return Engine.default().render(image.node, grid, view=view)

        for zoom, lon, lat in ((12, 8.99, 43.36), (15, 8.9975, 43.3535), (17, 8.9995, 43.3510), (19, 8.9995, 43.3510)):
            area = grid_at(zoom, lon, lat, 70, 60)
            assert np.isfinite(assert_seamless(tile, area, area, 19).array).any()


@pytest.mark.parametrize("layout", ["bands", "looks", "degrees"])
def test_other_layouts(tmp_path: Path, layout: str) -> None:
    """FLATSIM's two bands; a table that counts looks; a table in degrees."""
    values, place_of, looks = table(), dict(ON_MAP), (1, 1)
    if layout == "looks":
        looks = (4, 2)
        values = np.where(values == 0, 0, (values.real + 0.5) / 2 - 0.5 + 1j * ((values.imag + 0.5) / 4 - 0.5))
    if layout == "degrees":
        place_of = {"crs": "EPSG:4326", "transform": from_origin(8.9945, 43.3552, 1e-4, 1e-4)}
        down, right = np.meshgrid(np.arange(100) + 0.5, np.arange(130) + 0.5, indexing="ij")
        row, col = position(*transform("EPSG:4326", UTM, 8.9945 + 1e-4 * right, 43.3552 - 1e-4 * down))
        values = (col - 0.5) + 1j * (row - 0.5)
    bands = np.stack([values.real, values.imag]).astype(np.float32)
    profile = {"driver": "GTiff", "height": bands.shape[1], "width": bands.shape[2], "count": 2, "dtype": "float32"}
    with rasterio.open(tmp_path / "CNES_LuT_geo_8rlks.tif", "w", **profile, **place_of) as file:
        file.write(bands)
    stack = SlcCollection.from_files(
        write_images(tmp_path), lookup=tmp_path / "CNES_LuT_geo_8rlks.tif", lookup_looks=looks
    )
    area = grid_at(16, 8.995, 43.355, 550, 550)
    shown, (expected, clear) = render(stack["2016-08-26"], area)[0], by_truth(area, images()[2])
    x, y = np.meshgrid(area.x, area.y)
    row, col = position(*transform(area.crs, UTM, x, y))
    # In degrees the map bends between two pixels of the table.
    clear &= (np.abs(row - np.round(row)) > 0.03) & (np.abs(col - np.round(col)) > 0.03)
    assert np.isfinite(shown[clear]).sum() > 40_000
    np.testing.assert_array_equal(shown[clear], expected[clear])


def test_between_the_nodes_and_beside_holes() -> None:
    lines, samples = np.mgrid[1:5, 1:6].astype(np.float32)
    lines[2, 3] = samples[2, 3] = np.nan
    lines[0, 0] = samples[0, 0] = 0.0
    lines[3, 4] = -9999.0
    where = LookupTable.of((lines, samples), Placement(UTM, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 4, 5), (10, 10))
    x, y = np.array([1.5, 2.25, 3.5, 3.0, 2.5, 0.5, 5.4, np.nan]), -np.array([1.5, 1.75, 2.4, 2.5, 2.5, 0.5, 1.0, 1.0])
    rows, cols = where.locate(UTM, x, y)
    np.testing.assert_allclose(rows[[0, 1, 4]], [2.5, 2.75, 3.5])
    np.testing.assert_allclose(cols[[0, 1, 4]], [2.5, 3.25, 3.5])
    # Unknown corners count as soon as they have a weight.
    assert np.isnan(rows[[2, 3, 5, 6, 7]]).all()


WHOLE = Grid(Lattice(UTM, (10.0, 10.0), 499_600.0, 4_800_200.0), 0, 0, 110, 140)


def rough(grid: Grid) -> NDArray[Any]:
    """A table with the displacements of a terrain of several pixels from node to node."""
    row, col = position(*np.meshgrid(grid.x, grid.y))
    random = np.random.default_rng(3).normal(scale=2.0, size=(2, *WHOLE.shape))
    rows, cols = grid.window_of(grid) if grid == WHOLE else WHOLE.window_of(grid)
    return ((col - 0.5 + random[0, rows, cols]) + 1j * (row - 0.5 + random[1, rows, cols])).astype(np.complex64)[None]


@pytest.mark.parametrize("most", [12_000, 700])
def test_a_large_table_is_exact_around_a_tile(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """What is not held in memory is read around a tile: the positions of the whole table, to the bit."""
    held = tabulated(rough, WHOLE, SHAPE)
    assert isinstance(held, LookupTable)
    monkeypatch.setattr(locators, "MAX_TABLE", most)
    monkeypatch.setattr(locators, "STRIP", 700)
    read: list[Grid] = []

    def counted(grid: Grid) -> NDArray[Any]:
        read.append(grid)
        return rough(grid)

    large = tabulated(counted, WHOLE, SHAPE)
    assert isinstance(large, LargeTable)
    assert large.thin.nodes[0].size <= most
    assert np.array_equal(large.outline()[0], large.thin.outline()[0])
    for target in (grid_at(18, 9.002, 43.351, 60, 50), grid_at(15, 8.999, 43.3525, 140, 150)):
        read.clear()
        found, expected = large.positions(target).nodes, held.positions(target).nodes
        assert np.isfinite(expected[0]).sum() > 1500
        for one, other in zip(found, expected, strict=True):
            assert one.tobytes() == other.tobytes()
        whole = sum(grid.height * grid.width for grid in read)
        assert whole <= 1.1 * target.height * target.width + 300 or whole <= WHOLE.height * WHOLE.width
    # A click is a place alone.
    x, y = place(np.array([31.7]), np.array([40.2]))
    assert large.locate(UTM, x, y) == held.locate(UTM, x, y)


def test_a_large_table_on_coarse_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the map's pixels are larger than the table's, nodes are no farther apart than these; tiles agree to the bit."""
    held = tabulated(rough, WHOLE, SHAPE)
    monkeypatch.setattr(locators, "MAX_TABLE", 700)
    large = tabulated(rough, WHOLE, SHAPE)
    assert isinstance(large, LargeTable)
    assert large.thin.every == 5
    for zoom, every in ((14, 1), (13, 1), (12, 1), (11, 2), (10, 5)):
        target = grid_at(zoom, 8.994, 43.356, 60, 70)
        found, expected = large.positions(target), held.positions(target)
        part = Grid(target.lattice, target.row + 7, target.col + 5, 30, 40)
        for axis, (one, other) in enumerate(zip(found.nodes, expected.nodes, strict=True)):
            assert large.positions(part).nodes[axis].tobytes() == one[7:37, 5:45].tobytes()
            if every == 1:
                assert one.tobytes() == other.tobytes()
        assert np.isfinite(found.nodes[0]).any()


def test_tiles_by_a_large_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = with_table(tmp_path)
    held = [render(image, grid_at(17, 8.999, 43.3525, 300, 300)) for image in results(stack)]
    Engine.default().forget()
    monkeypatch.setattr(locators, "MAX_TABLE", 700)
    monkeypatch.setattr("jeoview.engine._DEFAULT", {})
    again = SlcCollection(stack.name)
    for image, expected in zip(results(again), held, strict=True):
        shown = render(image, grid_at(17, 8.999, 43.3525, 300, 300))
        assert np.isfinite(expected).any()
        assert shown.tobytes() == expected.tobytes()

        def tile(grid: Grid, view: Grid, image: Image = image) -> Raster:
            return Engine.default().render(image.node, grid, view=view)

        for zoom in (12, 15):
            area = grid_at(zoom, 8.9975, 43.3535, 70, 60)
            assert np.isfinite(assert_seamless(tile, area, area, 19).array).any()
    assert isinstance(Engine.default()._scenes.locate(stack.image().node), LargeTable)


def test_tables_that_are_none(tmp_path: Path) -> None:
    pattern = write_images(tmp_path)
    write(tmp_path / "empty.tif", np.zeros((20, 20), np.complex64), **ON_MAP)
    with pytest.raises(SourceError, match="0 places in the images of 60 x 80 pixels; expected the sample"):
        SlcCollection.from_files(pattern, lookup=tmp_path / "empty.tif")
    with pytest.raises(SourceError, match="no place on the map"):
        SlcCollection.from_files(pattern, lookup=tmp_path / f"{DAYS[0]}.slc.tif")
    write(tmp_path / "one.tif", np.zeros((20, 20), np.float32), **ON_MAP)
    with pytest.raises(SourceError, match="1 bands"):
        SlcCollection.from_files(pattern, lookup=tmp_path / "one.tif")
    with pytest.raises(SourceError, match="no such file"):
        SlcCollection.from_files(pattern, lookup=tmp_path / "none.tif")
    with pytest.raises(ParameterError, match="not both"):
        SlcCollection.from_files(pattern, lookup="a.tif", longitude="lon.tif", latitude="lat.tif")
    with pytest.raises(ParameterError, match="lookup_looks"):
        SlcCollection.from_files(pattern, lookup="a.tif", lookup_looks=(0, 1))
