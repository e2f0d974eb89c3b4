"""`jeoview ingest` puts what is the same thing into one collection and says what it left out, with the line that opens it.

No real LiCSAR, ARIA, HyP3, FLATSIM, OPERA files are at hand: small ones of the documented layouts stand for them.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from operator import attrgetter
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio

import jeoview as jv
from jeoview.catalog import CollectionInfo, Query
from jeoview.cli import main
from jeoview.collection.frozen import user_catalog
from jeoview.errors import ParameterError, SourceError
from jeoview.io.products import scan_folder
from tests.unit import product_files as made

COHERENCE = np.full((made.HEIGHT, made.WIDTH), 0.8, np.float32)
PHASE, DATED = made.ramp(), "20200101_20200113"


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a cache folder of its own."""


def names(folder: Path, collection: str | None = None) -> dict[str, int]:
    """How many items each collection of a folder gets, geometry left aside."""
    scan = scan_folder(folder, collection)
    found = [item.collection for item in scan.items if not item.collection.endswith("-geometry")]
    assert set(scan.collections) == {item.collection for item in scan.items}
    return {name: found.count(name) for name in sorted(set(found))}


def call_in(reason: str) -> object:
    """What the line of Python in a reason gives."""
    line = re.search(r"jeoview\.[\w.]+\(.*\)", reason)
    assert line is not None, reason
    call = ast.parse(line[0], mode="eval").body
    assert isinstance(call, ast.Call)
    function = attrgetter(ast.unparse(call.func).removeprefix("jeoview."))(jv)
    options = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    return function(*map(ast.literal_eval, call.args), **options)


# -- stacks of interferograms --------------------------------------------------------------------------


def test_frames_of_one_folder_are_collections_of_their_own(tmp_path: Path) -> None:
    """A frame of ARIA's is seen at nearly the same second of the day on each pass."""
    made.aria(tmp_path / "gunw", "20200113", "20200101", PHASE, frame="140126")
    made.aria(tmp_path / "gunw", "20200125", "20200113", PHASE, frame="140128")
    made.aria(tmp_path / "gunw", "20200113", "20200101", PHASE, frame="140151")
    assert names(tmp_path / "gunw") == {"gunw-124A-140126": 2, "gunw-124A-140151": 1}
    title = scan_folder(tmp_path / "gunw").collections["gunw-124A-140151"].title
    assert title == "ARIA S1-GUNW interferograms, track 124A"
    for frame in ("F11116", "F11115"):
        path = made.opera(tmp_path / "disp", "20200101", "20200113", PHASE, COHERENCE > 0)
        path.rename(path.with_name(path.name.replace("F11115", frame)))
    assert names(tmp_path / "disp") == {"disp-F11115": 1, "disp-F11116": 1}
    assert main(["ingest", str(tmp_path)]) == 0
    assert len(jv.InterferogramCollection("gunw-124A-140126")) == 2
    assert len(jv.InterferogramCollection("disp-F11116")) == 1


@pytest.mark.parametrize("kind", ["burst", "track"])
def test_bursts_and_tracks_of_hyp3(tmp_path: Path, kind: str) -> None:
    orbits = {"one": 30741, "two": 30748}
    for part, orbit in orbits.items():
        stem = f"S1AA_20200101T170000_20200113T170000_VVP012_INT80_G_ueF_{part}"
        if kind == "burst":
            stem = f"S1_{orbit}_IW2_20200101_20200113_VV_INT80_AB12"
        made.write_tif(tmp_path / "hyp3" / stem / f"{stem}_unw_phase.tif", PHASE)
        made.write_tif(tmp_path / "hyp3" / stem / f"{stem}_corr.tif", COHERENCE)
        text = f"Reference Granule: S1A_IW_SLC__1SDV\nReference Orbit Number: {orbit}\nBaseline: -58.5\n"
        (tmp_path / "hyp3" / stem / f"{stem}.txt").write_text(text)
    # (30741 - 73) mod 175 + 1 = 44
    expected = {"hyp3-30741_IW2-VV", "hyp3-30748_IW2-VV"} if kind == "burst" else {"hyp3-track-044", "hyp3-track-051"}
    assert set(names(tmp_path / "hyp3")) == expected
    if kind == "track":
        with pytest.raises(SourceError, match="products of track-044, track-051"):
            jv.InterferogramCollection.from_hyp3(tmp_path / "hyp3")


