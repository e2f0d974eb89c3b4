"""Collections: what is selected, in which order, what is frozen, and what is said where nothing is left."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.catalog import Band, Catalog, CollectionInfo, Item, Query
from jeoview.collection.frozen import user_catalog
from jeoview.describe import options_of
from jeoview.engine import Engine
from jeoview.errors import BandError, CollectionError, ParameterError, PlaceError, SourceError
from jeoview.graph import digest
from jeoview.raster import Kind
from jeoview.region import region_grid
from jeoview.settings import settings

pytestmark = pytest.mark.usefixtures("jeoview_home")

PLACES = {"bolzano": (11.2, 46.4), "trento": (11.0, 46.0), "far": (-70.0, -30.0)}
SCENES = [  # id, place, time, cloud
    ("a", "bolzano", "2023-04-30T23:59:59Z", 5.0),
    ("b", "bolzano", "2023-05-01T00:00:00Z", 50.0),
    ("c", "trento", "2023-05-20T10:00:00Z", 0.0),
    ("d", "bolzano", "2023-05-20T10:00:20Z", 8.0),
    ("e", "far", "2023-07-01T10:00:00Z", None),
    ("f", "bolzano", "2023-08-01T10:00:00Z", 90.0),
]


def scene(name: str, place: str, time: str, cloud: float | None) -> Item:
    west, south = PLACES[place]
    geometry = shapely.geometry.mapping(shapely.Polygon([(west, south), (west + 0.4, south), (west, south + 0.4)]))
    properties = {"platform": "sentinel-2a", "proj:shape": [10, 10]} | (
        {} if cloud is None else {"eo:cloud_cover": cloud}
    )
    bands = {
        "B04": Band("B04", f"/nowhere/{name}/B04.tif", common_name="red", scale=1e-4, nodata=0.0, etag=f"{name}4"),
        "B08": Band("B08", f"/nowhere/{name}/B08.tif", common_name="nir", scale=1e-4, nodata=0.0, etag=f"{name}8"),
        "SCL": Band("SCL", f"/nowhere/{name}/SCL.tif", role="quality", quality="sentinel2-scl", etag=f"{name}s"),
    }
    return Item("s2", name, time, (west, south, west + 0.4, south + 0.4), geometry, properties, bands)


@pytest.fixture
def s2() -> Any:
    """A collection whose files do not exist: whoever reads a pixel fails."""
    catalog = user_catalog()
    catalog.add_collection(CollectionInfo("s2", "Sentinel-2 <test>", quality="sentinel2-scl"))
    catalog.add_items(scene(*entry) for entry in SCENES)
    return jv.ImageCollection("s2")


def ids(collection: Any) -> list[str]:
    return [item.id for item in collection.items()]


# -- selecting -----------------------------------------------------------------------------------------


def test_a_collection_knows_itself_without_reading_a_pixel(s2: Any) -> None:
    assert len(s2) == s2.count() == 6
    assert s2.bands == ("B04", "B08", "SCL")
    assert s2.dates() == ["2023-04-30", "2023-05-01", "2023-05-20", "2023-07-01", "2023-08-01"]
    assert ids(s2) == ["a", "b", "c", "d", "e", "f"]
    assert "6 scenes" in repr(s2)
    assert bool(s2)


def test_the_start_is_included_and_the_end_is_not(s2: Any) -> None:
    assert ids(s2.filter_date("2023-05-01", "2023-07-01T10:00:00Z")) == ["b", "c", "d"]
    assert ids(s2.filter_date(dt.date(2023, 5, 20), dt.datetime(2023, 5, 20, 10, 0, 20, tzinfo=dt.UTC))) == ["c"]
    assert ids(s2.filter_date("2023-05-20")) == ["c", "d"], "one day"
    assert ids(s2.filter_date(None, "2023-05")) == ["a"]
    assert ids(s2.filter_date("2023-05-20", None)) == ["c", "d", "e", "f"]
    assert ids(s2.filter_date("2023-05")) == ["b", "c", "d"], "the month"
    assert ids(s2.filter_date("2023")) == ["a", "b", "c", "d", "e", "f"], "the year"
    assert ids(s2.filter_date("2022-12")) == []
    assert ids(s2.filter_date("2023-05-01", "2023-06-01").filter_date("2023-05-10", "2024-01-01")) == ["c", "d"]


def test_bounds_of_every_kind(s2: Any) -> None:
    box = (11.15, 46.35, 11.25, 46.45)
    near = ["a", "b", "d", "f"]
    shape = shapely.box(*box)
    assert ids(s2.filter_bounds(box)) == near
    assert ids(s2.filter_bounds(list(box))) == near
    assert ids(s2.filter_bounds(np.array(box).tolist())) == near
    assert ids(s2.filter_bounds(SimpleNamespace(bounds=box))) == near
    assert ids(s2.filter_bounds(SimpleNamespace(bounds=((46.35, 11.15), (46.45, 11.25))))) == near, "as ipyleaflet"
    assert ids(s2.filter_bounds(shape)) == near
    geojson = shapely.geometry.mapping(shape)
    assert ids(s2.filter_bounds(geojson)) == near
    feature = {"type": "Feature", "properties": {}, "geometry": geojson}
    assert ids(s2.filter_bounds(feature)) == near
    assert ids(s2.filter_bounds({"type": "FeatureCollection", "features": [feature]})) == near
    frame = gpd.GeoDataFrame({"x": [1]}, geometry=[shape], crs="EPSG:4326").to_crs("EPSG:32632")
    assert ids(s2.filter_bounds(frame)) == near, "in its own CRS"
    both = s2.filter_bounds(box).filter_bounds((11.0, 46.0, 12.0, 47.0))
    assert ids(both) == near


def test_footprints_and_areas_are_met_exactly(s2: Any) -> None:
    assert ids(s2.filter_bounds((11.55, 46.75, 11.6, 46.8))) == [], "inside the box of a triangle, outside of it"
    ring = [(11.12, 46.32), (11.9, 46.32), (11.9, 46.9), (11.12, 46.9), (11.12, 46.32)]
    hole = [(11.15, 46.35), (11.85, 46.35), (11.85, 46.85), (11.15, 46.85), (11.15, 46.35)]
    assert ids(s2.filter_bounds(shapely.Polygon(ring, [hole]))) == [], "the scenes lie in its hole"


@pytest.mark.parametrize(
    "wrong",
    [
        "Bolzano", 5, None, (1, 2, 3), (12, 46, 11, 47), (11, 46, 12, 99), {"type": "Nonsense"}, [],
        {"type": "Point", "coordinates": [500_000, 5_000_000]}, SimpleNamespace(bounds=None),
    ],
)  # fmt: skip
def test_what_is_no_area_is_refused(s2: Any, wrong: Any) -> None:
    with pytest.raises(ParameterError, match=r"bounds|GeoJSON|expected"):
        s2.filter_bounds(wrong)


def test_a_place_is_looked_up_and_said(s2: Any) -> None:
    found = s2.filter_place("bozen")
    assert ids(found) == ["a", "b", "d", "f"]
    assert "place Bolzano, Italy" in repr(found)
    assert "there are Valencia, Spain" in repr(s2.filter_place("Valencia")), "which one was taken"
    with pytest.raises(PlaceError, match="Atlantis"):
        s2.filter_place("Bolzano, Atlantis")


def test_filters_are_joined(s2: Any) -> None:
    clear = s2.filter(jv.prop("eo:cloud_cover") < 10)
    assert ids(clear) == ["a", "c", "d"]
    assert ids(clear.filter(jv.prop("eo:cloud_cover") > 1)) == ["a", "d"]
    assert ids(clear.filter("\"eo:cloud_cover\" > 1 AND id <> 'a'")) == ["d"]
    assert ids(clear.filter(jv.prop("datetime") > "2023-05-01").filter_bounds(shapely.box(11.2, 46.4, 11.3, 46.5))) == [
        "d"
    ]
    joined = clear.filter(jv.prop("eo:cloud_cover") > 1).query
    assert joined.within is None
    assert joined.filter is not None
    assert joined.filter["op"] == "and", "one CQL2 filter, that a STAC API would take"
    assert ids(s2) == ["a", "b", "c", "d", "e", "f"], "the collection itself is unchanged"


def test_sort_and_limit(s2: Any) -> None:
    assert ids(s2.sort("-datetime")) == ["f", "e", "d", "c", "b", "a"]
    assert ids(s2.sort("datetime", descending=True)) == ["f", "e", "d", "c", "b", "a"]
    assert ids(s2.sort("eo:cloud_cover")) == ["c", "a", "d", "b", "f", "e"], "unknown clouds last"
    assert ids(s2.sort("eo:cloud_cover").limit(3)) == ["c", "a", "d"]
    assert ids(s2.sort("eo:cloud_cover").limit(3).sort("-datetime")) == ["d", "c", "a"]
    assert ids(s2.limit(2).filter(jv.prop("eo:cloud_cover") < 10)) == ["a"], "of the first two"
    assert ids(s2.filter(jv.prop("eo:cloud_cover") < 10).limit(2)) == ["a", "c"]
    assert ids(s2.sort("-datetime").sort("platform")) == ["f", "e", "d", "c", "b", "a"], "the first order breaks ties"
    assert ids(s2.sort("-datetime").limit(3).limit(2)) == ["f", "e"]
    assert s2.limit(4).count() == 4


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda _: jv.ImageCollection("s22"), CollectionError, "no collection 's22': did you mean 's2'"),
        (
            lambda s: s.filter(jv.prop("cloud") < 5),
            ParameterError,
            "no item has the property 'cloud'.*'eo:cloud_cover'",
        ),
        (lambda s: s.filter(jv.prop("platform") < 5), ParameterError, "'platform' is text, 5 is a number"),
        (lambda s: s.filter(True), ParameterError, "expected a condition"),
        (lambda s: s.sort("clouds"), ParameterError, "no property 'clouds'.*'datetime'"),
        (lambda s: s.limit(0), ParameterError, "at least 1"),
        (lambda s: s.limit("3"), ParameterError, "at least 1"),
        (lambda s: s.filter_date("2023-05-02", "2023-05-01"), ParameterError, "not before"),
        (lambda s: s.filter_date("2023-05-01", "2023-05-01"), ParameterError, "the end is not included"),
        (lambda s: s.filter_date("May", "June"), ParameterError, "start is 'May'"),
        (lambda s: s.filter_date(None), ParameterError, "give a start"),
        (lambda s: s["B99"], BandError, "no band, day or scene 'B99'.*'B04'"),
        (lambda s: s["2023-01-01"], BandError, "'2023-05-01'"),
        (lambda s: s["red", "swir"], BandError, "'swir'"),
    ],
)
def test_errors_name_what_exists(s2: Any, wrong: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong(s2)


def test_an_empty_catalogue_says_how_to_fill_it() -> None:
    with pytest.raises(CollectionError, match="jeoview demo"):
        jv.ImageCollection("s2")


def test_an_empty_selection_says_which_filter_emptied_it(s2: Any) -> None:
    empty = s2.filter_date("2023-05-01", "2023-06-01").filter_bounds((11.2, 46.4, 11.3, 46.5)).filter(
        jv.prop("eo:cloud_cover") > 95
    )  # fmt: skip
    assert empty.count() == 0
    assert empty.dates() == []
    assert list(empty.to_frame().columns[:2]) == ["id", "datetime"]
    assert empty.describe().count == 0
    assert "0 scenes" in empty._repr_html_()
    with pytest.raises(CollectionError) as caught:
        empty.median()
    message = str(caught.value)
    assert "The collection has 6" in message
    assert "dates 2023-05-01T00:00:00Z to 2023-06-01T00:00:00Z: 3;" in message
    assert "bounds 11.2, 46.4, 11.3, 46.5: 2;" in message
    assert message.endswith("eo:cloud_cover > 95: 0")


# -- looking ---------------------------------------------------------------------------------------------


def test_the_table(s2: Any) -> None:
    frame = s2.to_frame()
    assert list(frame["id"]) == ["a", "b", "c", "d", "e", "f"]
    assert frame["datetime"].iloc[1] == pd.Timestamp("2023-05-01", tz="UTC")
    assert frame.loc[0, ["west", "south", "east", "north"]].tolist() == [11.2, 46.4, 11.6, 46.8]
    assert frame["eo:cloud_cover"].isna().tolist() == [False, False, False, False, True, False]
    assert "proj:shape" not in frame, "lists have no place in a table"


def test_the_description(s2: Any) -> None:
    found = s2.describe()
    assert (found.count, found.days) == (6, 5)
    assert found.mean_cloud == pytest.approx((5 + 50 + 0 + 8 + 90) / 5)
    assert found.clear_share == pytest.approx(3 / 5)
    assert found.gaps == (("2023-05-20", "2023-07-01", 42), ("2023-04-30", "2023-05-20", 20))
    assert found.longest_gap == 42
    assert found.months == {"2023-04": 1, "2023-05": 3, "2023-07": 1, "2023-08": 1}
    assert "mean cloud 31 %" in str(found)


def test_the_page_is_escaped_and_labels_what_is_simulated(s2: Any) -> None:
    assert "Sentinel-2 &lt;test&gt;" in s2._repr_html_()
    assert "simulated" not in s2._repr_html_()
    info = user_catalog().collection("s2")
    user_catalog().add_collection(replace(info, simulated=True))
    assert "(simulated)" in s2._repr_html_()
    assert "(simulated)" in repr(s2)


# -- freezing ----------------------------------------------------------------------------------------------


def test_the_items_document_is_the_contract(s2: Any) -> None:
    image = s2.filter_date("2023-05-20").image()
    assert image.kind is Kind.SERIES
    values = options_of(image.node)
    assert values["bands"] == ("B04", "B08", "SCL")
    assert values["common_names"] == {"red": "B04", "nir": "B08"}
    assert values["quality"] == {"SCL": "sentinel2-scl"}
    assert values["bbox"] == (11.0, 46.0, 11.6, 46.8)
    text = Engine.default().store.get(values["items"])
    assert text is not None
    assert values["items"] == f"items:{digest(text.decode())}"
    document = json.loads(text)
    assert document["collection"] == "s2"
    assert [item["id"] for item in document["items"]] == ["c", "d"]
    assert document["items"][0]["datetime"] == "2023-05-20T10:00:00Z"
    assert document["items"][0]["assets"] == {"B04": "c4", "B08": "c8", "SCL": "cs"}
    assert "nowhere" not in text.decode(), "never a path"


def test_the_same_question_has_the_same_key_and_another_order_another(s2: Any) -> None:
    again = jv.ImageCollection("s2").filter(jv.prop("eo:cloud_cover") < 10).filter_date("2023-01-01", "2024-01-01")
    assert s2.filter(jv.prop("eo:cloud_cover") < 10).image().key == again.image().key
    assert again.image().key != again.sort("-datetime").image().key
    assert again.image().key != again.image("bilinear").key


@pytest.mark.parametrize("change", [{"etag": "new"}, {"scale": 2e-4}, {"offset": -0.1}, {"nodata": 1.0}, {"index": 2}])
def test_a_replaced_file_or_another_scale_is_another_key(s2: Any, change: dict[str, Any]) -> None:
    before = s2.image().key
    item = user_catalog().item("s2", "c")
    user_catalog().add_items([replace(item, bands={**item.bands, "B04": replace(item.bands["B04"], **change)})])
    assert s2.image().key != before


def test_operators_are_methods_of_a_collection(s2: Any) -> None:
    assert s2.median().kind is Kind.BANDS
    assert s2.ndvi().kind is Kind.SERIES
    assert s2.mask_clouds().median().ndvi().bands == ("ndvi",)
    assert s2["red"].bands == ("B04",)
    assert s2[["nir", "red"]].bands == ("B08", "B04")
    assert (s2["nir"] - s2["red"]).kind is Kind.SERIES


def test_one_day_and_one_scene(s2: Any) -> None:
    def frozen(image: Any) -> list[str]:
        (source,) = [node for node in _walk(image.node) if node.operator == "load_items"]
        text = Engine.default().store.get(options_of(source)["items"])
        assert text is not None
        return [item["id"] for item in json.loads(text)["items"]]

    assert frozen(s2["2023-05-20"]) == ["c", "d"]
    assert frozen(s2["d"]) == ["d"]
    assert frozen(s2["2023-05-20T10:00:20Z"]) == ["d"]
    assert s2["d"].kind is Kind.BANDS
    assert [frozen(image) for image in s2.filter_date("2023-05-20")] == [["c"], ["d"]]
    with pytest.raises(BandError):
        s2.filter_date("2023-05-20")["a"]


def _walk(node: Any) -> list[Any]:
    from jeoview.graph import walk

    return list(walk(node))


# -- files -------------------------------------------------------------------------------------------------

TOP = 5_000_000.0


def write(path: Path, array: np.ndarray[Any, Any], names: tuple[str, ...] = ()) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = array.shape
    profile: dict[str, Any] = {"width": width, "height": height, "count": count, "dtype": array.dtype.name, "nodata": 0}
    place = from_origin(600_000.0, TOP, 10.0, 10.0)
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32632", transform=place, **profile) as target:
        target.write(array)
        for index, name in enumerate(names, start=1):
            target.set_band_description(index, name)
    return path


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    rng = np.random.default_rng(7)
    for day in ("20200101", "20200211", "20200301"):
        write(
            tmp_path / "scenes" / f"x_{day}_v2.tif", rng.integers(1, 9000, (2, 20, 30)).astype("uint16"), ("red", "nir")
        )
    return tmp_path / "scenes"


GRID = region_grid((600_000.0, TOP - 200.0, 600_300.0, TOP), crs="EPSG:32632", resolution=10.0)


def test_files_become_a_collection(scenes: Path) -> None:
    found = jv.ImageCollection.from_files(str(scenes / "*.tif"), date="%Y%m%d")
    assert found.dates() == ["2020-01-01", "2020-02-11", "2020-03-01"]
    assert found.bands == ("red", "nir")
    stack = Engine.default().render(found.image().node, GRID).array
    arrays = np.stack([rasterio.open(path).read() for path in sorted(scenes.glob("*.tif"))])
    np.testing.assert_array_equal(stack, arrays.astype(np.float32))
    median = Engine.default().render(found.median().node, GRID).array
    np.testing.assert_allclose(median, np.median(arrays, axis=0), rtol=1e-6)


def test_the_same_pattern_has_the_same_name_and_follows_the_files(scenes: Path, tmp_path: Path) -> None:
    pattern = str(scenes / "*.tif")
    first = jv.ImageCollection.from_files(pattern)
    assert jv.ImageCollection.from_files(pattern).name == first.name
    assert jv.ImageCollection.from_files(pattern).image().key == first.image().key
    scaled = jv.ImageCollection.from_files(pattern, scale=1e-4)
    assert scaled.name != first.name, "neither replaces the other"
    assert scaled.image().key != first.image().key
    (scenes / "x_20200101_v2.tif").unlink()
    write(scenes / "x_20200401_v2.tif", np.ones((3, 20, 30), "uint16"), ("red", "nir", "swir16"))
    assert jv.ImageCollection.from_files(pattern).dates() == ["2020-02-11", "2020-03-01", "2020-04-01"]
    assert first.bands == ("red", "nir", "swir16"), "the union"
    assert str(tmp_path) not in first.name


def test_a_name_may_be_given_but_takes_no_ingested_collection(s2: Any, scenes: Path) -> None:
    assert jv.ImageCollection.from_files(str(scenes / "*.tif"), name="mine").name == "mine"
    assert jv.ImageCollection.from_files(str(scenes / "*0101*.tif"), name="mine").count() == 1
    with pytest.raises(ParameterError, match="'s2' that was ingested"):
        jv.ImageCollection.from_files(str(scenes / "*.tif"), name="s2")
    assert s2.count() == 6


def test_options_reach_the_pixels(scenes: Path) -> None:
    pattern = str(scenes / "*0101*.tif")
    found = jv.ImageCollection.from_files(
        pattern, bands=["B4", "B8"], common_names="sentinel-2", scale=1e-4, offset=-0.1
    )
    values = Engine.default().render(found.image()["red"].node, GRID).array[0, 0]
    stored = rasterio.open(next(scenes.glob("*0101*.tif"))).read(1)
    np.testing.assert_allclose(values, stored * 1e-4 - 0.1, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"pattern": "*.jp2"}, SourceError, r"no file matches '\*.jp2'"),
        ({"date": "%d.%m.%Y"}, SourceError, "no date '%d.%m.%Y' in the name of 3 of 3 files: x_20200101_v2.tif, "),
        ({"date": "today"}, ParameterError, "date is 'today'"),
        ({"colour": "red"}, ParameterError, "no option 'colour'.*'bands'"),
        ({"bands": ["a"]}, ParameterError, "names 1 bands"),
        ({"common_names": {"B9": "red"}}, BandError, "no band 'B9'"),
    ],
)
def test_files_that_do_not_fit(scenes: Path, given: dict[str, Any], error: type[Exception], message: str) -> None:
    pattern = str(scenes / given.pop("pattern", "*.tif"))
    with pytest.raises(error, match=message) as caught:
        jv.ImageCollection.from_files(pattern, **given)
    assert str(scenes) not in str(caught.value)


def test_files_of_one_name_in_two_folders_are_two_scenes(scenes: Path) -> None:
    shutil.copytree(scenes, scenes / "deep")
    found = jv.ImageCollection.from_files(str(scenes / "**" / "*.tif"))
    assert found.count() == 6
    assert len(set(ids(found))) == 6


def test_one_file_is_opened(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scenes / "x_20200101_v2.tif"
    image = jv.open(path)
    assert image.kind is Kind.BANDS
    assert image.bands == ("red", "nir")
    np.testing.assert_array_equal(Engine.default().render(image.node, GRID).array, rasterio.open(path).read())
    assert jv.open(str(path)).key == image.key
    monkeypatch.chdir(scenes)
    assert jv.open("x_20200101_v2.tif").key == image.key
    assert jv.open(path, scale=2.0).key != image.key


def test_a_file_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("hello")
    for path, message in (("gone.tif", "no file 'gone.tif'"), ("text.tif", r"text\.tif is no raster")):
        with pytest.raises(SourceError, match=message) as caught:
            jv.open(tmp_path / path)
        assert str(tmp_path) not in str(caught.value)


def test_a_chain_over_a_file_that_was_catalogued_with_another_scale_is_refused(scenes: Path) -> None:
    pattern = str(scenes / "*0101*.tif")
    old = jv.ImageCollection.from_files(pattern, name="mine").image()
    Engine.default().render(old.node, GRID)
    jv.ImageCollection.from_files(pattern, name="mine", scale=1e-4)
    fresh = Engine(Catalog(settings().catalog), Engine.default().store, settings())
    with pytest.raises(SourceError, match="another scale, offset or nodata"):
        fresh.render(old.node, GRID)


def test_ndvi_of_the_real_scene_of_bolzano(data_dir: Path) -> None:
    path = data_dir / "openeo-s2-bolzano" / "S2_L2A_sample.tif"
    image = jv.open(
        path, bands=["B04", "B03", "B02", "B08", "SCL"], common_names="sentinel-2", scale=1e-4, nodata=0,
        quality={"SCL": "sentinel2-scl"},
    )  # fmt: skip
    grid = region_grid((674990, 5147910, 684340, 5154960), crs="EPSG:32632", resolution=10.0)
    values = Engine.default().render(image.ndvi().node, grid).array[0]
    values = values[np.isfinite(values)]
    assert values.size == 659153
    readme = {"mean": 0.68997, "median": 0.81255, "p5": 0.07259, "p95": 0.91933}
    found = dict(zip(readme, [values.mean(dtype=float), *np.percentile(values, [50, 5, 95])], strict=True))
    assert found == pytest.approx(readme, abs=1e-5)
    classes = Engine.default().render(image["SCL"].node, grid).array[0]
    assert {int(c): int(n) for c, n in zip(*np.unique(classes, return_counts=True), strict=True)} == {
        2: 1648, 4: 543274, 5: 110425, 6: 2280, 7: 1548,
    }  # fmt: skip


def test_the_query_is_a_value(s2: Any) -> None:
    one = s2.filter_date("2023-05-01", "2023-06-01").sort("-datetime").limit(3)
    assert one.query == Query(
        "s2", interval=("2023-05-01T00:00:00Z", "2023-06-01T00:00:00Z"), sortby=("-datetime",), limit=3
    )
