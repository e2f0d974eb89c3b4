"""HDF5 variables: where their pixels lie, and what is refused; files of the layouts that products document."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio

from jeoview.catalog.items import Band, Item
from jeoview.errors import RefusedError, SourceError
from jeoview.grid import Grid, Lattice
from jeoview.io.etag import file_etag
from jeoview.io.inspect import inspect
from jeoview.io.reader import Reader
from tests.unit import product_files as made

UTM = rasterio.CRS.from_epsg(32632).to_wkt()


def grid_file(path: Path, x: Any, y: Any, values: Any = None, names: tuple[str, str] = ("x", "y")) -> Path:
    variables = {names[0]: np.asarray(x, float), names[1]: np.asarray(y, float)}
    return made.write_h5(path, {**variables, "v": made.ramp() if values is None else values})


def scales(count: int, first: float, step: float) -> Any:
    return first + step * np.arange(count)


def read(path: Path, variable: str, grid: Grid, index: int = 1) -> Any:
    header = inspect(path, variable)
    band = Band("v", str(path), index=index, subdataset=variable, etag=file_etag(path))
    item = Item("c", "i", "2020-01-01T00:00:00Z", header.bbox, header.geometry, {}, {"v": band})
    return Reader(cache_bytes=1 << 24).read(item, ["v"], grid, "nearest")[0]


def test_degrees_and_metres(tmp_path: Path) -> None:
    path = grid_file(tmp_path / "a.nc", scales(8, 10.0, 0.5), scales(6, 45.0, -0.5), names=("lon", "lat"))
    assert inspect(path, "v").crs == "EPSG:4326"
    assert inspect(path, "v").transform == (0.5, 0.0, 9.75, 0.0, -0.5, 45.25)
    path = grid_file(tmp_path / "b.nc", scales(8, 500_015.0, 30.0), scales(6, 4_999_985.0, -30.0))
    with h5py.File(path, "a") as file:
        file["projection"] = 32632
    assert inspect(path, "v").crs == "EPSG:32632"
    assert inspect(path, "v").transform == (30.0, 0.0, 500_000.0, 0.0, -30.0, 5_000_000.0)


def test_rows_from_south_to_north_are_turned(tmp_path: Path) -> None:
    path = grid_file(tmp_path / "a.nc", scales(8, 10.25, 0.5), scales(6, 45.25, 0.5), names=("lon", "lat"))
    grid = Grid(Lattice("EPSG:4326", (0.5, 0.5), 10.0, 48.0), 0, 0, 6, 8)
    np.testing.assert_array_equal(read(path, "v", grid), made.ramp()[::-1])


def test_a_dimension_without_values_is_no_coordinate(tmp_path: Path) -> None:
    """NetCDF-4 attaches a dimension to a variable even where it has no coordinates; they may stand elsewhere."""
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file["g/v"] = made.ramp()
        for axis, (name, count) in enumerate((("ny", 6), ("nx", 8))):
            file[f"g/{name}"] = np.zeros(count, np.float32)
            file[f"g/{name}"].make_scale(f"This is a netCDF dimension but not a netCDF variable. {count:9}")
            file["g/v"].dims[axis].attach_scale(file[f"g/{name}"])
        file["lon"], file["lat"] = scales(8, 10.25, 0.5), scales(6, 47.75, -0.5)
    assert inspect(path, "g/v").transform == (0.5, 0.0, 10.0, 0.0, -0.5, 48.0)
    with h5py.File(path, "a") as file:
        file["x2"], file["y2"] = scales(8, 20.25, 0.5), scales(6, 47.75, -0.5)
        file["w"] = made.ramp()
        for axis, name in enumerate(("y2", "x2")):
            file[name].make_scale(name)
            file["w"].dims[axis].attach_scale(file[name])
        file["x2"].attrs["units"] = "degrees_east"
    # What is attached comes first.
    assert inspect(path, "w").transform[2] == 20.0


@pytest.mark.parametrize(
    ("zone", "code"), [("32N", "EPSG:32632"), ("32S", "EPSG:32732"), ("5T", "EPSG:32605"), ("19K", "EPSG:32719")]
)
def test_mintpy_in_metres(tmp_path: Path, zone: str, code: str) -> None:
    more = {"X_UNIT": "meters", "X_FIRST": "500000", "Y_FIRST": "5000000", "X_STEP": "30", "Y_STEP": "-30"}
    path = made.write_h5(tmp_path / "v.h5", {"velocity": made.ramp()}, {**made.MINTPY, **more, "UTM_ZONE": zone})
    assert inspect(path, "velocity").crs == code
    assert inspect(path, "velocity").transform == (30.0, 0.0, 500_000.0, 0.0, -30.0, 5_000_000.0)


def test_places_that_cannot_be(tmp_path: Path) -> None:
    uneven = scales(8, 10.0, 0.5)
    uneven[3] += 0.1
    wrong = grid_file(tmp_path / "crs.nc", scales(8, 0.0, 30.0), scales(6, 0.0, -30.0))
    with h5py.File(wrong, "a") as file:
        file["spatial_ref"] = 0
        file["spatial_ref"].attrs["crs_wkt"] = "PROJCS[nonsense"
    size = made.write_h5(tmp_path / "size.h5", {"v": made.ramp()}, {**made.MINTPY, "WIDTH": "9"})
    words = {
        grid_file(tmp_path / "uneven.nc", uneven, scales(6, 45.0, -0.5), names=("lon", "lat")): "not evenly spaced",
        wrong: "PROJ does not know",
        size: "6 x 8 pixels; LENGTH and WIDTH say 6 x 9",
        made.write_h5(tmp_path / "nan.h5", {"v": made.ramp()}, {**made.MINTPY, "X_STEP": "nan"}): "no number",
        made.write_h5(tmp_path / "word.h5", {"v": made.ramp()}, {**made.MINTPY, "X_STEP": "wide"}): "no number",
        made.write_h5(tmp_path / "line.h5", {"v": np.ones(5)}, made.MINTPY): "no raster",
        made.write_h5(tmp_path / "text.h5", {"v": np.full((6, 8), b"a")}, made.MINTPY): "no numbers",
    }
    for path, text in words.items():
        with pytest.raises(SourceError, match=text) as caught:
            inspect(path, "v")
        assert path.name in str(caught.value)
        assert str(tmp_path) not in str(caught.value)
    with pytest.raises(SourceError, match="no variable 'speed'"):
        inspect(size, "speed")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float64", "bool", ">f4"])
def test_types_of_numbers(tmp_path: Path, dtype: str) -> None:
    values = (made.ramp() * 100).astype(dtype)
    path = made.write_h5(tmp_path / "v.h5", {"v": values}, made.MINTPY)
    grid = Grid(Lattice("EPSG:4326", (made.STEP, made.STEP), made.WEST, made.NORTH), 0, 0, 6, 8)
    np.testing.assert_array_equal(read(path, "v", grid), values.astype(np.float32))


@pytest.mark.parametrize("chunks", [None, (1, 4, 5), (2, 3, 3), (3, 6, 8)])
def test_windows_of_cubes_larger_than_a_block(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    cube = np.random.default_rng(1).normal(size=(3, 300, 530)).astype(np.float32)
    attributes = {**made.MINTPY, "LENGTH": "300", "WIDTH": "530"}
    path = made.write_h5(tmp_path / "v.h5", {"v": cube}, attributes, **({"chunks": chunks} if chunks else {}))
    grid = Grid(Lattice("EPSG:4326", (made.STEP, made.STEP), made.WEST, made.NORTH), 200, 240, 100, 290)
    for index in (1, 3):
        np.testing.assert_array_equal(read(path, "v", grid, index), cube[index - 1, 200:300, 240:530])


def test_a_chunk_that_does_not_decode(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(size=(6, 8))
    path = made.write_h5(
        tmp_path / "v.h5", {"v": noise[None].repeat(2, 0)}, made.MINTPY, chunks=(1, 6, 8), compression="gzip"
    )
    grid = Grid(Lattice("EPSG:4326", (made.STEP, made.STEP), made.WEST, made.NORTH), 0, 0, 6, 8)
    with h5py.File(path) as file:
        offset = file["v"].id.get_chunk_info(0).byte_offset
    data, status = bytearray(path.read_bytes()), path.stat()
    data[offset + 4 : offset + 40] = b"\xff" * 36
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(SourceError, match="corrupt or truncated") as caught:
        read(path, "v", grid)
    assert str(tmp_path) not in str(caught.value)
    np.testing.assert_array_equal(read(path, "v", grid, 2), noise.astype(np.float32))


def test_what_a_user_has_open_stays_usable(tmp_path: Path) -> None:
    """No lock is taken: h5py in the same process opens the file as it likes, also to write."""
    path = made.write_h5(tmp_path / "v.h5", {"v": made.ramp()}, made.MINTPY)
    grid = Grid(Lattice("EPSG:4326", (made.STEP, made.STEP), made.WEST, made.NORTH), 0, 0, 6, 8)
    with h5py.File(path) as mine:
        np.testing.assert_array_equal(read(path, "v", grid), mine["v"][:])
    header = inspect(path, "v")
    band = Band("v", str(path), subdataset="v", etag=file_etag(path))
    reader = Reader(cache_bytes=1 << 24)
    item = Item("c", "i", "2020-01-01T00:00:00Z", header.bbox, header.geometry, {}, {"v": band})
    reader.read(item, ["v"], grid, "nearest")
    with h5py.File(path, "a") as mine:
        mine["more"] = 1.0


def test_a_variable_in_another_file_is_refused(tmp_path: Path) -> None:
    secret = made.write_h5(tmp_path / "secret.h5", {"velocity": made.ramp()}, made.MINTPY)
    link = made.write_h5(tmp_path / "link.h5", {"height": made.ramp()}, made.MINTPY)
    layout = h5py.VirtualLayout((made.HEIGHT, made.WIDTH), "f4")
    layout[:] = h5py.VirtualSource(secret, "velocity", (made.HEIGHT, made.WIDTH))
    with h5py.File(link, "a") as file:
        file["velocity"] = h5py.ExternalLink(str(secret), "/velocity")
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", (made.HEIGHT, made.WIDTH), "f4", external=str(secret))
    for name in ("velocity", "virtual", "raw"):
        with pytest.raises(RefusedError, match="another file"):
            inspect(link, name)
    assert inspect(link, "height").shape == (made.HEIGHT, made.WIDTH)