def test_scenes_of_one_pair_of_hyp3_are_left_to_the_reader_that_joins_them(tmp_path: Path) -> None:
    for second in ("00", "25"):
        stem = f"S1AA_20200101T1700{second}_20200113T1700{second}_VVP012_INT80_G_ueF_AB{second}"
        made.write_tif(tmp_path / "hyp3" / stem / f"{stem}_unw_phase.tif", PHASE)
    ((_, reason),) = scan_folder(tmp_path / "hyp3").skipped
    assert "2 scenes of one pair" in reason
    assert "from_hyp3(folder) joins them" in reason


@pytest.mark.parametrize(
    ("platform", "orbit", "track"),
    [("B", 7231, "track-030"), ("C", 1681, "track-110"), ("C", 8018, "track-147"), ("C", 8019, "track-046"),
     ("D", 2389, "track-073"), ("E", 176, "s1e-orbit-001"), ("E", 351, "s1e-orbit-001")],
)  # fmt: skip
def test_tracks_of_all_satellites(tmp_path: Path, platform: str, orbit: int, track: str) -> None:
    """Orbits and tracks that Copernicus (B) and the maintainers of sentineleof (C) and s1-reader (D) publish."""
    for number, absolute in (("one", orbit), ("two", 30741)):
        stem = f"S1AA_20200101T170000_20200113T170000_VVP012_INT80_G_ueF_{number}"
        made.write_tif(tmp_path / "hyp3" / stem / f"{stem}_unw_phase.tif", PHASE)
        satellite = platform if number == "one" else "A"
        text = f"Reference Granule: S1{satellite}_IW_SLC__1SDV\nReference Orbit Number: {absolute}\n"
        (tmp_path / "hyp3" / stem / f"{stem}.txt").write_text(text)
    assert set(names(tmp_path / "hyp3")) == {f"hyp3-{track}", "hyp3-track-044"}


def test_the_folder_of_pairs_of_a_licsar_frame_is_enough(tmp_path: Path) -> None:
    for home in ("023A_05123_131313/GEOC", "other/GEOC", "flat"):
        folder = tmp_path / home / ("" if home == "flat" else DATED)
        made.write_tif(folder / f"{DATED}.geo.unw.tif", PHASE)
        made.write_tif(folder / f"{DATED}.geo.cc.tif", np.full((6, 8), 200, np.uint8))
        made.write_tif(folder / f"{DATED}.geo.diff_pha.tif", PHASE)
    assert names(tmp_path / "023A_05123_131313" / "GEOC") == {"023A_05123_131313": 1}
    assert names(tmp_path / "other" / "GEOC") == {"other": 1}
    assert names(tmp_path) == {"023A_05123_131313": 1, "flat": 1, "other": 1}
    assert names(tmp_path, "mine") == {"mine-023A_05123_131313": 1, "mine-flat": 1, "mine-other": 1}
    assert names(tmp_path / "other", "mine") == {"mine": 1}
    scan = scan_folder(tmp_path)
    assert scan.skipped == []
    assert scan.beside == []
    assert all(list(item.bands) == ["unwrapped", "coherence", "wrapped"] for item in scan.items)


def test_tracks_of_flatsim_and_what_lies_with_them(tmp_path: Path) -> None:
    for track in ("A099", "D087"):
        made.write_tif(tmp_path / track / f"CNES_InU_geo_{DATED}_sd_era_8rlks.tif", PHASE)
        made.write_tif(tmp_path / track / f"CNES_Coh_geo_{DATED}_8rlks.tif", COHERENCE)
        made.write_tif(tmp_path / track / "CNES_MV-LOS_geo_8rlks.tif", PHASE)
        made.write_tif(tmp_path / track / "CNES_DTs_geo_8rlks.tif", made.ramp(3), descriptions=made.DAYS)
    base = tmp_path.name
    found = names(tmp_path)
    assert (found.pop("A099"), found.pop("D087")) == (1, 1)
    series = {f"{base}-{track}-CNES_DTs_geo_8rlks": 3 for track in ("A099", "D087")}
    assert {name: found.pop(name) for name in series} == series
    assert found == {f"{base}-{track}-velocity": 1 for track in ("A099", "D087")}


