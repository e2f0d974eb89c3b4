"""The command line: what a folder holds is in the catalogue afterwards, and what is left out is said."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.catalog import Catalog, CollectionInfo, Query
from jeoview.cli import main
from jeoview.errors import CollectionError
from jeoview.settings import settings

pytestmark = pytest.mark.usefixtures("jeoview_home")


def raster(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    place = from_origin(600_000.0, 5_000_000.0, 10.0, 10.0)
    with rasterio.open(
        path, "w", driver="GTiff", crs="EPSG:32632", transform=place, width=8, height=8, count=1, dtype="uint8"
    ) as target:
        target.write(np.ones((1, 8, 8), np.uint8))
    return path


def test_real_landsat_scenes_are_ingested(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", str(data_dir / "gdalcubes-l8ny18")]) == 0
    assert re.match(r"landsat-oli-c1-l1: 19 scenes, 20\S+ to 20\S+, bands B1, B2, ", capsys.readouterr().out)
    scenes = jv.ImageCollection("landsat-oli-c1-l1")
    assert scenes.count() == 19
    assert scenes.filter_place("New York").count() == 19
    folders = len(list((data_dir / "gdalcubes-l8ny18" / "L8NY18").glob("LC08_L1TP_013*")))
    assert 0 < scenes.filter(jv.prop("landsat:wrs_path") == "013").count() == folders < 19
    assert scenes.mask_clouds().median().ndvi().bands == ("ndvi",)
    assert main(["ingest", str(data_dir / "gdalcubes-l8ny18")]) == 0, "a second time changes nothing"
    assert "19 scenes (19 of them were known)" in capsys.readouterr().out
    assert scenes.count() == 19
    key = scenes.image().key
    assert main(["ingest", str(data_dir / "gdalcubes-l8ny18"), "--collection", "mine"]) == 0
    assert jv.ImageCollection("mine").count() == 19
    assert scenes.image().key == key


def test_the_good_files_are_ingested_and_the_others_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "stack"
    raster(folder / "x_02012020.tif")
    raster(folder / "nodate.tif")
    (folder / "y_03012020.tif").write_bytes(b"II*\x00 torn")
    assert main(["ingest", str(folder), "--date", "%d%m%Y"]) == 1, "something was left out"
    printed = capsys.readouterr()
    assert printed.out == "stack: 1 scenes, 2020-01-02, bands B1\n"
    first, *others = printed.err.splitlines()
    assert first == "left out 2 of 3:"
    assert others[0].startswith("  nodate.tif: no date '%d%m%Y' in the name")
    assert others[0].endswith("--date 2011-02-11; jeoview.open(path) opens such a file alone")
    assert others[1].startswith("  y_03012020.tif: is no raster that can be read")
    assert "date=" not in printed.err
    assert jv.ImageCollection("stack").dates() == ["2020-01-02"]


def test_rasters_without_a_date_get_the_one_that_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An elevation model: STAC asks for a time, and only the user knows it."""
    raster(tmp_path / "terrain" / "dem.tif")
    raster(tmp_path / "terrain" / "dem_20200105.tif")
    assert main(["ingest", str(tmp_path / "terrain"), "--date", "2011-02-11"]) == 0
    assert capsys.readouterr().out == "terrain: 2 scenes, 2011-02-11 to 2020-01-05, bands B1\n"
    assert jv.ImageCollection("terrain").dates() == ["2011-02-11", "2020-01-05"]


