"""Stacks of interferograms: readers, network, reference; real data where it is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from jeoview.collection import InterferogramCollection
from jeoview.engine import Engine
from jeoview.errors import CollectionError, ParameterError, SourceError
from jeoview.grid import region_grid


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


@pytest.fixture
def mexico(data_dir: Path) -> InterferogramCollection:
    return InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico")


def write(path: Path, value: float, dtype: str = "float32") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "width": 8, "height": 6, "count": 1, "dtype": dtype, "crs": "EPSG:4326"}
    with rasterio.open(path, "w", transform=from_origin(10, 45, 0.001, 0.001), **profile) as file:
        file.write(np.full((1, 6, 8), value, dtype=dtype))


def pixels(stack: InterferogramCollection) -> np.ndarray:
    image = stack.image()
    grid = region_grid((10.002, 44.996, 10.004, 44.998), resolution=0.001)
    return Engine.default().render(image.node, grid).array[:, :, 0, 0]


def test_the_real_stack_is_read_as_its_readme_says(mexico: InterferogramCollection) -> None:
    assert (len(mexico), len(mexico.dates)) == (30, 13)
    assert mexico.wavelength == pytest.approx(0.05550415767769124)
    assert mexico.subsets() == [mexico.dates]
    table = mexico.pairs().set_index("id")
    assert table.loc["20180106_20180130", "days"] == 24
    assert table.loc["20180106_20180130", "bperp"] == pytest.approx(33.37)
    assert mexico.image().bands == ("unwrapped", "coherence")


def test_a_date_that_hangs_on_one_pair_is_cut_off_with_it(mexico: InterferogramCollection) -> None:
    cut = mexico.filter_pairs(drop=["20180506_20180705"])
    assert "2018-07-05" not in cut.dates
    assert len(cut) == 29
    near = mexico.filter_pairs(nearest=1)
    assert all(later > earlier for earlier, later in near.pairs()[["earlier", "later"]].to_numpy())
    assert len(near) < 29


def test_a_gap_that_no_pair_bridges_is_counted(mexico: InterferogramCollection) -> None:
    kept = {"20180106_20180130", "20180307_20180319"}
    split = mexico.filter_pairs(drop=set(mexico.ids or ()) - kept)
    assert split.subsets() == [("2018-01-06", "2018-01-30"), ("2018-03-07", "2018-03-19")]


def test_pairs_are_chosen_by_days_and_baseline(mexico: InterferogramCollection) -> None:
    chosen = mexico.filter_pairs(max_days=60, max_bperp=50).pairs()
    everything = mexico.pairs()
    expected = everything[(everything["days"] <= 60) & (everything["bperp"].abs() <= 50)]
    assert chosen["id"].tolist() == expected["id"].tolist()
    with pytest.raises(CollectionError, match="none of the 30 pairs"):
        mexico.filter_pairs(max_days=1)
    with pytest.raises(ParameterError, match="no pair '20180106_20180131'; did you mean"):
        mexico.filter_pairs(drop=["20180106_20180131"])


def test_the_reference_must_be_chosen_and_lie_in_the_stack(mexico: InterferogramCollection) -> None:
    with pytest.raises(ParameterError, match="choose a reference first"):
        mexico.invert()
    with pytest.raises(ParameterError, match="outside the stack"):
        mexico.reference(lon=10, lat=45)
    with pytest.raises(ParameterError, match="lon= and lat="):
        mexico.reference(lat=19.4)
    west, south, east, north = mexico.reference(lon=-99.18, lat=19.44, pixels=7).place or (0, 0, 0, 0)
    assert (north - south) / 0.0013888889 == pytest.approx(7)
    assert (west + east) / 2 == pytest.approx(-99.18)


@pytest.mark.parametrize(("sign", "expected"), [("away", 2.0), ("towards", -2.0)])
def test_every_sign_is_read_into_ours(tmp_path: Path, sign: str, expected: float) -> None:
    write(tmp_path / "20200101_20200113.unw.tif", 2.0)
    stack = InterferogramCollection.from_files(str(tmp_path / "*.unw.tif"), sign=sign)  # type: ignore[arg-type]
    assert pixels(stack).tolist() == [[expected]]
    assert stack.items[0].properties["jeoview:sign"] == f"positive phase means motion {sign}"


def test_licsar_layout_with_byte_coherence_and_zero_as_nodata(tmp_path: Path) -> None:
    # No real LiCSAR frame is at hand: small files of the documented layout.
    frame = tmp_path / "023A_05123_131313" / "GEOC"
    for pair, phase in (("20200101_20200113", 1.5), ("20200113_20200125", 0.0)):
        write(frame / pair / f"{pair}.geo.unw.tif", phase)
        write(frame / pair / f"{pair}.geo.cc.tif", 204, "uint8")
    stack = InterferogramCollection.from_licsar(frame.parent)
    assert stack.name == "023A_05123_131313"
    assert stack.items[0].properties["jeoview:track"] == "023A"
    np.testing.assert_allclose(pixels(stack), [[1.5, 0.8], [np.nan, 0.8]], rtol=1e-6)


def test_hyp3_names_with_times_are_pairs(tmp_path: Path) -> None:
    # No real HyP3 product is at hand: small files of the documented layout.
    name = "S1AA_20200101T004021_20200113T004022_VVP012_INT80_G_ueF_1234"
    write(tmp_path / name / f"{name}_unw_phase.tif", 1.0)
    write(tmp_path / name / f"{name}_corr.tif", 0.5)
    stack = InterferogramCollection.from_hyp3(tmp_path)
    assert stack.ids == ("20200101_20200113",)
    assert pixels(stack).tolist() == [[1.0, 0.5]]


def test_names_without_two_dates_and_double_pairs_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "phase_20200101.tif", 1.0)
    with pytest.raises(SourceError, match=r"phase_20200101.tif: no two dates"):
        InterferogramCollection.from_files(str(tmp_path / "a" / "*.tif"))
    write(tmp_path / "b" / "20200101_20200113_one.tif", 1.0)
    shutil.copy(tmp_path / "b" / "20200101_20200113_one.tif", tmp_path / "b" / "20200113_20200101_two.tif")
    with pytest.raises(SourceError, match="stands twice"):
        InterferogramCollection.from_files(str(tmp_path / "b" / "*.tif"))
    with pytest.raises(SourceError, match="no file matches"):
        InterferogramCollection.from_files(str(tmp_path / "c" / "*.tif"))
    with pytest.raises(ParameterError, match=r"wavelength is 5\.5"):
        InterferogramCollection.from_files(str(tmp_path / "b" / "*one.tif"), wavelength=5.5)


def test_a_collection_of_scenes_is_no_stack(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"there is no collection|holds no interferograms"):
        InterferogramCollection("nothing")
