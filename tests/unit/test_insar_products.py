"""Products of interferometry: read in our sign and units, on real data and on small files of the documented layout."""

from __future__ import annotations

import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

import jeoview as jv
from jeoview.cli import main
from jeoview.collection.frozen import user_catalog
from jeoview.engine import Engine
from jeoview.errors import CollectionError, JeoviewError, ParameterError, SourceError
from jeoview.grid import Grid, Lattice
from jeoview.image import Image
from jeoview.projection import transform
from jeoview.region import region_grid
from tests.unit import product_files as made

Array = NDArray[Any]
WAVELENGTH = 0.0554658
NATIVE = Grid(Lattice("EPSG:4326", (made.STEP, made.STEP), made.WEST, made.NORTH), 0, 0, made.HEIGHT, made.WIDTH)
PHASE_MARK = "unwrapped"


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def render(image: Image, grid: Grid = NATIVE) -> Array:
    return Engine.default().render(image.node, grid).array


def unit_vector(incidence: float, azimuth_from_east: float) -> list[float]:
    i, a = math.radians(incidence), math.radians(azimuth_from_east)
    return [math.sin(i) * math.cos(a), math.sin(i) * math.sin(a), math.cos(i)]


# -- MintPy, real ---------------------------------------------------------------------------------


def test_kirishima_shows_the_numbers_of_its_file(data_dir: Path) -> None:
    """A map of zoom 13 against h5py and the README's corner: equal pixel by pixel, in mm/yr, positive towards."""
    path = data_dir / "yang2024-kirishima-mintpy" / "velocity.h5"
    image = jv.open(path)
    assert image.bands == ("velocity", "std")
    assert image.unit == "mm/yr"
    grid = region_grid((130.82, 31.88, 130.92, 31.98), zoom=13)
    x = grid.lattice.left + (grid.col + np.arange(grid.width) + 0.5) * grid.lattice.resolution[0]
    y = grid.lattice.top - (grid.row + np.arange(grid.height) + 0.5) * grid.lattice.resolution[1]
    lon, lat = transform(grid.crs, "EPSG:4326", *np.meshgrid(x, y))
    col = np.floor((lon - 130.8199074) / 0.000185185).astype(int)
    row = np.floor((31.9800926 - lat) / 0.000185185).astype(int)
    inside = (col >= 0) & (row >= 0) & (col < 541) & (row < 541)
    with h5py.File(path) as file:
        stored = file["velocity"][:]
    expected = np.full(grid.shape, np.nan, np.float32)
    expected[inside] = stored[row[inside], col[inside]] * np.float32(1000)
    expected[expected == 0] = np.nan
    found = render(image, grid)[0]
    assert np.isfinite(expected).sum() > 300_000
    # The corner is known to seven digits: a few pixels on an edge may fall on the other side.
    assert (np.isfinite(found) != np.isfinite(expected)).mean() < 1e-3
    assert np.nanmean(found == expected) > 0.95
    assert np.nanmin(found) == pytest.approx(-55.68, abs=0.5)


def test_kirishima_keeps_its_reference_and_what_is_no_data(data_dir: Path) -> None:
    folder = data_dir / "yang2024-kirishima-mintpy"
    image = jv.open(folder / "velocity.h5")
    item = next(item for name in user_catalog().collections() for item in _items(name))
    assert item.properties["jeoview:reference"] == pytest.approx([130.85, 31.91593], abs=1e-4)
    assert item.properties["jeoview:wavelength"] == pytest.approx(0.2384035)
    assert "towards" in item.properties["jeoview:sign"]
    grid = Engine.default().reader.native_grid(item, "velocity")
    velocity = render(image, grid)[0]
    assert velocity.shape == (541, 541)
    assert np.isnan(velocity).sum() == 1026
    # The ground around the reference pixel (row 346, column 162) does not move against it.
    assert abs(np.nanmean(velocity[345:348, 161:164])) < 1.0
    coherence = render(jv.open(folder / "temporalCoherence.h5"), grid)[0]
    assert coherence[346, 162] == 1.0


def _items(name: str) -> list[Any]:
    from jeoview.catalog import Query

    return user_catalog().search(Query(name))


def test_a_time_series_opened_as_an_image_says_what_to_do(tmp_path: Path) -> None:
    path = made.mintpy_series(tmp_path / "timeseries.h5", made.ramp(3))
    with pytest.raises(ParameterError, match="open_series"):
        jv.open(path)
    velocity = made.write_h5(
        tmp_path / "velocity.h5", {"velocity": made.ramp()}, {**made.MINTPY, "FILE_TYPE": "velocity"}
    )
    with pytest.raises(SourceError, match=r"velocity.h5 is no displacement series.*jeoview.open"):
        jv.open_series(velocity)


