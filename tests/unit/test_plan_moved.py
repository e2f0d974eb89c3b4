"""Tiles of pixel operators are planned once; what is kept is what the planner would say."""

from __future__ import annotations

import pytest

from jeoview import planner
from jeoview.engine import Engine, _is_pixelwise
from jeoview.errors import JeoviewError
from jeoview.grid import Grid, tile_grid
from tests.samples import SAMPLES

TILE = tile_grid(13, 4325, 2966)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample.image.node.operator))
def test_a_moved_plan_is_the_plan(sample: object) -> None:
    node = sample.image.node  # type: ignore[attr-defined]
    if not _is_pixelwise(node):
        return
    try:
        expected = planner.plan(node, TILE)
    except JeoviewError:
        pytest.fail("a chain of pixel operators has no plan")
    origin = Grid(TILE.lattice, 0, 0, *TILE.shape)
    assert planner.plan(node, origin).moved(TILE) == expected


def test_the_engine_keeps_it() -> None:
    node = next(sample.image.node for sample in SAMPLES if _is_pixelwise(sample.image.node))
    engine = Engine.default()
    one, other = (engine.plan(node, tile_grid(13, x, 2966)) for x in (4325, 4326))
    assert [step.node.key for step in one.steps] == [step.node.key for step in other.steps]
    assert {step.grid for step in other.steps} == {tile_grid(13, 4326, 2966)}
    assert engine._plans.cache_info().hits >= 1
