"""Chains that use every operator, made from what the registry says of each: a new operator is among them by itself.

Where a value cannot be guessed from its type, it stands in `VALUES`, and choices that go together in `TOGETHER`; an
image of another kind of source is one more in `images`. Pixels come from a formula: no file is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

import jeoview.operators  # noqa: F401 - fills the registry
from jeoview.errors import JeoviewError
from jeoview.executor import execute
from jeoview.geolocation import Geolocation, LookupTable
from jeoview.graph import Node
from jeoview.grid import Frame, Grid
from jeoview.locators import LargePlaces
from jeoview.make import make
from jeoview.operator import REGISTRY, Input, Mode, Names, Operator
from jeoview.planner import plan
from jeoview.raster import Kind, Raster
from jeoview.region import region_grid
from jeoview.warp import Placement

Values = dict[str, Any]

ZOOM = 13
REGION = (10.0, 44.0, 10.01, 44.01)
# A sensor's pixels of 20 m in UTM, all over the region.
SENSOR = {
    "frame": f"{1:0>16}",
    "shape": (200, 200),
    "crs": "EPSG:32632",
    "transform": (20.0, 0.0, 579_000.0, 0.0, -20.0, 4_875_000.0),
}
DATES = ("2023-01-05T10:00:00Z", "2023-04-15T10:00:00Z", "2023-07-24T10:00:00Z", "2023-10-02T10:00:00Z")
# Four dates joined by five pairs, with two loops.
PAIRS = tuple(f"{DATES[one]}/{DATES[other]}" for one, other in ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3)))
COMMON = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11", "swir22": "B12"}
VALUES: Values = {
    "band": "SCL",
    "bands": ("red", "nir"),
    "formula": "sqrt(abs(B08)) + 1.0",
    "high": 0.8,
    "input_max": 0.8,
    "max": 0.8,
    "polygon": {"type": "Polygon", "coordinates": [[[10.0, 44.0], [10.01, 44.0], [10.0, 44.01], [10.0, 44.0]]]},
}
# Given together: by default a region is computed at the zoom at which it is a thousand pixels across.
PLACE: Values = {"region": REGION, "zoom": ZOOM}
CLASSES = ({"value": 4.0, "label": "a", "colour": "green"}, {"value": 5.0, "label": "b", "colour": "brown"})
TOGETHER: dict[str, tuple[Values, ...]] = {
    "colormap": ({"vmin": 0.0, "vmax": 1.0}, {"classes": CLASSES}),
    "invert": ({"weight": "variance", "looks": 20.0}, {"method": "nsbas", "weight": "variance", "looks": 20.0}),
    "rename": ({"bands": ("x",)},),
}
# Images that are tried for the inputs of one call.
ENOUGH = 400


def chains() -> Iterator[Node]:
    """For every operator the chains that end in it: every choice of its parameters over every kind of image."""
    given = images()
    for found in REGISTRY.values():
        if found.mode is not Mode.SOURCE:
            for values in _choices(found):
                yield from _made(found, given, values)


def _made(found: Operator, given: Mapping[Kind, list[Node]], values: Values) -> Iterator[Node]:
    """The chains of an operator over all images that suit it."""
    for inputs in _inputs(found, given):
        # What does not fit together is no chain.
        with suppress(JeoviewError):
            yield make(found.name, inputs, values)


def compute(chain: Node) -> None:
    """Compute a chain on a few pixels.

    Raises
    ------
    JeoviewError
        If it cannot be computed on these pixels.
    """
    whole = region_grid(REGION, zoom=ZOOM)
    odd = Grid(whole.lattice, whole.row + 8, whole.col // 4 * 4 + 6, 12, 20)
    # With its padding it is filled by blocks of an absolute raster: kernels that work on these get the whole array.
    even = Grid(whole.lattice, whole.row + 8, whole.col // 4 * 4 + 7, 12, 22)
    for few, reader in ((odd, read_scattered), (even, read)):
        execute(plan(chain, few, view=few), reader)


def find_places() -> None:
    """Find places in what stacks in radar geometry bring: longitudes and latitudes, control points, look-up tables."""
    west, south, east, north = REGION
    corners = [(row, col, west + 1e-4 * col, north - 1e-4 * row) for row in (0.0, 100.0) for col in (0.0, 100.0)]
    nodes = np.mgrid[1:5, 1:5].astype(np.float32)
    on_map = Placement("EPSG:4326", ((east - west) / 4, 0.0, west, 0.0, (south - north) / 4, north), 4, 4)
    few = Geolocation.of_points(corners, (100, 100))
    for locator in (
        few,
        LargePlaces(few, 100, _degrees, Frame("places", (100, 100))),
        LookupTable.of((nodes[0], nodes[1]), on_map, (8, 8)),
    ):
        locator.positions(region_grid(REGION, zoom=ZOOM))


def _degrees(grid: Grid) -> NDArray[np.float32]:
    rows, cols = np.mgrid[grid.row : grid.row + grid.height, grid.col : grid.col + grid.width]
    return np.stack([REGION[0] + 1e-4 * cols, REGION[3] - 1e-4 * rows]).astype(np.float32)


def read(source: Node, grid: Grid, bands: Names) -> Raster:
    """Pixels of a source: numbers from 0 to 1, classes, or complex numbers at a sensor's pixels, with a hole."""
    names = PAIRS if source.arguments.get("stack") == "pairs" else DATES
    shape = (len(names), len(bands), *grid.shape)
    array = np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)
    if "frame" in source.arguments:
        array = np.exp(2j * array).astype(np.complex64)
    for index, band in enumerate(bands):
        if band == "SCL":
            array[:, index] = np.floor(12 * array[:, index])
    array[..., :2, :2] = np.nan
    return Raster(array, grid, Kind.SERIES, bands, names)