# -- series: files of the documented layout -------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"chunks": (1, 3, 4)}, {"chunks": (2, 4, 4), "compression": "gzip"}])
def test_a_mintpy_series_knows_zero_motion_from_no_data(tmp_path: Path, options: dict[str, Any]) -> None:
    cube = made.ramp(3)
    cube[0] = 0.0
    cube[:, 2, 3] = 0.0
    cube[1, 4, 5] = 0.0
    series = jv.open_series(made.mintpy_series(tmp_path / "timeseries.h5", cube, **options))
    result = Engine.default().render(series.node, NATIVE)
    assert result.bands == ("displacement",)
    assert [date[:10] for date in result.dates] == ["2020-01-01", "2020-01-13", "2020-01-25"]
    expected = cube.copy()
    expected[:, 2, 3] = np.nan
    np.testing.assert_array_equal(result.array[:, 0], expected)
    velocity = render(series.velocity(min_dates=3, min_span=0.0))[0]
    years = 24 / 365.25
    assert velocity[0, 0] == pytest.approx(float(cube[2, 0, 0]) / years * 1000, rel=0.1)


@pytest.mark.parametrize("options", [{}, {"chunks": (3, 6, 8), "compression": "gzip", "shuffle": True}])
def test_licsbas_millimetres_and_pixel_centres(tmp_path: Path, options: dict[str, Any]) -> None:
    cube = made.ramp(3)
    cube[1, 2, 2] = np.nan
    path = made.licsbas(tmp_path / "cum.h5", cube, **options)
    np.testing.assert_allclose(render(jv.open_series(path))[:, 0], cube / 1000, rtol=1e-6)
    image = jv.open(path)
    np.testing.assert_array_equal(render(image["velocity"])[0], made.ramp())


def test_licsbas_maps_without_a_header(tmp_path: Path) -> None:
    made.licsbas(tmp_path / "cum.h5", made.ramp(3))
    (tmp_path / "results").mkdir()
    values = made.ramp()
    values[0, 1] = np.nan
    path = tmp_path / "results" / "vel.mskd"
    values.astype("<f4").tofile(path)
    image = jv.open(path)
    assert (image.bands, image.unit) == (("velocity",), "mm/yr")
    np.testing.assert_array_equal(render(image)[0], values)
    path.write_bytes(b"half" * 7)
    with pytest.raises(SourceError, match=r"vel.mskd has 28 bytes; expected 192"):
        jv.open(path)


def test_flatsim_series_and_velocity_are_turned_round(tmp_path: Path) -> None:
    cube = made.ramp(3)
    cube[0] = 0.0
    path = made.write_tif(tmp_path / "CNES_DTs_geo_8rlks.tif", cube, descriptions=made.DAYS)
    radians = -WAVELENGTH / (4 * math.pi)
    np.testing.assert_allclose(render(jv.open_series(path))[:, 0], cube * radians, rtol=1e-5)
    bare = made.write_tif(tmp_path / "bare" / "CNES_DTs_geo_8rlks.tif", cube)
    with pytest.raises(SourceError, match="dates of its 3 bands are not known"):
        jv.open_series(bare)
    (tmp_path / "bare" / "other.txt").write_text("0.12345678\n")
    rows = [f"{number} {day} 0.12345678 20.5" for number, day in enumerate(made.DAYS)]
    (tmp_path / "bare" / "RMSdate.txt").write_text("\n".join(rows))
    np.testing.assert_allclose(render(jv.open_series(bare))[:, 0], cube * radians, rtol=1e-5)
    net = jv.open(made.write_tif(tmp_path / "CNES_Net_geo_8rlks.tiff", made.ramp(5)))
    assert net.bands == ("rms_misclosure", "pair_count", "date_count", "triplet_coherence", "triplet_bias")
    velocity = jv.open(made.write_tif(tmp_path / "CNES_MV-LOS_geo_8rlks.tif", made.ramp()))
    assert velocity.unit == "mm/yr"
    np.testing.assert_allclose(render(velocity)[0], made.ramp() * radians * 1000, rtol=1e-5)


def test_opera_files_of_moving_reference_dates_become_one_series(tmp_path: Path) -> None:
    one, two = made.ramp() / 10, made.ramp() / 5
    mask = np.ones((made.HEIGHT, made.WIDTH))
    mask[1, 1] = 0
    made.opera(tmp_path, "20200101", "20200113", one, np.ones_like(mask))
    second = made.opera(tmp_path, "20200113", "20200125", two, mask)
    grid = Grid(Lattice("EPSG:32632", (30.0, 30.0), 500_000.0, 5_000_000.0), 0, 0, made.HEIGHT, made.WIDTH)
    found = render(jv.open_series(tmp_path), grid)[:, 0]
    total = one + two
    total[1, 1] = np.nan
    np.testing.assert_allclose(found[0], 0.0, atol=1e-6)
    np.testing.assert_allclose(found[1], one, rtol=1e-4)
    np.testing.assert_allclose(found[2], total, rtol=1e-4)
    np.testing.assert_array_equal(render(jv.open(second)["displacement"], grid)[0], two)
    stack = jv.InterferogramCollection.from_opera(tmp_path)
    assert stack.ids == ("20200101_20200113", "20200113_20200125")