def test_folders_of_one_name_do_not_mix(tmp_path: Path) -> None:
    for track in ("asc", "desc"):
        made.mintpy_stack(tmp_path / "volcano" / track / "mintpy")
    assert names(tmp_path / "volcano") == {"mintpy": 2, "volcano-desc-mintpy": 2}
    assert main(["ingest", str(tmp_path / "volcano")]) == 0
    assert main(["ingest", str(tmp_path / "volcano")]) == 0, "the same files again"
    assert len(jv.InterferogramCollection("volcano-desc-mintpy")) == 2


def test_another_stack_does_not_come_to_one_of_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.mintpy_stack(tmp_path / "a" / "mintpy")
    made.aria(tmp_path / "b" / "mintpy", "20200113", "20200101", PHASE)
    assert main(["ingest", str(tmp_path / "a" / "mintpy")]) == 0
    assert main(["ingest", str(tmp_path / "b" / "mintpy")]) == 1
    assert "holds files of another folder, such as ifgramStack.h5; choose another" in capsys.readouterr().err
    assert len(jv.InterferogramCollection("mintpy")) == 2


def test_a_refused_stack_leaves_no_geometry_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers are the same whether the catalogue is written or not, and every scene counts."""
    catalog = user_catalog()
    catalog.add_collection(CollectionInfo("demo-slc", simulated=True))
    made.mintpy_stack(tmp_path / "hawaii")
    for dry in (["--dry-run"], []):
        assert main(["ingest", str(tmp_path / "hawaii"), "--collection", "demo-slc", *dry]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert "left out 3 of 3:" in said.err
        assert "demo-slc: 2 interferograms and their geometry, as a collection of this name is simulated" in said.err
        assert catalog.collections() == ["demo-slc"]
    assert catalog.count(Query("demo-slc")) == 0


def test_geometry_goes_with_its_stack_and_is_renewed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = user_catalog()
    for home in ("a", "b"):
        made.mintpy_stack(tmp_path / home / "mintpy")
        assert main(["ingest", str(tmp_path / home / "mintpy")]) == 0
        (band, *_) = catalog.item("mintpy-geometry", "geometry").bands.values()
        assert home in Path(band.href).relative_to(tmp_path).parts
        catalog.remove_collection("mintpy")
    assert main(["ingest", str(tmp_path / "a" / "mintpy")]) == 0, "geometry that an older version left is no obstacle"
    capsys.readouterr()
    assert main(["remove", "mintpy"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "removed mintpy: 2 scenes; the files stay",
        "removed mintpy-geometry: 1 scenes; the files stay",
    ]
    assert catalog.collections() == []


def test_a_folder_that_a_notebook_opened_is_the_same_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both ways round: ingested after it was opened, and opened after it was ingested."""
    folder = tmp_path / "mintpy"
    made.mintpy_stack(folder)
    opened = jv.InterferogramCollection.from_mintpy(folder)
    key = opened.image().key
    assert main(["ingest", str(folder)]) == 0
    assert "2 interferograms (2 of them were known), 2020-01-01 to 2020-01-25" in capsys.readouterr().out
    assert user_catalog().collection("mintpy").origin == user_catalog().collection("mintpy-geometry").origin == ""
    assert jv.InterferogramCollection.from_mintpy(folder).image().key == key
    assert user_catalog().collection("mintpy").origin == ""
    made.mintpy_stack(tmp_path / "other" / "mintpy")
    with pytest.raises(ParameterError, match="was ingested; choose another name="):
        jv.InterferogramCollection.from_mintpy(tmp_path / "other" / "mintpy")
    assert main(["remove", "mintpy"]) == 0
    jv.InterferogramCollection.from_mintpy(tmp_path / "other" / "mintpy")
    assert main(["ingest", str(folder)]) == 1, "another folder of this name"
    assert "was made in a notebook" in capsys.readouterr().err


def test_pairs_of_no_known_layout_get_the_call_that_opens_them(tmp_path: Path) -> None:
    for one, other in made.PAIRS:
        made.write_tif(tmp_path / "mine" / f"{one}_{other}" / f"{one}_{other}_unw.tif", PHASE)
        made.write_tif(tmp_path / "mine" / f"{one}_{other}" / f"{one}_{other}_cor.tif", COHERENCE)
    scan = scan_folder(tmp_path / "mine")
    assert (scan.items, len(scan.skipped)) == ([], 6)
    (reason,) = {reason for _, reason in scan.skipped}
    opened = call_in(reason.replace("wavelength=, sign=", "wavelength=0.0555, sign='away'"))
    assert isinstance(opened, jv.InterferogramCollection)
    assert (len(opened), "coherence" in opened.items[0].bands) == (3, True)