def test_collections_are_removed_and_their_files_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = raster(tmp_path / "x_20200101.tif")
    assert main(["ingest", str(tmp_path), "--collection", "mine"]) == 0
    jv.open(path)
    capsys.readouterr()
    assert main(["remove", "mine", "mien"]) == 1, "all or nothing"
    assert "did you mean 'mine'?" in capsys.readouterr().err
    assert main(["remove", "mine"]) == 0
    assert capsys.readouterr().out == "removed mine: 1 scenes; the files stay\n"
    assert path.exists()
    assert main(["collections"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("and 1 of files that notebooks opened")) == ("", 1)
    assert main(["collections", "--all"]) == 0
    assert capsys.readouterr().out.startswith("file-")
    assert main(["remove", "--opened"]) == 0
    assert Catalog(settings().catalog).collections() == []
    assert main(["remove"]) == 1
    assert "nothing to remove" in capsys.readouterr().err


def test_opened_files_do_not_crowd_the_names_that_exist(tmp_path: Path) -> None:
    path = raster(tmp_path / "x_20200101.tif")
    with pytest.raises(CollectionError, match="has none yet; run `jeoview demo`"):
        jv.ImageCollection("typo")
    jv.open(path)
    jv.ImageCollection.from_files([path])
    jv.ImageCollection.from_files([path], name="mine")
    with pytest.raises(CollectionError, match=r"'typo': Known: 'mine'$"):
        jv.ImageCollection("typo")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ingest", "nowhere"], "jeoview: 'nowhere' is not a folder"),
        (["ingest", ".", "--date", "today"], "jeoview: date is 'today'"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raster(tmp_path / "x_20200101.tif")
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(message)
    assert printed.count("\n") == 1


def test_a_folder_without_rasters_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", str(tmp_path)]) == 1
    assert "no raster was found" in capsys.readouterr().err


INFOS = [
    CollectionInfo("demo", **values) for values in ({"simulated": True}, {"origin": "files"}, {"origin": "opened"})
]


@pytest.mark.parametrize("info", INFOS)
def test_observed_and_simulated_scenes_do_not_mix(
    info: CollectionInfo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = Catalog(settings().catalog)
    catalog.add_collection(info)
    raster(tmp_path / "x_20200101.tif")
    assert main(["ingest", str(tmp_path), "--collection", "demo"]) == 1
    assert "choose another with --collection" in capsys.readouterr().err
    assert catalog.collection("demo") == info
    assert catalog.count(Query("demo")) == 0


def test_collections_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collections"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, "catalogue is empty" in printed.err) == ("", True)
    catalog = Catalog(settings().catalog)
    catalog.add_collection(CollectionInfo("b", "Title of b", simulated=True))
    catalog.add_collection(CollectionInfo("a"))
    assert main(["collections"]) == 0
    assert capsys.readouterr().out == "a: 0 scenes, bands \nb (simulated) - Title of b: 0 scenes, bands \n"


def test_the_demo_is_prepared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--size", "small"]) == 0
    assert jv.ImageCollection("demo-sentinel-2").info.simulated
    capsys.readouterr()
    assert main(["collections"]) == 0
    assert "demo-sentinel-2 (simulated)" in capsys.readouterr().out


def test_the_command_is_installed_and_helps() -> None:
    command = [str(Path(sys.executable).with_name("jeoview")), "ingest", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--collection" in done.stdout
    assert "%Y%m%d" in done.stdout


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["launch"])
    assert "invalid choice" in capsys.readouterr().err


def test_a_name_that_is_taken_leaves_the_rest_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is lost, and no collection without scenes stays behind."""
    catalog = Catalog(settings().catalog)
    folder = tmp_path / "demo"
    folder.mkdir()
    catalog.add_collection(CollectionInfo("demo", origin="files"))
    raster(folder / "x_20200101.tif")
    landsat = folder / "LC08_L1TP_014032_20180102_20180104_01_T1"
    landsat.mkdir()
    for band in ("B4", "B5", "BQA"):
        raster(landsat / f"{landsat.name}_{band}.TIF")
    (landsat / f"{landsat.name}_MTL.txt").write_text(
        "GROUP = L1_METADATA_FILE\nSUN_ELEVATION = 30.0\nEND_GROUP = L1_METADATA_FILE\nEND\n"
    )
    assert main(["ingest", str(folder)]) == 1
    printed = capsys.readouterr()
    assert "demo: 1 scenes, as a collection of this name was made in a notebook" in printed.err
    others = [name for name in catalog.collections() if name != "demo"]
    assert all(catalog.count(Query(name)) > 0 for name in others)
    assert catalog.count(Query("demo")) == 0