def test_both_ways_to_a_stack_of_opera_leave_out_what_its_mask_does(tmp_path: Path) -> None:
    """Pixel 1, 1 is not recommended in the second pair, and 2, 2 is outside of it (the mask's fill value 255)."""
    mask = np.ones((made.HEIGHT, made.WIDTH))
    made.opera(tmp_path, "20200101", "20200113", made.ramp() / 10, mask)
    mask[1, 1], mask[2, 2] = 0, 255
    made.opera(tmp_path, "20200113", "20200125", made.ramp() / 5, mask)
    grid = Grid(Lattice("EPSG:32632", (30.0, 30.0), 500_000.0, 5_000_000.0), 0, 0, made.HEIGHT, made.WIDTH)
    stack = jv.InterferogramCollection.from_opera(tmp_path, "disp")
    phase = render(stack.image()["unwrapped"], grid)[:, 0]
    assert [list(map(tuple, np.argwhere(np.isnan(layer)))) for layer in phase] == [[], [(1, 1), (2, 2)]]
    assert set(stack.image().bands) == {"unwrapped", "coherence", "recommended_mask"}
    assert np.isfinite(render(stack.image()["coherence"], grid)).all()
    one, two = (stack.reference(lon=9.0003, lat=45.1525).invert(), jv.open_series(tmp_path))
    lost = [np.isnan(render(series, grid)[2, 0]) for series in (one, two)]
    np.testing.assert_array_equal(*lost)
    assert lost[0].sum() == 2
    shares = stack.measures(progress=False)["unwrapped"]
    assert shares[0] == 1.0 > shares[1]


def test_files_of_opera_that_no_pair_connects_are_said(tmp_path: Path) -> None:
    mask = np.ones((made.HEIGHT, made.WIDTH))
    made.opera(tmp_path, "20200101", "20200113", made.ramp(), mask)
    made.opera(tmp_path, "20200301", "20200325", made.ramp(), mask)
    with pytest.warns(UserWarning, match=r"open_series: the pairs fall into 2 subsets.*2020-01-01 to 2020-01-13"):
        series = jv.open_series(tmp_path)
    grid = Grid(Lattice("EPSG:32632", (30.0, 30.0), 500_000.0, 5_000_000.0), 0, 0, made.HEIGHT, made.WIDTH)
    assert np.isfinite(render(series, grid)).all(axis=(1, 2, 3)).tolist() == [True, True, False, False]


def test_hyp3_displacement_is_towards_already(tmp_path: Path) -> None:
    name = "S1AA_20200101T170000_20200113T170000_VVP012_INT80_G_ueF_AB12_los_disp.tif"
    image = jv.open(made.write_tif(tmp_path / name, made.ramp()))
    assert (image.bands, image.unit) == (("displacement",), "m")
    np.testing.assert_array_equal(render(image)[0], made.ramp())
    item = next(item for name in user_catalog().collections() for item in _items(name))
    assert (item.properties["jeoview:since"], item.datetime[:10]) == ("2020-01-01", "2020-01-13")


@pytest.mark.parametrize(("nodata", "zero"), [(None, np.nan), (0.0, np.nan), (-9999.0, 0.0)])
def test_zero_is_no_displacement_of_hyp3_unless_the_file_says_otherwise(
    tmp_path: Path, nodata: float | None, zero: float
) -> None:
    values = made.ramp()
    values[0, 0] = 0.0
    name = "S1AA_20200101T170000_20200113T170000_VVP012_INT80_G_ueF_AB12_los_disp.tif"
    image = jv.open(made.write_tif(tmp_path / name, values, nodata=nodata))
    np.testing.assert_array_equal(render(image)[0, 0, :2], [zero, values[0, 1]])


# -- stacks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"chunks": (1, 4, 4)}, {"chunks": (3, 4, 4), "compression": "gzip"}])
def test_mintpy_stack(tmp_path: Path, options: dict[str, Any]) -> None:
    stack = jv.InterferogramCollection.from_mintpy(made.mintpy_stack(tmp_path / "kilauea", **options))
    assert stack.name == "kilauea"
    # dropIfgram is False for the pair that is dropped.
    assert stack.ids == ("20200101_20200113", "20200113_20200125")
    assert list(stack.pairs()["bperp"]) == [10.0, -20.0]
    assert stack.wavelength == pytest.approx(WAVELENGTH)
    assert {item.properties["jeoview:heading"] for item in stack.items} == {-168.1}
    np.testing.assert_array_equal(render(stack.image()["unwrapped"])[:, 0], made.ramp(3)[:2])
    # Azimuth -102 degrees anticlockwise from north: a descending orbit, whose satellite is in the east.
    found = render(stack.geometry())[:, 2, 2]
    np.testing.assert_allclose(found, unit_vector(39.0, -12.0), rtol=1e-5)
    assert found[0] > 0
    assert render(stack.height())[0, 0, 0] == 321.0


