"""The simulated collections: files, catalogue, determinism, and whether the ground behaves as ground does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from jeoview import demo
from jeoview.catalog import Catalog, Item, Query
from jeoview.demo import build, parcels, sentinel2, sky, spectra
from jeoview.demo.items import write_dem
from jeoview.demo.noise import fractal, noise
from jeoview.demo.terrain import GROUND, ground, height
from jeoview.errors import ParameterError
from jeoview.grid import Grid
from jeoview.io.vector import read_vector, vector_layers

Array = NDArray[Any]
SMALL_DAYS = ["20230203", "20230412", "20230521", "20230705", "20230725", "20231016"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo-home")
    assert demo.prepare(folder, "small", progress=False) == folder / "demo"
    return folder


@pytest.fixture(scope="module")
def items(home: Path) -> dict[str, Item]:
    found = Catalog(home / "catalog.sqlite").search(Query("demo-sentinel-2"))
    return {item.id.removeprefix("demo-s2_"): item for item in found}


def stored(item: Item, band: str) -> Array:
    with rasterio.open(item.bands[band].href) as dataset:
        return np.asarray(dataset.read(1))


def reflectance(item: Item, band: str) -> Array:
    array, info = stored(item, band), item.bands[band]
    return np.where(array == info.nodata, np.nan, array * info.scale + info.offset)


def ratio(item: Item, first: str, second: str) -> Array:
    """Normalised difference at 20 m."""
    a, b = half(reflectance(item, first)), half(reflectance(item, second))
    return np.asarray((a - b) / (a + b))


def half(array: Array) -> Array:
    """10 m to 20 m."""
    if array.shape[0] == 256:
        return array
    return np.asarray(array.reshape(256, 2, 256, 2).mean(axis=(1, 3)))


def lonlat(item: Item, step: float) -> tuple[Array, Array]:
    """Centres of the item's pixels of ``step`` metres, by pyproj itself."""
    a, _, left, _, _, top = item.properties["proj:transform"]
    count = int(item.properties["proj:shape"][0] * a / step)
    centre = (np.arange(count) + 0.5) * step
    x, y = np.meshgrid(left + centre, top - centre)
    return Transformer.from_crs(item.properties["proj:code"], "EPSG:4326", always_xy=True).transform(x, y)


# -- files and catalogue -------------------------------------------------------------------------


def test_two_tiles_of_different_zones_on_every_day(items: dict[str, Item]) -> None:
    assert sorted(items) == sorted(f"{tile}_{day}" for tile in ("T32", "T33") for day in SMALL_DAYS)
    assert {item.properties["proj:code"] for item in items.values()} == {"EPSG:32632", "EPSG:32633"}
    west, east = items["T32_20230705"].bbox, items["T33_20230705"].bbox
    assert west[0] < east[0] < west[2] < east[2]
    assert len(sentinel2.PASSES) == 14
    assert {overflight.when.year for overflight in sentinel2.PASSES} == {2023}


def test_everything_says_that_it_is_simulated(home: Path, items: dict[str, Item]) -> None:
    catalog = Catalog(home / "catalog.sqlite")
    for name in ("demo-sentinel-2", "demo-dem"):
        info = catalog.collection(name)
        assert info.simulated
        assert "imulated" in info.title
        assert info.description.startswith("Simulated")
        assert all(item.properties["jeoview:simulated"] is True for item in catalog.search(Query(name)))
    for path in (home / "demo").rglob("*.tif"):
        with rasterio.open(path) as dataset:
            assert dataset.tags()["JEOVIEW_SIMULATED"] == "yes"
            assert dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith("Simulated")
    for layer in vector_layers(home / "demo" / "demo-vectors.gpkg"):
        assert all(f["properties"]["simulated"] for f in read_vector(home / "demo" / "demo-vectors.gpkg", layer))


