"""The examples of docs/collections.md run as they stand: on the small demo, and on small files of the documented layouts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import rasterio

import jeoview as jv
from jeoview import demo
from scripts.examples import EXAMPLES, SETUP
from scripts.generate_docs import COLLECTIONS_PATH, collections, is_current, own
from tests.unit import product_files as made

PAIR = "20200101_20200113"
COMPLEX = (made.ramp() + 1j).astype(np.complex64)


def interferograms() -> None:
    """A stack of each family in the folders that the examples name."""
    frame = Path("023A_05123_131313/GEOC") / PAIR
    made.write_tif(frame / f"{PAIR}.geo.unw.tif", made.ramp())
    made.aria(Path("gunw"), "20200113", "20200101", made.ramp())
    stem = "S1AA_20200101T170000_20200113T170000_VVP012_INT80_G_ueF_AB12"
    made.write_tif(Path("hyp3") / stem / f"{stem}_unw_phase.tif", made.ramp())
    made.write_tif(Path("flatsim") / f"CNES_InU_geo_{PAIR}_sd_era_8rlks.tif", made.ramp())
    made.write_tif(Path("pyrate/geotiffs") / f"cropA_{PAIR}_unw.tif", made.ramp())
    made.opera(Path("disp"), "20200101", "20200113", made.ramp(), np.ones((made.HEIGHT, made.WIDTH)))
    made.mintpy_stack(Path("hawaii"))
    made.mintpy_series(Path("hawaii/timeseries.h5"), made.ramp(3))
    for one, other in made.PAIRS:
        made.write_tif(Path("pairs") / f"{one}_{other}_unw.tif", made.ramp())
        made.write_tif(Path("pairs") / f"{one}_{other}_cc.tif", made.ramp())


def complex_images() -> None:
    """A stack of each way to open one."""
    raw = {"type": "complex_float32", "lines": made.HEIGHT, "samples": made.WIDTH, "crs": "EPSG:4326"}
    Path("gamma").mkdir()
    raw["transform"] = [0.001, 0.0, 10.0, 0.0, -0.001, 45.0]
    Path("gamma/stack.json").write_text(json.dumps({"files": "*.rslc", "raw": raw}))
    for day in made.DAYS[:2]:
        COMPLEX.tofile(f"gamma/{day}.rslc")
        made.write_tif(Path("slc") / f"{day}.tif", COMPLEX)
        name = f"OPERA_L2_CSLC-S1_T064-135518-IW1_{day}T012345Z_20240101T000000Z_S1A_VV_v0.1.h5"
        places = {
            "data/x_coordinates": 600_005.0 + 10.0 * np.arange(made.WIDTH),
            "data/y_coordinates": 4_999_995.0 - 10.0 * np.arange(made.HEIGHT),
        }
        made.write_h5(Path("cslc") / name, {"data/VV": COMPLEX, **places, "data/projection": np.int32(32632)})
        with h5py.File(Path("cslc") / name, "a") as file:
            file["data/projection"].attrs["spatial_ref"] = rasterio.CRS.from_epsg(32632).to_wkt()
            file["data/VV"].attrs["grid_mapping"] = "projection"


def others(data_dir: Path) -> None:
    """Two bands, scenes with dates, points, and the complex Zarr groups of Amsterdam."""
    made.write_tif(Path("scene.tif"), made.ramp(2))
    for day in made.DAYS:
        made.write_tif(Path("scenes") / f"x_{day}.tif", made.ramp())
    Path("zarr").symlink_to(data_dir / "sarxarray-amsterdam-slc" / "zarr")
    days = pd.date_range("2020-01-01", periods=30, freq="30D").strftime("%Y%m%d")
    table = pd.DataFrame({"pid": ["a", "b"], "easting": [4_200_000.0, 4_200_150.0], "northing": [2_400_000.0] * 2})
    table["mean_velocity"] = [1.0, -2.0]
    table[list(days)] = np.random.default_rng(1).normal(size=(2, len(days)))
    table.to_csv("EGMS_L2b_022_0845_IW2_VV_2020_2024_1.csv", index=False)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Iterator[dict[str, Any]]:
    """What the examples know, in a folder of their own."""
    folder = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEOVIEW_HOME", str(folder / "home"))
        patch.chdir(folder)
        for prepare in (demo.prepare, demo.prepare_insar, demo.prepare_slc):
            prepare(size="small", progress=False)
        interferograms()
        complex_images()
        others(data_dir)
        known: dict[str, Any] = {}
        exec(SETUP, known)  # noqa: S102 - the lines of our own page
        with mpl.rc_context({"backend": "agg"}):
            yield known


# Those of points and of a written file come after what opens and writes them, as on the page.
@pytest.mark.parametrize("entry", EXAMPLES)
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_examples_run(entry: str, names: dict[str, Any]) -> None:
    exec(EXAMPLES[entry], names)  # noqa: S102 - the lines of our own page


def test_the_page_is_up_to_date() -> None:
    assert is_current(COLLECTIONS_PATH), f"{COLLECTIONS_PATH.name} is out of date: run python scripts/generate_docs.py"


def test_every_entry_has_its_parameters_and_an_example() -> None:
    entries = dict(re.findall(r"^### `([\w.]+)`\n(.*?)(?=^##|\Z)", collections(), re.M | re.S))
    assert entries
    assert set(entries) == set(EXAMPLES)
    assert all(f"```python\n{EXAMPLES[name]}\n```" in text for name, text in entries.items())
    for cls in (jv.ImageCollection, jv.InterferogramCollection, jv.SlcCollection, jv.PointCollection):
        methods = {f"{cls.__name__}.{name}" for name, value in own(cls).items() if not isinstance(value, property)}
        assert methods <= set(entries)
    assert {"to_geotiff", "to_gif", "export_package", "open", "open_points", "open_series"} <= set(entries)
    for option in ("bands", "common_names", "quality"):
        assert f"- `{option}`" in entries["open"]
