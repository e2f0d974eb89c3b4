"""The reference is the median of pixels as the files store them, not of those that the map would show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from jeoview.catalog.pixels import grids_of, union
from jeoview.chain import decode, encode
from jeoview.collection import InterferogramCollection
from jeoview.collection.pixels import square, window
from jeoview.describe import options_of
from jeoview.engine import Engine
from jeoview.errors import LimitError, ParameterError
from jeoview.graph import walk
from jeoview.grid import Grid, Lattice
from jeoview.image import apply
from jeoview.projection import WGS84, transform
from jeoview.quantities import Window

STEP, ROWS, COLS = 20.0, 60, 80
# Four degrees from the meridian of the zone: north of the map is not north of the Earth.
LEFT, TOP = 790_000.0, 5_300_000.0
CRS = "EPSG:32633"


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def stack_of(
    folder: Path, offsets: Sequence[tuple[float, float]], crs: str = CRS
) -> tuple[InterferogramCollection, list[np.ndarray]]:
    """Pairs of noise with holes, each shifted by so many pixels down and right."""
    random, arrays = np.random.default_rng(4), []
    for number, (down, right) in enumerate(offsets):
        values = random.normal(size=(ROWS, COLS)).astype(np.float32)
        values[random.random(values.shape) < 0.2] = 0
        options = {"width": COLS, "height": ROWS, "count": 1, "dtype": "float32", "crs": crs}
        affine = from_origin(LEFT + right * STEP, TOP - down * STEP, STEP, STEP)
        name = f"202001{number + 1:02d}_202002{number + 1:02d}_unw.tif"
        with rasterio.open(folder / name, "w", driver="GTiff", transform=affine, **options) as file:
            file.write(values, 1)
        arrays.append(np.where(values == 0, np.nan, values))
    return InterferogramCollection.from_files(str(folder / "*_unw.tif")), arrays


def place_of(row: float, col: float) -> tuple[float, float]:
    (lon,), (lat,) = transform(CRS, WGS84, [LEFT + col * STEP], [TOP - row * STEP])
    return float(lon), float(lat)


def region_of(stack: InterferogramCollection) -> object:
    nodes = [node for node in walk(stack.image().node) if node.operator == "reference_phase"]
    return options_of(nodes[0])["region"]


@pytest.mark.parametrize("size", [1, 4, 7, 15])
@pytest.mark.parametrize(("row", "col"), [(30.5, 40.5), (22.03, 51.97), (8.0, 70.0)])
def test_a_square_is_the_pixels_of_the_files(tmp_path: Path, size: int, row: float, col: float) -> None:
    stack, arrays = stack_of(tmp_path, [(0, 0), (0, 0), (0, 0)])
    chosen = stack.reference(*place_of(row + 1e-6, col + 1e-6), pixels=size)
    top, left = (math.floor(at + 1e-6 - size / 2 + 0.5) for at in (row, col))
    windows = [values[top : top + size, left : left + size].astype(float) for values in arrays]
    expected = [np.nan if np.isnan(values).all() else np.nanmedian(values) for values in windows]
    np.testing.assert_array_equal(list(chosen.reference_phase().values()), expected)


def test_files_of_other_extents_share_their_pixels(tmp_path: Path) -> None:
    stack, arrays = stack_of(tmp_path, [(0, 0), (-3, 5), (7, -11)])
    grid = union(grids_of(stack.items))
    assert grid is not None
    assert (grid.row, grid.col, grid.height, grid.width) == (-3, -11, ROWS + 10, COLS + 16)
    chosen = stack.reference(*place_of(30.5, 40.5), pixels=5)
    found = [values[28 - down : 33 - down, 38 - right : 43 - right] for values, (down, right) in
             zip(arrays, [(0, 0), (-3, 5), (7, -11)], strict=True)]  # fmt: skip
    assert list(chosen.reference_phase().values()) == [np.nanmedian(values.astype(float)) for values in found]


def test_files_that_do_not_share_their_pixels_are_read_on_the_map(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="1 of 2 pairs lie on other pixels"):
        stack, arrays = stack_of(tmp_path, [(0, 0), (0.4, 0)])
    assert union(grids_of(stack.items)) is None
    chosen = stack.reference(*place_of(30.5, 40.5), pixels=15)
    assert isinstance(region_of(chosen), tuple)
    expected = [np.nanmedian(values[23:38, 33:48]) for values in arrays]
    assert list(chosen.reference_phase().values()) == pytest.approx(expected, abs=0.2)


def test_a_box_holds_the_pixels_whose_centre_lies_in_it() -> None:
    grid = Grid(Lattice(WGS84, (0.1, 0.1), 10.0, 50.0), 0, 0, 100, 100)
    inside = window(grid, (10.16, 49.44, 10.36, 49.86), 512)
    # Centres at 10.05, 10.15, 10.25 ...; 49.95, 49.85 ...
    assert (inside.row, inside.col, inside.height, inside.width) == (1, 2, 5, 2)
    assert window(grid, (10.11, 49.91, 10.13, 49.93), 512) == Grid(grid.lattice, 0, 1, 1, 1)
    assert window(grid, square(grid, 12.34, 47.89, 9).bbox, 512) == square(grid, 12.34, 47.89, 9)
    large = window(grid, (10.0, 40.0, 20.0, 50.0), 30)
    assert large.shape == (25, 25)
    assert large.lattice.resolution == pytest.approx((0.4, 0.4))


def test_the_pixels_stand_in_the_chain_and_come_back_from_it(tmp_path: Path) -> None:
    stack, _ = stack_of(tmp_path, [(0, 0), (0, 0)])
    chosen = stack.reference(*place_of(30.5, 40.5))
    region = region_of(chosen)
    assert isinstance(region, Window)
    assert region.shape == (7, 7)
    assert decode(encode(chosen.image().node)).key == chosen.image().node.key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": (0, 7)}, "shape"),
        ({"resolution": (20.0, -20.0)}, "resolution"),
        ({"crs": "EPSG:0"}, "EPSG:0"),
        ({"left": 3.0}, "a dict of crs, resolution, corner, shape"),
        ({"shape": (30_000, 30_000)}, "30000 x 30000 pixels; the limit"),
    ],
)
def test_other_windows_are_refused_in_words(tmp_path: Path, change: dict[str, object], said: str) -> None:
    stack, _ = stack_of(tmp_path, [(0, 0), (0, 0)])
    region = {"crs": CRS, "resolution": (STEP, STEP), "corner": (LEFT, TOP), "shape": (7, 7), **change}

    def fitted() -> None:
        Engine.default().table(apply("reference_phase", (stack._stack()["unwrapped"],), {"region": region}).node)

    with pytest.raises((ParameterError, LimitError), match=said):
        fitted()


def test_a_zoom_does_not_go_with_pixels_of_a_file(tmp_path: Path) -> None:
    stack, _ = stack_of(tmp_path, [(0, 0), (0, 0)])
    region = {"crs": CRS, "resolution": (STEP, STEP), "corner": (LEFT, TOP), "shape": (7, 7)}
    with pytest.raises(ParameterError, match="zoom=12 belongs to a region in degrees"):
        apply("reference_phase", (stack._stack()["unwrapped"],), {"region": region, "zoom": 12})


def test_the_pixels_of_the_real_stack(data_dir: Path) -> None:
    stack = InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico")
    chosen = stack.reference(lon=-99.18, lat=19.44, pixels=7)
    for item, found in zip(stack.items, chosen.reference_phase().values(), strict=True):
        with rasterio.open(item.bands["unwrapped"].href) as file:
            row, col = file.index(-99.18, 19.44)
            values = file.read(1)[row - 3 : row + 4, col - 3 : col + 4]
        assert found == np.median(values[values != 0])