def test_the_files_are_what_the_catalogue_says(items: dict[str, Item]) -> None:
    for item in items.values():
        assert list(item.bands) == ["B02", "B03", "B04", "B08", "B11", "B12", "SCL"]
        for band in item.bands.values():
            with rasterio.open(band.href) as dataset:
                assert dataset.shape == band.shape == ((256, 256) if band.name in ("B11", "B12", "SCL") else (512, 512))
                assert tuple(dataset.transform)[:6] == band.transform
                assert dataset.crs.to_string() == item.properties["proj:code"]
                assert dataset.dtypes[0] == band.data_type == ("uint8" if band.name == "SCL" else "uint16")
                assert dataset.nodata == band.nodata == 0
                assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert dataset.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "2"
                assert (dataset.scales[0], dataset.offsets[0]) == (band.scale, band.offset)
                assert (band.scale, band.offset) == ((1, 0) if band.name == "SCL" else (1e-4, -0.1))
    names = {band.name: band.common_name for band in items["T32_20230705"].bands.values()}
    assert names == {
        "B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16", "B12": "swir22", "SCL": None,
    }  # fmt: skip
    quality = items["T32_20230705"].bands["SCL"]
    assert (quality.role, quality.quality) == ("quality", "sentinel2-scl")


def test_large_files_have_overviews(tmp_path: Path) -> None:
    """The small tiles fit one block; the full ones do not."""
    plan = build.PLANS["full"]
    west, east = plan.tiles
    assert west.grid.shape == east.grid.shape == (1536, 1536)
    item = write_dem(tmp_path, plan.tiles[0].grid.bbox)
    with rasterio.open(tmp_path / item.bands["elevation"].href) as dataset:
        assert dataset.overviews(1) == [2]


def test_the_items_are_valid_stac(home: Path) -> None:
    for document in json.loads((home / "demo" / "items.json").read_text()):
        item = pystac.Item.from_dict(document)
        area = shapely.geometry.shape(document["geometry"])
        assert area.is_valid
        assert area.bounds == pytest.approx(item.bbox)
        assert not any(Path(asset.href).is_absolute() for asset in item.assets.values())


def test_cloud_cover_is_what_the_classification_says(items: dict[str, Item]) -> None:
    covers = []
    for item in items.values():
        scl = stored(item, "SCL")
        assert set(np.unique(scl)) <= set(range(12)) - {1}
        clouds, seen = np.isin(scl, (8, 9, 10)).sum(), (scl > 0).sum()
        assert item.properties["eo:cloud_cover"] == pytest.approx(100 * clouds / seen, abs=0.01)
        assert item.properties["s2:nodata_pixel_percentage"] == pytest.approx(100 * (scl == 0).mean(), abs=0.01)
        np.testing.assert_array_equal(scl == 0, stored(item, "B11") == 0)
        np.testing.assert_array_equal(np.repeat(np.repeat(scl == 0, 2, 0), 2, 1), stored(item, "B02") == 0)
        covers.append(item.properties["eo:cloud_cover"])
    assert items["T32_20230412"].properties["s2:nodata_pixel_percentage"] > 5
    assert min(covers) == 0
    assert max(covers) > 15


def test_footprints_leave_out_what_the_swath_missed() -> None:
    plan = build.PLANS["full"]
    (west, east), area = plan.tiles, 15.36**2 * 1e6
    for orbit, tile, missing in ((22, east, 0.0), (122, east, 0.50), (65, west, 0.50)):
        ring = shapely.Polygon(sentinel2.footprint(tile, orbit))
        assert ring.area / area == pytest.approx(1 - missing, abs=0.01)


def test_the_second_start_is_quick_and_touches_nothing(home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home / "demo").rglob("*")}
    began = time.perf_counter()
    demo.prepare(home, "small", progress=False)
    assert time.perf_counter() - began < 1
    assert {path: path.stat().st_mtime_ns for path in (home / "demo").rglob("*")} == before


def test_a_lost_catalogue_is_made_again(home: Path, items: dict[str, Item]) -> None:
    for path in home.glob("catalog.sqlite*"):
        path.unlink()
    demo.prepare(home, "small", progress=False)
    again = Catalog(home / "catalog.sqlite").search(Query("demo-sentinel-2"))
    assert {item.id: item for item in again} == {item.id: item for item in items.values()}


