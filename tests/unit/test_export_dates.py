"""Exits of series whose dates an operator made, and exports that hold nothing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from jeoview.errors import ParameterError
from jeoview.export import blocks
from jeoview.image import Image, apply
from jeoview.io.products.interferograms import REFERENCED
from jeoview.raster import Raster
from tests.unit.export_world import CRS, Scene, World, leave, numbers

NATIVE: dict[str, Any] = {"crs": CRS, "resolution": 10}
ELSEWHERE = (300_000.0, 5_000_000.0, 300_400.0, 5_000_400.0)


@pytest.fixture
def pairs(jeoview_home: Path) -> tuple[Image, tuple[float, float, float, float]]:
    """Three dates joined by two interferograms, of 600 x 700 pixels: the phase grows by 1 and by 2 rad."""
    made = [np.full((1, 600, 700), value, dtype=np.float32) for value in (1.0, 2.0)]
    days = ("2023-01-01", "2023-01-13", "2023-01-25")
    scenes = [
        Scene(f"pair{number}", f"{days[number + 1]}T00:00:00Z", array, scale=1.0) for number, array in enumerate(made)
    ]
    world = World(jeoview_home, scenes, bands={"unwrapped": "unwrapped"})
    for number, item in enumerate(world.items):
        item.properties.update({"start_datetime": f"{days[number]}T00:00:00Z", "end_datetime": item.datetime})
        item.properties[REFERENCED] = True
    world.engine.catalog.add_items(world.items)
    node = world.image().node
    return apply("load_items", (), {**dict(node.arguments), "stack": "pairs", "unit": "rad"}), scenes[0].bounds


def one_scene(home: Path) -> tuple[Any, Scene]:
    scene = Scene("a", "2023-05-01T10:00:00Z", numbers(1, 40, 60))
    return World(home, [scene]).image(), scene


def test_nothing_is_told(jeoview_home: Path, tmp_path: Path) -> None:
    image, scene = one_scene(jeoview_home)
    with pytest.warns(
        UserWarning, match=r"x\.tif: no pixel is valid within .*; the image has data within \(10\.2"
    ) as told:
        leave(image.median(), "to_geotiff", tmp_path / "x.tif", bounds=ELSEWHERE, **NATIVE)
    assert told[0].filename.endswith("export_world.py")
    with pytest.warns(UserWarning, match="to_numpy: no pixel is valid"):
        leave(image, "to_numpy", ELSEWHERE, **NATIVE)
    masked = image.median().mask(image.median()["red"] > 5)
    with pytest.warns(UserWarning, match="but all that was asked for is nodata, masked or clouded"):
        leave(masked, "to_xarray", scene.bounds, **NATIVE)
    picture = masked["red"].colormap("viridis", vmin=0, vmax=1)
    with pytest.warns(UserWarning, match=r"x\.png: no pixel"):
        leave(picture, "to_png", tmp_path / "x.png", bounds=scene.bounds, **NATIVE)


def test_one_valid_pixel_is_enough(jeoview_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 512)
    array = np.zeros((2, 700, 1300), dtype=np.uint16)
    array[:, 699, 1299] = 7
    scene = Scene("a", "2023-05-01T10:00:00Z", array)
    image = World(jeoview_home, [scene]).image().median()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = leave(image, "to_numpy", scene.bounds, **NATIVE)
    assert np.isfinite(found).sum() == 2


@pytest.mark.usefixtures("jeoview_home")
def test_a_displacement_series_leaves_by_every_exit(
    pairs: tuple[Any, tuple[float, float, float, float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its dates are the network's, not the scenes'; 4 pi rad are 2 wavelengths, away from the satellite."""
    monkeypatch.setattr(blocks, "BLOCK", 512)
    stack, bounds = pairs
    series = stack.invert(wavelength=4 * np.pi / 10)
    array = leave(series, "to_xarray", bounds, **NATIVE)
    assert [str(time)[:10] for time in array.time.values] == ["2023-01-01", "2023-01-13", "2023-01-25"]
    np.testing.assert_allclose(array[:, 0, 300, 600], [0.0, -0.1, -0.3], rtol=1e-5)
    path = leave(series, "to_geotiff", tmp_path / "x.tif", bounds=bounds, **NATIVE)
    with rasterio.open(path) as file:
        assert file.descriptions[1] == "2023-01-13 displacement"
        np.testing.assert_array_equal(file.read(), array[:, 0])
    referenced = stack.referenced(stack.reference_phase(region=stack.bbox, zoom=12))
    assert leave(referenced, "to_xarray", bounds, **NATIVE).time.values.tolist() == [
        "2023-01-01T00:00:00Z/2023-01-13T00:00:00Z",
        "2023-01-13T00:00:00Z/2023-01-25T00:00:00Z",
    ]


def test_dates_that_hang_on_the_place_are_refused(
    pairs: tuple[Any, tuple[float, float, float, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, bounds = pairs
    series = stack.invert(wavelength=0.05)
    real = blocks._render

    def other(wanted: Any, block: Any) -> Raster:
        monkeypatch.setattr(type(wanted), "dates", ("2020-01-01T00:00:00Z",))
        return real(wanted, block)

    monkeypatch.setattr(blocks, "_render", other)
    with pytest.raises(ParameterError, match="invert gives other dates at other places"):
        leave(series, "to_numpy", bounds, **NATIVE)
