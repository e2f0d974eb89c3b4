"""At least one call of every operator: what the contract, the golden files and the seams are run over.

A new operator is added here; `tests/contracts/test_operators.py` fails until it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from jeoview.describe import describe, options_of
from jeoview.graph import Node
from jeoview.grid import Grid
from jeoview.image import Image, apply
from jeoview.operator import REGISTRY, Mode, find
from jeoview.raster import Array, Kind, Raster, Table
from tests.synthetic import DATES, PAIRS, slc, source

STACK = ("unwrapped", "coherence")
REGION = (10.0, 44.0, 10.05, 44.04)
# Those of a file, each as large as some of the map's.
PIXELS = {"crs": "EPSG:4326", "resolution": (0.003, 0.002), "corner": (9.9, 44.1), "shape": (70, 60)}
AREA = {
    "type": "Polygon",
    "coordinates": [[[10.002, 44.018], [10.019, 44.014], [10.024, 44.003], [10.008, 44.001], [10.002, 44.018]]],
}
CLASSES = (
    {"value": 4.0, "label": "vegetation", "colour": "#00aa00"},
    {"value": 5.0, "label": "soil", "colour": "brown"},
)


INVERSIONS: tuple[dict[str, Any], ...] = (
    {},
    {"weight": "coherence", "min_coherence": 0.3},
    {"method": "nsbas", "weight": "variance", "looks": 20.0},
)


@dataclass(frozen=True)
class Sample:
    """One call: the operator, its images by name (see `image`), and its parameters."""

    operator: str
    inputs: tuple[str | float, ...] = ("three",)
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def image(self) -> Image:
        """The node in a chain over synthetic pixels."""
        given = [image(name) if isinstance(name, str) else name for name in self.inputs]
        return apply(self.operator, given, self.values)

    @property
    def node(self) -> Node:
        return self.image.node

    def __str__(self) -> str:
        shown = ",".join(f"{name}={str(value)[:24]}" for name, value in self.values.items())
        return f"{self.operator}({','.join(map(str, self.inputs))}{';' if shown else ''}{shown})"


def image(name: str) -> Image:
    """The images that samples are made of."""
    return _images()[name]


@lru_cache(maxsize=1)
def _images() -> dict[str, Image]:
    series = source("1")
    three = series[["B04", "B08", "B11"]].median()
    one = series["B08"].median()
    stack = source("3", ("unwrapped", "coherence"), stack="pairs", unit={"unwrapped": "rad"})
    cycles = source("4", ("phase",)) * 7.0
    return {
        "series": series[["B04", "B08", "B11"]],
        "quality": series[["B04", "B08", "SCL"]].mosaic(),
        "three": three,
        "other": source("2")[["B02", "B03", "B12"]].median(),
        "one": one,
        "truth": series["B03"].median() > 0.4,
        "classes": series["SCL"].mosaic(),
        "masked": series[["B04", "SCL"]].mosaic(),
        "colour": one.colormap("viridis", vmin=0, vmax=1),
        "picture": series.median().rgb(),
        "table": three.quantiles(q=(0.1, 0.9), region=REGION, zoom=12),
        "slc": slc("5").first(),
        "slc2": slc("6").first(),
        "slcs": slc("5"),
        "held": slc("5").ps_reference(region=REGION, zoom=12),
        "stack": stack,
        "displacement": stack.invert(wavelength=0.055, weight="coherence"),
        "level": one.image_reference(region=REGION, zoom=12),
        "still": stack.invert(wavelength=0.055).series_reference(region=REGION, zoom=12),
        "reference": stack.reference_phase(region=REGION, zoom=12),
        "phases": cycles.wrap(),
        "phase": cycles.median().wrap(),
        "turns": cycles.median(),
        "angles": series[["B04", "B08"]].median(),
        "ramp": stack.ramps(region=REGION, zoom=12),
        "height": stack.height_correlation(one, region=REGION, zoom=12),
        # Phases of several turns: closures beyond pi are common.
        "turned": stack["unwrapped"] * 12.0,
    }


def _samples() -> list[Sample]:
    pair: tuple[str | float, ...] = ("three", "other")
    binary = ("add", "subtract", "multiply", "divide", "power", "lt", "lte", "gt", "gte", "eq", "neq", "and", "or")
    unary = ("not", "absolute", "sqrt", "exp", "ln", "log10")
    reducers = ("median", "mean", "std", "count", "min", "max", "first", "last", "mosaic")
    index = {"formula": "where(a > t, 2.5 * (a - b) / (a + 6 * b + 1), sqrt(abs(a)) ** 2)"}
    return [
        *(Sample(name, inputs) for name in binary for inputs in (pair, ("three", 2.0), (0.5, "one"), ("one", "three"))),
        *(Sample(name) for name in unary),
        *(Sample(name, ("series",)) for name in reducers),
        Sample("quantile", ("series",), {"q": 0.3}),
        Sample("between", values={"low": 0.2, "high": 0.6}),
        Sample("clip", values={"min": 0.1, "max": 0.7}),
        Sample("linear_scale_range", values={"input_min": 0.1, "input_max": 0.8, "output_max": 255.0}),
        Sample("where", ("truth", "three", "other")),
        Sample("where", ("three", "one", -1.0)),
        Sample("mask", ("three", "truth")),
        Sample("mask", ("one", "three")),
        Sample("unmask", values={"value": -1.0}),
        Sample("with_unit", values={"unit": "m"}),
        Sample("mask_polygon", values={"polygon": AREA}),
        Sample("mask_polygon", values={"polygon": AREA, "inside": False}),
        Sample("select", values={"bands": ("nir", "B04")}),
        Sample("rename", values={"bands": ("x", "y", "z")}),
        Sample("join_bands", ("three", "other")),
        Sample("normalized_difference", values={"a": "nir", "b": "red"}),
        Sample("expression", values={**index, "bands": {"a": "B08", "b": "B04"}, "variables": {"t": 0.3}, "name": "e"}),
        Sample("mask_clouds", ("quality",), {"band": "SCL", "scheme": "sentinel2-scl"}),
        Sample("mask_clouds", ("masked",), {"band": "SCL", "scheme": "landsat-c2-qa", "snow": True}),
        Sample("mask_clouds", ("masked",), {"band": "SCL", "scheme": "landsat-c1-bqa", "snow": True}),
        Sample("difference", pair),
        Sample("log_ratio", pair),
        Sample("log_ratio", pair, {"radius": 2}),
        Sample("log_ratio", ("one", "three"), {"radius": {"metres": 60.0}}),
        Sample("focal_mean"),
        Sample("focal_mean", values={"radius": 3}),
        Sample("focal_mean", values={"radius": {"metres": 90.0}}),
        Sample("dots"),
        Sample("dots", ("masked",), {"radius": 1}),
        Sample("quantiles", values={"q": (0.02, 0.5, 0.98), "region": REGION, "zoom": 11}),
        Sample("stretch_by", ("three", "table")),
        Sample("goldstein", ("phase",), {"patch": 8}),
        Sample("goldstein", ("phase",), {"patch": 8, "alpha": 1.0}),
        Sample("goldstein", ("phase",), {"patch": 8, "overlap": 0.75}),
        Sample("unwrap", ("phase",)),
        Sample("unwrap", ("phase", "one"), {"region": REGION, "zoom": 12, "min_coherence": 0.3}),
        Sample("isoline_pixels", ("one",), {"interval": 0.2, "base": 0.05}),
        Sample("wrap", ("turns",)),
        Sample("rewrap", ("turns",), {"range": 1.5}),
        Sample("mean_phase", ("phases",)),
        Sample("phase_stability", ("phases",)),
        Sample("label", ("truth",)),
        Sample("label", ("three",), {"region": REGION, "zoom": 12, "connectivity": 8}),
        Sample("colormap", ("one",), {"palette": "RdYlGn", "vmin": -0.2, "vmax": 0.9}),
        Sample("colormap", ("one",), {"palette": "cyclic", "vmin": 0.0, "vmax": 0.3}),
        Sample("colormap", ("one",), {"palette": ("white", "#004488"), "vmin": 0.0, "vmax": 1.0}),
        Sample("colormap", ("classes",), {"classes": CLASSES}),
        Sample("rgb", ("one", "one", "truth"), {"gamma": 1.4}),
        Sample("blend", ("colour", "picture"), {"alpha": 0.6}),
        Sample("from_iq", ("three",), {"i": "nir", "q": "B04"}),
        Sample("interferogram", ("slc", "slc2")),
        Sample("interferogram", pair),
        Sample("multilook", ("slc",), {"azimuth": 2, "range": 3}),
        Sample("coherence", ("slc", "slc2"), {"window": (5, 5)}),
        Sample("coherence", pair, {"window": (3, 3)}),
        Sample("phase", ("slc",)),
        Sample("amplitude", ("slc",)),
        Sample("amplitude_dispersion", ("slcs",)),
        Sample("ps_candidates", ("slcs",), {"threshold": 0.5}),
        Sample("ps_reference", ("slcs",), {"region": REGION, "zoom": 12}),
        Sample("ps_referenced", ("slcs", "held")),
        Sample("ps_velocity", ("slcs",), {"wavelength": 0.055, "min_dates": 3}),
        Sample("amplitude"),
        Sample("reference_phase", ("stack",), {"region": REGION, "zoom": 11}),
        Sample("referenced", ("stack", "reference")),
        Sample("ramps", ("stack",), {"degree": 2, "region": REGION, "zoom": 11}),
        Sample("ramps", ("stack",), {"joint": True, "region": REGION, "zoom": 11}),
        Sample("deramped", ("stack", "ramp")),
        *(Sample("invert", ("stack",), {"wavelength": 0.055, **more}) for more in INVERSIONS),
        *(Sample("inversion_quality", ("stack",), more) for more in INVERSIONS),
        Sample("series_quality", ("stack", "displacement"), {"wavelength": 0.055}),
        Sample("triplet_quality", ("stack",)),
        Sample("triplet_quality", ("stack",), {"loops": "all"}),
        *(Sample(name, ("turned",)) for name in ("loop_closure", "closure_integers", "unwrapping_errors")),
        Sample("correct_unwrapping", ("turned",)),
        Sample("network_statistics", ("stack",)),
        Sample("spatiotemporal_consistency", ("displacement",)),
        Sample("spatiotemporal_consistency", ("displacement",), {"pixels": PIXELS}),
        Sample("velocity_bootstrap", ("displacement",)),
        Sample("height_correlation", ("stack", "one"), {"region": REGION, "zoom": 11}),
        Sample("height_correlation", ("displacement", "one"), {"region": REGION, "zoom": 11}),
        Sample("height_corrected", ("stack", "one", "height"), {"min_correlation": 0.0}),
        Sample("temporal_filter", ("displacement",), {"days": 60.0}),
        Sample("temporal_filter", ("displacement",), {"keep": "high"}),
        Sample("temporal_filter", ("displacement",), {"detrend": True}),
        Sample("spatial_mean"),
        Sample("spatial_mean", ("one",), {"sigma": {"metres": 40.0}}),
        Sample("spatial_filter", ("three", "one"), {"keep": "low"}),
        Sample("spatial_filter", ("one", "one"), {"keep": "high"}),
        Sample("annual_steps", ("displacement",), {"first": 2022, "last": 2023}),
        Sample("at_date", ("displacement",), {"date": "2023-07-24"}),
        Sample("relative_to_date", ("displacement",), {"date": "2023-07-24"}),
        Sample("image_reference", ("one",), {"region": REGION, "zoom": 11}),
        Sample("image_referenced", ("one", "level")),
        Sample("series_reference", ("displacement",), {"region": REGION, "zoom": 11}),
        Sample("series_referenced", ("displacement", "still")),
        Sample("velocity", ("displacement",), {"min_dates": 3}),
        Sample("velocity", ("displacement",), {"degree": 2, "robust": True, "min_dates": 4, "min_span": 0.0}),
        Sample("decompose", ("one", "one", "truth", "one", "truth", "one")),
        Sample("line_of_sight", ("angles",)),
    ]


SAMPLES = _samples()
OPERATORS = sorted(name for name, found in REGISTRY.items() if found.mode is not Mode.SOURCE)


def rasters(sample: Sample, grid: Grid, seed: int = 0) -> list[Any]:
    """Random inputs for the operator's function itself, of the kinds and bands that the sample has."""
    found, random = find(sample.operator), np.random.default_rng(seed)
    given: list[Any] = []
    for name in sample.inputs:
        if not isinstance(name, str):
            given.append(np.float64(name).item())
            continue
        schema = image(name).schema
        if schema.kind is Kind.TABLE and "quantiles" not in image(name).node.operator:
            # A table that belongs to a stack: fitted on one, as nothing else has its form.
            node = image(name).node
            options = {key: value for key, value in options_of(node).items() if key not in ("region", "zoom")}
            seen = [describe(node.arguments[item.name]) for item in find(node.operator).inputs]
            images = [_raster(schema.kind, schema.bands, grid, random) for schema in seen]
            given.append(find(node.operator).function(*images, **options))
        elif schema.kind is Kind.TABLE:
            low = {band: np.array([0.1, 0.8]) for band in schema.bands}
            given.append(Table({"quantile": np.array([0.1, 0.9]), **low}))
        else:
            given.append(_raster(schema.kind, schema.bands, grid, random))
    return given if found.inputs else []


def _raster(kind: Kind, bands: tuple[str, ...], grid: Grid, random: np.random.Generator) -> Raster:
    if kind is Kind.COLOUR:
        return Raster(random.integers(0, 256, (4, *grid.shape)).astype(np.uint8), grid, kind, bands)
    shape = (5, len(bands), *grid.shape) if kind is Kind.SERIES else (len(bands), *grid.shape)
    array: Array = random.uniform(-0.1, 1.0, shape).astype(np.float32)
    if bands == ("slc",):
        array = (array + 1j * random.uniform(-1.0, 1.0, shape)).astype(np.complex64)
    quality = [index for index, band in enumerate(bands) if band == "SCL"]
    if quality:
        array[..., quality, :, :] = random.integers(0, 12, array[..., quality, :, :].shape)
    dates = tuple(f"2023-0{month}-01T00:00:00Z" for month in range(1, 6)) if kind is Kind.SERIES else ()
    if kind is Kind.SERIES and "unwrapped" in bands:
        dates = PAIRS
    if bands == ("displacement",):
        array, dates = array[: len(DATES)], DATES
    return Raster(array, grid, kind, bands, dates)
