"""Pixels that are a function of where they are: a reader without files, for any zoom and any latitude."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import jeoview.recipes  # noqa: F401 - recipes are methods of an image once this is imported
from jeoview.executor import Memory, Value, execute
from jeoview.graph import Node
from jeoview.grid import Grid, web_mercator
from jeoview.image import Image
from jeoview.make import bind, make
from jeoview.operator import Names
from jeoview.planner import Limits, plan
from jeoview.projection import WEB_MERCATOR, WGS84, transform
from jeoview.raster import Kind, Raster

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12", "SCL")
COMMON_NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11", "swir22": "B12"}
DATES = ("2023-01-05T10:00:00Z", "2023-04-15T10:00:00Z", "2023-07-24T10:00:00Z", "2023-10-02T10:00:00Z")
# Four dates joined by five pairs, with two loops.
PAIRS = tuple(f"{DATES[one]}/{DATES[other]}" for one, other in ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3)))
Integers = NDArray[np.uint64]


def source(name: str = "0", bands: Sequence[str] = BANDS, **values: Any) -> Image:
    """A series of `DATES`; another name is another collection with other pixels."""
    given = {
        "items": "items:" + name.rjust(64, "0"),
        "bands": tuple(bands),
        "common_names": {common: band for common, band in COMMON_NAMES.items() if band in bands},
        "quality": {"SCL": "sentinel2-scl"} if "SCL" in bands else {},
        "bbox": (-170.0, -80.0, 170.0, 80.0),
        **values,
    }
    return Image(make("load_items", (), given))


def scrambled(*parts: int | NDArray[Any]) -> Integers:
    """Numbers that look random and depend on all parts (splitmix64, Steele et al. 2014)."""
    state: Integers = np.array(0x9E3779B97F4A7C15, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            state = state ^ np.asarray(part).astype(np.int64).astype(np.uint64)
            state = (state + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return state


def unit(numbers: Integers) -> NDArray[np.float64]:
    """Numbers from 0 to 1."""
    return np.asarray((numbers >> np.uint64(11)).astype(np.float64) / 2.0**53)


def pixels(grid: Grid, band: str, date: int, seed: int) -> NDArray[np.float32]:
    """(y, x) values: patches and noise from -0.05 to 1.05, holes of any size, for SCL the classes 0 to 11."""
    rows, cols = np.arange(grid.row, grid.row + grid.height)[:, None], np.arange(grid.col, grid.col + grid.width)[None]
    lattice = round(1e6 * grid.lattice.resolution[0])
    which = sum(map(ord, band))
    patch = scrambled(lattice, seed, date, rows // 19, cols // 23)
    noise = scrambled(lattice, seed, which, date, rows, cols)
    if band == "SCL":
        values = np.asarray(patch % np.uint64(12), dtype=np.float32)
    else:
        level = unit(scrambled(lattice, seed, which, rows // 19, cols // 23))
        values = (1.1 * (0.7 * level + 0.3 * unit(noise)) - 0.05).astype(np.float32)
        values[(noise % np.uint64(97)) == 0] = 0.0
    hole = (patch % np.uint64(5) == 0) | (noise % np.uint64(31) == 1)
    values[np.broadcast_to(hole, values.shape)] = np.nan
    return values


def made_wild(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every 20th value or so becomes a million million, of either sign."""
    tail = (values.view(np.uint32) >> np.uint32(2)) % np.uint32(40)
    large = np.where(tail == 0, np.float32(2.0**40), np.float32(-(2.0**40)))
    return np.where((tail < 2) & ~np.isnan(values), large, values)


def touches(grid: Grid, date: int, seed: int) -> bool:
    """Whether a date's swath, columns of 200 pixels with gaps between them, meets a grid."""
    first, last = grid.col // 200, (grid.col + grid.width - 1) // 200
    return any(_in_swath(block, date, seed) for block in range(first, last + 1))


def _in_swath(block: int, date: int, seed: int) -> bool:
    return bool(scrambled(seed, date, block) % np.uint64(4))


# A sensor's pixels of 20 m in UTM, some of them where the contracts look.
SENSOR: dict[str, Any] = {
    "frame": "5e50000000000000",
    "shape": (90, 100),
    "crs": "EPSG:32632",
    "transform": (20.0, 0.0, 579_900.0, 0.0, -20.0, 4_874_900.0),
}


