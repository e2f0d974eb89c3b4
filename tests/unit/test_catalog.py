"""The catalogue: items come back as they went in, are found by place and time, and survive company."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pystac.validation
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from jeoview.catalog import Band, BandInfo, Catalog, CollectionInfo, Item, Query
from jeoview.catalog.stac import from_stac, to_stac
from jeoview.catalog.times import format_time, microseconds, parse_period, parse_time
from jeoview.errors import CollectionError, ParameterError, SourceError, StoreError

AFFINE = (10.0, 0.0, 500000.0, 0.0, -10.0, 5200000.0)
BANDS = {
    "B04": Band(
        "B04", "/data/a/B04.tif", common_name="red", scale=1e-4, offset=-0.1, nodata=0.0, etag="0a", data_type="uint16",
        shape=(20, 30), transform=AFFINE,
    ),
    "T": Band("T", "/data/a/t.nc", index=3, nodata=float("nan"), unit="K", etag="0b", subdataset="t2m"),
    "SCL": Band("SCL", "/data/a/B04.tif", index=2, nodata=0.0, role="quality", etag="0a", quality="sentinel2-scl",
                data_type="uint8", shape=(20, 30), transform=AFFINE),
}  # fmt: skip


def square(west: float, south: float, size: float = 1.0) -> dict[str, Any]:
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def item(name: str, west: float = 10.0, south: float = 45.0, when: str = "2020-06-12T10:00:00Z", **more: Any) -> Item:
    geometry = more.pop("geometry", None) or square(west, south)
    west, south, east, north = shapely.bounds(shapely.geometry.shape(geometry)).tolist()
    return Item("s2", name, when, (west, south, east, north), geometry, more, dict(BANDS))


def with_properties(name: str, properties: dict[str, Any]) -> Item:
    return replace(item(name), properties=properties)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    made = Catalog(tmp_path / "deep" / "catalog.sqlite")
    made.add_collection(CollectionInfo("s2", "Sentinel-2", quality="sentinel2-scl"))
    return made


def same(one: Item, other: Item) -> bool:
    """Equality in which NaN equals NaN."""
    return repr(one) == repr(other)


def test_an_item_comes_back_as_it_went_in(catalog: Catalog) -> None:
    written = with_properties("a", {"eo:cloud_cover": 12.5, "platform": "sentinel-2a", "proj:code": "EPSG:32632"})
    catalog.add_items([written])
    found = catalog.item("s2", "a")
    assert {name: repr(band) for name, band in found.bands.items()} == {n: repr(b) for n, b in BANDS.items()}
    assert same(replace(found, bands={}), replace(written, bands={}))
    again = Catalog(catalog.path).item("s2", "a")
    assert same(again, found)


def test_items_are_valid_stac_with_the_extensions_fields() -> None:
    document = to_stac(
        with_properties("a", {"eo:cloud_cover": 12.5, "proj:code": "EPSG:32632", "proj:shape": [20, 30]})
    )
    parsed = pystac.Item.from_dict(document, preserve_dict=True)
    # The core schema comes with pystac; those of extensions would have to be fetched.
    pystac.validation.validate_dict({**document, "stac_extensions": []})
    assert parsed.ext.proj.code == "EPSG:32632"
    assert parsed.ext.eo.cloud_cover == 12.5
    red = document["assets"]["data"]["bands"][0]
    assert red["eo:common_name"] == "red"
    assert (red["raster:scale"], red["raster:offset"], red["nodata"]) == (1e-4, -0.1, 0.0)
    assert document["assets"]["T"]["bands"][0]["nodata"] == "nan"


def test_stac_1_0_is_read(tmp_path: Path) -> None:
    asset = {
        "href": "/data/red.tif",
        "eo:bands": [{"name": "B04", "common_name": "red"}],
        "raster:bands": [{"data_type": "uint16", "scale": 0.0001, "offset": -0.1, "nodata": 0}],
    }
    document = {**to_stac(item("a")), "stac_version": "1.0.0", "assets": {"red": asset}}
    band = from_stac(document).bands["B04"]
    assert (band.common_name, band.scale, band.offset, band.nodata, band.index) == ("red", 1e-4, -0.1, 0.0, 1)


def test_a_document_without_its_members_is_refused() -> None:
    with pytest.raises(SourceError, match="not a STAC item"):
        from_stac({"id": "a"})


def test_unknown_names_say_what_exists(catalog: Catalog) -> None:
    with pytest.raises(CollectionError, match=r"'s22'.*did you mean 's2'"):
        catalog.collection("s22")
    with pytest.raises(CollectionError, match=r"'l8'.*Known: 's2'"):
        catalog.search(Query("l8"))
    with pytest.raises(CollectionError, match="'l8'"):
        catalog.count(Query("l8"))
    with pytest.raises(SourceError, match="no item 'zz' of 's2'"):
        catalog.item("s2", "zz")
    with pytest.raises(CollectionError, match="'l8'"):
        catalog.add_items([item("a"), replace(item("b"), collection="l8")])
    assert catalog.count(Query("s2")) == 0, "all items or none"


def test_the_bands_of_a_collection_are_the_union_in_order_of_appearance(catalog: Catalog) -> None:
    first = replace(item("a"), bands={name: BANDS[name] for name in ("SCL",)})
    second = replace(item("b"), bands={name: BANDS[name] for name in ("T", "B04", "SCL")})
    catalog.add_items([first])
    catalog.add_items([second])
    info = catalog.collection("s2")
    assert set(info.band_names) == {"SCL", "T", "B04"}
    assert info.band_names[0] == "SCL"
    assert info.common_names == {"red": "B04"}
    assert info.bands[0] == BandInfo("SCL", None, "quality", "", "sentinel2-scl")
    assert info.quality == "sentinel2-scl"


def test_the_first_band_of_a_common_name_is_meant() -> None:
    info = CollectionInfo("x", bands=(BandInfo("B08", "nir"), BandInfo("B8A", "nir"), BandInfo("B04", "red")))
    assert info.common_names == {"nir": "B08", "red": "B04"}


def test_items_are_replaced_and_removed(catalog: Catalog) -> None:
    catalog.add_items([item("a", west=10.0), item("b", west=10.0)])
    catalog.add_items([item("a", west=-50.0)])
    near = (10.2, 45.2, 10.3, 45.3)
    assert catalog.ids(Query("s2", bbox=near)) == ["b"]
    assert catalog.ids(Query("s2", bbox=(-49.8, 45.2, -49.7, 45.3))) == ["a"]
    catalog.remove_items("s2", ["b"])
    assert catalog.ids(Query("s2", bbox=near)) == []
    assert catalog.count(Query("s2")) == 1
    catalog.remove_collection("s2")
    assert catalog.collections() == []
    catalog.add_collection(CollectionInfo("s2"))
    assert catalog.count(Query("s2")) == 0


def test_a_collection_is_made_anew_as_a_whole(catalog: Catalog) -> None:
    catalog.add_items([item("a", old_property=1), item("b")])
    new = replace(item("c", new_property=2), bands={"T": BANDS["T"]})
    catalog.replace_items(CollectionInfo("s2", "New"), [new])
    assert catalog.ids(Query("s2")) == ["c"]
    assert catalog.collection("s2").band_names == ("T",)
    assert catalog.collection("s2").title == "New"
    assert "old_property" not in catalog.properties("s2")
    with pytest.raises(ParameterError):
        catalog.replace_items(CollectionInfo("s2"), [replace(new, geometry={"type": "Nonsense"})])
    assert catalog.ids(Query("s2")) == ["c"], "an error changes nothing"


def test_properties_and_their_types_are_known(catalog: Catalog) -> None:
    catalog.add_items([item("a", cloud=1.5, platform="x", night=False, tags=["u"]), item("b", cloud=None)])
    known = catalog.properties("s2")
    assert known["cloud"] == {"number"}
    assert known["platform"] == {"text"}
    assert known["night"] == {"boolean"}
    assert known["tags"] == {"array"}
    assert "datetime" in known


# -- where ---------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(data=st.data())
def test_a_box_finds_what_shapely_finds(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    catalog = Catalog(tmp_path_factory.mktemp("c") / "c.sqlite")
    catalog.add_collection(CollectionInfo("s2"))
    items = []
    for number in range(12):
        # Slanted triangles: their boxes meet far more than they do themselves.
        points = rng.uniform([-179, -89], [179, 89], (3, 2)).round(3)
        triangle = shapely.Polygon(points)
        items.append(item(f"i{number:02d}", geometry=shapely.geometry.mapping(triangle)))
    catalog.add_items(items)
    (west, east), (south, north) = sorted(rng.uniform(-180, 180, 2)), sorted(rng.uniform(-90, 90, 2))
    box = shapely.box(west, south, east, north)
    expected = [i.id for i in items if shapely.geometry.shape(i.geometry).intersects(box)]
    query = Query("s2", bbox=(float(west), float(south), float(east), float(north)))
    assert catalog.ids(query) == expected
    assert catalog.count(query) == len(expected)


def test_a_scene_across_the_antimeridian_is_found_on_both_sides_and_nowhere_else(catalog: Catalog) -> None:
    parts = [square(179.0, 60.0)["coordinates"], square(-180.0, 60.0)["coordinates"]]
    catalog.add_items([item("a", geometry={"type": "MultiPolygon", "coordinates": parts})])
    assert catalog.ids(Query("s2", bbox=(179.4, 60.1, 179.6, 60.2))) == ["a"]
    assert catalog.ids(Query("s2", bbox=(-179.6, 60.1, -179.4, 60.2))) == ["a"]
    assert catalog.ids(Query("s2", bbox=(0.0, 60.1, 10.0, 60.2))) == []
    plan = sqlite3.connect(catalog.path).execute("SELECT count(*) FROM boxes").fetchone()
    assert plan == (2,), "two narrow boxes, not one around the globe"


def test_the_index_is_used(catalog: Catalog) -> None:
    from jeoview.catalog.database import _statement

    text, values = _statement("i.id", Query("s2", bbox=(0.0, 0.0, 1.0, 1.0)))
    with sqlite3.connect(catalog.path) as connection:
        connection.create_function("jeoview_meets", 2, lambda *_: True)
        plan = str(connection.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall())
    connection.close()
    assert "VIRTUAL TABLE INDEX" in plan


def test_a_footprint_off_the_globe_is_refused(catalog: Catalog) -> None:
    with pytest.raises(ParameterError, match="do not lie on the globe"):
        catalog.add_items([item("a", geometry=square(179.5, 0.0))])


# -- when and in which order -----------------------------------------------------------------------


def test_the_start_of_an_interval_is_in_it_and_its_end_is_not(catalog: Catalog) -> None:
    times = ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.5Z", "2020-01-02T00:00:00Z", "2020-01-02T00:00:00.000001Z"]
    catalog.add_items([item(str(i), when=when) for i, when in enumerate(times)])

    def ids(start: str | None, end: str | None) -> list[str]:
        return catalog.ids(Query("s2", interval=(start, end)))

    assert ids("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z") == ["0", "1"]
    assert ids("2020-01-01T00:00:00.2Z", None) == ["1", "2", "3"]
    assert ids(None, "2020-01-02T00:00:00.000001Z") == ["0", "1", "2"]
    assert ids("2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00.1Z") == ["0"], "zones are instants"


def test_items_are_sorted_those_without_the_property_last(catalog: Catalog) -> None:
    clouds = {"a": 30.0, "b": None, "c": 5.0, "d": 30.0}
    times = {"a": "2020-03-01", "b": "2020-01-01", "c": "2020-02-01", "d": "2020-01-15"}
    catalog.add_items(
        item(n, when=f"{times[n]}T00:00:00Z", **({} if c is None else {"cloud": c})) for n, c in clouds.items()
    )
    assert catalog.ids(Query("s2")) == ["b", "d", "c", "a"], "by time where nothing is said"
    assert catalog.ids(Query("s2", sortby=("cloud",))) == ["c", "d", "a", "b"]
    assert catalog.ids(Query("s2", sortby=("-cloud",))) == ["d", "a", "c", "b"]
    assert catalog.ids(Query("s2", sortby=("-datetime",))) == ["a", "c", "d", "b"]
    assert catalog.ids(Query("s2", sortby=("cloud", "-datetime"))) == ["c", "a", "d", "b"]
    assert catalog.ids(Query("s2", sortby=("-cloud",), limit=2)) == ["d", "a"]
    best = Query("s2", sortby=("cloud",), limit=2)
    assert catalog.ids(Query("s2", within=best, sortby=("-datetime",))) == ["c", "d"], "asked of the two best"
    assert catalog.count(Query("s2", within=best, interval=("2020-01-20T00:00:00Z", None))) == 1


def test_items_by_id_keep_the_order_asked_for_and_see_changes_of_others(catalog: Catalog) -> None:
    catalog.add_items([item(f"i{n}") for n in range(1200)])
    wanted = [f"i{n}" for n in reversed(range(1100))]
    assert [found.id for found in catalog.items("s2", wanted)] == wanted
    other = Catalog(catalog.path)
    other.add_items([item("i5", west=20.0)])
    assert catalog.item("s2", "i5").bbox[0] == 20.0
    catalog.add_items([item("i5", west=30.0)])
    assert catalog.item("s2", "i5").bbox[0] == 30.0
    other.remove_items("s2", ["i5"])
    with pytest.raises(SourceError):
        catalog.item("s2", "i5")


def test_decoding_tells_items_apart_that_give_other_values() -> None:
    one = item("a")
    scaled = replace(one, bands={**BANDS, "B04": replace(BANDS["B04"], scale=2e-4)})
    moved = replace(one, bands={**BANDS, "B04": replace(BANDS["B04"], href="/elsewhere/B04.tif")})
    assert one.decoding == item("b").decoding == moved.decoding
    assert one.decoding != scaled.decoding


# -- times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2017", "2017-01-01T00:00:00Z"),
        ("2017-05", "2017-05-01T00:00:00Z"),
        ("2017-05-03", "2017-05-03T00:00:00Z"),
        ("2017-05-03T10:11:12+02:00", "2017-05-03T08:11:12Z"),
        ("2017-05-03T10:11:12.123456789Z", "2017-05-03T10:11:12.123456Z"),
        (np.datetime64("2017-05-03T10:11:12"), "2017-05-03T10:11:12Z"),
    ],
)
def test_times_are_read(given: Any, expected: str) -> None:
    value = given if isinstance(given, str) else given.astype(object)
    assert format_time(parse_time(value)) == expected


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        ("2023", "2023-01-01", "2024-01-01"),
        ("2023-12", "2023-12-01", "2024-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("2024-02-29T23:10:00Z", "2024-02-29", "2024-03-01"),
    ],
)
def test_periods(given: str, start: str, end: str) -> None:
    assert parse_period(given) == (parse_time(start), parse_time(end))


def test_the_last_year_has_no_end() -> None:
    with pytest.raises(ParameterError, match="9999"):
        parse_period("9999-12")


@pytest.mark.parametrize("given", ["yesterday", "2017-13-01", "2017-02-30", 2017, None, "", "99999"])
def test_what_is_no_time_is_refused(given: Any) -> None:
    with pytest.raises(ParameterError, match="expected a date"):
        parse_time(given)


def test_microseconds_are_exact() -> None:
    assert microseconds(parse_time("1969-12-31T23:59:59.999999Z")) == -1
    assert microseconds(parse_time("9999-12-31T23:59:59.999999Z")) == 253402300799999999


# -- the file ----------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"this is no database at all, whatever its name says" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"'c.sqlite' is broken or no SQLite file") as caught:
        Catalog(path)
    assert str(tmp_path) not in str(caught.value)
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="database of another program"):
        Catalog(path)
    assert path.read_bytes() == before


def test_a_newer_layout_is_refused(catalog: Catalog) -> None:
    with sqlite3.connect(catalog.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="layout 99"):
        Catalog(catalog.path)


def test_a_file_damaged_later_is_an_error_not_a_crash(catalog: Catalog) -> None:
    catalog.add_items([item(f"i{n}") for n in range(400)])
    catalog.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{catalog.path}{suffix}").unlink(missing_ok=True)
    content = bytearray(catalog.path.read_bytes())
    content[8192:-4096] = b"\xff" * (len(content) - 12288)
    catalog.path.write_bytes(content)
    with pytest.raises(StoreError, match="broken"):
        Catalog(catalog.path).search(Query("s2", sortby=("id",)))


def test_a_catalogue_that_was_deleted_is_made_again(catalog: Catalog) -> None:
    catalog.add_items([item("a")])
    for suffix in ("", "-wal", "-shm"):
        Path(f"{catalog.path}{suffix}").unlink(missing_ok=True)
    assert catalog.collections() == []
    catalog.add_collection(CollectionInfo("new"))
    assert Catalog(catalog.path).collections() == ["new"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="folder of the catalogue"):
        Catalog(tmp_path / "file" / "catalog.sqlite")


def test_many_threads_read_and_write(catalog: Catalog) -> None:
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(15):
                catalog.add_items([item(f"t{number}-{step}", west=float(number))])
                assert catalog.item("s2", f"t{number}-{step}").bbox[0] == number
                catalog.search(Query("s2", bbox=(number + 0.2, 45.2, number + 0.3, 45.3)))
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            problems.append(error)
        finally:
            catalog.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert catalog.count(Query("s2")) == 120


def _write_from_process(path: Path, number: int) -> None:
    made = Catalog(path)
    made.add_collection(CollectionInfo("s2"))
    for step in range(10):
        made.add_items([item(f"p{number}-{step}")])


def test_many_processes_make_and_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_from_process, args=(path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert Catalog(path).count(Query("s2")) == 40


def test_a_reader_does_not_wait_for_a_writer(catalog: Catalog) -> None:
    catalog.add_items([item("a")])
    writer = sqlite3.connect(catalog.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert Catalog(catalog.path).count(Query("s2")) == 1
    finally:
        writer.execute("ROLLBACK")
        writer.close()
