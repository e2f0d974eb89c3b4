"""Stacks by a description file. No real product of these processors is at hand: small files of the documented layouts."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from jeoview.collection import SlcCollection
from jeoview.engine import Engine
from jeoview.errors import ParameterError, RefusedError, SourceError
from jeoview.io.access import Version
from jeoview.io.etag import file_etag
from jeoview.io.raw import RawLayout, layout_of, open_raw
from jeoview.projection import transform
from tests.synthetic import grid_at
from tests.unit.test_slc import DAYS, SHAPE, images
from tests.unit.test_slc_lookup import TABLE, by_truth, place, render, table

UTM = "EPSG:32632"
LINES_SAMPLES = {"lines": SHAPE[0], "samples": SHAPE[1]}


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def describe(folder: Path, **entries: Any) -> Path:
    path = folder / "stack.json"
    path.write_text(json.dumps(entries))
    return path


def degrees() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, cols = np.meshgrid(np.arange(SHAPE[0]) + 0.5, np.arange(SHAPE[1]) + 0.5, indexing="ij")
    return transform(UTM, "EPSG:4326", *place(rows, cols))


def write_raw(path: Path, array: NDArray[Any], dtype: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(array.astype(dtype or array.dtype).tobytes())


def write_by(driver: str, path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": driver, "height": array.shape[0], "width": array.shape[1], "count": 1, "dtype": array.dtype}
    with pytest.warns(NotGeoreferencedWarning), rasterio.open(path, "w", **profile) as file:
        file.write(array, 1)


def at_sensor(stack: SlcCollection) -> NDArray[Any]:
    frame = stack.image().schema.frame
    assert frame is not None
    return np.asarray(Engine.default().render(stack.image().node, frame.extent).array[:, 0])


def assert_as_written(stack: SlcCollection, expected: NDArray[Any]) -> None:
    """All numbers, and the place of those of the second image."""
    assert stack.dates == ("2016-08-02", "2016-08-14", "2016-08-26")
    there = expected != 0
    np.testing.assert_array_equal(at_sensor(stack)[there], expected[there])
    area = grid_at(15, 8.995, 43.355, 275, 275)
    shown, (truth, _) = render(stack["2016-08-14"], area)[0], by_truth(area, expected[1])
    known = np.isfinite(shown) & np.isfinite(truth)
    assert known.sum() > 20_000
    assert (shown == truth)[known].mean() > 0.98


def test_doris(tmp_path: Path) -> None:
    """Complex float32 without a header, a folder a date; TOML; longitude and latitude as plain numbers."""
    for day, image in zip(DAYS, images(), strict=True):
        write_raw(tmp_path / day / "slave_rsmp.raw", image, "<c8")
    for name, values in zip(("lam", "phi"), degrees(), strict=True):
        write_raw(tmp_path / f"{name}.raw", values, "<f8")
    shape = "lines = 60\nsamples = 80"
    (tmp_path / "stack.toml").write_text(
        f"""
        name = "doris"
        files = "*/slave_rsmp.raw"
        wavelength = 0.0566
        raw = {{type = "complex_float32", {shape.replace(chr(10), ", ")}}}
        [longitude]
        file = "lam.raw"
        raw = {{type = "float64", {shape.replace(chr(10), ", ")}}}
        [latitude]
        file = "phi.raw"
        raw = {{type = "float64", {shape.replace(chr(10), ", ")}}}
        """
    )
    stack = SlcCollection.from_description(tmp_path / "stack.toml")
    assert (stack.name, stack.wavelength) == ("doris", 0.0566)
    assert_as_written(stack, images())


@pytest.mark.parametrize("kind", ["complex_int16", "complex_float32"])
def test_gamma(tmp_path: Path, kind: str) -> None:
    """Big-endian SCOMPLEX or FCOMPLEX, and the look-up table of two-look images on the grid of a DEM."""
    written = np.round(100 * images()) if kind == "complex_int16" else images()
    for day, image in zip(DAYS, written, strict=True):
        data = np.stack([image.real, image.imag], axis=-1)
        header = b"head" if kind == "complex_int16" else b""
        path = tmp_path / f"{day}.rslc"
        write_raw(path, data, ">i2" if kind == "complex_int16" else ">f4")
        path.write_bytes(header + path.read_bytes())
    looked = table()
    looked[looked != 0] = (looked[looked != 0] + 0.5 + 0.5j) / 2 - 0.5 - 0.5j
    write_raw(tmp_path / "dem.map_to_rdc", looked, ">c8")
    on_map = {"crs": UTM, "transform": [10.0, 0.0, 499_600.0, 0.0, -10.0, 4_800_200.0]}
    lookup = {"type": "complex_float32", "byte_order": "big", "lines": TABLE[0], "samples": TABLE[1], **on_map}
    path = describe(
        tmp_path,
        files="*.rslc",
        date="%Y%m%d",
        raw={"type": kind, "byte_order": "big", "offset": 4 if kind == "complex_int16" else 0, **LINES_SAMPLES},
        lookup={"file": "dem.map_to_rdc", "raw": lookup},
        looks=[2, 2],
    )
    assert_as_written(SlcCollection.from_description(path), written)


def test_isce(tmp_path: Path) -> None:
    """``.slc`` with ``.slc.xml``, longitude and latitude as ``.rdr`` with ``.rdr.xml``: read by GDAL's ISCE driver."""
    for day, image in zip(DAYS, images(), strict=True):
        write_by("ISCE", tmp_path / "SLC" / day / f"{day}.slc", image)
    for name, values in zip(("lon", "lat"), degrees(), strict=True):
        write_by("ISCE", tmp_path / "geom" / f"{name}.rdr", values)
    path = describe(tmp_path, files="SLC/*/*.slc", longitude="geom/lon.rdr", latitude="geom/lat.rdr")
    assert_as_written(SlcCollection.from_description(path), images())