@pytest.mark.slow
def test_the_command_gives_the_same_bytes_in_another_process(home: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jeoview.demo", "--size", "small", "--home", str(tmp_path), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=True)
    assert "simulated" in done.stdout
    names = sorted(path.relative_to(home) for path in (home / "demo").rglob("*") if path.is_file())
    assert len(names) == 12 * 7 + 4
    for name in names:
        assert (home / name).read_bytes() == (tmp_path / name).read_bytes(), name


# -- all or nothing ------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """One day of tiles of 32 pixels."""
    monkeypatch.setitem(build.PLANS, "small", build.Plan(32, (0.0, 0.0), 200.0, (186,)))


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("where", ["write_scene", "write_dem", "layers"])
def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build, where, interrupt)
        with pytest.raises(KeyboardInterrupt):
            demo.prepare(tmp_path, "small", progress=False)
    assert not list(tmp_path.iterdir())
    assert (demo.prepare(tmp_path, "small", progress=False) / "stamp.json").is_file()


@pytest.mark.usefixtures("tiny")
def test_what_a_killed_process_left_is_removed_and_a_living_one_is_spared(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, alive = tmp_path / f".demo-{ended.pid}.part", tmp_path / f".demo-{os.getppid()}.part"
    for folder in (dead, alive):
        (folder / "dem").mkdir(parents=True)
    demo.prepare(tmp_path, "small", progress=False)
    assert sorted(path.name for path in tmp_path.glob(".demo*")) == [alive.name]


@pytest.mark.usefixtures("tiny")
def test_an_older_version_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = demo.prepare(tmp_path, "small", progress=False)
    (folder / "older").touch()
    demo.prepare(tmp_path, "small", progress=False)
    assert (folder / "older").exists()
    monkeypatch.setattr(build, "DEMO", replace(build.DEMO, version=build.DEMO.version + 1))
    demo.prepare(tmp_path, "small", progress=False)
    assert not (folder / "older").exists()
    assert sorted(path.name for path in tmp_path.glob(".demo*")) == []


def test_an_unknown_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="did you mean 'small'"):
        demo.prepare(tmp_path, "smal")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


# -- the ground ----------------------------------------------------------------------------------


def test_both_tiles_see_the_same_ground(items: dict[str, Item]) -> None:
    west, east = items["T32_20230705"], items["T33_20230705"]
    lon, lat = lonlat(west, 10)
    to_east = Transformer.from_crs("EPSG:4326", east.properties["proj:code"], always_xy=True)
    x, y = to_east.transform(lon, lat)
    a, _, left, _, _, top = east.properties["proj:transform"]
    place = [(top - y) / a - 0.5, (x - left) / a - 0.5]
    for band in ("B04", "B08"):
        there = map_coordinates(reflectance(east, band), place, order=1, cval=np.nan)
        both = np.isfinite(there)
        assert both.sum() > 50_000
        here = reflectance(west, band)
        assert np.corrcoef(here[both], there[both])[0, 1] > 0.98
        assert abs(np.median(here[both] - there[both])) < 2e-4
    assert east.properties["proj:code"] != west.properties["proj:code"]


def test_clouds_and_shadows_are_where_the_classification_says(items: dict[str, Item]) -> None:
    cloudy, clear = items["T32_20230521"], items["T32_20230705"]
    scl, blue, before = stored(cloudy, "SCL"), half(reflectance(cloudy, "B02")), half(reflectance(clear, "B02"))
    assert (scl == 9).sum() > 300
    assert np.median(blue[scl == 9]) > 0.45
    nir, nir_before = half(reflectance(cloudy, "B08")), half(reflectance(clear, "B08"))
    shadow = (scl == 3) & (ratio(clear, "B08", "B04") > 0.85)
    assert shadow.sum() > 300
    assert np.median(nir[shadow] / nir_before[shadow]) < 0.6
    free = np.isin(scl, (4, 5))
    assert np.median(np.abs(blue - before)[free]) < 0.02


