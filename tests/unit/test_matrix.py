"""A click draws the coherence of every two dates."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jeoview import SlcCollection
from jeoview.errors import ParameterError
from jeoview.widgets import Map
from jeoview.widgets.matrix import CoherenceMatrix, matrix
from tests.unit.test_slc import images, placed
from tests.unit.test_widgets import FakeSession, ndvi


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


@pytest.fixture
def slc(tmp_path: Path) -> SlcCollection:
    return placed(tmp_path)


@pytest.fixture
def m() -> Map:
    return Map(basemap="none", session=FakeSession())


def middle(slc: SlcCollection) -> tuple[float, float]:
    west, south, east, north = slc.items[0].bbox
    return (west + east) / 2, (south + north) / 2


def click(m: Map, tool: CoherenceMatrix, lon: float, lat: float) -> None:
    for handler in list(m._window.widget._interaction_callbacks.callbacks):
        handler(type="click", coordinates=[lat, lon])
    tool.wait(30)


def test_a_click_shows_the_matrix_of_the_collection(m: Map, slc: SlcCollection) -> None:
    tool, (lon, lat) = m.add_coherence_matrix(slc, window=(5, 5)), middle(slc)
    assert "Click on the map" in tool.text
    click(m, tool, lon, lat)
    assert f"Coherence matrix at {lat:.5f}, {lon:.5f}, 5 lines x 5 samples" in tool.text
    expected = slc.coherence_matrix(lon, lat, (5, 5))
    text = base64.b64decode(tool.text.partition("base64,")[2].rpartition("base64,")[2].partition('"')[0]).decode()
    found = pd.read_csv(io.StringIO(text), index_col=0)
    assert list(found.columns) == list(slc.dates)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    mean = expected.to_numpy()[~np.eye(len(slc), dtype=bool)].mean()
    assert f"Mean of all pairs of dates: {mean:.2f}." in tool.text
    assert all(f"<!-- {day} -->" in tool.text for day in slc.dates)


def test_places_without_values_are_said(m: Map, tmp_path: Path) -> None:
    stack: Any = images()
    stack[:] = 0
    slc = placed(tmp_path, stack)
    tool = m.add_coherence_matrix(slc)
    click(m, tool, *middle(slc))
    assert "No data here." in tool.text
    click(m, tool, 0.0, 0.0)
    assert "lies outside of the images" in tool.text
    assert m.messages == ()


def test_long_stacks_have_few_labels() -> None:
    days = [f"2020-{number // 28 + 1:02}-{number % 28 + 1:02}" for number in range(90)]
    text = matrix(days, np.eye(90))
    assert text.count("<!-- 2020-") == 60


def test_one_of_the_same_name_is_replaced_and_choosers_come_first(m: Map, slc: SlcCollection) -> None:
    former, later = m.add_coherence_matrix(slc), m.add_coherence_matrix(slc)
    tool = m.add_reference(slc, lambda slc: slc.ps_velocity()["velocity"])
    click(m, later, *middle(slc))
    tool.wait(30)
    assert "Click on the map" in later.text
    tool.button.value = False
    click(m, later, *middle(slc))
    assert "<svg" in later.text
    assert "Click on the map" in former.text
    assert former.widget.layout.display == "none"
    m.add_coherence_matrix(slc)
    assert sum(type(layer).__name__ == "CircleMarker" for layer in m._window.widget.layers) == 0


def test_misuse_is_refused(m: Map, slc: SlcCollection) -> None:
    with pytest.raises(ParameterError, match="expected a SlcCollection"):
        m.add_coherence_matrix(ndvi())  # type: ignore[arg-type]
    for box in ((1, 1), (0, 5), (7,), (7, 2.5), "7x25", (True, 3), (7, 1000)):
        with pytest.raises(ParameterError, match="expected \\(lines, samples\\)"):
            m.add_coherence_matrix(slc, window=box)  # type: ignore[arg-type]