def test_snap(tmp_path: Path) -> None:
    """A BEAM-DIMAP folder of a coregistered stack: big-endian ENVI files ``i_*`` and ``q_*``, dates such as 02Aug2016."""
    data = tmp_path / "stack.data"
    for at, (day, image) in enumerate(zip(("02Aug2016", "14Aug2016", "26Aug2016"), images(), strict=True)):
        for name, part in (("i", image.real), ("q", image.imag)):
            write_by("ENVI", data / f"{name}_VV_slv{at}_{day}.img", part)
    for name, values in zip(("lon", "lat"), degrees(), strict=True):
        write_by("ENVI", data / f"{name}.img", values)
    path = describe(
        tmp_path, files="stack.data/i_VV_*.img", longitude="stack.data/lon.img", latitude="stack.data/lat.img"
    )
    stack = SlcCollection.from_description(path)
    assert [sorted(item.bands) for item in stack.items] == [["i", "latitude", "longitude", "q"]] * 3
    assert_as_written(stack, images())
    (data / "q_VV_slv1_14Aug2016.img").unlink()
    with pytest.raises(SourceError, match=r"q_VV_slv1_14Aug2016.img: there is no such file"):
        SlcCollection.from_description(path)


def raw_stack(folder: Path, **entries: Any) -> Path:
    """A stack whose images lie on a map."""
    for day, image in zip(DAYS, images(), strict=True):
        write_raw(folder / f"{day}.raw", image)
    on_map = {"crs": UTM, "transform": [10.0, 0.0, 500_000.0, 0.0, -10.0, 4_800_000.0]}
    raw = {"type": "complex_float32", **LINES_SAMPLES, **on_map}
    return describe(folder, **{"files": "*.raw", "raw": raw, **entries})


def test_geocoded_plain_numbers(tmp_path: Path) -> None:
    stack = SlcCollection.from_description(raw_stack(tmp_path))
    there = images() != 0
    np.testing.assert_array_equal(at_sensor(stack)[there], images()[there])
    write_raw(tmp_path / f"{DAYS[1]}.raw", images()[1][:-1])
    Engine.default().forget()
    with pytest.raises(SourceError, match=r"changed|replaced"):
        at_sensor(stack)
    with pytest.raises(SourceError, match=r"20160814.raw has 37,760 bytes; 60 lines of 80 samples .* are 38,400"):
        SlcCollection.from_description(tmp_path / "stack.json")