def test_aria_is_turned_round_as_its_reference_is_the_later_date(tmp_path: Path) -> None:
    phase = made.ramp()
    phase[3, 3] = 0.0
    made.aria(tmp_path, "20200113", "20200101", phase)
    made.aria(tmp_path, "20200125", "20200113", phase)
    stack = jv.InterferogramCollection.from_aria(tmp_path, "aria", height=1500.0)
    assert stack.ids == ("20200101_20200113", "20200113_20200125")
    assert stack.wavelength == pytest.approx(0.05546576)
    # 60 m at the ellipsoid and 70 m at 3000 m, from the later to the earlier date.
    assert list(stack.pairs()["bperp"]) == [-65.0, -65.0]
    expected = -phase
    expected[3, 3] = np.nan
    np.testing.assert_array_equal(render(stack.image()["unwrapped"])[0, 0], expected)
    # Displacement of the only chain: positive towards where ARIA's phase is positive.
    moved = render(stack.reference(lon=10.0005, lat=44.9995, pixels=1).invert())
    assert moved[1, 0, -1, -1] == pytest.approx(WAVELENGTH / (4 * math.pi) * (phase[-1, -1] - phase[0, 0]), rel=1e-3)


def test_aria_of_another_wavelength(tmp_path: Path) -> None:
    path = made.aria(tmp_path, "20200113", "20200101", made.ramp())
    with h5py.File(path, "a") as file:
        file["science/radarMetaData/wavelength"][()] = 0.2384
    assert jv.InterferogramCollection.from_aria(tmp_path, "l-band").wavelength == 0.2384


def test_aria_geometry_at_the_height_of_the_ground(tmp_path: Path) -> None:
    made.aria(tmp_path / "a", "20200113", "20200101", made.ramp())
    stack = jv.InterferogramCollection.from_aria(tmp_path / "a")
    np.testing.assert_allclose(render(stack.geometry())[:, 2, 2], unit_vector(41.0, -169.0), rtol=1e-5)
    ground = np.full((made.HEIGHT, made.WIDTH), 1500.0, np.float32)
    ground[0, 0] = 9000.0
    dem = jv.open(made.write_tif(tmp_path / "dem_20200101.tif", ground))
    found = render(stack.geometry(dem))
    np.testing.assert_allclose(found[:, 2, 2], unit_vector(41.5, -169.5), rtol=1e-5)
    np.testing.assert_allclose(found[:, 0, 0], unit_vector(42.0, -170.0), rtol=1e-5)
    np.testing.assert_allclose(render(stack.geometry(1500.0))[:, 2, 2], found[:, 2, 2], rtol=1e-6)
    assert found[0, 2, 2] < 0
    np.testing.assert_allclose((found**2).sum(axis=0), 1.0, rtol=1e-5)


def test_two_versions_of_a_pair_are_told_apart(tmp_path: Path) -> None:
    made.aria(tmp_path, "20200113", "20200101", made.ramp())
    made.aria(tmp_path, "20200113", "20200101", made.ramp(), frame="140151")
    with pytest.raises(SourceError, match=r"20200101_20200113 stands twice at one place.*140126.*140151"):
        jv.InterferogramCollection.from_aria(tmp_path)


def licsar_frame(root: Path) -> Path:
    """A LiCSAR frame as its portal lays it out."""
    frame = root / "023A_05123_131313"
    for one, other in made.PAIRS[:2]:
        name = f"{one}_{other}"
        made.write_tif(frame / "GEOC" / name / f"{name}.geo.unw.tif", made.ramp())
        made.write_tif(frame / "GEOC" / name / f"{name}.geo.cc.tif", np.full((made.HEIGHT, made.WIDTH), 255, np.uint8))
    for letter, value in zip("ENU", unit_vector(39.0, -168.0), strict=True):
        made.write_tif(frame / "metadata" / f"{frame.name}.geo.{letter}.tif", np.full((6, 8), value, np.float32))
    made.write_tif(frame / "metadata" / f"{frame.name}.geo.hgt.tif", np.full((6, 8), 55.0, np.float32))
    (frame / "metadata" / "baselines").write_text("20200113 20200101 -30.5 -12\n20200113 20200125 12.25 12\n")
    (frame / "metadata" / "metadata.txt").write_text("master=20200113\ncenter_time=05:10:11.5\nheading=-12.5\n")
    return frame


