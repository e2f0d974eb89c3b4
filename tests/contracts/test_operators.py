"""What every operator promises, held against all of them: the registry is the list."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest

from jeoview import chain
from jeoview.coarse import FILLING
from jeoview.describe import describe, is_lifted, options_of
from jeoview.errors import JeoviewError
from jeoview.grid import Grid, web_mercator
from jeoview.image import Image, apply
from jeoview.operator import REGISTRY, Mode, Operator, find
from jeoview.raster import Array, Kind, Raster, Table
from tests.samples import OPERATORS, SAMPLES, Sample, rasters
from tests.synthetic import grid_at, render, slc, source

HERE = grid_at(12, 10.0, 44.02, 37, 43)
# The pixel operators that ask where a pixel is.
BY_PLACE = {"mask_polygon", "deramped"}
# Those whose neighbourhood is made of patches at fixed places: no pixel reaches as far on every side as some do on one.
# And one that looks to the right and below alone.
ANCHORED = {"goldstein", "isoline_pixels"}
REGION_FIELDS = ("region", "zoom")


def samples(fits: Callable[[Sample, Operator], bool] | None = None) -> pytest.MarkDecorator:
    chosen = [sample for sample in SAMPLES if fits is None or fits(sample, find(sample.operator))]
    assert chosen
    return pytest.mark.parametrize("sample", chosen, ids=str)


every_sample = samples()
every_operator = pytest.mark.parametrize("name", sorted(REGISTRY))


def compute(sample: Sample, inputs: list[Any]) -> Any:
    """The operator's own function on arrays."""
    options = {name: value for name, value in options_of(sample.node).items() if name not in REGION_FIELDS}
    return find(sample.operator).function(*inputs, **options)


def with_nan(value: Any, where: Array) -> Any:
    """The same input, without data at some pixels."""
    if not isinstance(value, Raster) or value.kind is Kind.COLOUR:
        return value
    array = value.array.copy()
    array[..., where] = np.nan
    return replace(value, array=array)


def hidden(value: Raster) -> Array:
    """Where a result has no data, (band, y, x)."""
    return value.rgba()[3:] == 0 if value.kind is Kind.COLOUR else np.isnan(value.array)


def same(a: Any, b: Any) -> bool:
    """Bit for bit, NaN equal to NaN."""
    if isinstance(a, Table):
        return a.values.keys() == b.values.keys() and all(
            np.array_equal(a.values[name], b.values[name], equal_nan=True) for name in a.values
        )
    if not np.array_equal(a.array, b.array, equal_nan=a.array.dtype.kind in "fc"):
        return False
    return (a.palette is None) == (b.palette is None) and (a.palette is None or np.array_equal(a.palette, b.palette))


def test_every_operator_has_a_sample() -> None:
    missing = set(OPERATORS) - {sample.operator for sample in SAMPLES}
    assert not missing, f"add a call of {sorted(missing)} to tests/samples.py"


# ---------------------------------------------------------------- help text and schema


@every_operator
def test_help_is_numpydoc(name: str) -> None:
    found = find(name)
    text = inspect.getdoc(found.function) or ""
    summary = text.split("\n", 1)[0]
    assert summary.endswith((".", ")."))
    assert 5 <= len(summary) <= 120
    described = documented_parameters(text)
    own = set(found.parameters) - set(REGION_FIELDS)
    assert own <= described, f"{name}: the help text does not describe {sorted(own - described)}"
    inputs = {item.name for item in found.inputs}
    assert described <= own | inputs, f"{name}: the help text describes {sorted(described - own - inputs)}"


def documented_parameters(text: str) -> set[str]:
    section = re.search(r"^Parameters\n-+\n(.*?)(?:\n\n[A-Z]\w+\n-+\n|\Z)", text, re.S | re.M)
    lines = section.group(1).split("\n") if section else []
    return {
        name.strip() for line in lines if re.match(r"\w[\w, *]* : ", line) for name in line.split(" : ")[0].split(",")
    }


