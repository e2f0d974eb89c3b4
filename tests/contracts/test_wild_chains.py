"""Whatever chain somebody puts together: it is refused in words, or it gives what `describe` promised."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from jeoview import chain
from jeoview.describe import describe
from jeoview.errors import JeoviewError
from jeoview.grid import Grid, Lattice, web_mercator
from jeoview.image import Image
from jeoview.make import bind
from jeoview.planner import Limits
from jeoview.raster import Kind, Raster, Table
from jeoview.schema import Schema
from tests.synthetic import SENSOR, grid_at, raster, render
from tests.wild import moved, wild_chain

LIMITS = Limits(max_padding=64, max_barrier_pixels=1 << 15, max_barriers=8, max_native_pixels=1 << 16)
NOWHERE = Grid(web_mercator(12), 50, 50, 1, 1)
UTM = Grid(Lattice(SENSOR["crs"], (30.0, 30.0), 579_900.0, 4_874_900.0), 3, 4, 19, 23)
GRIDS = (grid_at(12, 10.01, 44.02, 19, 23), UTM, NOWHERE)


@settings(max_examples=1200, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1 << 60), st.sampled_from(GRIDS))
def test_a_chain_is_refused_in_words_or_gives_what_was_promised(seed: int, grid: Grid) -> None:
    # The steps hang on each other too much for hypothesis to make a chain smaller; it is printed as a text.
    random = Random(seed)
    node = wild_chain(random)
    note(chain.encode(node))
    assert chain.decode(chain.encode(node), node.key) == node
    try:
        bound = bind(node, moved(random, node))
        value = render(Image(bound), grid, limits=LIMITS)
    except JeoviewError:
        return
    schema = describe(bound)
    if schema.kind is Kind.TABLE:
        assert isinstance(value, Table)
        assert set(value.values) >= set(schema.bands)
        return
    assert isinstance(value, Raster)
    assert_as_promised(value, schema, grid)
    if schema.kind is not Kind.COLOUR and len(schema.bands) > 1:
        one = random.choice(schema.bands)
        part = raster(Image(bound)[[one]], grid, limits=LIMITS)
        np.testing.assert_array_equal(part.array, value.select((one,)).array)


def assert_as_promised(value: Raster, schema: Schema, grid: Grid) -> None:
    assert (value.kind, value.bands, value.grid) == (schema.kind, schema.bands, grid)
    if schema.kind is Kind.COLOUR:
        assert value.rgba().shape == (4, *grid.shape)
        return
    assert value.array.dtype == (np.complex64 if schema.is_complex else np.float32)
    dates = (len(value.dates),) if schema.kind is Kind.SERIES else ()
    assert value.array.shape == (*dates, len(schema.bands), *grid.shape)