def test_licsar_geometry_baselines_and_metadata(tmp_path: Path) -> None:
    stack = jv.InterferogramCollection.from_licsar(licsar_frame(tmp_path))
    assert list(stack.pairs()["bperp"]) == [30.5, 12.25]
    table = next(tmp_path.rglob("baselines"))
    table.write_text("1 20200101 20200113 30.5 12 -12 0 -30.5 0.0\n2 20200113 20200125 12.25 12 0 12 0.0 12.25\n")
    again = jv.InterferogramCollection.from_licsar(tmp_path / "023A_05123_131313")
    assert list(again.pairs()["bperp"]) == [30.5, 12.25]
    table.write_text("20200113 20200101 near -12\n")
    with pytest.raises(SourceError, match=r"baselines: '20200113 20200101 near -12'; expected primary date"):
        jv.InterferogramCollection.from_licsar(tmp_path / "023A_05123_131313")
    properties = stack.items[0].properties
    assert (properties["jeoview:track"], properties["jeoview:heading"]) == ("023A", -12.5)
    np.testing.assert_allclose(render(stack.geometry())[:, 1, 1], unit_vector(39.0, -168.0), rtol=1e-6)
    assert render(stack.height())[0, 1, 1] == 55.0
    assert render(stack.image()["coherence"])[0, 0, 1, 1] == pytest.approx(1.0)


def test_licsar_coherence_of_old_and_new_files_in_one_frame(tmp_path: Path) -> None:
    """Bytes of 0 to 255 and floats of 0 to 1, whichever comes first."""
    frame = tmp_path / "023A_05123_131313" / "GEOC"
    stored: tuple[Array, ...] = (
        np.full((6, 8), 51, np.uint8),
        np.full((6, 8), 0.5, np.float32),
        np.full((6, 8), 255, np.uint8),
    )
    stored[0][0, 0] = 0
    for (one, other), coherence in zip(made.PAIRS, stored, strict=True):
        made.write_tif(frame / f"{one}_{other}" / f"{one}_{other}.geo.unw.tif", made.ramp())
        made.write_tif(frame / f"{one}_{other}" / f"{one}_{other}.geo.cc.tif", coherence)
    stack = jv.InterferogramCollection.from_licsar(tmp_path / "023A_05123_131313")
    # In the order of the dates: the pair of 24 days is the second.
    found = render(stack.image()["coherence"])[:, 0]
    np.testing.assert_allclose(found[:, 3, 3], [0.2, 1.0, 0.5], rtol=1e-6)
    assert np.isnan(found[0, 0, 0])


WRAPPED = "rad (wrapped)"


def wrapped_of(phase: Array) -> Array:
    """As the products store it: 0 is no data."""
    return np.angle(np.exp(1j * phase)).astype(np.float32)


def licsar_with_wrapped(root: Path) -> Path:
    frame = licsar_frame(root)
    for path in frame.rglob("*.geo.unw.tif"):
        values = wrapped_of(made.ramp() * 9)
        values[5, 5] = 0.0
        made.write_tif(path.with_name(path.name.replace("unw", "diff_pha")), values)
    return frame


def test_wrapped_phase_beside_the_unwrapped_one_is_a_band(tmp_path: Path) -> None:
    stack = jv.InterferogramCollection.from_licsar(licsar_with_wrapped(tmp_path))
    image = stack.image()
    assert image.bands == ("unwrapped", "coherence", "wrapped")
    wrapped = image["wrapped"]
    assert [image[band].unit for band in image.bands] == ["rad", "", WRAPPED]
    expected = wrapped_of(made.ramp() * 9)
    expected[5, 5] = np.nan
    np.testing.assert_allclose(render(wrapped)[0, 0], expected, atol=1e-6)
    with pytest.raises(ParameterError, match="numbers that wrap around have no mean"):
        wrapped.mean()
    first = wrapped.first()
    assert np.isfinite(render(first.goldstein())).any()
    assert render(first.unwrap(region="view")).shape == (2, made.HEIGHT, made.WIDTH)


def test_what_lies_beside_a_pair_disturbs_no_inversion(tmp_path: Path) -> None:
    """The same numbers with and without it, also where the file is gone or broken."""
    place: dict[str, Any] = {"lon": made.WEST + 0.0005, "lat": made.NORTH - 0.0005}
    plain = jv.InterferogramCollection.from_licsar(licsar_frame(tmp_path / "plain"), "plain").reference(**place)
    frame = licsar_with_wrapped(tmp_path / "more")
    stack = jv.InterferogramCollection.from_licsar(frame, "more").reference(**place)
    (broken, *_) = beside = sorted(frame.rglob("*.geo.diff_pha.tif"))
    for path in beside:
        path.unlink()
    for how in ("none", "coherence"):
        found, expected = (render(one.invert(weight=how)) for one in (stack, plain))
        np.testing.assert_array_equal(found, expected)
    assert stack.measures(progress=False)["unwrapped"].tolist() == [1.0, 1.0]
    broken.write_bytes(b"no picture")
    with pytest.warns(UserWarning, match=rf"has no band 'wrapped': .*{broken.name}"):
        again = jv.InterferogramCollection.from_licsar(frame, "again").reference(**place)
    np.testing.assert_array_equal(render(again.invert()), render(plain.invert()))


