"""Vector files: written, read back, and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyogrio
import pytest
from shapely.geometry import shape

from jeoview.errors import JeoviewError, ParameterError, RefusedError, SourceError
from jeoview.io.vector import read_vector, vector_layers, write_vector

RING = [[12.0, 45.0], [12.01, 45.0], [12.01, 45.01], [12.0, 45.01], [12.0, 45.0]]


def square(**properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [RING]}, "properties": properties}


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb", ".shp"])
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"areas{suffix}"
    write_vector(path, {"areas": [square(name="Prà", area=3.5, since=1987), square(name=None, area=2.0, since=2000)]})
    features = read_vector(path)
    assert [feature["properties"]["name"] for feature in features] == ["Prà", None]
    assert features[0]["properties"]["area"] == 3.5
    assert features[0]["properties"]["since"] == 1987
    assert [feature["id"] for feature in features] == [0, 1]
    assert shape(features[0]["geometry"]).equals(shape(square()["geometry"]))
    json.dumps(features)
    assert not [left for left in tmp_path.iterdir() if left.name.startswith(".")]


def test_coordinates_come_in_degrees(tmp_path: Path) -> None:
    write_vector(tmp_path / "a.gpkg", {"a": [square(name="x")]}, crs="EPSG:32633")
    assert pyogrio.read_info(tmp_path / "a.gpkg")["crs"] == "EPSG:32633"
    there = shape(read_vector(tmp_path / "a.gpkg")[0]["geometry"])
    assert there.symmetric_difference(shape(square()["geometry"])).area < 1e-12


def test_a_layer_is_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    write_vector(path, {"fields": [square(n=1)], "towns": [square(n=2), square(n=3)]})
    assert vector_layers(path) == ["fields", "towns"]
    assert len(read_vector(path, "towns")) == 2
    with pytest.raises(ParameterError, match=r"2 layers.*fields.*towns"):
        read_vector(path)
    with pytest.raises(ParameterError, match="did you mean 'towns'"):
        read_vector(path, "town")


def test_equal_features_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_vector(tmp_path / f"{name}.gpkg", {"x": [square(n=1)]}, written="2023-12-31T00:00:00Z")
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()


def test_features_without_a_geometry_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    empty = {"type": "Feature", "geometry": None, "properties": {"n": 2}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [square(n=1), empty, square(n=3)]}))
    assert [feature["properties"]["n"] for feature in read_vector(path)] == [1, 3]


def test_bad_files_are_said_by_name_only(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"SQLite format 3\0 and then nothing")
    for path, message in ((tmp_path / "none.gpkg", "no file 'none.gpkg'"), (broken, "'broken.gpkg' cannot be read")):
        with pytest.raises(SourceError, match=message) as error:
            read_vector(path)
        assert str(tmp_path) not in str(error.value)
    with pytest.raises(SourceError, match="no file"):
        read_vector(Path("/vsicurl/http://127.0.0.1:9/a.geojson"))


def test_a_vrt_is_refused(tmp_path: Path) -> None:
    write_vector(tmp_path / "a.geojson", {"a": [square(n=1)]})
    vrt = tmp_path / "a.vrt"
    vrt.write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{tmp_path / "a.geojson"}</SrcDataSource>'
        "</OGRVRTLayer></OGRVRTDataSource>"
    )
    with pytest.raises(RefusedError, match=r"'a\.vrt' is a VRT"):
        read_vector(vrt)


def test_too_many_features_are_refused(tmp_path: Path) -> None:
    write_vector(tmp_path / "a.gpkg", {"a": [square(n=n) for n in range(11)]})
    assert len(read_vector(tmp_path / "a.gpkg", max_features=11)) == 11
    with pytest.raises(ParameterError, match="more than 10 features"):
        read_vector(tmp_path / "a.gpkg", max_features=10)


def test_a_file_that_does_not_say_its_system_is_refused(tmp_path: Path) -> None:
    write_vector(tmp_path / "a.shp", {"a": [square(n=1)]})
    (tmp_path / "a.prj").unlink()
    with pytest.raises(ParameterError, match="coordinate reference system"):
        read_vector(tmp_path / "a.shp")


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"suffix '\.xyz'"):
        write_vector(tmp_path / "a.xyz", {"a": [square(n=1)]})
    with pytest.raises(ParameterError, match="no feature"):
        write_vector(tmp_path / "a.gpkg", {"a": []})
    with pytest.raises(ParameterError, match="one layer, 2 were given"):
        write_vector(tmp_path / "a.geojson", {"a": [square(n=1)], "b": [square(n=1)]})
    with pytest.raises(ParameterError, match=r"folder of 'a\.gpkg'"):
        write_vector(tmp_path / "none" / "a.gpkg", {"a": [square(n=1)]})
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"older")

    def fail(*_: object, **__: object) -> None:
        raise pyogrio.errors.DataSourceError("no space on /somewhere")

    monkeypatch.setattr(pyogrio, "write_dataframe", fail)
    with pytest.raises(JeoviewError, match=r"'a\.gpkg' cannot be written"):
        write_vector(path, {"a": [square(n=1)]})
    assert [left.name for left in tmp_path.iterdir()] == ["a.gpkg"]
    assert path.read_bytes() == b"older"