def test_blocks_of_a_large_plain_file(tmp_path: Path) -> None:
    image = images(1, (300, 2100))[0]
    path = tmp_path / "20160802.raw"
    path.write_bytes(b"header" + image.astype(">c8").tobytes())
    layout = RawLayout("complex_float32", 300, 2100, "big", 6)
    source = open_raw(Version(path, file_etag(path)), layout)
    level = source.levels[0]
    assert level.blocks == (3, 3)
    for row, col in ((0, 0), (1, 2), (2, 1), (2, 2)):
        block = source.load(0, row, col, 0)
        assert block is not None
        assert block.shape == (level.block_height, level.block_width)
        expected = image[128 * row : 128 * row + 128, 1024 * col : 1024 * col + 1024]
        np.testing.assert_array_equal(block[: expected.shape[0], : expected.shape[1]], expected)
    os.truncate(path, 1000)
    with pytest.raises(SourceError, match="changed"):
        source.load(0, 0, 0, 0)
    with pytest.raises(SourceError, match="not well formed"):
        layout_of('raw:{"type": "complex_float32", "lines": 3, "samples": -1}')


def test_paths_stay_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = raw_stack(inner)
    with pytest.raises(RefusedError, match=r"stack.json: the path '\.\./\*\.raw' leaves the folder"):
        SlcCollection.from_description(raw_stack(inner, files="../*.raw"))
    with pytest.raises(RefusedError, match="leaves the folder"):
        SlcCollection.from_description(raw_stack(inner, lookup="../table.tif"))
    write_raw(tmp_path / "20160907.raw", images()[0])
    (inner / "20160907.raw").symlink_to(tmp_path / "20160907.raw")
    with pytest.raises(RefusedError, match=r"20160907\.raw is a link that leaves"):
        SlcCollection.from_description(raw_stack(inner))
    (inner / "20160907.raw").unlink()
    other = tmp_path / "other"
    other.mkdir()
    shutil.move(path, other / "stack.json")
    said = json.loads((other / "stack.json").read_text())
    absolute = describe(other, **{**said, "files": str(inner / "*.raw")})
    assert len(SlcCollection.from_description(absolute)) == 3
    monkeypatch.setenv("JEOVIEW_ROOTS", str(other))
    with pytest.raises(RefusedError, match="JEOVIEW_ROOTS"):
        SlcCollection.from_description(absolute)


RAW = {"type": "complex_float32", **LINES_SAMPLES}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"pattern": "*.raw"}, r"no entry 'pattern'.*files"),
        ({"raw": {**RAW, "line": 3}}, r"no entry 'raw.line'.*lines"),
        ({"raw": {**RAW, "type": "complex64"}}, r"raw.type: .*complex_float32.*'complex64'"),
        ({"raw": {**RAW, "lines": 0}}, "raw.lines: .*greater than or equal to 1; it is '0'"),
        ({"raw": {"type": "float32", "lines": 3}}, "raw.samples: .*[Ff]ield required|raw.samples"),
        ({"raw": {**RAW, "crs": "EPSG:1"}}, "EPSG:1"),
        ({"raw": {**RAW, "crs": UTM, "transform": [0, 0, 0, 0, 0, 0]}}, "raw.transform: .*six finite numbers"),
        ({"looks": [1]}, "looks"),
        ({"wavelength": 55.0}, "wavelength is 55.0; expected metres"),
        ({"longitude": "20160802.raw"}, "both longitude and latitude"),
        ({"longitude": DAYS[0] + ".raw", "latitude": DAYS[0] + ".raw", "lookup": DAYS[0] + ".raw"}, "not both"),
        ({"date": "%Q"}, "date is '%Q'"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, entries: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        SlcCollection.from_description(raw_stack(tmp_path, **entries))


def test_descriptions_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    with pytest.raises(SourceError, match="no such description"):
        SlcCollection.from_description(path)
    path.write_text("{")
    with pytest.raises(ParameterError, match=r"stack.json is no JSON: .*line 1"):
        SlcCollection.from_description(path)
    path.write_text("{}")
    with pytest.raises(ParameterError, match="files"):
        SlcCollection.from_description(path)
    (tmp_path / "stack.yaml").write_text("files: x")
    with pytest.raises(ParameterError, match=r"a .json or a .toml"):
        SlcCollection.from_description(tmp_path / "stack.yaml")
    with pytest.raises(SourceError, match="no file matches 'none/"):
        SlcCollection.from_description(raw_stack(tmp_path, files="none/*.slc"))
    with pytest.raises(SourceError, match="complex"):
        SlcCollection.from_description(raw_stack(tmp_path, raw={**RAW, "type": "float64"}))
