"""Points of the European Ground Motion Service: real ones of Ustica, and small files of the other generations."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.catalog import Query
from jeoview.collection.frozen import user_catalog
from jeoview.engine import Engine
from jeoview.errors import BandError, CollectionError, JeoviewError, ParameterError, SourceError
from jeoview.grid import Grid, Lattice
from jeoview.projection import transform
from jeoview.raster import Kind
from jeoview.region import region_grid

TRACKS = ("EGMS_L2b_022_0845_IW2_VV_2020_2024_1", "EGMS_L2b_117_0227_IW2_VV_2020_2024_1")
NEW = "pid,mp_type,latitude,longitude,easting,northing,height_ortho,rmse_ts,los_east,los_north,los_up,mean_velocity,20200103,20200115"
OLD = NEW.replace("height_ortho", "height").replace("rmse_ts", "rmse")
ROWS = (
    "aa1,0,38.7,13.16,4597010.0,1741210.0,100.5,0.8,0.6,-0.1,0.79,-3.5,0.0,-1.5",
    "aa2,0,38.7,13.16,4597030.0,1741230.0,90.0,0.9,0.6,-0.1,0.79,-1.5,0.0,",
    "aa3,1,38.7,13.17,4597160.0,1741110.0,80.0,0.9,0.6,-0.1,0.79,2.0,0.0,2.5",
)


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


@pytest.fixture
def ustica(data_dir: Path) -> list[jv.PointCollection]:
    """Descending, ascending."""
    return [jv.open_points(data_dir / "egms-ustica-l2b" / f"{name}.zip") for name in TRACKS]


def write(path: Path, head: str = NEW, rows: tuple[str, ...] = ROWS, separator: str = ",") -> Path:
    path.write_text("\n".join((head, *rows)).replace(",", separator) + "\n")
    return path


# -- real points ----------------------------------------------------------------------------------


def test_ustica_is_what_its_readme_says(ustica: list[jv.PointCollection]) -> None:
    assert [len(points) for points in ustica] == [11_590, 11_759]
    assert [len(points.dates) for points in ustica] == [210, 207]
    assert (ustica[0].dates[0], ustica[0].dates[-1]) == ("2020-01-03", "2024-12-25")
    for points, east, north, up in zip(ustica, (0.594, -0.622), (-0.120, -0.098), (0.795, 0.777), strict=True):
        means = [points[name].mean() for name in ("los_east", "los_north", "los_up")]
        np.testing.assert_allclose(means, [east, north, up], atol=6e-4)
    west, south, east, north = ustica[0].bounds
    np.testing.assert_allclose((west, south, east, north), (13.1518, 38.6906, 13.2008, 38.7209), atol=2e-4)
    # Coordinates of both kinds agree.
    x, y = transform("EPSG:4326", "EPSG:3035", ustica[0]["longitude"], ustica[0]["latitude"])
    np.testing.assert_allclose(x, ustica[0]["easting"], atol=2.0)
    np.testing.assert_allclose(y, ustica[0]["northing"], atol=2.0)


def test_our_fits_are_the_columns_of_the_service(ustica: list[jv.PointCollection]) -> None:
    """All 23,349 points, to the rounding that the README states."""
    for points in ustica:
        fits = {degree: points.velocity(degree=degree) for degree in (1, 2, 3)}
        limits = (
            ("mean_velocity", 1, "velocity", 0.1005),
            ("mean_velocity_std", 1, "std", 0.053),
            ("acceleration", 2, "acceleration", 0.0165),
            ("seasonality", 3, "amplitude", 0.0635),
            ("rmse_ts", 3, "rmse", 0.0555),
        )
        for column, degree, band, limit in limits:
            assert np.abs(fits[degree][band].to_numpy() - points[column]).max() <= limit, column
        assert list(fits[1]["pid"]) == list(points["pid"])


def test_a_series_is_in_metres(ustica: list[jv.PointCollection], data_dir: Path) -> None:
    points = ustica[0]
    pid = points["pid"][17]
    series = points.series(pid)
    with (
        zipfile.ZipFile(data_dir / "egms-ustica-l2b" / f"{TRACKS[0]}.zip") as files,
        files.open(f"{TRACKS[0]}.csv") as csv,
    ):
        stored = pd.read_csv(csv, nrows=18).iloc[17]
    assert stored["pid"] == pid
    np.testing.assert_allclose(
        series.to_numpy() * 1000, stored[[f"{day:%Y%m%d}" for day in series.index]].to_numpy(float), atol=1e-5
    )
    with pytest.raises(ParameterError, match="no point 'nobody'"):
        points.series("nobody")


def test_up_and_east_of_ustica_on_the_map(ustica: list[jv.PointCollection]) -> None:
    """Cells of both tracks coincide; up and east solve v = e E + u U in each, and the island is quiet."""
    columns = ["mean_velocity", "los_east", "los_up"]
    first, second = (points.image(columns, cell=100) for points in ustica)
    motion = first["mean_velocity"].decompose(
        first["los_east"], first["los_up"], second["mean_velocity"], second["los_east"], second["los_up"]
    )
    grid = Grid(Lattice("EPSG:3035", (100.0, 100.0), 0.0, 0.0), -17431, 45968, 34, 44)
    up, east, condition = Engine.default().render(motion.node, grid).array
    one, two = (Engine.default().render(image.node, grid).array.astype(np.float64) for image in (first, second))
    both = np.isfinite(one[0]) & np.isfinite(two[0])
    assert both.sum() > 500
    assert (np.isfinite(up) == both).all()
    for velocity, look_east, look_up in (one, two):
        np.testing.assert_allclose((look_east * east + look_up * up)[both], velocity[both], atol=1e-3)
    assert condition[both].max() < 1.5
    assert abs(np.median(up[both])) < 2
    assert abs(np.median(east[both])) < 2


def test_cells_hold_the_mean_of_their_points(ustica: list[jv.PointCollection]) -> None:
    points = ustica[1]
    image = points.image(cell=50)
    assert (image.bands, image.unit) == (("mean_velocity",), "mm/yr")
    frame = pd.DataFrame({"v": points["mean_velocity"], "x": points["easting"] // 50, "y": -points["northing"] // 50})
    means = frame.groupby(["y", "x"], as_index=False)["v"].mean()
    for y, x, expected in means.to_numpy()[::97]:
        cell = Grid(Lattice("EPSG:3035", (50.0, 50.0), 0.0, 0.0), int(y), int(x), 1, 1)
        assert Engine.default().render(image.node, cell).array[0, 0, 0] == pytest.approx(expected, abs=1e-4)
    on_map = Engine.default().render(image.node, region_grid(points.bounds, zoom=13)).array[0]
    assert np.isfinite(on_map).mean() > 0.1


def test_a_legend_names_the_product_not_the_file_that_was_made(
    ustica: list[jv.PointCollection], tmp_path: Path
) -> None:
    both = [points.image(folder=tmp_path) for points in ustica]
    assert [Engine.default().sources(image.node) for image in both] == [(name,) for name in TRACKS]


def test_the_series_of_a_cell_is_the_mean_of_its_points(ustica: list[jv.PointCollection]) -> None:
    west, south, *_ = ustica[0].bounds
    points = ustica[0].filter_bounds((west, south, west + 0.01, south + 0.01))
    series = points.displacement(cell=50)
    assert (series.kind, series.bands, series.unit) == (Kind.SERIES, ("displacement",), "m")
    y, x = int(-points["northing"][0] // 50), int(points["easting"][0] // 50)
    inside = (points["easting"] // 50 == x) & (-points["northing"] // 50 == y)
    cell = Grid(Lattice("EPSG:3035", (50.0, 50.0), 0.0, 0.0), y, x, 1, 1)
    found = Engine.default().render(series.node, cell)
    assert [date[:10] for date in found.dates] == list(points.dates)
    np.testing.assert_allclose(found.array[:, 0, 0, 0], points.table.displacement[inside].mean(axis=0), atol=1e-6)
    # A dot of the series stands where the dot of the velocity does.
    around = cell.pad(2)
    velocity, dates = (one.dots(radius=2) for one in (points.image(cell=50), series))
    where = np.isfinite(Engine.default().render(velocity.node, around).array[0])
    assert (np.isfinite(Engine.default().render(dates.node, around).array[0, 0]) == where).all()


def test_points_near_a_place_and_as_a_table(ustica: list[jv.PointCollection]) -> None:
    near = ustica[0].filter_bounds((13.17, 38.70, 13.18, 38.71))
    assert 100 < len(near) < len(ustica[0])
    frame = near.to_geodataframe(series=True)
    assert frame.crs.to_epsg() == 4326
    assert len(frame) == len(near)
    assert tuple(frame.total_bounds) == near.bounds
    assert frame["20200103"].abs().max() < 0.1
    with pytest.raises(CollectionError, match="none of the"):
        ustica[0].filter_bounds((0.0, 0.0, 1.0, 1.0))


# -- other generations, small files of their layout -----------------------------------------------


@pytest.mark.parametrize("head", [NEW, OLD])
@pytest.mark.parametrize("separator", [",", ";"])
def test_both_generations_and_both_separators(tmp_path: Path, head: str, separator: str) -> None:
    points = jv.open_points(write(tmp_path / "EGMS_L2a_x.csv", head, separator=separator))
    assert (len(points), points.dates) == (3, ("2020-01-03", "2020-01-15"))
    assert list(points["height_ortho"]) == [100.5, 90.0, 80.0]
    assert list(points["rmse_ts"]) == [0.8, 0.9, 0.9]
    series = points.series("aa2")
    assert np.isnan(series.iloc[1])
    assert points.series("aa1").iloc[1] == pytest.approx(-0.0015)
    # Two points share a cell of 100 m.
    cells = Grid(Lattice("EPSG:3035", (100.0, 100.0), 0.0, 0.0), -17413, 45970, 2, 2)
    found = Engine.default().render(points.image(cell=100).node, cells).array[0]
    np.testing.assert_array_equal(found, [[-2.5, np.nan], [np.nan, 2.0]])


def test_level_three_has_no_degrees(tmp_path: Path) -> None:
    head = "pid,easting,northing,height,rmse,mean_velocity,mean_velocity_std,20200103"
    rows = ("1000,4597050.0,1741250.0,10.0,0.5,-1.5,0.1,0.5",)
    points = jv.open_points(write(tmp_path / "EGMS_L3_E45N17_100km_U.csv", head, rows))
    lon, lat = transform("EPSG:3035", "EPSG:4326", 4597050.0, 1741250.0)
    np.testing.assert_allclose(points.bounds, (lon, lat, lon, lat))
    assert points.to_geodataframe().geometry[0].x == pytest.approx(float(lon))


def test_level_three_rasters_are_velocities(tmp_path: Path) -> None:
    path = tmp_path / "EGMS_L3_E45N17_100km_U_2020_2024_1.tiff"
    place = from_origin(4_500_000, 1_800_000, 100, 100)
    with rasterio.open(
        path, "w", driver="GTiff", width=3, height=2, count=1, dtype="float32", crs="EPSG:3035", transform=place
    ) as file:
        file.write(np.arange(6, dtype=np.float32).reshape(1, 2, 3) - 2)
    image = jv.open(path)
    assert (image.bands, image.unit) == (("velocity",), "mm/yr")
    catalog = user_catalog()
    (item,) = (item for name in catalog.collections() for item in catalog.search(Query(name)))
    assert item.properties["jeoview:sign"] == "velocity positive upwards (EGMS L3)"
    grid = Grid(Lattice("EPSG:3035", (100.0, 100.0), 4_500_000.0, 1_800_000.0), 0, 0, 2, 3)
    np.testing.assert_array_equal(Engine.default().render(image.node, grid).array[0], [[-2, -1, 0], [1, 2, 3]])


# -- tables that are not EGMS's -------------------------------------------------------------------


EXPORTS = {
    "degrees": ("EPSG:4326", (-104.92, 21.48, -104.912, 21.486), 0.001, "EPSG:32613"),
    "utm": ("EPSG:32613", (508_000.0, 2_375_000.0, 508_500.0, 2_375_600.0), 100.0, "EPSG:32613"),
    "europe": ("EPSG:32632", (399_700.0, 4_999_700.0, 400_600.0, 5_000_300.0), 30.0, "EPSG:3035"),
    "laea": ("EPSG:3035", (4_220_000.0, 2_420_000.0, 4_220_900.0, 2_420_600.0), 30.0, "EPSG:3035"),
}


@pytest.mark.parametrize("kind", EXPORTS)
def test_our_own_table_is_opened_where_and_as_it_was(tmp_path: Path, kind: str) -> None:
    crs, bounds, step, metric = EXPORTS[kind]
    height, width = (round((bounds[i + 2] - bounds[i]) / step) for i in (1, 0))
    days = [np.datetime64("2020-01-03") + 60 * k for k in range(12)]
    moved = np.random.default_rng(5).normal(0, 0.02, (len(days), height, width)).astype(np.float32)
    for day, layer in zip(days, moved, strict=True):
        name = tmp_path / f"d_{str(day).replace('-', '')}.tif"
        place = {"crs": crs, "transform": from_origin(bounds[0], bounds[3], step, step)}
        with rasterio.open(
            name, "w", driver="GTiff", height=height, width=width, count=1, dtype="float32", **place
        ) as file:
            file.write(layer, 1)
    scenes = jv.ImageCollection.from_files(str(tmp_path / "d_*.tif"), date="%Y%m%d", bands=["displacement"], unit="m")
    path = scenes.to_csv(tmp_path / "own.csv", crs=crs, bounds=bounds, resolution=step, progress=False)
    points = jv.open_points(path)
    assert (len(points), points.table.crs, points.dates) == (height * width, metric, tuple(map(str, days)))
    # Rows from the north: the first is the pixel of the corner.
    lon, lat = transform(crs, "EPSG:4326", bounds[0] + step / 2, bounds[3] - step / 2)
    np.testing.assert_allclose((points["longitude"][0], points["latitude"][0]), (lon, lat), atol=1e-7)
    x, y = transform("EPSG:4326", metric, lon, lat)
    np.testing.assert_allclose((points["easting"][0], points["northing"][0]), (x, y), atol=0.02)
    np.testing.assert_allclose(points.table.displacement, moved.reshape(len(days), -1).T, atol=5.1e-6)
    west, south, east, north = points.bounds
    box = points.image(cell=step if step > 1 else 100.0).schema.bbox
    assert box is not None
    np.testing.assert_allclose(box, (west, south, east, north), atol=0.003)
    assert points.displacement().bands == ("displacement",)


def test_a_plain_table_with_degrees(tmp_path: Path) -> None:
    path = tmp_path / "gnss.csv"
    path.write_text("station;Lon;LAT;rate;20200103;20200115\na;-104.9;21.5;3.5;0;12\nb;-104.8;21.6;-1;0;6\n")
    points = jv.open_points(path)
    assert (list(points["pid"]), points.dates) == (["1", "2"], ())
    assert points.bounds == (-104.9, 21.5, -104.8, 21.6)
    assert {"station", "rate", "20200103"} <= set(points.columns)
    image = points.image("rate", cell=1000.0)
    cell = Grid(Lattice("EPSG:32613", (1000.0, 1000.0), 0.0, 0.0), *_cell_of(-104.9, 21.5), 1, 1)
    assert Engine.default().render(image.node, cell).array[0, 0, 0] == 3.5
    for unit, metres in (("mm", 0.012), ("m", 12.0)):
        assert jv.open_points(path, unit=unit).series("1").iloc[1] == pytest.approx(metres)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="unit is 'cm'; expected 'mm' or 'm'"):
        jv.open_points(path, unit="cm")  # type: ignore[arg-type]


def _cell_of(lon: float, lat: float) -> tuple[int, int]:
    x, y = transform("EPSG:4326", "EPSG:32613", lon, lat)
    return int(np.floor(-float(y) / 1000)), int(np.floor(float(x) / 1000))


def test_metres_of_an_unknown_system_are_refused(tmp_path: Path) -> None:
    rows = ("1,400015.0,4999985.0,-1.5,0.5",)
    head = "pid,easting,northing,mean_velocity,20200103"
    with pytest.raises(SourceError, match=r"utm.csv: easting and northing lie outside of Europe in EPSG:3035"):
        jv.open_points(write(tmp_path / "utm.csv", head, rows))
    points = jv.open_points(
        write(tmp_path / "both.csv", f"{head},longitude,latitude", ("1,400015.0,4999985.0,-1.5,0.5,7.73,45.14",))
    )
    assert (points["file_easting"][0], points.bounds) == (400015.0, (7.73, 45.14, 7.73, 45.14))
    with pytest.raises(SourceError, match="longitude and latitude are no degrees"):
        jv.open_points(write(tmp_path / "far.csv", "lon,lat", ("400000,4999985",)))


def test_the_series_keeps_what_the_files_name_says(tmp_path: Path) -> None:
    for name, look in zip(TRACKS, ("0.6", "-0.6"), strict=True):
        rows = tuple(row.replace(",0.6,", f",{look},").replace(",2.5", f",{look}") for row in ROWS)
        jv.open_points(write(tmp_path / f"{name}.csv", NEW, rows)).displacement()
    catalog = user_catalog()
    said = [item.properties for name in catalog.collections() for item in catalog.search(Query(name))]
    assert len(said) == 4
    assert {one["jeoview:sign"] for one in said} == {"displacement in mm, positive towards (EGMS L2b)"}
    assert {(one["jeoview:track"], one["jeoview:burst"], one["sat:orbit_state"]) for one in said} == {
        ("022", "022_0845_IW2", "descending"),
        ("117", "117_0227_IW2", "ascending"),
    }
    assert (said[0]["jeoview:level"], said[0]["sar:polarizations"]) == ("L2b", ["VV"])
    assert (said[0]["constellation"], said[0]["jeoview:release"]) == ("sentinel-1", "2020-2024 v1")
    head, rows = "pid,easting,northing,mean_velocity,20200103", ("1000,4597050.0,1741250.0,-1.5,0.5",)
    east = jv.open_points(write(tmp_path / "EGMS_L3_E45N17_100km_E_2020_2024_1.csv", head, rows))
    assert east.table.properties["jeoview:sign"] == "displacement in mm, positive eastwards (EGMS L3)"
    other = jv.open_points(write(tmp_path / "own.csv", head, rows))
    assert other.table.properties == {"jeoview:sign": "displacement in mm, sign as in the file own"}


def test_what_is_no_table_of_points_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "EGMS_L2b_1.zip"
    broken.write_bytes(b"PK\x03\x04 nothing")
    two = tmp_path / "two.zip"
    with zipfile.ZipFile(two, "w") as files:
        files.writestr("a.csv", NEW)
        files.writestr("b.csv", NEW)
    half = tmp_path / "half.zip"
    with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("a.csv", "\n".join((NEW, *ROWS * 200)))
    data = bytearray(half.read_bytes())
    data[60:200] = b"\xff" * 140
    half.write_bytes(data)
    words = {
        tmp_path / "none.csv": "no file 'none.csv'",
        broken: "EGMS_L2b_1.zip is a broken zip file",
        half: "half.zip is a broken zip file",
        two: "two.zip holds 2 CSV files; expected one",
        write(
            tmp_path / "other.csv", "a,b,c", ("1,2,3",)
        ): "other.csv is no table of points: expected the columns longitude and latitude",
        write(tmp_path / "empty.csv", NEW, ()): "empty.csv holds no point",
        write(
            tmp_path / "words.csv", NEW, (ROWS[0].replace("4597010.0", "east"),)
        ): "words.csv: easting holds something",
        write(tmp_path / "noise.csv", NEW, (ROWS[0].replace("-1.5", "much"),)): "noise.csv is no table of points",
    }
    for path, text in words.items():
        with pytest.raises(JeoviewError) as caught:
            jv.open_points(path)
        assert text in str(caught.value)
        assert str(tmp_path) not in str(caught.value)


def test_questions_that_cannot_be_answered(tmp_path: Path) -> None:
    points = jv.open_points(write(tmp_path / "EGMS_L2a_x.csv"))
    with pytest.raises(BandError, match=r"no column 'velocity'.*mean_velocity"):
        points["velocity"]
    with pytest.raises(ParameterError, match="'pid' holds no numbers"):
        points.image("pid")
    with pytest.raises(ParameterError, match="cell is 0"):
        points.image(cell=0)
    with pytest.raises(ParameterError, match="cell is -1"):
        points.displacement(cell=-1)
    with pytest.raises(ParameterError, match="no parameter 'modle'"):
        points.velocity(modle="annual")
