"""A click chooses the reference of a stack; layers and inspectors follow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from jeoview import InterferogramCollection, SlcCollection, parameter
from jeoview.engine import Engine
from jeoview.errors import ParameterError
from jeoview.image import Image
from jeoview.widgets import Map
from jeoview.widgets.reference import ReferencePoint, exchange
from jeoview.widgets.reference_words import Measured
from tests.unit.test_slc import placed as complex_images
from tests.unit.test_widgets import Browser, FakeSession, ndvi

DAYS = ("20200101", "20200113", "20200125", "20200206")
PAIRS = ((0, 1), (1, 2), (2, 3), (0, 2))
SHAPE, STEP = (40, 150), 0.001
# Middles of pixels. Columns: nowhere data, only the first pair, all but the third pair, everything.
NOWHERE, ONE, THREE, GOOD, OTHER = 10.0155, 10.0455, 10.0755, 10.1055, 10.1355
LAT = 44.9795


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


@pytest.fixture
def stack(tmp_path: Path) -> InterferogramCollection:
    """Every date sinks by its own ramp, so that a reference matters."""
    profile: dict[str, Any] = {"driver": "GTiff", "width": SHAPE[1], "height": SHAPE[0], "count": 1, "dtype": "float32"}
    place = {"crs": "EPSG:4326", "transform": from_origin(10, 45, STEP, STEP)}
    ramp = np.linspace(1, 2, SHAPE[1]) * np.ones(SHAPE)
    for number, (one, other) in enumerate(PAIRS):
        phase = ramp * (other - one) + 0.3 * number
        phase[:, :30] = 0
        phase[:, 30:60] *= number == 0
        phase[:, 60:90] *= number != 2
        for kind, values in (("unw", phase), ("cc", np.full(SHAPE, 0.2 + 0.2 * number))):
            with rasterio.open(tmp_path / f"{DAYS[one]}_{DAYS[other]}.{kind}.tif", "w", **profile, **place) as file:
                file.write(values.astype(np.float32), 1)
    return InterferogramCollection.from_files(str(tmp_path / "*.unw.tif"), str(tmp_path / "*.cc.tif"))


@pytest.fixture
def m() -> Map:
    return Map(basemap="none", session=FakeSession())


def velocity(stack: Any) -> Image:
    return plain(stack).colormap("RdBu", vmin=-50, vmax=50)


def plain(stack: Any) -> Image:
    image: Image = stack.invert(weight="coherence").velocity(min_dates=2, min_span=0)["velocity"]
    return image


def click(m: Map, tool: ReferencePoint, lon: float, lat: float = LAT) -> None:
    """A click in the browser, answered."""
    for handler in list(m._window.widget._interaction_callbacks.callbacks):
        handler(type="click", coordinates=[lat, lon])
    tool.wait(30)


def marks(m: Map) -> list[Any]:
    return [layer for layer in m._window.widget.layers if type(layer).__name__ == "Marker"]


def added(m: Map, stack: InterferogramCollection, show: Callable[..., Any] = velocity) -> ReferencePoint:
    tool = m.add_reference(stack.reference(GOOD, LAT), show, name="Velocity")
    tool.wait(30)
    return tool


# ---------------------------------------------------------------- what follows


def test_a_click_moves_the_reference_of_layers_and_inspectors(m: Map, stack: InterferogramCollection) -> None:
    first = stack.reference(GOOD, LAT)
    tool = m.add_reference(first, velocity, name="Velocity")
    inspector = m.add_inspector(first.invert(weight="coherence"), name="Displacement")
    tool.wait(30)
    assert m.layer("Velocity").key == velocity(first).key
    assert f"<b>{LAT:.5f}, {GOOD:.5f}</b>" in tool.text
    assert "All 4 pairs have data there; mean coherence 0.50." in tool.text
    inspector.show(OTHER, LAT)
    before = inspector.text
    tool.button.value = True
    click(m, tool, OTHER)
    moved = stack.reference(OTHER, LAT)
    assert m.messages == ()
    assert tool.stack.place == moved.place
    assert m.layer("Velocity").key == velocity(moved).key
    assert inspector._subjects()[0][1].key == moved.invert(weight="coherence").key
    assert inspector.text != before
    answer = Engine.default().point(moved.invert(weight="coherence").node, OTHER, LAT, 16)
    assert answer["values"]["displacement"] == pytest.approx([0] * 4, abs=5e-5)  # a pixel of the ramp is 3e-5
    assert [mark.location for mark in marks(m)] == [[pytest.approx(LAT), pytest.approx(OTHER)]]


def test_an_inspector_that_is_added_again_shows_the_reference_of_the_map(
    m: Map, stack: InterferogramCollection
) -> None:
    tool = added(m, stack)
    tool.choose(OTHER, LAT)
    inspector = m.add_inspector(stack.reference(GOOD, LAT).quality(), name="Quality")
    assert inspector._subjects()[0][1].key == stack.reference(OTHER, LAT).quality().key


def test_the_old_picture_stays_until_the_new_one_is_there(m: Map, stack: InterferogramCollection) -> None:
    tool, browser = added(m, stack), Browser(m)
    m.layer("Velocity").refresh()
    browser.load_all()
    old = browser.layers[0]
    tool.choose(OTHER, LAT)
    assert [browser.hidden(tiles) for tiles in browser.layers] == [False, True]
    browser.load(browser.layers[1])
    assert old not in browser.layers
    assert not browser.hidden(browser.layers[0])


def test_layers_keep_how_they_look_and_those_taken_off_stay_away(m: Map, stack: InterferogramCollection) -> None:
    def show(stack: Any) -> dict[str, Image]:
        images = {"Velocity": velocity(stack), "Coherence": stack.quality()["temporal_coherence"]}
        return (
            images
            if stack.place == stack.reference(GOOD, LAT).place
            else images | {"Pairs": stack.quality()["pair_count"]}
        )

    tool = added(m, stack, show)
    m.layer("Velocity").opacity = 0.4
    m.layer("Velocity").visible = False
    m.remove("Coherence")
    tool.choose(OTHER, LAT)
    assert [layer.name for layer in m.layers] == ["Velocity", "Pairs"]
    assert (m.layer("Velocity").opacity, m.layer("Velocity").visible) == (0.4, False)
    tool.choose(GOOD, LAT)
    assert [layer.name for layer in m.layers] == ["Velocity"]


def test_sliders_stay_where_they_are(m: Map, stack: InterferogramCollection) -> None:
    least = parameter("least", 0.5, min=0.0, max=1.0, step=0.1)
    tool = added(m, stack, lambda stack: plain(stack).mask(stack.quality()["temporal_coherence"] > least))
    m.set_parameter("least", 0.8)
    tool.choose(OTHER, LAT)
    assert m.parameters == {"least": 0.8}


def test_a_stack_without_a_reference_waits_for_the_click(m: Map, stack: InterferogramCollection) -> None:
    tool = m.add_reference(stack, velocity, name="Velocity")
    assert (m.layers, marks(m), tool.button.value) == ((), [], True)
    assert "No reference yet" in tool.text
    west, south, east, north = m.bounds
    assert (west < 10, south < 44.96, east > 10.15, north > 45) == (True, True, True, True)
    click(m, tool, GOOD)
    assert m.layer("Velocity").key == velocity(stack.reference(GOOD, LAT)).key


def test_the_reference_of_complex_images(m: Map, tmp_path: Path) -> None:
    slc: SlcCollection = complex_images(tmp_path)
    west, south, east, north = slc.items[0].bbox
    lon, lat = round((west + east) / 2, 5), round((south + north) / 2, 5)
    tool = m.add_reference(slc, lambda slc: slc.ps_velocity(min_dates=3)["velocity"], name="Scatterers")
    click(m, tool, lon, lat)
    assert m.layer("Scatterers").image.key == slc.reference(lon, lat).ps_velocity(min_dates=3)["velocity"].key
    assert "All 3 dates have data there." in tool.text


# ---------------------------------------------------------------- places that do not do


@pytest.mark.parametrize(
    ("lon", "words"), [(11.0, "outside the stack"), (NOWHERE, "none of the 4 pairs has data there")]
)
def test_a_place_that_does_not_do_is_said_and_nothing_changes(
    m: Map, stack: InterferogramCollection, lon: float, words: str
) -> None:
    tool = added(m, stack)
    told, key = tool.text, m.layer("Velocity").key
    tool.button.value = True
    click(m, tool, lon)
    assert any(words in text for text in m.messages)
    assert (tool.text, m.layer("Velocity").key) == (told, key)
    assert tool.stack.place == stack.reference(GOOD, LAT).place
    with pytest.raises(ParameterError, match=words):
        tool.choose(lon, LAT)
    click(m, tool, OTHER)
    assert m.messages == ()
    click(m, tool, lon)
    assert m.messages != ()
    tool.choose(GOOD, LAT)
    assert m.messages == ()


def test_pairs_without_data_there_are_counted(m: Map, stack: InterferogramCollection) -> None:
    tool = added(m, stack)
    with pytest.warns(UserWarning, match="1 of 4 pairs .* have no data at the reference"):
        tool.choose(THREE, LAT)
    assert "3 of 4 pairs have data there; the others are left out" in tool.text
    assert "fall into 2 subsets" in tool.text
    with pytest.warns(UserWarning, match="3 of 4 pairs .* fall into 3 subsets"):
        tool.choose(ONE, LAT)
    assert "1 of 4 pairs" in tool.text
    assert "fall into 3 subsets" in tool.text


def test_a_first_reference_without_data_is_said(m: Map, stack: InterferogramCollection) -> None:
    with pytest.raises(ParameterError, match="none of the 4 pairs has data at the reference"):
        m.add_reference(stack.reference(NOWHERE, LAT), velocity)
    tool = m.add_reference(stack.reference(NOWHERE, LAT), lambda stack: stack.image()["coherence"].mean())
    tool.wait(30)
    assert "None of the 4 pairs has data there: choose another place." in tool.text


def test_words_without_coherence() -> None:
    assert Measured("pairs", 3, 3, 1).words == "All 3 pairs have data there."


# ---------------------------------------------------------------- clicks


def test_without_the_button_clicks_are_the_inspectors(m: Map, stack: InterferogramCollection) -> None:
    tool = added(m, stack)
    inspector = m.add_inspector(stack.reference(GOOD, LAT).invert(), name="Displacement")
    hint = inspector.text
    tool.button.value = True
    click(m, tool, OTHER)
    assert inspector.text == hint
    tool.button.value = False
    click(m, tool, GOOD)
    assert tool.stack.place == stack.reference(OTHER, LAT).place
    assert "<svg" in inspector.text


def test_the_mark_is_dragged_while_the_button_is_on(m: Map, stack: InterferogramCollection) -> None:
    tool = added(m, stack)
    assert not marks(m)[0].draggable
    tool.button.value = True
    assert marks(m)[0].draggable
    marks(m)[0].location = [LAT, OTHER]
    tool.wait(30)
    assert tool.stack.place == stack.reference(OTHER, LAT).place
    marks(m)[0].location = [LAT, 11.0]
    tool.wait(30)
    assert [mark.location for mark in marks(m)] == [[pytest.approx(LAT), pytest.approx(OTHER)]]


def test_the_place_that_is_said_is_the_place_that_is_taken(m: Map, stack: InterferogramCollection) -> None:
    tool = m.add_reference(stack, velocity, name="Velocity")
    click(m, tool, GOOD + 3.6e-6 + 360)
    assert f"<b>{LAT:.5f}, {GOOD:.5f}</b>" in tool.text
    assert m.layer("Velocity").key == velocity(stack.reference(GOOD, LAT)).key


def test_one_tool_at_a_time_takes_the_clicks(m: Map, stack: InterferogramCollection) -> None:
    one, other = (m.add_reference(stack.reference(GOOD, LAT), velocity, name=name) for name in ("A", "B"))
    one.button.value = True
    other.button.value = True
    assert not one.button.value
    click(m, other, OTHER)
    one.wait(30)
    assert one.stack.place != other.stack.place
    other.button.value = False
    assert m._window.chooser is None


def test_a_reference_of_the_same_name_is_replaced(m: Map, stack: InterferogramCollection) -> None:
    former = added(m, stack)
    former.button.value = True
    later = added(m, stack)
    assert m._window.chooser is None
    assert m._scene.frame._tools.children == (later.widget,)
    later.button.value = True
    click(m, later, OTHER)
    assert former.stack.place != later.stack.place
    assert (len(marks(m)), len(m.layers)) == (1, 1)


def test_the_map_is_alive_while_a_click_is_answered_and_the_latest_click_wins(
    m: Map, stack: InterferogramCollection
) -> None:
    begun, go, seen = threading.Event(), threading.Event(), []

    def show(stack: Any) -> Image:
        seen.append(stack.place)
        if len(seen) > 1:
            begun.set()
            assert go.wait(30)
        return velocity(stack)

    tool = added(m, stack, show)
    tool.button.value = True
    places = [(round(GOOD + 0.002 * number, 5), LAT) for number in range(1, 4)]
    tool._clicked(type="click", coordinates=places[0][::-1])
    assert begun.wait(30)
    m.layer("Velocity").opacity = 0.5
    for place in places[1:]:
        tool._clicked(type="click", coordinates=place[::-1])
    go.set()
    tool.wait(30)
    assert seen[1:] == [stack.reference(*places[0]).place, stack.reference(*places[2]).place]
    assert tool.stack.place == seen[-1]


# ---------------------------------------------------------------- misuse


def test_what_is_no_stack_and_no_function_is_refused(m: Map, stack: InterferogramCollection) -> None:
    with pytest.raises(ParameterError, match="expected an InterferogramCollection"):
        m.add_reference(ndvi(), velocity)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="expected a function"):
        m.add_reference(stack, stack.image())  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="shows a jeoview Image; got a int"):
        m.add_reference(stack.reference(GOOD, LAT), lambda _: 3)  # type: ignore[arg-type, return-value]
    assert m.layers == ()
    assert marks(m) == []


def test_what_show_raises_is_said_under_the_map(m: Map, stack: InterferogramCollection) -> None:
    tool = m.add_reference(stack, lambda _: 1 / 0, name="Velocity")  # type: ignore[arg-type, return-value]
    click(m, tool, GOOD)
    assert any("ZeroDivisionError" in text for text in m.messages)
    assert tool.stack.place is None
    assert "No reference yet" in tool.text


def test_an_exchanged_chain_is_the_one_that_would_be_written(stack: InterferogramCollection) -> None:
    least = parameter("least", 0.5, min=0.0, max=1.0)

    def made(stack: InterferogramCollection) -> Image:
        return plain(stack).mask(stack.quality()["temporal_coherence"] > least)

    one, other = stack.reference(GOOD, LAT), stack.reference(OTHER, LAT)
    former = {one.image().node.key: one.image().node}
    assert exchange(made(one).node, former, other.image().node).key == made(other).key
    unrelated = ndvi().node
    assert exchange(unrelated, former, other.image().node).key == unrelated.key