# -- complex images ------------------------------------------------------------------------------------


def write_complex(path: Path, **more: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made.write_tif(path, (PHASE + 1j).astype(np.complex64), **more)


def test_complex_files_are_a_stack(tmp_path: Path) -> None:
    for day in made.DAYS:
        write_complex(tmp_path / "slc" / f"{day}_VV.tif")
        write_complex(tmp_path / "slc" / f"{day}_VH.tif")
    write_complex(tmp_path / "slc" / f"{DATED}.int.tif")
    assert names(tmp_path / "slc") == {"slc": 1, "slc-VH": 3, "slc-VV": 3}
    assert main(["ingest", str(tmp_path / "slc")]) == 0
    assert jv.SlcCollection("slc-VV").dates == ("2020-01-01", "2020-01-13", "2020-01-25")


@pytest.mark.parametrize("place", [True, False])
def test_complex_files_in_radar_geometry(tmp_path: Path, place: bool) -> None:
    folder = tmp_path / "radar"
    folder.mkdir()
    profile = {"driver": "GTiff", "width": 8, "height": 6, "count": 1}
    lon, lat = np.meshgrid(10.0 + 0.01 * np.arange(8.0), 45.0 - 0.01 * np.arange(6.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        for day in made.DAYS[:2]:
            with rasterio.open(folder / f"{day}.tif", "w", dtype="complex64", **profile) as file:
                file.write((PHASE + 1j).astype(np.complex64), 1)
        for name, degrees in (("lon", lon), ("lat", lat)) if place else ():
            with rasterio.open(folder / f"{name}.tif", "w", dtype="float64", **profile) as file:
                file.write(degrees, 1)
        scan = scan_folder(folder)
    if place:
        assert (scan.skipped, {item.collection for item in scan.items}) == ([], {"radar"})
        assert "longitude" in scan.items[0].bands
    else:
        assert [name for name, _ in scan.skipped] == ["20200101.tif", "20200113.tif"]
        assert f'jeoview.SlcCollection.from_files("{folder}/*.tif")' in scan.skipped[0][1]


def test_bursts_of_cslc(tmp_path: Path) -> None:
    for burst in ("T064-135518-IW1", "T064-135519-IW1"):
        for day in made.DAYS[:2]:
            path = tmp_path / "opera" / f"OPERA_L2_CSLC-S1_{burst}_{day}T012345Z_20240101T000000Z_S1A_VV_v0.1.h5"
            made.write_h5(
                path,
                {
                    "data/VV": (PHASE + 1j).astype(np.complex64),
                    "data/x_coordinates": 600_005.0 + 10.0 * np.arange(made.WIDTH),
                    "data/y_coordinates": 4_999_995.0 - 10.0 * np.arange(made.HEIGHT),
                    "data/projection": np.int32(32632),
                },
            )
            with h5py.File(path, "a") as file:
                file["data/projection"].attrs["spatial_ref"] = rasterio.CRS.from_epsg(32632).to_wkt()
                file["data/VV"].attrs["grid_mapping"] = "projection"
    first, second = (f"opera-T064-{number}-IW1-VV" for number in (135518, 135519))
    assert names(tmp_path / "opera") == {first: 2, second: 2}
    assert main(["ingest", str(tmp_path / "opera")]) == 0
    assert jv.SlcCollection(first).dates == ("2020-01-01", "2020-01-13")


def test_descriptions_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "gamma"
    folder.mkdir()
    raw = {"type": "complex_float32", "lines": 6, "samples": 8, "crs": "EPSG:4326"}
    raw["transform"] = [0.001, 0.0, 10.0, 0.0, -0.001, 45.0]
    for day in made.DAYS:
        (PHASE + 1j).astype("<c8").tofile(folder / f"{day}.rslc")
    (folder / "other.json").write_text('{"type": "Feature"}')
    hints = dict(scan_folder(folder).skipped)
    assert "from_description" in hints["20200101.rslc"]
    (folder / "stack.json").write_text(json.dumps({"files": "*.rslc", "raw": raw, "name": "valley"}))
    assert names(folder) == {"valley": 3}
    assert scan_folder(folder).skipped == []
    (folder / "stack.json").write_text(json.dumps({"files": "*.rslc", "raw": {**raw, "lines": 7}}))
    reasons = dict(scan_folder(folder).skipped)
    assert f'jeoview.SlcCollection.from_description("{folder}/stack.json")' in reasons["stack.json"]


def test_zarr_groups(data_dir: Path) -> None:
    folder = data_dir / "sarxarray-amsterdam-slc"
    assert names(folder) == {"sarxarray-amsterdam-slc-geotiff": 2, "sarxarray-amsterdam-slc-zarr": 2}
    assert names(folder / "zarr" / "20230331-coreg.znap") == {"20230331-coreg.znap": 1}
    assert main(["ingest", str(folder)]) == 1, "elevation and incidence say no date"
    read = jv.SlcCollection("sarxarray-amsterdam-slc-zarr")
    assert (len(read), "longitude" in read.items[0].bands) == (2, True)


# -- other rasters -------------------------------------------------------------------------------------


def test_the_two_images_of_a_fire_are_two_things(data_dir: Path) -> None:
    assert names(data_dir / "wildfire-s2-california") == {
        "wildfire-s2-california-mask": 3,
        "wildfire-s2-california-post-fire": 4,
        "wildfire-s2-california-pre-fire": 4,
    }


def test_velocity_and_coherence_are_not_one_collection(data_dir: Path) -> None:
    base = "yang2024-kirishima-mintpy"
    assert names(data_dir / base) == {f"{base}-temporal_coherence": 1, f"{base}-velocity-std": 1}


def test_one_band_a_file(tmp_path: Path) -> None:
    """Scenes of two tiles and dates, each band in a file of its own."""
    for tile in ("T32TPS", "T32TPR"):
        for day in made.DAYS:
            for band in ("B04", "B08"):
                made.write_tif(tmp_path / "s2" / tile / f"{tile}_{day}_{band}.tif", np.ones((6, 8), np.uint16))
    found = names(tmp_path / "s2")
    assert sum(found.values()) == 12
    assert all(re.fullmatch(r"s2-.*B0[48]", name) for name in found), "red and infrared do not mix"


def test_scenes_of_many_places_stay_together(tmp_path: Path) -> None:
    for day, name in zip(made.DAYS, ("alps", "jura", "vosges"), strict=True):
        made.write_tif(tmp_path / "hills" / f"{name}_{day}.tif", np.ones((6, 8), np.uint8))
    assert names(tmp_path / "hills") == {"hills": 3}


def test_points_get_the_call_that_opens_them(data_dir: Path) -> None:
    scan = scan_folder(data_dir / "egms-ustica-l2b")
    assert (scan.items, len(scan.skipped)) == ([], 2)
    points = call_in(scan.skipped[0][1])
    assert isinstance(points, jv.PointCollection)
    assert len(points) > 1000


def test_a_dry_run_leaves_the_catalogue_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.mintpy_stack(tmp_path / "hawaii")
    for name in ("a", "b", "c"):
        made.write_tif(tmp_path / "hawaii" / f"{name}.tif", PHASE)
    assert main(["ingest", str(tmp_path), "--dry-run"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("hawaii: 2 interferograms, 2020-01-01 to 2020-01-25, bands unwrapped, coherence; ")
    assert '; wavelength 0.0554658 m; jeoview.InterferogramCollection("hawaii")\n' in printed.out
    assert "a.tif, b.tif, c.tif: no date" in printed.err
    assert "nothing was ingested: it is a dry run" in printed.err
    assert user_catalog().collections() == []
    assert main(["ingest", str(tmp_path), "--date", "2020-01-01"]) == 0
    assert user_catalog().count(Query("hawaii")) == 2


def test_links_to_folders_are_told(tmp_path: Path) -> None:
    made.write_tif(tmp_path / "here" / "x_20200101.tif", PHASE)
    (tmp_path / "here" / "there").symlink_to(tmp_path)
    assert scan_folder(tmp_path / "here").beside == [
        ("there", "links to folders are not followed; ingest what it leads to")
    ]
