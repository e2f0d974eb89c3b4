"""Tables, overlays and packages: compared with numpy's least squares, and with what other readers see in them."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import rasterio
from PIL import Image as Picture

from jeoview.errors import LimitError, ParameterError
from jeoview.export import export_package
from tests.unit.export_world import CRS, Scene, World, leave

LEFT, TOP = 600_000.0, 5_000_000.0
DAYS = np.arange(0, 900, 18)
DATES = tuple(str(np.datetime64("2020-01-03") + day) + "T06:00:00Z" for day in DAYS)
NATIVE: dict[str, Any] = {"bounds": (LEFT, TOP - 30.0, LEFT + 40.0, TOP), "crs": CRS, "resolution": 10.0}


@pytest.fixture
def motion(tmp_path: Path) -> World:
    """50 dates of 3 x 4 pixels of ground motion in metres; one pixel has no value."""
    random = np.random.default_rng(4)
    years = DAYS / 365.25
    rate = random.uniform(-0.05, 0.05, (3, 4))
    values = rate[None] * years[:, None, None] + 0.01 * np.sin(2 * np.pi * years)[:, None, None]
    values += 0.002 * random.standard_normal(values.shape)
    values[:, 1, 2] = np.nan
    scenes = [
        Scene(f"d{i:02}", date, layer[None].astype(np.float32), LEFT, TOP, scale=1.0)
        for i, (date, layer) in enumerate(zip(DATES, values, strict=True))
    ]
    return World(tmp_path, scenes, simulated=True, bands={"displacement": "los"})


def test_a_displacement_series_is_a_table_as_of_the_ground_motion_service(motion: World, tmp_path: Path) -> None:
    """Every column against numpy's least squares of the stored values."""
    path = leave(motion.image(), "to_csv", tmp_path / "points.csv", **NATIVE)
    table = pd.read_csv(path)
    days = [date[:10].replace("-", "") for date in DATES]
    assert list(table.columns) == [
        "pid", "latitude", "longitude", "easting", "northing", "mean_velocity", "mean_velocity_std", "acceleration",
        "seasonality", "rmse", *days,
    ]  # fmt: skip
    assert len(table) == 11, "the pixel without values has no row"
    truth = np.stack([scene.array[0] for scene in motion.scenes]).reshape(len(DATES), -1)
    truth = np.delete(truth, 6, axis=1).astype(np.float64) * 1000
    np.testing.assert_allclose(table[days].to_numpy().T, truth, atol=0.0051)
    t = (DAYS - DAYS[-1] / 2) / 365.25
    season = np.array([(np.datetime64(date[:-1]) - np.datetime64("2000-01-01")).astype(float) for date in DATES])
    angle = 2 * np.pi * season / 86400 / 365.25

    def fit(degree: int) -> tuple[Any, Any, Any]:
        design = np.stack([t**power for power in range(degree + 1)] + [np.cos(angle), np.sin(angle)], axis=1)
        found, squares, *_ = np.linalg.lstsq(design, truth, rcond=None)
        return design, found, squares

    design, found, squares = fit(1)
    std = np.sqrt(squares / (len(t) - 4) * np.linalg.inv(design.T @ design)[1, 1])
    np.testing.assert_allclose(table["mean_velocity"], found[1], atol=0.01)
    np.testing.assert_allclose(table["mean_velocity_std"], std, atol=0.01)
    np.testing.assert_allclose(table["acceleration"], 2 * fit(2)[1][2], atol=0.02)
    _, found, squares = fit(3)
    np.testing.assert_allclose(table["seasonality"], np.hypot(found[-2], found[-1]), atol=0.01)
    np.testing.assert_allclose(table["rmse"], np.sqrt(squares / len(t)), atol=0.01)


def test_rows_lie_at_the_centres_of_pixels(motion: World, tmp_path: Path) -> None:
    table = pd.read_csv(leave(motion.image(), "to_csv", tmp_path / "points.csv", **NATIVE))
    assert table["easting"].tolist()[:4] == [LEFT + 5, LEFT + 15, LEFT + 25, LEFT + 35]
    assert table["northing"].tolist()[0] == TOP - 5
    assert table["pid"].is_unique
    part = {**NATIVE, "bounds": (LEFT + 20.0, TOP - 30.0, LEFT + 40.0, TOP - 10.0)}
    other = pd.read_csv(leave(motion.image(), "to_csv", tmp_path / "part.csv", **part))
    joined = table.merge(other, on=["easting", "northing"])
    assert len(joined) == len(other) == 3
    np.testing.assert_array_equal(joined["mean_velocity_x"], joined["mean_velocity_y"])


