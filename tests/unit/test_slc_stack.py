"""Copies of complex images: the same values as the files in every geometry, from one read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning

from jeoview.collection import SlcCollection, stack
from jeoview.engine import Engine
from jeoview.errors import CancelledByUser
from jeoview.grid import Grid
from jeoview.image import Image
from jeoview.io.stack import StackSource
from jeoview.projection import transform
from tests.contracts.test_seams import assert_seamless
from tests.synthetic import grid_at
from tests.unit.test_slc import DAYS, SHAPE, images, own_pixels, placed, store, write
from tests.unit.test_slc_lookup import UTM, place, with_table, write_images
from tests.unit.test_stack_resume import After, contents, stop

LON, LAT = 8.9975, 43.3500
COUNT = len(DAYS)


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def degrees() -> tuple[NDArray[Any], NDArray[Any]]:
    """Longitude and latitude of every pixel."""
    rows, cols = np.meshgrid(np.arange(SHAPE[0]) + 0.5, np.arange(SHAPE[1]) + 0.5, indexing="ij")
    return transform(UTM, "EPSG:4326", *place(rows, cols))


def by_points(folder: Path) -> SlcCollection:
    lon, lat = degrees()
    nodes = [(row, col) for row in (0, 30, 59) for col in (0, 40, 79)]
    points = [GroundControlPoint(row=r + 0.5, col=c + 0.5, x=float(lon[r, c]), y=float(lat[r, c])) for r, c in nodes]
    for day, image in zip(DAYS, images(), strict=True):
        write(folder / f"{day}.slc.tif", image, gcps=points, crs="EPSG:4326")
    return SlcCollection.from_files(str(folder / "*.slc.tif"))


def by_rasters(folder: Path) -> SlcCollection:
    pattern = write_images(folder)
    for name, values in zip(("lon", "lat"), degrees(), strict=True):
        with pytest.warns(NotGeoreferencedWarning):
            write(folder / f"{name}.tif", values)
    return SlcCollection.from_files(pattern, longitude=folder / "lon.tif", latitude=folder / "lat.tif")


def by_parts(folder: Path) -> SlcCollection:
    """Zarr groups as SNAP writes them: real and imaginary parts, with rasters of degrees."""
    lon, lat = degrees()
    for day, image in zip(DAYS, images(), strict=True):
        store(folder / f"S1_{day}.znap" / "i_VV", np.ascontiguousarray(image.real), 3)
        store(folder / f"S1_{day}.znap" / "q_VV", np.ascontiguousarray(image.imag), 3)
    for name, values in (("lon", lon), ("lat", lat)):
        store(folder / f"S1_{DAYS[0]}.znap" / name, values, 3)
    return SlcCollection.from_zarr(folder)


GEOMETRIES: dict[str, Callable[[Path], SlcCollection]] = {
    "geocoded": placed,
    "control points": by_points,
    "longitude and latitude": by_rasters,
    "parts": by_parts,
    "look-up table": with_table,
}


def results(slc: SlcCollection) -> tuple[Image, ...]:
    west, south, east, north = slc.items[0].bbox
    still = slc.reference((west + east) / 2, (south + north) / 2)
    bright = slc.image()
    return bright, slc.image("bilinear").first(), slc.amplitude_dispersion(), still.ps_velocity(min_dates=3)


def areas(slc: SlcCollection) -> tuple[Grid, ...]:
    west, south, east, north = slc.items[0].bbox
    lon, lat = west + (east - west) / 4, north - (north - south) / 4
    return tuple(grid_at(zoom, lon, lat, 90, 130) for zoom in (12, 15, 18))


def render(image: Image, grid: Grid) -> NDArray[Any]:
    return np.ascontiguousarray(Engine.default().render(image.node, grid).array)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The chunks that are read from copies."""
    found: list[tuple[int, int]] = []
    plain = StackSource.load

    def counted(self: StackSource, level: int, row: int, col: int, band: int) -> Any:
        found.append((row, col))
        return plain(self, level, row, col, band)

    monkeypatch.setattr(StackSource, "load", counted)
    return found


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_the_copy_has_the_bits_of_the_files(tmp_path: Path, geometry: str, loads: list[tuple[int, int]]) -> None:
    files = GEOMETRIES[geometry](tmp_path)
    copy = files.cache_stack(progress=False)
    assert (copy.ids, copy.dates) == (files.ids, files.dates)
    west, south, east, north = files.items[0].bbox
    middle = (west + east) / 2, (south + north) / 2
    seen = [(render(one, grid), files.coherence_matrix(*middle)) for one in results(files) for grid in areas(files)]
    assert not loads
    # The images are gone; where their pixels lie is asked for still.
    for band in {band.href for item in files.items for name, band in item.bands.items() if name == "slc"}:
        Path(band).unlink()
    Engine.default().reader.close()
    Engine.default().forget()
    found = [(render(one, grid), copy.coherence_matrix(*middle)) for one in results(copy) for grid in areas(copy)]
    for (shown, matrix), (expected, wanted) in zip(found, seen, strict=True):
        assert shown.tobytes() == expected.tobytes()
        assert matrix.equals(wanted)
        assert np.isfinite(expected).any()
    # 60 x 80 pixels are two chunks, each read once for all dates; of parts one chunk each.
    assert len(loads) == (4 if geometry == "parts" else 2)