@every_operator
def test_help_says_what_happens_to_nodata(name: str) -> None:
    found = find(name)
    method = getattr(Image, name, None)
    text = (inspect.getdoc(method) if method else None) or found.help
    assert re.search(r"\bNaN\b|no data|nodata|transparent", text), f"{name} does not say what becomes of nodata"
    if found.nodata == "own":
        own = inspect.getdoc(found.function) or ""
        assert re.search(r"\bNaN\b|no data|transparent|as it is", own), (
            f"{name}: its own nodata rule is not in its text"
        )


@every_operator
def test_parameters_have_a_valid_json_schema(name: str) -> None:
    schema = find(name).model.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert set(schema.get("properties", {})) == set(find(name).parameters)


@every_sample
def test_arguments_fit_the_schema(sample: Sample) -> None:
    found = find(sample.operator)
    document = chain.encode(sample.node)
    arguments = json_arguments(document, sample.node.key)
    values = {key: value for key, value in arguments.items() if key in found.parameters}
    jsonschema.validate(values, found.model.model_json_schema(), jsonschema.Draft202012Validator)


def json_arguments(document: str, key: str) -> dict[str, Any]:
    arguments = json.loads(document)["process_graph"][key]["arguments"]
    assert isinstance(arguments, dict)
    return arguments


@every_operator
def test_a_parameter_that_does_not_exist_is_refused_by_name(name: str) -> None:
    with pytest.raises(JeoviewError, match="no parameter 'nonsense'"):
        find(name).validate({"nonsense": 1})


# ---------------------------------------------------------------- chain


@every_sample
def test_text_and_back(sample: Sample) -> None:
    text = chain.encode(sample.node)
    again = chain.decode(text, sample.node.key)
    assert again == sample.node
    assert again.key == sample.node.key
    assert chain.encode(again) == text
    assert describe(again) == describe(sample.node)


# ---------------------------------------------------------------- what comes out


@every_sample
def test_result_is_as_declared(sample: Sample) -> None:
    schema = describe(sample.node)
    result = render(sample.image, HERE)
    if schema.kind is Kind.TABLE:
        assert isinstance(result, Table)
        assert set(result.values) >= set(schema.bands)
        assert all(values.dtype == np.float64 and values.ndim == 1 for values in result.values.values())
        return
    assert isinstance(result, Raster)
    assert (result.kind, result.bands, result.grid) == (schema.kind, schema.bands, HERE)
    if schema.kind is Kind.COLOUR:
        assert result.array.dtype == np.uint8
        assert result.array.shape == ((4 if result.palette is None else 1), *HERE.shape)
        assert result.palette is None or (result.palette.shape, result.palette[0, 3]) == ((256, 4), 0)
    else:
        assert result.array.dtype == (np.complex64 if schema.is_complex else np.float32)
        dates = (len(result.dates),) if schema.kind is Kind.SERIES else ()
        assert result.array.shape == (*dates, len(schema.bands), *HERE.shape)
        assert not np.isinf(result.array).any()


@every_sample
def test_inputs_are_never_written_to(sample: Sample) -> None:
    inputs = rasters(sample, HERE)
    copies = [value.array.copy() if isinstance(value, Raster) else None for value in inputs]
    for value in inputs:
        if isinstance(value, Raster):
            value.array.flags.writeable = False
    compute(sample, inputs)
    for value, copy in zip(inputs, copies, strict=True):
        if isinstance(value, Raster):
            np.testing.assert_array_equal(value.array, copy)