def test_a_finer_file_beside_a_pair_does_not_move_it(tmp_path: Path) -> None:
    made.write_tif(tmp_path / "CNES_InU_geo_20200101_20200113_8rlks.tif", made.ramp())
    for looks, size in (("2rlks", 4), ("8rlks", 1)):
        values = np.kron(wrapped_of(made.ramp()), np.ones((size, size), np.float32))
        step = made.STEP / size
        for kind in ("InW", "InWF"):
            if (kind, looks) != ("InWF", "8rlks"):
                path = tmp_path / f"CNES_{kind}_geo_20200101_20200113_{looks}.tif"
                made.write_tif(path, values, origin=(made.WEST, made.NORTH, step, step))
    made.write_tif(tmp_path / "CNES_APS_geo_20200101_20200113_8rlks.tif", made.ramp())
    stack = jv.InterferogramCollection.from_flatsim(tmp_path, "flatsim")
    (item,) = stack.items
    assert list(item.bands) == ["unwrapped", "wrapped", "wrapped_filtered", "atmosphere"]
    assert item.properties["proj:shape"] == [made.HEIGHT, made.WIDTH]
    assert [item.bands[name].shape for name in ("wrapped", "wrapped_filtered")] == [(6, 8), (24, 32)]
    assert [stack.image()[name].unit for name in item.bands] == ["rad", WRAPPED, WRAPPED, "rad"]
    np.testing.assert_array_equal(render(stack.image()["atmosphere"])[0, 0], made.ramp())


def test_what_lies_beside_a_pair_of_hyp3(tmp_path: Path) -> None:
    stem = "S1AA_20200101T170000_20200113T170000_VVP012_INT80_G_ueF_AB12"
    made.write_tif(tmp_path / f"{stem}_unw_phase.tif", made.ramp())
    made.write_tif(tmp_path / f"{stem}_wrapped_phase.tif", wrapped_of(made.ramp()))
    made.write_tif(tmp_path / f"{stem}_amp.tif", made.ramp())
    water = np.ones((6, 8), np.uint8)
    water[0] = 0
    made.write_tif(tmp_path / f"{stem}_water_mask.tif", water)
    made.write_tif(tmp_path / f"{stem}_inc_map.tif", np.full((6, 8), 0.5, np.float32))
    made.write_tif(tmp_path / f"{stem}_inc_map_ell.tif", np.full((6, 8), 0.7, np.float32))
    stack = jv.InterferogramCollection.from_hyp3(tmp_path, "hyp3")
    image = stack.image()
    assert image.bands == ("unwrapped", "wrapped", "amplitude", "water_mask")
    np.testing.assert_array_equal(render(image["wrapped"])[0, 0], wrapped_of(made.ramp()))
    land = render(image["unwrapped"].mask(image["water_mask"]))[0, 0]
    assert np.isnan(land[0]).all()
    np.testing.assert_array_equal(land[1:], made.ramp()[1:])
    with pytest.raises(CollectionError, match=r"incidence alone.*cosine.*'hyp3-geometry'.*lv_phi"):
        stack.geometry()
    angles = jv.ImageCollection("hyp3-geometry").mosaic()
    np.testing.assert_allclose(render(angles[["incidence", "local_incidence"]])[:, 1, 1], [0.7, 0.5], rtol=1e-6)
    made.write_tif(tmp_path / f"{stem}_lv_theta.tif", np.full((6, 8), math.radians(51.0), np.float32))
    made.write_tif(tmp_path / f"{stem}_lv_phi.tif", np.full((6, 8), math.radians(-168.0), np.float32))
    again = jv.InterferogramCollection.from_hyp3(tmp_path, "again")
    np.testing.assert_allclose(render(again.geometry())[:, 1, 1], unit_vector(39.0, -168.0), rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    ["20200101_20200113.geo.diff_pha.tif", "S1AA_20200101T1_20200113T1_wrapped_phase.tif", "CNES_InWF_geo_20200101_20200113_8rlks.tiff"],
)  # fmt: skip
def test_a_file_of_wrapped_phase_opened_alone_is_marked(tmp_path: Path, name: str) -> None:
    values = wrapped_of(made.ramp() * 9)
    values[2, 2] = 0.0
    path = made.write_tif(tmp_path / name, values)
    image = jv.open(path)
    assert image.unit == WRAPPED
    assert np.isnan(render(image)[0]).sum() == 1
    with pytest.raises(ParameterError, match="numbers that wrap around have no mean"):
        jv.ImageCollection.from_files(str(path)).mean()
    assert jv.open(path, unit="rad").unit == "rad"


