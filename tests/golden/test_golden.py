"""What users keep must stay: chain texts, their keys, and the results behind an operator's version."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from jeoview import chain
from jeoview.operator import find
from tests.golden.record import chain_path, chains, keys_path, result_path, results
from tests.samples import OPERATORS

KEYS = dict(line.split() for line in keys_path().read_text().splitlines())


@pytest.mark.parametrize("name", sorted(KEYS))
def test_stored_chains_are_read_and_written_as_they_were(name: str) -> None:
    text = chain_path(name).read_text(encoding="utf-8")
    node = chain.decode(text, KEYS[name])
    assert node.key == KEYS[name]
    assert chain.encode(node) == text


@pytest.mark.parametrize("name", sorted(chains()))
def test_the_same_lines_give_the_same_chains(name: str) -> None:
    image = chains()[name]
    assert name in KEYS, "a new chain: run python -m tests.golden.record"
    assert image.chain == chain_path(name).read_text(encoding="utf-8")
    assert image.key == KEYS[name]


@pytest.mark.parametrize("name", OPERATORS)
def test_a_result_changes_only_with_its_version(name: str) -> None:
    path = result_path(name)
    assert path.exists(), f"{name} version {find(name).version} is new: run python -m tests.golden.record"
    stored, now = json.loads(path.read_text(encoding="utf-8")), results(name)
    for sample, expected in stored.items():
        assert sample in now, f"the sample {sample} is gone; samples of a version stay"
        advice = f"{sample} changed: raise the version of {name}, or undo what changed it"
        compare(now[sample], expected, advice)


def compare(now: dict[str, Any], then: dict[str, Any], advice: str) -> None:
    """Numbers may differ in the last digits of float32: mathematical functions of processors do."""
    assert {name: now.get(name) for name in then if name not in ("values", "table")} == {
        name: value for name, value in then.items() if name not in ("values", "table")
    }, advice
    ours_by_name = now.get("table", {"": now.get("values")})
    for name, expected in then.get("table", {"": then.get("values")}).items():
        ours = ours_by_name[name]
        np.testing.assert_allclose(as_array(ours), as_array(expected), rtol=5e-6, atol=1e-6, err_msg=advice)


def as_array(values: list[Any]) -> Any:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_recorded_with_data(name: str) -> None:
    """A golden file of nothing but nodata would hold nothing."""
    stored = json.loads(result_path(name).read_text(encoding="utf-8")).values()
    columns = [column for one in stored for column in one.get("table", {"": one.get("values")}).values()]
    assert any(value is not None for column in columns for value in column)