@every_sample
def test_a_series_without_dates_and_a_single_pixel_are_no_special_case(sample: Sample) -> None:
    """At the edge of a collection no scene touches the tile; a click asks for one pixel."""
    nowhere = Grid(web_mercator(12), 50, 50, 1, 1)
    result = render(sample.image, nowhere)
    assert isinstance(result, Table) or result.array.shape[-2:] == (1, 1)
    inputs = rasters(sample, HERE)
    if all(isinstance(value, Raster) and value.kind is Kind.SERIES for value in inputs):
        none = [replace(value, array=value.array[:0], dates=()) for value in inputs]
        result = compute(sample, none)
        if isinstance(result, Table) or result.kind is Kind.SERIES:
            assert isinstance(result, Table) or result.array.shape == (0, len(result.bands), *HERE.shape)
            return
        expected = 0.0 if sample.operator == "count" else np.nan
        np.testing.assert_array_equal(result.array, np.full((len(result.bands), *HERE.shape), expected))


# ---------------------------------------------------------------- nodata


@every_sample
def test_nodata_rule(sample: Sample) -> None:
    found = find(sample.operator)
    RULES[found.nodata](sample, found)


@samples(lambda _, found: found.name not in FILLING and found.kind in (Kind.BANDS, Kind.SERIES))
def test_what_does_not_fill_gives_nothing_where_no_input_has_anything(sample: Sample) -> None:
    """The planner leaves out what lies beyond the scenes below such operators (jeoview/coarse.py)."""
    half = np.zeros(HERE.shape, dtype=bool)
    half[:, : HERE.width // 2] = True
    result = compute(sample, [with_nan(value, half) for value in rasters(sample, HERE)])
    cols = result.grid.width // 2 - (result.grid != HERE)
    assert hidden(result)[..., :cols].all()


def rule_any(sample: Sample, found: Operator) -> None:
    where = np.random.default_rng(1).random(HERE.shape) < 0.2
    clean = compute(sample, rasters(sample, HERE))
    for position, value in enumerate(inputs := rasters(sample, HERE)):
        if isinstance(value, Raster) and value.kind is not Kind.COLOUR:
            result = compute(sample, [with_nan(item, where) if item is value else item for item in inputs])
            assert hidden(result)[:, where].all(), f"NaN in input {position} is not NaN in the result"
            np.testing.assert_array_equal(result.array[:, ~where], clean.array[:, ~where])


def rule_skip(sample: Sample, found: Operator) -> None:
    inputs = rasters(sample, HERE)
    (series,) = inputs
    if found.mode is Mode.FIT:
        where = np.random.default_rng(1).random(HERE.shape) < 0.3
        table, rest = compute(sample, [with_nan(series, where)]), series.array[:, ~where][:, None]
        assert same(table, compute(sample, [replace(series, array=rest)]))
        nothing = compute(sample, [with_nan(series, np.ones(HERE.shape, dtype=bool))])
        assert all(np.isnan(nothing.values[band]).all() for band in series.bands)
        return
    where = np.random.default_rng(1).random(series.array.shape) < 0.4
    array = np.where(where, np.float32(np.nan), series.array)
    gaps = compute(sample, [replace(series, array=array)])
    for y, x in ((0, 0), (11, 7), (36, 42), (20, 20)):
        for band in range(len(series.bands)):
            valid = array[:, band, y, x][~where[:, band, y, x]][:, None, None, None]
            alone = Raster(valid, HERE.pad(0), Kind.SERIES, ("b",), series.dates[: len(valid)])
            expected = compute(sample, [alone]).array[0, 0, 0]
            np.testing.assert_array_equal(gaps.array[band, y, x], expected)
    nothing = compute(sample, [with_nan(series, np.ones(HERE.shape, dtype=bool))]).array
    assert (nothing == 0).all() if sample.operator == "count" else np.isnan(nothing).all()


def rule_centre(sample: Sample, found: Operator) -> None:
    random = np.random.default_rng(1)
    inputs = [replace(value, array=np.abs(value.array) + np.float32(0.01)) for value in rasters(sample, HERE)]
    radius = found.radius(options_of(sample.node), HERE)
    inner = np.s_[:, radius : HERE.height - radius, radius : HERE.width - radius]
    for value in inputs:
        where = random.random(HERE.shape) < 0.3
        result = compute(sample, [with_nan(item, where) if item is value else item for item in inputs])
        np.testing.assert_array_equal(np.isnan(result.array)[inner], np.broadcast_to(where, result.array.shape)[inner])


def rule_own(sample: Sample, found: Operator) -> None:
    """The help text says the rule; its own test holds it to it (tests/peers, tests/unit)."""
    assert sample.operator in OWN_RULES, f"say in OWN_RULES where the nodata rule of {sample.operator} is tested"
    where = np.random.default_rng(1).random(HERE.shape) < 0.2
    inputs = rasters(sample, HERE)
    result = compute(sample, [with_nan(value, where) for value in inputs])
    OWN_RULES[sample.operator](sample, result, where)


def stays(sample: Sample, result: Raster, where: Array) -> None:
    assert hidden(result)[:, where].all()


def filled(sample: Sample, result: Raster, where: Array) -> None:
    assert (result.array[:, where] == sample.values["value"]).all()


def never_transparent_where_the_base_is_not(sample: Sample, result: Raster, where: Array) -> None:
    base = rasters(sample, HERE)[0].rgba()
    assert (result.array[3] >= base[3].astype(int) - 1).all()


def stays_at_every_date(sample: Sample, result: Raster, where: Array) -> None:
    assert np.isnan(result.array[..., where]).all()
    assert not np.isnan(result.array[..., ~where]).all()


def filled_from_around(sample: Sample, result: Raster, where: Array) -> None:
    """A pixel without data has the mean of those around it, which the function is given."""
    padded = HERE.pad(find(sample.operator).radius(options_of(sample.node), HERE) + 8)
    (image,) = rasters(sample, padded)
    gaps = with_nan(image, np.random.default_rng(1).random(padded.shape) < 0.2)
    found = compute(sample, [gaps]).cut(HERE).array
    low, high = np.nanmin(gaps.array, axis=(1, 2)), np.nanmax(gaps.array, axis=(1, 2))
    assert ((found >= low[:, None, None]) & (found <= high[:, None, None])).all()


def covered_by_what_is_near(sample: Sample, result: Raster, where: Array) -> None:
    image = rasters(sample, HERE)[0].array
    np.testing.assert_array_equal(result.array[:, ~where], image[:, ~where])
    for band, values in zip(image, result.array, strict=True):
        assert np.isin(values[~np.isnan(values)], band[~where]).all()


def counted_as_none(sample: Sample, result: Raster, where: Array) -> None:
    for band, values in zip(result.bands, result.array, strict=True):
        assert np.isnan(values[where]).all() or (values[where] == 0).all(), band


def left_out_of_the_table(sample: Sample, result: Table, where: Array) -> None:
    shape = dict(zip(sample.inputs, rasters(sample, HERE), strict=True))
    kept = [replace(value, array=value.array[..., ~where][..., None]) for value in shape.values()]
    if sample.operator == "reference_phase":
        assert same(result, compute(sample, kept))
    else:
        assert all(np.isfinite(values).all() for values in result.values.values())


def left_out_of_a_block(sample: Sample, result: Raster, where: Array) -> None:
    rows, cols = sample.values["azimuth"], sample.values["range"]
    (image,) = rasters(sample, HERE)
    block = with_nan(image, where)
    top, left = result.grid.row * rows - HERE.row, result.grid.col * cols - HERE.col
    first = block.array[0, top : top + rows, left : left + cols]
    np.testing.assert_allclose(result.array[0, 0, 0], np.nanmean(first), rtol=1e-6)


RULES = {"any": rule_any, "skip": rule_skip, "centre": rule_centre, "own": rule_own}
OWN_RULES: dict[str, Callable[[Sample, Any, Array], None]] = {
    "where": stays,
    "mask": stays,
    "unmask": filled,
    "mask_polygon": stays,
    "mask_clouds": stays,
    "select": stays,
    "rename": stays,
    "join_bands": stays,
    "expression": stays,
    "label": stays,
    "isoline_pixels": stays,
    "unwrap": stays,
    "dots": covered_by_what_is_near,
    "blend": never_transparent_where_the_base_is_not,
    "reference_phase": left_out_of_the_table,
    "height_correlation": left_out_of_the_table,
    **dict.fromkeys(("loop_closure", "closure_integers", "unwrapping_errors"), stays_at_every_date),
    **dict.fromkeys(("correct_unwrapping", "height_corrected", "temporal_filter"), stays_at_every_date),
    "spatial_mean": filled_from_around,
    "network_statistics": stays_at_every_date,
    "spatiotemporal_consistency": stays,
    "velocity_bootstrap": stays,
    "multilook": left_out_of_a_block,
    "ps_reference": left_out_of_the_table,
    "ps_referenced": stays_at_every_date,
    "relative_to_date": stays_at_every_date,
    "at_date": stays,
    "image_reference": left_out_of_the_table,
    "image_referenced": stays,
    "series_reference": left_out_of_the_table,
    "series_referenced": stays_at_every_date,
    "ps_velocity": stays,
    "ramps": left_out_of_the_table,
    "referenced": stays_at_every_date,
    "deramped": stays_at_every_date,
    "invert": stays_at_every_date,
    "inversion_quality": counted_as_none,
    "series_quality": stays,
    "triplet_quality": stays,
    "velocity": stays,
    "annual_steps": stays,
    "decompose": stays,
}


# ---------------------------------------------------------------- which pixels


def cut(value: Any, grid: Grid) -> Any:
    return value.cut(grid) if isinstance(value, Raster) else value


@samples(lambda _, found: found.mode in (Mode.PIXEL, Mode.NEIGHBOURHOOD))
def test_pixels_of_a_part_are_those_of_the_whole(sample: Sample) -> None:
    """Views into larger arrays and small arrays of their own give the same bits."""
    found = find(sample.operator)
    radius = found.radius(options_of(sample.node), HERE)
    inputs = rasters(sample, HERE)
    whole = compute(sample, inputs)
    for inner in (
        Grid(HERE.lattice, HERE.row + 9, HERE.col + 11, 13, 8),
        Grid(HERE.lattice, HERE.row + 8, HERE.col + 9, 1, 1),
    ):
        padded = inner.pad(radius)
        views = [cut(value, padded) for value in inputs]
        copies = [replace(v, array=np.ascontiguousarray(v.array)) if isinstance(v, Raster) else v for v in views]
        for given in (views, copies):
            assert same(compute(sample, given).cut(inner), whole.cut(inner))


@pytest.mark.parametrize("name", sorted(BY_PLACE))
def test_what_asks_for_a_place_does_not_work_at_the_pixels_of_a_sensor(name: str) -> None:
    assert find(name).native is False


@samples(lambda sample, found: found.mode is Mode.PIXEL and sample.operator not in BY_PLACE)
def test_a_pixel_operator_does_not_look_at_neighbours(sample: Sample) -> None:
    order = np.random.default_rng(2).permutation(HERE.height * HERE.width)

    def shuffled(array: Array) -> Array:
        return array.reshape(*array.shape[:-2], -1)[..., order].reshape(array.shape)

    inputs = rasters(sample, HERE)
    mixed = [replace(value, array=shuffled(value.array)) if isinstance(value, Raster) else value for value in inputs]
    before, after = compute(sample, inputs), compute(sample, mixed)
    np.testing.assert_array_equal(shuffled(before.array), after.array)


@samples(
    lambda sample, found: (
        found.mode is Mode.NEIGHBOURHOOD
        and found.inputs[0].kind is Kind.BANDS
        # Where there are values everywhere, dots do not look around: tests/peers/test_dots_peers.py has their width.
        and sample.operator not in {*ANCHORED, "dots"}
    )
)
def test_a_neighbourhood_is_as_wide_as_declared(sample: Sample) -> None:
    found = find(sample.operator)
    radius = found.radius(options_of(sample.node), HERE)
    row, col = 18, 21
    inputs = [replace(value, array=np.abs(value.array) + np.float32(0.01)) for value in rasters(sample, HERE)]
    before = compute(sample, inputs).array[:, row, col]
    for value in inputs:
        for dy, dx in ((radius, radius), (-radius, radius), (radius, -radius), (0, -radius)):
            assert (compute(sample, bumped(inputs, value, row + dy, col + dx)).array[:, row, col] != before).all()
        for dy, dx in ((radius + 1, 0), (0, radius + 1), (-radius - 1, -radius - 1), (0, -radius - 1)):
            after = compute(sample, bumped(inputs, value, row + dy, col + dx)).array[:, row, col]
            np.testing.assert_array_equal(after, before)


def bumped(inputs: list[Raster], which: Raster, row: int, col: int) -> list[Raster]:
    array = which.array.copy()
    array[:, row, col] += np.float32(5.0)
    return [replace(which, array=array) if value is which else value for value in inputs]


# ---------------------------------------------------------------- which bands


@samples(lambda sample, found: found.kind is Kind.BANDS and len(sample.image.bands) > 1)
def test_computing_the_wanted_bands_is_computing_all_and_choosing(sample: Sample) -> None:
    image = sample.image
    whole = render(image, HERE)
    assert isinstance(whole, Raster)
    for wanted in (image.bands[:1], image.bands[1:2], image.bands[-1:], image.bands[::-2]):
        part = render(image[wanted], HERE)
        assert isinstance(part, Raster)
        assert part.bands == wanted
        np.testing.assert_array_equal(part.array, whole.select(wanted).array)


def is_liftable(sample: Sample, found: Operator) -> bool:
    on_bands = all(item.kind is Kind.BANDS for item in found.inputs)
    return on_bands and found.kind is Kind.BANDS and found.mode is Mode.PIXEL and "one" not in sample.inputs


SERIES = {
    "three": source("1")[["B04", "B08", "B11"]],
    "other": source("1")[["B02", "B03", "B12"]],
    "truth": source("1")["B03"] > 0.4,
    "angles": source("1")[["B04", "B08"]],
    "quality": source("1")[["B04", "B08", "SCL"]],
    "masked": source("1")[["B04", "SCL"]],
    "turns": source("1")["B03"] * 7.0,
    "phase": (source("1")["B03"] * 7.0).wrap(),
    "slc": slc("5"),
    "slc2": slc("6"),
}


@samples(is_liftable)
def test_works_on_every_date_of_a_series(sample: Sample) -> None:
    """An operator on bands that is given a series does on each date what it does on that date alone."""
    series = [SERIES[name] if isinstance(name, str) else name for name in sample.inputs]
    lifted = apply(sample.operator, series, sample.values)
    assert is_lifted(lifted.node)
    result = render(lifted, HERE)
    assert isinstance(result, Raster)
    assert result.kind is Kind.SERIES
    assert len(result.dates) >= 2
    parts = [render(item, HERE) if isinstance(item, Image) else item for item in series]
    for index in range(len(result.dates)):
        alone = [at(part, index) for part in parts]
        # select passes all bands on; the executor gives it the wanted ones only.
        expected = compute(sample, alone)
        expected = expected if len(expected.bands) == len(result.bands) else expected.select(result.bands)
        np.testing.assert_array_equal(result.array[index], expected.array)


def at(value: Any, index: int) -> Any:
    """One date of a series."""
    if not isinstance(value, Raster):
        return value
    return replace(value, array=value.array[index], kind=Kind.BANDS, dates=())