def test_hyp3_look_vectors(tmp_path: Path) -> None:
    stem = "S1AA_20200101T170000_20200113T170000_VVP012_INT80_G_ueF_AB12"
    folder = tmp_path / stem
    made.write_tif(folder / f"{stem}_unw_phase.tif", made.ramp())
    made.write_tif(folder / f"{stem}_corr.tif", made.ramp())
    made.write_tif(folder / f"{stem}_lv_theta.tif", np.full((6, 8), math.radians(51.0), np.float32))
    made.write_tif(folder / f"{stem}_lv_phi.tif", np.full((6, 8), math.radians(-168.0), np.float32))
    (folder / f"{stem}.txt").write_text("Reference Granule: S1A\nBaseline: -58.5\nUTC time: 61200\n")
    stack = jv.InterferogramCollection.from_hyp3(tmp_path)
    assert list(stack.pairs()["bperp"]) == [-58.5]
    np.testing.assert_allclose(render(stack.geometry())[:, 1, 1], unit_vector(39.0, -168.0), rtol=1e-5)
    with pytest.raises(CollectionError, match="came without heights"):
        stack.height()


def test_flatsim_cosines_point_to_the_ground(tmp_path: Path) -> None:
    vector = unit_vector(39.0, -12.0)
    made.write_tif(tmp_path / "CNES_InU_geo_20200101_20200113_sd_era_8rlks.tif", made.ramp())
    made.write_tif(tmp_path / "CNES_InU_radar_20200101_20200113_sd_era_2rlks.tif", made.ramp())
    (tmp_path / "AUX").mkdir()
    (tmp_path / "AUX" / "baseline.rsc").write_text("20200101 -12.5 3 4 2020.0\n20200113 30.0 3 4 2020.03\n")
    made.write_tif(tmp_path / "CNES_Coh_geo_20200101_20200113_8rlks.tif", made.ramp())
    made.write_tif(tmp_path / "CNES_CosENU_geo_8rlks.tif", [np.full((6, 8), -v, np.float32) for v in vector])
    stack = jv.InterferogramCollection.from_flatsim(tmp_path, "flatsim")
    assert list(stack.pairs()["bperp"]) == [42.5]
    np.testing.assert_allclose(render(stack.geometry())[:, 1, 1], vector, rtol=1e-6)


def test_mexico_looks_from_the_west_at_its_own_incidence(data_dir: Path) -> None:
    """The README's trap: 31.11 to 32.22 degrees, not the 39.70 of the tag."""
    stack = jv.InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico")
    grid = Engine.default().reader.native_grid(stack.items[0], "unwrapped")
    east, _, up = render(stack.geometry(), grid)
    incidence = np.degrees(np.arccos(up))
    assert np.nanmin(incidence) == pytest.approx(31.11, abs=0.01)
    assert np.nanmax(incidence) == pytest.approx(32.22, abs=0.01)
    assert np.nanmax(east) < 0


def test_a_stack_without_geometry_says_so(tmp_path: Path) -> None:
    made.write_tif(tmp_path / "a_20200101_20200113_unw.tif", made.ramp())
    stack = jv.InterferogramCollection.from_files(str(tmp_path / "*_unw.tif"))
    with pytest.raises(CollectionError, match="came without geometry layers"):
        stack.geometry()


def test_two_tracks_give_up_and_east_through_their_geometry(tmp_path: Path) -> None:
    """Motion of 10 up and -4 east, seen by two stacks, comes back from `decompose`."""
    made.mintpy_stack(tmp_path / "desc")
    made.aria(tmp_path / "asc", "20200113", "20200101", made.ramp())
    looks = [
        jv.InterferogramCollection.from_mintpy(tmp_path / "desc").geometry(),
        jv.InterferogramCollection.from_aria(tmp_path / "asc").geometry(),
    ]
    seen = [look["los_up"] * 10.0 - look["los_east"] * 4.0 for look in looks]
    (first, second), (v1, v2) = looks, seen
    found = render(v1.decompose(first["los_east"], first["los_up"], v2, second["los_east"], second["los_up"]))
    np.testing.assert_allclose(found[0], 10.0, rtol=1e-4)
    np.testing.assert_allclose(found[1], -4.0, rtol=1e-4)


# -- ingest ---------------------------------------------------------------------------------------


def test_ingest_recognises_stacks_and_results(tmp_path: Path) -> None:
    root = tmp_path / "insar"
    licsar_frame(root)
    made.mintpy_stack(root / "hawaii")
    cube = made.ramp(3)
    cube[0] = cube[:, 1, 1] = 0.0
    made.mintpy_series(root / "hawaii" / "timeseries.h5", cube)
    made.write_h5(root / "hawaii" / "velocity.h5", {"velocity": made.ramp()}, {**made.MINTPY, "FILE_TYPE": "velocity"})
    made.aria(root / "aria", "20200113", "20200101", made.ramp())
    assert main(["ingest", str(root)]) == 0
    names = set(user_catalog().collections())
    expected = {"023A_05123_131313", "hawaii", "aria", "insar-hawaii-velocity", "insar-hawaii-timeseries"}
    assert names == expected | {f"{name}-geometry" for name in ("023A_05123_131313", "hawaii", "aria")}
    assert len(jv.InterferogramCollection("hawaii")) == 2
    assert render(jv.InterferogramCollection("aria").geometry())[2, 0, 0] > 0.7
    layers = render(jv.ImageCollection("insar-hawaii-timeseries").image())[:, 0]
    np.testing.assert_array_equal(layers[:, 1, 1], [0.0, np.nan, np.nan])
    np.testing.assert_array_equal(layers[:, 2, 2], cube[:, 2, 2])