def test_vegetation_water_and_snow_have_their_spectra(items: dict[str, Item]) -> None:
    summer, winter = items["T32_20230705"], items["T32_20230203"]
    scl, ndvi = stored(summer, "SCL"), ratio(summer, "B08", "B04")
    assert np.median(ndvi[scl == 4]) > 0.75
    assert np.median(ndvi[scl == 5]) < 0.4
    assert (scl == 6).sum() > 100
    # Threads of a braided river, narrower than two pixels: mixed with gravel.
    wetness = ratio(summer, "B03", "B11")
    assert np.median(wetness[scl == 6]) > 0.15
    assert np.quantile(wetness[np.isin(scl, (4, 5))], 0.99) < 0
    snow = stored(winter, "SCL") == 11
    assert snow.sum() > 500
    assert (ratio(winter, "B03", "B11")[snow] > 0.4).mean() > 0.95
    for item in items.values():
        for band in spectra.BANDS:
            value = reflectance(item, band)
            assert np.nanmin(value) > -0.02
            assert np.nanmax(value) < 2.2


def test_crops_follow_their_calendars(home: Path, items: dict[str, Item]) -> None:
    """Wheat is green in May and gone in July, maize the reverse: seen through the parcels' polygons."""
    fields = read_vector(home / "demo" / "demo-vectors.gpkg", "parcels")
    lon, lat = lonlat(items["T33_20230705"], 20)
    mean: dict[tuple[str, str], float] = {}
    for crop in ("wheat", "maize", "meadow"):
        shapes = [shapely.geometry.shape(f["geometry"]) for f in fields if f["properties"]["crop"] == crop]
        inside = shapely.contains_xy(shapely.union_all(shapes), lon, lat)
        for day in ("20230521", "20230705"):
            item = items[f"T33_{day}"]
            good = inside & np.isin(stored(item, "SCL"), (4, 5, 7))
            assert good.sum() > 100
            mean[crop, day] = float(ratio(item, "B08", "B04")[good].mean())
    assert mean["wheat", "20230521"] > mean["maize", "20230521"] + 0.3
    assert mean["maize", "20230705"] > mean["wheat", "20230705"] + 0.3
    assert min(mean["meadow", day] for day in ("20230521", "20230705")) > 0.5


def test_the_fire_is_seen_between_its_dates_and_inside_its_perimeter(home: Path, items: dict[str, Item]) -> None:
    (fire,) = read_vector(home / "demo" / "demo-vectors.gpkg", "burnt_areas")
    assert "2023-07-05" < fire["properties"]["date"] < "2023-07-25"
    before, after, later = (items[f"T32_{day}"] for day in ("20230705", "20230725", "20231016"))
    dnbr = ratio(before, "B08", "B12") - ratio(after, "B08", "B12")
    good = np.isin(stored(after, "SCL"), (4, 5))
    area = shapely.geometry.shape(fire["geometry"])
    lon, lat = lonlat(before, 20)
    inside = shapely.contains_xy(area.buffer(-0.001), lon, lat) & good
    outside = ~shapely.contains_xy(area.buffer(0.0005), lon, lat) & good & (ratio(before, "B08", "B04") > 0.85)
    assert inside.sum() > 1000
    assert np.median(dnbr[inside]) > 0.66  # "high severity" of the US Geological Survey
    assert abs(np.median(dnbr[outside])) < 0.1
    undisturbed = items["T32_20230521"]
    assert abs(np.median((ratio(undisturbed, "B08", "B12") - ratio(before, "B08", "B12"))[inside])) < 0.2
    assert np.median(ratio(later, "B08", "B04")[inside]) > np.median(ratio(after, "B08", "B04")[inside])


def test_the_elevation_model_shades_the_scenes(home: Path, items: dict[str, Item]) -> None:
    """cos(incidence) computed here from the DEM's file explains the brightness of the forest."""
    autumn = items["T32_20231016"]
    lon, lat = lonlat(autumn, 20)
    (dem,) = Catalog(home / "catalog.sqlite").search(Query("demo-dem"))
    with rasterio.open(dem.bands["elevation"].href) as dataset:
        z, inverse = dataset.read(1).astype(float), ~dataset.transform
    assert z.min() > 90
    assert z.max() < 2000
    here = map_coordinates(z, [inverse.e * lat + inverse.f - 0.5, inverse.a * lon + inverse.c - 0.5], order=1)
    south, east = np.gradient(here, 20.0)
    elevation, azimuth = (np.radians(autumn.properties[f"view:sun_{name}"]) for name in ("elevation", "azimuth"))
    light = np.sin(elevation) - np.cos(elevation) * (np.sin(azimuth) * east - np.cos(azimuth) * south)
    light = np.maximum(light / np.sqrt(1 + south**2 + east**2), 0)
    forest = (here > 300) & (np.hypot(south, east) > 0.2) & (ratio(items["T32_20230705"], "B08", "B04") > 0.85)
    assert forest.sum() > 2000
    assert np.corrcoef(light[forest], half(reflectance(autumn, "B08"))[forest])[0, 1] > 0.7


