"""Products: what a folder holds, with the scale, offset, nodata and quality band of its family.

The Landsat Collection 1 scenes are real. No real SAFE folder, COG archive or Landsat Collection 2 scene is at hand:
those tests write small files under the documented names, with the documented metadata.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

from jeoview.catalog import Band, Item
from jeoview.errors import BandError, ParameterError, RefusedError, SourceError
from jeoview.io.footprint import footprint
from jeoview.io.inspect import inspect
from jeoview.io.products import scan_folder
from jeoview.io.products.common import date_in_name
from jeoview.io.products.generic import FileOptions, dates_of, file_item, file_time, guess_date
from jeoview.io.products.landsat import parse_mtl

NAMES = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]
METRES = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B01": 60, "B09": 60, "B10": 60}


def write(
    path: Path, *, size: int = 12, pixel: float = 10.0, count: int = 1, crs: str = "EPSG:32632", **more: Any
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = "JP2OpenJPEG" if path.suffix == ".jp2" else "GTiff"
    options = {"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
    array = np.full((count, size, size), 3000, np.uint16)
    place = from_origin(600_000.0, 5_000_000.0, pixel, pixel)
    names = more.pop("names", ())
    profile = {"driver": driver, "width": size, "height": size, "count": count, "dtype": "uint16"}
    with rasterio.open(path, "w", crs=crs, transform=place, **profile, **options, **more) as target:
        target.write(array)
        for index, name in enumerate(names, start=1):
            target.set_band_description(index, name)
    return path


def value(band: Band, stored: float) -> float:
    return stored * band.scale + band.offset


# -- Sentinel-2 SAFE -----------------------------------------------------------------------------------


def safe(folder: Path, level: str = "L2A", baseline: str = "0400", metadata: str | None = None) -> Path:
    """The documented layout of a SAFE folder."""
    name = f"S2A_MSI{level}_20220612T101041_N{baseline}_R022_T32TPS_20220612T173758"
    root = folder / f"{name}.SAFE"
    granule = root / "GRANULE" / f"{level}_T32TPS_A036409_20220612T101041" / "IMG_DATA"
    for band in NAMES:
        if level == "L1C":
            write(granule / f"T32TPS_20220612T101041_{band}.jp2", pixel=METRES.get(band, 20))
        elif band != "B10":
            finest = METRES.get(band, 20)
            for metres in (10, 20, 60):
                if metres >= finest:
                    path = granule / f"R{metres}m" / f"T32TPS_20220612T101041_{band}_{metres}m.jp2"
                    write(path, size=max(120 // metres, 2), pixel=metres)
    if level == "L2A":
        for metres in (20, 60):
            path = granule / f"R{metres}m" / f"T32TPS_20220612T101041_SCL_{metres}m.jp2"
            write(path, size=max(120 // metres, 2), pixel=metres)
        write(granule / "R10m" / "T32TPS_20220612T101041_TCI_10m.jp2")
    if metadata is not None:
        (root / f"MTD_MSI{level}.xml").write_text(metadata)
    return root


def product_xml(level: str, offsets: str, quantification: str = "10000") -> str:
    tag = "BOA_QUANTIFICATION_VALUE" if level == "L2A" else "QUANTIFICATION_VALUE"
    return (
        f'<?xml version="1.0"?><n1:Level-{level[1:]}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/x.xsd">'
        f"<n1:General_Info><Product_Image_Characteristics><{tag} unit='none'>{quantification}</{tag}>{offsets}"
        "</Product_Image_Characteristics></n1:General_Info><n1:Quality_Indicators_Info>"
        "<Cloud_Coverage_Assessment>12.34</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>"
        f"</n1:Level-{level[1:]}_User_Product>"
    )


def only(folder: Path, **more: Any) -> Item:
    scan = scan_folder(folder, **more)
    assert scan.skipped == []
    assert len(scan.items) == 1
    return scan.items[0]


def test_a_safe_folder_of_level_2a(tmp_path: Path) -> None:
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{i}">-1000</BOA_ADD_OFFSET>' for i in range(13))
    xml = product_xml("L2A", f"<BOA_ADD_OFFSET_VALUES_LIST>{offsets}</BOA_ADD_OFFSET_VALUES_LIST>")
    safe(tmp_path, metadata=xml)
    item = only(tmp_path)
    assert (item.collection, item.datetime) == ("sentinel-2-l2a", "2022-06-12T10:10:41Z")
    assert item.id == "S2A_MSIL2A_20220612T101041_N0400_R022_T32TPS_20220612T173758"
    assert list(item.bands) == [*(name for name in NAMES if name != "B10"), "SCL"]
    assert item.properties["eo:cloud_cover"] == 12.34
    assert item.properties["platform"] == "sentinel-2a"
    assert item.properties["proj:code"] == "EPSG:32632"
    assert item.properties["proj:transform"][0] == 10.0, "the place of the finest band"
    red, scl = item.bands["B04"], item.bands["SCL"]
    assert (red.common_name, red.nodata, red.role) == ("red", 0.0, "data")
    assert value(red, 3000) == pytest.approx(0.2)
    assert value(red, 1000) == pytest.approx(0.0)
    assert (scl.role, scl.quality, scl.scale, scl.offset) == ("quality", "sentinel2-scl", 1.0, 0.0)
    assert Path(red.href).name.endswith("B04_10m.jp2"), "the finest of several files"
    assert Path(item.bands["B11"].href).name.endswith("B11_20m.jp2")
    assert red.etag
    assert scan_folder(tmp_path).collections["sentinel-2-l2a"].quality == "sentinel2-scl"


@pytest.mark.parametrize(("baseline", "expected"), [("0301", 0.3), ("0399", 0.3), ("0400", 0.2), ("0511", 0.2)])
@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_the_baseline_in_the_name_decides_where_there_is_no_metadata(
    tmp_path: Path, level: str, baseline: str, expected: float
) -> None:
    safe(tmp_path, level, baseline)
    item = only(tmp_path)
    assert value(item.bands["B04"], 3000) == pytest.approx(expected)
    assert item.properties["s2:processing_baseline"] == f"{baseline[:2]}.{baseline[2:]}"


def test_the_metadata_decides_before_the_name_band_by_band(tmp_path: Path) -> None:
    offsets = (
        '<RADIO_ADD_OFFSET band_id="3">-500</RADIO_ADD_OFFSET><RADIO_ADD_OFFSET band_id="8">-700</RADIO_ADD_OFFSET>'
    )
    xml = product_xml("L1C", f"<Radiometric_Offset_List>{offsets}</Radiometric_Offset_List>", "20000")
    safe(tmp_path, "L1C", "0400", xml)
    item = only(tmp_path)
    assert item.collection == "sentinel-2-l1c"
    assert value(item.bands["B04"], 3000) == pytest.approx(2500 / 20000)
    assert value(item.bands["B8A"], 3000) == pytest.approx(2300 / 20000), "band_id 8 is B8A"
    assert value(item.bands["B02"], 3000) == pytest.approx(3000 / 20000)
    assert "SCL" not in item.bands
    assert scan_folder(tmp_path).collections["sentinel-2-l1c"].quality is None


def test_metadata_without_offsets_leaves_the_name_to_decide(tmp_path: Path) -> None:
    safe(tmp_path, metadata=product_xml("L2A", ""))
    assert value(only(tmp_path).bands["B04"], 3000) == pytest.approx(0.2)


@pytest.mark.parametrize(
    "broken", ["<a><b></a>", product_xml("L2A", '<BOA_ADD_OFFSET band_id="99">-1</BOA_ADD_OFFSET>')]
)
def test_a_safe_folder_with_broken_metadata_is_left_out_and_named(tmp_path: Path, broken: str) -> None:
    safe(tmp_path / "in", metadata=broken)
    scan = scan_folder(tmp_path)
    assert scan.items == []
    ((name, reason),) = scan.skipped
    assert name.endswith(".SAFE")
    assert "metadata" in reason or "not XML" in reason
    assert str(tmp_path) not in reason


def test_a_safe_folder_with_a_broken_image_is_left_out(tmp_path: Path) -> None:
    root = safe(tmp_path)
    next(root.rglob("*_B04_10m.jp2")).write_bytes(b"no jp2")
    scan = scan_folder(tmp_path)
    assert scan.items == []
    assert "B04_10m.jp2 is no raster that can be read" in scan.skipped[0][1]


# -- COG archives ----------------------------------------------------------------------------------------


def archive(folder: Path, name: str, properties: dict[str, Any] | None) -> Path:
    root = folder / "32" / "T" / "PS" / "2022" / "6" / name
    for band in (*NAMES[:10], *NAMES[11:], "SCL"):
        write(root / f"{band}.tif", pixel=METRES.get(band, 20))
    if properties is not None:
        (root / f"{name}.json").write_text(json.dumps({"type": "Feature", "properties": properties}))
    return root


@pytest.mark.parametrize(
    ("name", "properties", "expected"),
    [
        ("S2A_32TPS_20220612_0_L2A", None, 0.3),
        ("S2A_32TPS_20220612_0_L2A", {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "04.00"}, 0.3),
        ("S2A_32TPS_20220612_0_L2A", {"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "04.00"}, 0.2),
        ("S2A_32TPS_20210612_0_L2A", {"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "03.01"}, 0.3),
        ("S2A_T32TPS_20220612T101548_L2A", None, 0.2),
        ("S2A_T32TPS_20220612T101548_L2A", {"s2:processing_baseline": "05.10"}, 0.2),
    ],
)
def test_cog_archives(tmp_path: Path, name: str, properties: dict[str, Any] | None, expected: float) -> None:
    archive(tmp_path, name, properties)
    item = only(tmp_path)
    assert (item.collection, item.id) == ("sentinel-2-l2a", name)
    assert value(item.bands["B04"], 3000) == pytest.approx(expected)
    assert item.properties["jeoview:boa_offset"] == pytest.approx(10_000 * (expected - 0.3))
    assert item.bands["SCL"].quality == "sentinel2-scl"


def test_the_stac_item_of_an_archive_gives_time_and_clouds(tmp_path: Path) -> None:
    time = "2022-06-12T10:15:48.123000Z"
    archive(tmp_path, "S2A_32TPS_20220612_0_L2A", {"datetime": time, "eo:cloud_cover": 7.5})
    item = only(tmp_path)
    assert item.datetime == time
    assert item.properties["eo:cloud_cover"] == 7.5


def test_a_broken_stac_item_of_an_archive_is_named(tmp_path: Path) -> None:
    (archive(tmp_path, "S2A_32TPS_20220612_0_L2A", {}) / "S2A_32TPS_20220612_0_L2A.json").write_text("[]")
    assert "is not a STAC item" in scan_folder(tmp_path).skipped[0][1]


# -- Landsat ---------------------------------------------------------------------------------------------

MTL_L2 = """GROUP = LANDSAT_METADATA_FILE
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "LANDSAT_8"
    SCENE_CENTER_TIME = "10:14:01.1234560Z"
    CLOUD_COVER = 12.34
    SUN_AZIMUTH = 97.90244417
    SUN_ELEVATION = 30.0
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = LEVEL2_SURFACE_REFLECTANCE_PARAMETERS
    REFLECTANCE_MULT_BAND_4 = 2.75e-05
    REFLECTANCE_ADD_BAND_4 = -0.2
  END_GROUP = LEVEL2_SURFACE_REFLECTANCE_PARAMETERS
  GROUP = LEVEL2_SURFACE_TEMPERATURE_PARAMETERS
    TEMPERATURE_MULT_BAND_ST_B10 = 0.00341802
    TEMPERATURE_ADD_BAND_ST_B10 = 149.0
  END_GROUP = LEVEL2_SURFACE_TEMPERATURE_PARAMETERS
  GROUP = LEVEL1_RADIOMETRIC_RESCALING
    REFLECTANCE_MULT_BAND_4 = 2.0000E-05
    REFLECTANCE_ADD_BAND_4 = -0.100000
  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING
END_GROUP = LANDSAT_METADATA_FILE
END
"""


def landsat(folder: Path, prefix: str, bands: list[str], mtl: str | None = None) -> Path:
    root = folder / prefix
    for band in bands:
        write(root / f"{prefix}_{band}.TIF", pixel=30.0)
    if mtl is not None:
        (root / f"{prefix}_MTL.txt").write_text(mtl)
    return root


@pytest.mark.parametrize("mtl", [None, MTL_L2])
def test_landsat_collection_2_level_2(tmp_path: Path, mtl: str | None) -> None:
    prefix = "LC09_L2SP_192027_20220612_20220614_02_T1"
    bands = [f"SR_B{i}" for i in range(1, 8)] + ["ST_B10", "QA_PIXEL", "QA_RADSAT", "SR_QA_AEROSOL"]
    landsat(tmp_path, prefix, bands, mtl)
    item = only(tmp_path)
    assert (item.collection, item.id) == ("landsat-oli-c2-l2", prefix)
    assert list(item.bands) == [*(f"SR_B{i}" for i in range(1, 8)), "ST_B10", "QA_PIXEL"]
    red, heat, quality = item.bands["SR_B4"], item.bands["ST_B10"], item.bands["QA_PIXEL"]
    assert value(red, 10_000) == pytest.approx(0.075), "Level 2, not Level 1's numbers under the same key"
    assert value(heat, 44_000) == pytest.approx(299.39288)
    assert (heat.unit, red.unit, red.common_name, red.nodata) == ("K", "", "red", 0.0)
    assert item.bands["SR_B5"].common_name == "nir"
    assert (quality.role, quality.quality, quality.nodata) == ("quality", "landsat-c2-qa", 1.0)
    assert item.properties["platform"] == "landsat-9"
    assert item.properties.get("eo:cloud_cover") == (None if mtl is None else 12.34)
    assert item.datetime == ("2022-06-12T00:00:00Z" if mtl is None else "2022-06-12T10:14:01Z")
    assert scan_folder(tmp_path).collections[item.collection].quality == "landsat-c2-qa"


def test_the_thematic_mapper_numbers_its_bands_otherwise(tmp_path: Path) -> None:
    landsat(tmp_path, "LT05_L2SP_192027_20020612_20200614_02_T1", ["SR_B3", "SR_B4", "ST_B6", "QA_PIXEL"])
    item = only(tmp_path)
    assert item.collection == "landsat-tm-c2-l2", "not one collection with OLI, where B4 is red"
    assert item.bands["SR_B3"].common_name == "red"
    assert item.bands["SR_B4"].common_name == "nir"
    assert item.bands["ST_B6"].unit == "K"


def test_level_1_is_divided_by_the_sine_of_the_suns_height(tmp_path: Path) -> None:
    landsat(tmp_path, "LC08_L1TP_192027_20220612_20220614_02_T1", ["B4", "B10", "QA_PIXEL"], MTL_L2)
    item = only(tmp_path)
    assert item.collection == "landsat-oli-c2-l1"
    assert value(item.bands["B4"], 10_000) == pytest.approx(0.1 / math.sin(math.radians(30.0)))
    assert item.properties["jeoview:sun_corrected"] is True
    assert value(item.bands["B10"], 30_000) == pytest.approx(10.126), "radiance"
    assert item.bands["B10"].unit == "W m-2 sr-1 um-1"


def test_level_1_of_the_thematic_mapper_needs_its_metadata(tmp_path: Path) -> None:
    landsat(tmp_path, "LT05_L1TP_192027_20020612_20200614_02_T1", ["B3", "QA_PIXEL"])
    band = only(tmp_path).bands["B3"]
    assert (band.unit, band.scale, band.offset) == ("DN", 1.0, 0.0)


@pytest.mark.parametrize(
    ("mtl", "reason"),
    [
        (MTL_L2.replace("SUN_ELEVATION = 30.0", "SUN_ELEVATION = high"), "which is no number"),
        (MTL_L2.replace("SUN_ELEVATION = 30.0", "SUN_ELEVATION = -3.0"), "below the horizon"),
    ],
)
def test_a_scene_with_metadata_that_makes_no_sense_is_left_out(tmp_path: Path, mtl: str, reason: str) -> None:
    landsat(tmp_path, "LC08_L1TP_192027_20220612_20220614_02_T1", ["B4", "QA_PIXEL"], mtl)
    scan = scan_folder(tmp_path)
    assert scan.items == []
    assert reason in scan.skipped[0][1]


def test_several_scenes_may_lie_in_one_folder(tmp_path: Path) -> None:
    for prefix in ("LC08_L2SP_192027_20220612_20220614_02_T1", "LC08_L2SP_192028_20220612_20220614_02_T1"):
        for band in ("SR_B4", "SR_B5", "QA_PIXEL"):
            write(tmp_path / "flat" / f"{prefix}_{band}.TIF")
    scan = scan_folder(tmp_path)
    assert [item.id for item in scan.items] == [
        "LC08_L2SP_192027_20220612_20220614_02_T1",
        "LC08_L2SP_192028_20220612_20220614_02_T1",
    ]


def test_groups_of_an_mtl_file_are_kept_apart() -> None:
    groups = parse_mtl(MTL_L2)
    assert groups["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"]["REFLECTANCE_MULT_BAND_4"] == "2.75e-05"
    assert groups["LEVEL1_RADIOMETRIC_RESCALING"]["REFLECTANCE_MULT_BAND_4"] == "2.0000E-05"
    assert groups["IMAGE_ATTRIBUTES"]["SPACECRAFT_ID"] == "LANDSAT_8"


def test_band_6_of_oli_is_reflectance_and_not_heat(data_dir: Path) -> None:
    scan = scan_folder(data_dir / "gdalcubes-l8ny18")
    band = scan.items[0].bands["B6"]
    assert (band.scale, band.offset, band.unit, band.common_name) == (2e-5, -0.1, "", "swir16")


def test_the_real_landsat_scenes_of_new_york(data_dir: Path) -> None:
    scan = scan_folder(data_dir / "gdalcubes-l8ny18")
    assert scan.skipped == []
    assert len(scan.items) == 19
    assert set(scan.collections) == {"landsat-oli-c1-l1"}
    by_id = {item.id: item for item in scan.items}
    item = by_id["LC08_L1TP_014031_20180903_20180912_01_T1"]
    assert item.datetime.startswith("2018-09-03")
    assert (item.properties["landsat:wrs_path"], item.properties["landsat:wrs_row"]) == ("014", "031")
    assert item.properties["proj:code"] == "EPSG:32618"
    assert list(item.bands) == [*(f"B{i}" for i in range(1, 12)), "BQA"]
    assert (item.bands["BQA"].quality, item.bands["BQA"].role) == ("landsat-c1-bqa", "quality")
    with rasterio.open(item.bands["B5"].href) as nir, rasterio.open(item.bands["B4"].href) as red:
        a, b = nir.read(1).astype(float), red.read(1).astype(float)
    valid = (a != item.bands["B5"].nodata) & (b != item.bands["B4"].nodata)
    a, b = a[valid], b[valid]
    stored = np.mean((a - b) / (a + b))
    assert stored == pytest.approx(0.3683, abs=1e-3), "the README's NDVI of plain DN"
    nir_value, red_value = (
        numbers * item.bands[name].scale + item.bands[name].offset for name, numbers in (("B5", a), ("B4", b))
    )
    np.testing.assert_allclose(nir_value, a * 2e-5 - 0.1)
    assert np.median((nir_value - red_value) / (nir_value + red_value)) > stored, "NDVI of plain DN is biased low"
    corners = [by_id[name].bbox for name in sorted(by_id)]
    assert all(-77 < west < east < -71 and 38 < south < north < 44 for west, south, east, north in corners)


# -- any raster --------------------------------------------------------------------------------------------


def test_other_rasters_need_a_date_in_the_name(tmp_path: Path) -> None:
    write(tmp_path / "stack" / "a_20200102.tif", count=2, names=("red", "nir"))
    write(tmp_path / "stack" / "deep" / "a_20200102.tif")
    write(tmp_path / "stack" / "elevation.tif")
    (tmp_path / "stack" / "readme.txt").write_text("no raster")
    scan = scan_folder(tmp_path / "stack")
    assert [(item.id, item.collection) for item in scan.items] == [
        ("a_20200102", "stack-red-nir"),
        ("deep-a_20200102", "stack-deep"),
    ]
    assert [name for name, _ in scan.skipped] == ["elevation.tif"]
    assert "no date" in scan.skipped[0][1]
    assert scan.items[0].bands["red"].common_name == "red"
    assert set(scan_folder(tmp_path / "stack", "mine").collections) == {"mine-red-nir", "mine-deep"}
    assert scan_folder(tmp_path / "stack", date="%Y%d%m").items[0].datetime == "2020-02-01T00:00:00Z"


def test_a_link_that_leaves_the_folder_is_left_out(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret" / "x_20200101.tif")
    folder = tmp_path / "open"
    write(folder / "a_20200101.tif")
    (folder / "b_20200101.tif").symlink_to(secret)
    (folder / "c_20200101.tif").symlink_to(folder / "a_20200101.tif")
    (folder / "deep").symlink_to(secret.parent)
    scan = scan_folder(folder)
    assert [item.id for item in scan.items] == ["a_20200101", "c_20200101"]
    assert all(Path(item.bands["B1"].href).parent == folder.resolve() for item in scan.items)
    assert scan.skipped == [("b_20200101.tif", "b_20200101.tif is a link that leaves the folder")]


def test_links_in_products_are_refused_too(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret" / "x.TIF")
    root = landsat(tmp_path / "in", "LC08_L2SP_192027_20220612_20220614_02_T1", ["SR_B4", "QA_PIXEL"])
    (root / f"{root.name}_SR_B5.TIF").symlink_to(secret)
    scan = scan_folder(tmp_path / "in")
    assert scan.items == []
    assert "leaves the folder" in scan.skipped[0][1]


def test_pipes_and_virtual_rasters_are_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a_20200101.tif")
    (tmp_path / "b_20200101.vrt").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    (tmp_path / "c_20200101.tif").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    reasons = dict(scan_folder(tmp_path).skipped)
    assert "not a regular file" in reasons["a_20200101.tif"]
    assert "VRT" in reasons["b_20200101.vrt"]
    assert "VRT" in reasons["c_20200101.tif"]


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="'nowhere' is not a folder"):
        scan_folder(tmp_path / "nowhere")


TIME = dt.datetime(2020, 1, 2, tzinfo=dt.UTC)


def test_options_say_what_the_file_does_not(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", count=3, nodata=7)
    options = FileOptions(
        bands=("B4", "B8", "SCL"), common_names="sentinel-2", scale=1e-4, offset=-0.1, nodata=0, unit="1",
        quality={"SCL": "sentinel2-scl"},
    )  # fmt: skip
    item = file_item(path, "c", "x", TIME, options)
    red, scl = item.bands["B4"], item.bands["SCL"]
    assert (red.common_name, red.scale, red.offset, red.nodata, red.unit) == ("red", 1e-4, -0.1, 0.0, "1")
    assert item.bands["B8"].common_name == "nir"
    assert (scl.scale, scl.offset, scl.nodata, scl.role) == (1.0, 0.0, 7.0, "quality")
    assert [band.index for band in item.bands.values()] == [1, 2, 3]


def test_the_file_says_what_no_option_says(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", count=4, names=("red", "", "red"))
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets, target.nodata = (0.5,) * 4, (2.0,) * 4, 9
        target.set_band_unit(1, "m")
    bands = file_item(path, "c", "x", TIME, FileOptions()).bands
    assert list(bands) == ["red", "B2", "red_3", "B4"]
    assert (bands["red"].scale, bands["red"].offset, bands["red"].nodata, bands["red"].unit) == (0.5, 2.0, 9.0, "m")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bands": ("a",)}, ParameterError, "names 1 bands"),
        ({"bands": ("a", "a")}, ParameterError, "names 2 bands"),
        ({"common_names": {"B9": "red"}}, BandError, "no band 'B9'.*Known: 'B1', 'B2'"),
        ({"quality": {"SCL": "sentinel2-scl"}}, BandError, "no band 'SCL'"),
        ({"quality": {"B1": "clouds"}}, ParameterError, "'landsat-c1-bqa'"),
        ({"common_names": "sentinel-9"}, ParameterError, "did you mean 'sentinel-2'"),
        ({"scale": "1e-4"}, ParameterError, "expected a number"),
        ({"scale": 0}, ParameterError, "not zero"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str) -> None:
    path = write(tmp_path / "x.tif", count=2)
    with pytest.raises(error, match=message):
        file_item(path, "c", "x", TIME, FileOptions(**options))


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("scene_20180106_20180119.tif", "%Y%m%d", "2018-01-06"),
        ("S2A_20220612T101041.tif", "%Y%m%d", "2022-06-12"),
        ("05123_131313_20220612.tif", "%Y%m%d", "2022-06-12"),
        ("ndvi20220612v2.tif", "%Y%m%d", "2022-06-12"),
        ("x_12-06-2022.tif", "%d-%m-%Y", "2022-06-12"),
        ("x_2022163.tif", "%Y%j", "2022-06-12"),
        ("x_2022_Jun_12.tif", "%Y_%b_%d", "2022-06-12"),
        ("x_100%_2022.tif", "%%_%Y", "2022-01-01"),
        ("x_20221399.tif", "%Y%m%d", None),
        ("nothing.tif", "%Y%m%d", None),
    ],
)
def test_dates_in_names(name: str, pattern: str, expected: str | None) -> None:
    found = date_in_name(name, pattern)
    assert (found and found.strftime("%Y-%m-%d")) == expected


@pytest.mark.parametrize("pattern", ["", "%m%d", "%Q%Y", "%Y%", "2022", None])
def test_formats_that_are_none(pattern: Any) -> None:
    with pytest.raises(ParameterError, match="date is"):
        date_in_name("x_20220612.tif", pattern)


def test_usual_dates_are_guessed_and_nothing_else(tmp_path: Path) -> None:
    guessed = guess_date("S2_20220612T101041_x.tif")
    assert guessed == dt.datetime(2022, 6, 12, 10, 10, 41, tzinfo=dt.UTC)
    assert guess_date("x_2022-06-12.tif") == dt.datetime(2022, 6, 12, tzinfo=dt.UTC)
    assert guess_date("tile_99999999.tif") is None
    assert guess_date("dem_2022.tif") is None
    path = write(tmp_path / "dem.tif")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert file_time(path) == dt.datetime(2020, 9, 13, 12, 26, 40, tzinfo=dt.UTC), "when it was written"


def test_files_without_a_date_are_listed(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.tif" for name in ("a_20200101", "b", "c")]
    with pytest.raises(SourceError, match=r"no date '%Y%m%d' in the name of 2 of 3 files: b.tif, c.tif"):
        dates_of(paths, "%Y%m%d")


# -- headers -------------------------------------------------------------------------------------------------


def test_a_header_is_read_without_pixels(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    place = from_origin(600_000.0, 5_000_000.0, 10.0, 10.0)
    profile: dict[str, Any] = {"width": 600, "height": 500, "count": 2, "dtype": "uint16", "nodata": 0}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32632", transform=place, tiled=True, **profile) as target:
        target.write(np.ones((2, 500, 600), np.uint16))
    header = inspect(path)
    assert (header.crs, header.shape, header.driver) == ("EPSG:32632", (500, 600), "GTiff")
    assert header.transform == (10.0, 0.0, 600_000.0, 0.0, -10.0, 5_000_000.0)
    assert [(band.index, band.nodata, band.data_type) for band in header.bands] == [
        (1, 0.0, "uint16"),
        (2, 0.0, "uint16"),
    ]
    with path.open("r+b") as stream:
        stream.truncate(20_000)
    assert inspect(path) == header, "its pixels are gone and were never asked for"
    with rasterio.open(path) as broken, pytest.raises(rasterio.errors.RasterioIOError):
        broken.read()


@pytest.mark.parametrize(
    "name", ["openeo-s2-bolzano/S2_L2A_sample.tif", "wildfire-s2-california/HURST_20250107_pre_fire.tif"]
)
def test_the_box_of_a_real_file_is_that_of_rasterio(data_dir: Path, name: str) -> None:
    with rasterio.open(data_dir / name) as source:
        expected = transform_bounds(source.crs, "EPSG:4326", *source.bounds, densify_pts=101)
    np.testing.assert_allclose(inspect(data_dir / name).bbox, expected, atol=2e-6)


def test_a_footprint_across_the_antimeridian_is_cut() -> None:
    geometry, bbox = footprint("EPSG:32601", (1000.0, 0.0, 100_000.0, 0.0, -1000.0, 7_000_000.0), (100, 400))
    assert geometry["type"] == "MultiPolygon"
    assert bbox[0] == -180.0
    assert bbox[2] == 180.0
    for part in geometry["coordinates"]:
        longitudes = [point[0] for point in part[0]]
        assert max(longitudes) - min(longitudes) < 6


@pytest.mark.parametrize(
    ("crs", "affine", "shape", "expected"),
    [
        ("EPSG:4326", (1.0, 0.0, 0.0, 0.0, -1.0, 90.0), (180, 360), (-180.0, -90.0, 180.0, 90.0)),
        ("EPSG:4326", (1.0, 0.0, -180.0, 0.0, -1.0, 90.0), (180, 360), (-180.0, -90.0, 180.0, 90.0)),
        ("EPSG:4326", (1.0, 0.0, 190.0, 0.0, -1.0, 10.0), (10, 10), (-170.0, 0.0, -160.0, 10.0)),
        ("EPSG:3413", (10_000.0, 0.0, -1e6, 0.0, -10_000.0, 1e6), (200, 200), (-180.0, 76.998816, 180.0, 90.0)),
        ("EPSG:3031", (10_000.0, 0.0, -1e6, 0.0, -10_000.0, 1e6), (200, 200), (-180.0, -90.0, 180.0, -77.037401)),
    ],
)
def test_boxes_of_the_whole_globe_and_of_the_poles(
    crs: str, affine: tuple[float, ...], shape: tuple[int, int], expected: tuple[float, ...]
) -> None:
    np.testing.assert_allclose(footprint(crs, affine, shape)[1], expected, atol=1e-5)


def test_a_rotated_raster_has_a_slanted_outline() -> None:
    geometry, bbox = footprint("EPSG:4326", (0.01, 0.01, 10.0, 0.01, -0.01, 45.0), (100, 100))
    assert bbox == (10.0, 44.0, 12.0, 46.0)
    assert len(geometry["coordinates"][0]) == 5


def test_files_that_have_no_place_are_refused(tmp_path: Path) -> None:
    bare = tmp_path / "bare.tif"
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(bare, "w", driver="GTiff", width=4, height=4, count=1, dtype="uint8") as target,
    ):
        target.write(np.ones((1, 4, 4), np.uint8))
    with pytest.raises(SourceError, match=r"bare\.tif is not georeferenced"):
        inspect(bare)
    with pytest.raises(SourceError, match="there is no such file"):
        inspect(tmp_path / "gone.tif")
    (tmp_path / "text.tif").write_text("hello")
    with pytest.raises(SourceError, match=r"text\.tif is no raster") as caught:
        inspect(tmp_path / "text.tif")
    assert str(tmp_path) not in str(caught.value)
    (tmp_path / "x.vrt").write_text("<VRTDataset/>")
    with pytest.raises(RefusedError, match="VRT"):
        inspect(tmp_path / "x.vrt")
