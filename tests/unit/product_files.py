"""Small files of the layouts that products document, for want of real samples: see each function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

Array = NDArray[Any]
HEIGHT, WIDTH = 6, 8
WEST, NORTH, STEP = 10.0, 45.0, 0.001
DAYS = ("20200101", "20200113", "20200125")
PAIRS = (("20200101", "20200113"), ("20200113", "20200125"), ("20200101", "20200125"))
MINTPY = {
    "X_FIRST": str(WEST),
    "Y_FIRST": str(NORTH),
    "X_STEP": str(STEP),
    "Y_STEP": str(-STEP),
    "X_UNIT": "degrees",
    "Y_UNIT": "degrees",
    "WIDTH": str(WIDTH),
    "LENGTH": str(HEIGHT),
    # Another attribute of real files, which only differs in case and does not mean the same.
    "width": "2906",
    "length": "3252",
    "WAVELENGTH": "0.0554658",
    "HEADING": "-168.1",
    "ORBIT_DIRECTION": "DESCENDING",
    "REF_DATE": DAYS[0],
    "REF_LON": "10.0045",
    "REF_LAT": "44.9975",
    "START_DATE": DAYS[0],
    "END_DATE": DAYS[-1],
}


def ramp(layers: int = 0) -> Array:
    """Numbers that are all different, none 0; (y, x), or (layer, y, x)."""
    shape = (layers, HEIGHT, WIDTH) if layers else (HEIGHT, WIDTH)
    return (np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 1.0) / 100.0


def write_h5(
    path: Path, variables: Mapping[str, Any], attributes: Mapping[str, Any] | None = None, **options: Any
) -> Path:
    """Variables by their paths; arrays of two or three dimensions with the options of h5py."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, value in variables.items():
            array = np.asarray(value)
            file.create_dataset(name, data=array, **(options if array.ndim > 2 and array.dtype.kind == "f" else {}))
        for name, text in (attributes or {}).items():
            file.attrs[name] = text
    return path


def write_tif(path: Path, bands: Array | Sequence[Array], **more: Any) -> Path:
    """A GeoTIFF of EPSG:4326; ``descriptions``, ``nodata``, ``tags``, ``origin`` (west, north, width and height of a pixel)."""
    array = np.asarray(bands)
    array = array[None] if array.ndim == 2 else array
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptions = more.pop("descriptions", None)
    origin = more.pop("origin", (WEST, NORTH, STEP, STEP))
    profile = {
        "driver": "GTiff",
        "count": len(array),
        "height": array.shape[1],
        "width": array.shape[2],
        "crs": "EPSG:4326",
        "dtype": array.dtype,
        "transform": from_origin(*origin),
    }
    with rasterio.open(path, "w", **{**profile, **more}) as file:
        file.write(array)
        if descriptions:
            file.descriptions = descriptions
    return path


def text(*values: str) -> Array:
    """Text as HDF5 files hold it."""
    return np.array([value.encode() for value in values])


def mintpy_stack(folder: Path, **options: Any) -> Path:
    """MintPy ``inputs/ifgramStack.h5`` and ``geometryGeo.h5`` (docs/api/data_structure); the last pair is dropped."""
    write_h5(
        folder / "inputs" / "ifgramStack.h5",
        {
            "date": np.array([[day.encode() for day in pair] for pair in PAIRS]),
            "bperp": np.array([10.0, -20.0, 30.0], np.float32),
            "dropIfgram": np.array([True, True, False]),
            "unwrapPhase": ramp(3),
            "coherence": np.full((3, HEIGHT, WIDTH), 0.7, np.float32),
        },
        {**MINTPY, "FILE_TYPE": "ifgramStack"},
        **options,
    )
    angles = {"incidenceAngle": np.full((HEIGHT, WIDTH), 39.0), "azimuthAngle": np.full((HEIGHT, WIDTH), -102.0)}
    heights = {"height": np.full((HEIGHT, WIDTH), 321.0, np.float32)}
    write_h5(folder / "inputs" / "geometryGeo.h5", {**angles, **heights}, {**MINTPY, "FILE_TYPE": "geometry"})
    return folder


def mintpy_series(path: Path, cube: Array, **options: Any) -> Path:
    """MintPy ``timeseries.h5``."""
    attributes = {**MINTPY, "FILE_TYPE": "timeseries", "UNIT": "m"}
    return write_h5(path, {"timeseries": cube, "date": text(*DAYS)}, attributes, **options)