def test_tiles_are_cut_from_the_whole(tmp_path: Path) -> None:
    copy = with_table(tmp_path).cache_stack(progress=False)
    image = copy.amplitude_dispersion()
    area = areas(copy)[1]
    whole = assert_seamless(lambda grid, view: Engine.default().render(image.node, grid, view=view), area, area, 19)
    assert np.isfinite(whole.array).any()


def test_a_day_alone_is_read_from_its_file(tmp_path: Path, loads: list[tuple[int, int]]) -> None:
    files = placed(tmp_path)
    copy = files.cache_stack(progress=False)
    pair = copy["2016-08-02"].interferogram(copy["2016-08-14"])
    assert pair.key == files["2016-08-02"].interferogram(files["2016-08-14"]).key
    assert copy.image().key != files.image().key
    Path(files.items[0].bands["slc"].href).unlink()
    from_copy = render(copy["2016-08-02"], own_pixels())
    assert loads
    expected = images()[0]
    np.testing.assert_array_equal(from_copy[0][expected != 0], expected[expected != 0])


def test_changed_images_are_read_instead_of_the_copy(tmp_path: Path) -> None:
    copy = placed(tmp_path).cache_stack(progress=False)
    assert copy.cache_stack() is copy
    changed = placed(tmp_path, images()[::-1])
    with pytest.warns(UserWarning, match="3 of 3 images have changed since it was made"):
        image = copy.image()
    assert image.key == changed.image().key


def test_a_copy_of_images_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "WINDOW_BYTES", 8 * COUNT * 64 * 64)
    files, total = by_points(tmp_path), []

    def bar(_: str, windows: int) -> After:
        total.append(windows)
        return After(1, stop())

    with pytest.raises(CancelledByUser, match="1 of 2 windows are there"):
        files.cache_stack(tmp_path / "copies", progress=bar)
    files.cache_stack(tmp_path / "copies", progress=False)
    files.cache_stack(tmp_path / "in-one-go", progress=False)
    assert total == [2]
    assert contents(tmp_path / "copies") == contents(tmp_path / "in-one-go")


def test_many_images_are_worth_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = placed(tmp_path)
    monkeypatch.setattr(stack, "MANY_PAIRS", 2)
    assert "reads 3 complex images" in stack.caching_hint(files.amplitude_dispersion())
    assert stack.caching_hint(files["2016-08-02"]) == ""
    assert stack.caching_hint(files.cache_stack(progress=False).amplitude_dispersion()) == ""


@pytest.mark.parametrize("geometry", ["geocoded", "control points"])
def test_zarr_reads_it(tmp_path: Path, geometry: str) -> None:
    zarr = pytest.importorskip("zarr")
    GEOMETRIES[geometry](tmp_path).cache_stack(tmp_path / "copies", progress=False)
    (found,) = (tmp_path / "copies").glob("*.zarr")
    array = zarr.open_group(found, mode="r")["slc/0"]
    expected = images()
    assert array.shape == expected.shape
    np.testing.assert_array_equal(array[:][expected != 0], expected[expected != 0])
    assert np.isnan(array[:][expected == 0]).all()