def test_polygons_have_attributes(home: Path) -> None:
    path = demo.vectors_path(home)
    assert {"districts", "parcels", "protected_areas", "burnt_areas", "towns"} <= set(vector_layers(path))
    to_ground = Transformer.from_crs("EPSG:4326", GROUND, always_xy=True)
    for layer in ("districts", "parcels", "protected_areas"):
        for feature in read_vector(path, layer):
            properties = feature["properties"]
            assert properties["class"]
            ring = np.array(feature["geometry"]["coordinates"][0])
            area = shapely.Polygon(np.column_stack(to_ground.transform(*ring.T))).area / 1e4
            assert properties["area_ha"] == pytest.approx(area, rel=0.01, abs=0.06)
    towns = read_vector(path, "towns")
    (town,) = [feature for feature in towns if feature["properties"]["name"] == "Montebelluna"]
    assert town["geometry"]["coordinates"] == pytest.approx([12.049, 45.775], abs=0.001)


# -- the parts -----------------------------------------------------------------------------------


def test_noise_is_a_function_of_the_place() -> None:
    whole = ground(10.0, (-900.0, -700.0, 1100.0, 800.0))
    part = Grid(whole.lattice, whole.row + 31, whole.col + 17, 60, 50)
    field = fractal(whole, 130.0, 4, 5)
    np.testing.assert_array_equal(field[whole.window_of(part)], fractal(part, 130.0, 4, 5))
    wide = noise(ground(10.0, (-9000.0, -9000.0, 9000.0, 9000.0)), 55.0, 6)
    assert abs(wide.mean()) < 0.02
    assert wide.std() == pytest.approx(1, abs=0.02)
    assert (
        abs(np.corrcoef(wide.ravel(), noise(ground(10.0, (-9000.0, -9000.0, 9000.0, 9000.0)), 55.0, 7).ravel())[0, 1])
        < 0.02
    )


def test_the_relief_is_a_function_of_the_place() -> None:
    whole = ground(10.0, (-4000.0, 2000.0, -2500.0, 3500.0))
    part = Grid(whole.lattice, whole.row + 40, whole.col + 30, 64, 64)
    np.testing.assert_allclose(height(whole)[whole.window_of(part)], height(part), atol=0.02)


@pytest.mark.parametrize(("day", "declination"), [(172, 23.44), (355, -23.44), (80, 0.0)])
def test_the_sun_stands_as_astronomy_says(day: int, declination: float) -> None:
    noon = 12 - sky.LONGITUDE / 15
    highest = max(sky.sun(day, noon + minutes / 60).elevation for minutes in range(-30, 31))
    assert np.degrees(highest) == pytest.approx(90 - sky.LATITUDE + declination, abs=0.6)
    morning = sky.sun(day, 9.5)
    assert 90 < np.degrees(morning.azimuth) < 180


def test_parcels_are_found_again_at_their_places() -> None:
    (seed, *others) = parcels.districts(-10.0, -10.0, 10.0, 10.0)
    row, column = np.array([0.5, 1.25, -1.5]), np.array([0.5, -0.75, 2.5])
    x, y = parcels.places(seed, row, column)
    found = parcels.strips(x.astype(np.float32), y.astype(np.float32), np.zeros(3, np.int16), [seed, *others])
    assert found.end == pytest.approx(np.array([0.5, 0.25, 0.5]) * seed.length, abs=0.1)
    assert (found.side >= 0).all()
    assert (found.side <= seed.width).all()
    assert len(set(found.number.tolist())) == 3


def test_reflectances_of_all_covers_are_physical_on_all_days() -> None:
    for day in range(1, 366, 14):
        base, change = spectra.table(day)
        assert base.shape == change.shape == (len(spectra.Cover) * spectra.VARIANTS, len(spectra.BANDS))
        assert base.min() > 0
        assert base.max() < 0.6