def aria(
    folder: Path,
    later: str,
    earlier: str,
    phase: Array,
    frame: str = "140126",
    *,
    place: tuple[float, float] = (0, 0),
    labels: Array | None = None,
    track: str = "124",
    step: float = STEP,
) -> Path:
    """An S1-GUNW file: /science/grids/data and /science/grids/imagingGeometry (ARIA standard product).

    ``place`` is row and column of its first pixel, counted from the corner that all files here have by default.
    """
    height, width = phase.shape
    north, west = NORTH - step * place[0], WEST + step * place[1]
    components = np.ones((height, width), np.int16) if labels is None else labels
    data, geometry = "science/grids/data", "science/grids/imagingGeometry"
    heights = np.array([-1500.0, 0.0, 3000.0])
    cube = np.ones((3, 4, 5))
    level = np.arange(3.0)[:, None, None]
    path = write_h5(
        folder / f"S1-GUNW-A-R-{track}-tops-{later}_{earlier}-{frame}-00010N_00045N-PP-abcd-v2_0_4.nc",
        {
            f"{data}/longitude": west + step * (np.arange(width) + 0.5),
            f"{data}/latitude": north - step * (np.arange(height) + 0.5),
            f"{data}/unwrappedPhase": phase.astype(np.float32),
            f"{data}/coherence": np.full((height, width), 0.8, np.float32),
            f"{data}/connectedComponents": components,
            f"{geometry}/longitudeMeta": west - 0.1 + 0.1 * np.arange(5),
            f"{geometry}/latitudeMeta": north + 0.1 - 0.1 * np.arange(4),
            f"{geometry}/heightsMeta": heights,
            f"{geometry}/incidenceAngle": 40.0 * cube + level,
            f"{geometry}/azimuthAngle": -168.0 * cube - level,
            f"{geometry}/perpendicularBaseline": (50.0 * cube + 10.0 * level).astype(np.float32),
            "science/radarMetaData/wavelength": np.float64(0.05546576),
        },
    )
    with h5py.File(path, "a") as file:
        for name, unit in (("longitude", "degrees_east"), ("latitude", "degrees_north")):
            file[f"{data}/{name}"].attrs["units"] = unit
        file[f"{data}/unwrappedPhase"].attrs["_FillValue"] = np.float32(0.0)
    return path


def licsbas(path: Path, cube: Array, **options: Any) -> Path:
    """LiCSBAS ``cum.h5``: millimetres; the corner is the centre of the first pixel."""
    return write_h5(
        path,
        {
            "cum": cube,
            "vel": ramp(),
            "imdates": np.array([int(day) for day in DAYS], np.int32),
            "bperp": np.array([0.0, 12.0, -5.0]),
            "refarea": np.bytes_(b"1:2/3:4"),
            "corner_lat": NORTH - STEP / 2,
            "corner_lon": WEST + STEP / 2,
            "post_lat": -STEP,
            "post_lon": STEP,
        },
        **options,
    )


def opera(folder: Path, reference: str, secondary: str, displacement: Array, mask: Array) -> Path:
    """OPERA DISP-S1 in UTM, 30 m, with CF coordinates and ``spatial_ref``."""
    name = f"OPERA_L3_DISP-S1_IW_F11115_VV_{reference}T000000Z_{secondary}T000000Z_v1.0_20250101T000000Z.nc"
    coherence = np.full((HEIGHT, WIDTH), 0.9, np.float32)
    variables = {
        "x": 500_015.0 + 30.0 * np.arange(WIDTH),
        "y": 4_999_985.0 - 30.0 * np.arange(HEIGHT),
        "displacement": displacement.astype(np.float32),
        "recommended_mask": mask.astype(np.uint8),
        "temporal_coherence": coherence,
        "spatial_ref": np.int64(0),
    }
    path = write_h5(folder / name, variables)
    with h5py.File(path, "a") as file:
        file["spatial_ref"].attrs["crs_wkt"] = rasterio.CRS.from_epsg(32632).to_wkt()
        file["displacement"].attrs["grid_mapping"] = "spatial_ref"
        file["displacement"].attrs["_FillValue"] = np.float32(np.nan)
    return path