def test_ingest_says_how_points_are_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "EGMS_L2b_1.csv").write_text("pid\n")
    assert main(["ingest", str(tmp_path)]) == 1
    assert "jeoview.open_points" in capsys.readouterr().err


def test_ingest_under_a_name_keeps_the_geometry_apart(tmp_path: Path) -> None:
    made.mintpy_stack(tmp_path / "hawaii")
    assert main(["ingest", str(tmp_path / "hawaii"), "--collection", "big-island"]) == 0
    assert len(jv.InterferogramCollection("big-island")) == 2
    assert render(jv.InterferogramCollection("big-island").height())[0, 0, 0] == 321.0


def test_ingest_leaves_out_links_that_leave_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.mintpy_stack(tmp_path / "elsewhere")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "ifgramStack.h5").symlink_to(tmp_path / "elsewhere" / "inputs" / "ifgramStack.h5")
    assert main(["ingest", str(inside)]) == 1
    assert "leaves the folder" in capsys.readouterr().err


# -- what is broken, half or foreign --------------------------------------------------------------


def problem(call: Any, *arguments: Any) -> str:
    with pytest.raises(JeoviewError) as caught:
        call(*arguments)
    return str(caught.value)


def test_errors_name_the_file_and_what_was_expected(tmp_path: Path) -> None:
    stacks = jv.InterferogramCollection
    half = made.mintpy_stack(tmp_path / "half") / "inputs" / "ifgramStack.h5"
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    radar = dict(made.MINTPY, FILE_TYPE="velocity")
    del radar["X_FIRST"]
    foreign = made.write_h5(tmp_path / "ifgramStack.h5", {"other": made.ramp()})
    gunw = made.aria(tmp_path / "a", "20200113", "20200101", made.ramp())
    with h5py.File(gunw, "a") as file:
        del file["science/grids/data/coherence"]
    uneven = made.licsbas(tmp_path / "cum.h5", made.ramp(3))
    with h5py.File(uneven, "a") as file:
        file["post_lon"][()] = np.nan
    messages = {
        problem(stacks.from_mintpy, half): ("ifgramStack.h5", "corrupt or truncated"),
        problem(jv.open, made.write_h5(tmp_path / "v.h5", {"velocity": made.ramp()}, radar)): (
            "v.h5",
            "radar coordinates",
        ),
        problem(stacks.from_mintpy, foreign): ("ifgramStack.h5", "unwrapPhase is missing", "'other'"),
        problem(stacks.from_mintpy, tmp_path / "nothing"): ("no folder 'nothing'",),
        problem(stacks.from_aria, tmp_path / "a"): (gunw.name, "coherence is missing", "connectedComponents"),
        problem(stacks.from_aria, tmp_path / "half"): ("half", "S1-GUNW"),
        problem(stacks.from_opera, tmp_path / "half"): ("half", "OPERA_L3_DISP-S1"),
        problem(stacks.from_licsar, tmp_path / "half"): ("half", "LiCSAR"),
        problem(stacks.from_hyp3, tmp_path / "half"): ("half", "HyP3"),
        problem(stacks.from_flatsim, tmp_path / "half"): ("half", "FLATSIM"),
        problem(jv.open_series, uneven): ("cum.h5", "no number"),
        problem(jv.open_series, tmp_path / "none.h5"): ("no file 'none.h5'",),
    }
    for message, words in messages.items():
        assert all(word in message for word in words), message
        assert str(tmp_path) not in message


def test_a_replaced_file_is_noticed_and_many_threads_agree(tmp_path: Path) -> None:
    path = made.mintpy_series(tmp_path / "timeseries.h5", made.ramp(3), chunks=(1, 3, 4))
    series = jv.open_series(path)
    engine = Engine.default()
    tiles = [Grid(NATIVE.lattice, row, col, 3, 4) for row in (0, 3) for col in (0, 4)] * 8
    with ThreadPoolExecutor(8) as pool:
        arrays = list(pool.map(lambda grid: engine.render(series.node, grid).array[:, 0], tiles))
    for grid, array in zip(tiles, arrays, strict=True):
        np.testing.assert_array_equal(array, made.ramp(3)[:, grid.row : grid.row + 3, grid.col : grid.col + 4])
    other = made.mintpy_series(tmp_path / "other.h5", made.ramp(3) * 2)
    shutil.move(other, path)
    with pytest.raises(SourceError, match="changed since the chain was made"):
        engine.render(series.node, Grid(NATIVE.lattice, 0, 0, 2, 2))
    np.testing.assert_array_equal(render(jv.open_series(path))[:, 0], made.ramp(3) * 2)