def read_scattered(source: Node, grid: Grid, bands: Names) -> Raster:
    """The same, in the memory's order of a series of which other bands were chosen: kernels are compiled for each."""
    raster = read(source, grid, bands)
    return replace(raster, array=np.ascontiguousarray(raster.array.swapaxes(0, 1)).swapaxes(0, 1))


def images() -> Mapping[Kind, list[Node]]:
    """Images of each kind."""
    scenes = _source("1", (*COMMON.values(), "SCL"), common_names=COMMON, quality={"SCL": "sentinel2-scl"})
    pairs = _source("2", ("unwrapped", "coherence"), stack="pairs", unit={"unwrapped": "rad"})
    phase = _source("3", ("phase",), unit="rad")
    slc = _source("4", ("slc",), "load_slc", **SENSOR)
    one_slc = make("first", (slc,), {})
    three = make("median", (make("select", (scenes,), {"bands": ("B04", "B08", "B11")}),), {})
    one = make("select", (three,), {"bands": ("B08",)})
    moved = make("invert", (pairs,), {"wavelength": 0.055})
    picture, shown = make("rgb", (one, one, one), {}), make("colormap", (one,), {"vmin": 0.0, "vmax": 1.0})
    found: dict[Kind, list[Node]] = {
        Kind.BANDS: [one, three, make("mosaic", (scenes,), {}), make("mosaic", (phase,), {}), one_slc],
        Kind.SERIES: [scenes, make("select", (scenes,), {"bands": ("B04", "B08")}), pairs, moved, phase, slc],
        Kind.COLOUR: [shown, picture],
    }
    fits = [fit for fit in REGISTRY.values() if fit.mode is Mode.FIT]
    return {
        **found,
        Kind.TABLE: [chain for fit in fits for chain in _made(fit, found, PLACE)],
    }


def _source(name: str, bands: Names, operator: str = "load_items", **values: Any) -> Node:
    given = {"items": f"items:{name:0>64}", "bands": bands, "bbox": REGION}
    return make(operator, (), {**given, **values})


def _inputs(found: Operator, given: Mapping[Kind, list[Node]]) -> Iterator[tuple[Node, ...]]:
    """Images for all inputs of an operator; where it takes any number, two and six."""
    for count in (2, 6) if any(item.variadic for item in found.inputs) else (1,):
        kinds = [item.kind for item in found.inputs for _ in range(_repeated(item, count))]
        yield from islice(product(*(given[kind] for kind in kinds)), ENOUGH)


def _repeated(item: Input, count: int) -> int:
    return count if item.variadic else 1


def _choices(found: Operator) -> Iterator[Values]:
    """What is required, then with it every single choice that the signature offers."""
    schema = found.model.model_json_schema()
    base = {name: _value(name, schema["properties"][name]) for name in schema.get("required", ())}
    if found.mode is Mode.FIT:
        base |= PLACE
    yield base
    if found.mode is Mode.FULL:
        yield {**base, **PLACE}
    for name, said in schema["properties"].items():
        flags = [True, False] if said.get("type") == "boolean" else []
        known = [VALUES[name]] if name in VALUES else []
        for value in (*said.get("enum", ()), *flags, *known):
            yield {**base, name: value}
    for more in TOGETHER.get(found.name, ()):
        yield {**base, **more}


def _value(name: str, said: Mapping[str, Any]) -> Any:
    """A value of a required parameter."""
    if name in VALUES:
        return VALUES[name]
    if "enum" in said:
        return said["enum"][0]
    low = max(said.get("minimum", 0), said.get("exclusiveMinimum", 0))
    number = min(low + 0.05, said.get("maximum", 1.0))
    return {"number": number, "integer": int(low + 1), "string": "red", "boolean": True}.get(said.get("type", ""))