def test_bands_and_other_images_are_columns(motion: World, tmp_path: Path) -> None:
    image = motion.image()
    mean, spread = image.mean(), image.std().rename(("spread",))
    table = pd.read_csv(leave(mean, "to_csv", tmp_path / "mean.csv", also=(spread,), **NATIVE))
    assert {"spread", "displacement"} <= set(table.columns)
    with pytest.raises(ParameterError, match="two columns would be called 'displacement'"):
        leave(mean, "to_csv", tmp_path / "twice.csv", also=(image.std(),), **NATIVE)
    with pytest.raises(ParameterError, match="ends in colour"):
        leave(mean.colormap(vmin=0, vmax=1), "to_csv", tmp_path / "colour.csv", **NATIVE)
    assert not (tmp_path / "twice.csv").exists()


def test_an_overlay_lies_where_the_image_is(motion: World, tmp_path: Path) -> None:
    image = motion.image().mean().colormap("RdBu", vmin=-0.05, vmax=0.05)
    path = leave(image, "to_kmz", tmp_path / "motion.kmz", width=64, name="Motion")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        root = ET.fromstring(archive.read("doc.kml"))
        picture = Picture.open(io.BytesIO(archive.read("picture.png"))).convert("RGBA")
        assert Picture.open(io.BytesIO(archive.read("legend.png"))).width > 50
    space = "{http://www.opengis.net/kml/2.2}"
    assert root.find(f".//{space}GroundOverlay/{space}name").text == "Motion (simulated)"  # type: ignore[union-attr]
    sides = {side: float(root.find(f".//{space}{side}").text) for side in ("west", "south", "east", "north")}  # type: ignore[arg-type,union-attr]
    west, _south, east, north = motion.items[0].bbox
    step = (east - west) / 64
    assert sides["west"] == pytest.approx(west, abs=step)
    assert sides["north"] == pytest.approx(north, abs=step)
    assert picture.width == pytest.approx(64, abs=1)
    alpha = np.asarray(picture)[..., 3]
    assert 0.8 < (alpha > 0).mean() < 0.97, "all pixels but one of twelve have a value"
    with pytest.raises(ParameterError, match=r"add \.colormap"):
        leave(motion.image().mean(), "to_kmz", tmp_path / "values.kmz")


def test_an_overlay_takes_the_size_of_the_other_exits(motion: World, tmp_path: Path) -> None:
    image = motion.image().mean().colormap("RdBu", vmin=-0.05, vmax=0.05)
    west, south, east, north = motion.items[0].bbox

    def size(**how: Any) -> tuple[int, int]:
        path = leave(image, "to_kmz", tmp_path / "motion.kmz", bounds=(west, south, east, north), **how)
        with zipfile.ZipFile(path) as archive:
            return Picture.open(io.BytesIO(archive.read("picture.png"))).size

    step = (east - west) / 50
    assert size(resolution=step) == size(width=50)
    assert size(resolution=step)[0] == 50
    assert size(zoom=12)[0] == math.ceil((east - west) / 360 * 256 * 2**12)
    for wrong in ({"zoom": 12, "width": 64}, {"resolution": step, "zoom": 3}):
        with pytest.raises(ParameterError, match="only one of zoom"):
            size(**wrong)
    with pytest.raises(LimitError, match="viewers show at most 8192"):
        size(resolution=(east - west) / 9000)
    with pytest.raises(LimitError, match="the limit is 100"):
        size(width=64, max_pixels=100)


def test_a_package_holds_data_previews_legends_and_metadata(motion: World, tmp_path: Path) -> None:
    series = motion.image()
    path = export_package(
        tmp_path / "area.zip", {"DTs": series, "MV-LOS": series.velocity()["velocity"]}, title="Area", **NATIVE
    )
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        about = json.loads(archive.read("metadata.json"))
        archive.extractall(tmp_path / "out")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "DTs.tif", "DTs_legend.png", "DTs_preview.png", "MV-LOS.tif", "MV-LOS_legend.png", "MV-LOS_preview.png",
        "metadata.json",
    }  # fmt: skip
    assert about["title"] == "Area"
    assert about["shape"] == [3, 4]
    series_about, velocity_about = about["products"]
    assert series_about["dates"] == [date[:10] for date in DATES]
    assert series_about["simulated"] is True
    assert velocity_about["unit"] == "mm/yr"
    assert velocity_about["valid_share"] == pytest.approx(11 / 12, abs=1e-3)
    with rasterio.open(tmp_path / "out" / "DTs.tif") as file:
        assert file.count == len(DATES)
        np.testing.assert_array_equal(file.read(3), motion.scenes[2].array[0])
    with rasterio.open(tmp_path / "out" / "MV-LOS.tif") as file:
        values = file.read(1)
        assert velocity_about["range"] == pytest.approx([np.nanmin(values), np.nanmax(values)])


def test_a_package_that_fails_leaves_nothing(motion: World, tmp_path: Path) -> None:
    image = motion.image().mean()
    for products, message in (
        ({}, "at least one image"),
        ({"../x": image}, "no name of a file"),
        ({"a": image, "b": image.colormap(vmin=0, vmax=1)}, "give the values"),
    ):
        with pytest.raises(ParameterError, match=message):
            export_package(tmp_path / "bad.zip", products, **NATIVE)
    assert not list(tmp_path.glob("*bad*"))