def slc(name: str, resampling: str = "nearest", **values: Any) -> Image:
    """A series of `DATES` of complex numbers, at the pixels of one sensor."""
    given = {
        "items": "items:" + name.rjust(64, "0"),
        "bands": ("slc",),
        "bbox": (-170.0, -80.0, 170.0, 80.0),
        "resampling": resampling,
        **SENSOR,
        **values,
    }
    return Image(make("load_slc", (), given))


def sensor_pixels(node: Node, grid: Grid, bands: Names, seed: int) -> Raster:
    """(time, band, y, x) complex numbers with holes, by row and column; NaN outside of the sensor's pixels."""
    height, width = node.arguments["shape"]
    rows, cols = np.arange(grid.row, grid.row + grid.height)[:, None], np.arange(grid.col, grid.col + grid.width)[None]
    array = np.empty((len(DATES), len(bands), *grid.shape), dtype=np.complex64)
    for date in range(len(DATES)):
        for position, band in enumerate(bands):
            # What two dates have in common makes them coherent.
            common, own = (np.exp(6.3j * pixels(grid, band, day, seed)) for day in (99, date))
            array[date, position] = (2 + date) * (common + 0.5 * own)
    array[:, :, (rows < 0) | (rows >= height) | (cols < 0) | (cols >= width)] = np.nan
    return Raster(array, grid, Kind.SERIES, bands, DATES)


class SyntheticReader:
    """What an engine's reader does, from a formula; it notes what it was asked for.

    Parameters
    ----------
    wild : bool
        Some values are so large that sums in another order come out otherwise, and cancel.
    """

    def __init__(self, wild: bool = False) -> None:
        self.wild = wild
        self.asked: list[tuple[str, Grid, Names]] = []

    def __call__(self, node: Node, grid: Grid, bands: Names) -> Raster:
        self.asked.append((node.key, grid, bands))
        seed = int(str(node.arguments["items"])[-8:], 16)
        if "frame" in node.arguments:
            return sensor_pixels(node, grid, bands, seed)
        names = PAIRS if node.arguments["stack"] == "pairs" else DATES
        dates = [date for date in range(len(names)) if names is PAIRS or touches(grid, date, seed)]
        array = np.empty((len(dates), len(bands), *grid.shape), dtype=np.float32)
        blocks = [col // 200 for col in range(grid.col, grid.col + grid.width)]
        # Interferograms have no swaths: loops of three would hardly ever meet.
        seen = [[names is PAIRS or _in_swath(block, date, seed) for block in blocks] for date in dates]
        swath = np.array(seen, dtype=bool)
        for index, date in enumerate(dates):
            for position, band in enumerate(bands):
                values = pixels(grid, band, date, seed)
                array[index, position] = made_wild(values) if self.wild else values
            array[index][:, :, ~swath[index]] = np.nan
        layers: NDArray[Any] = array * np.complex64(0.6 + 0.8j) if node.arguments.get("is_complex") else array
        return Raster(layers, grid, Kind.SERIES, bands, tuple(names[date] for date in dates))


LIMITS = Limits()


def render(
    image: Image,
    grid: Grid,
    *,
    view: Grid | None = None,
    read: SyntheticReader | None = None,
    limits: Limits = LIMITS,
    memory: Memory | None = None,
    parameters: dict[str, Any] | None = None,
) -> Value:
    """Plan and execute a chain over synthetic pixels."""
    planned = plan(bind(image.node, parameters), grid, view=view, limits=limits)
    return execute(planned, read or SyntheticReader(), memory)


def raster(image: Image, grid: Grid, **options: Any) -> Raster:
    """`render` of a chain that ends in an image."""
    result = render(image, grid, **options)
    assert isinstance(result, Raster)
    return result


def grid_at(zoom: int, lon: float, lat: float, height: int, width: int) -> Grid:
    """A window of a zoom level with its upper left pixel at a place."""
    lattice = web_mercator(zoom)
    x, y = transform(WGS84, WEB_MERCATOR, lon, lat)
    step = lattice.resolution[0]
    return Grid(lattice, int((lattice.top - float(y)) // step), int((float(x) - lattice.left) // step), height, width)
