"""The network panel chooses what filter_pairs chooses, says what that does to the network, and is followed by a map."""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import jeoview as jv
from jeoview import InterferogramCollection, NetworkPanel
from jeoview.errors import CancelledByUser, CollectionError, ParameterError
from jeoview.image import Image
from jeoview.progress import job
from jeoview.widgets import Map, network
from jeoview.widgets.measure_bar import MeasureBar
from jeoview.widgets.network_chart import choice_of
from jeoview.widgets.network_limits import LIMITS
from jeoview.widgets.network_words import NO_BASELINES, NO_COHERENCE, NO_LOOPS, ONE_PAIR, UNCHECKED, UNMEASURED
from tests.unit.test_widgets import FakeSession, ndvi

# Two dates on each side of a gap that one long pair bridges; a loop on the left, a date that hangs on one pair.
PAIRS = ("20200101_20200113", "20200101_20200125", "20200113_20200125", "20200125_20201228", "20201228_20210109")
LEVELS = {"20200101": 0.0, "20200113": 40.0, "20200125": -20.0, "20201228": 10.0, "20210109": 90.0}
COHERENCE = (0.9, 0.3, 0.8, 0.2, 0.7)
SHAPE, STEP, LON, LAT = (16, 20), 0.001, 10.01, 44.995


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def write(folder: Path, pairs: tuple[str, ...] = PAIRS, *, empty: str = "") -> None:
    """Files of a sinking ramp; one pair of the loop is wrong in a corner, and one has no phase where it is referenced."""
    ramp = np.linspace(1, 2, SHAPE[1]) * np.ones(SHAPE)
    profile: dict[str, Any] = {"driver": "GTiff", "width": SHAPE[1], "height": SHAPE[0], "count": 1, "dtype": "float32"}
    place = {"crs": "EPSG:4326", "transform": from_origin(10, 45, STEP, STEP)}
    for number, name in enumerate(pairs):
        days = [dt.date.fromisoformat(day) for day in name.split("_")]
        phase = ramp * (days[1] - days[0]).days / 12 + number
        phase[12:] += 2 * np.pi * (number == 1)
        phase[:12] *= name != empty
        for kind, values in (("unw", phase), ("cc", np.full(SHAPE, COHERENCE[number]))):
            with rasterio.open(folder / f"{name}.{kind}.tif", "w", **profile, **place) as file:
                file.write(values.astype(np.float32), 1)


def opened(
    folder: Path, *, coherence: bool = True, baselines: bool = True, name: str = "net"
) -> InterferogramCollection:
    known = {
        (dt.date.fromisoformat(one), dt.date.fromisoformat(other)): LEVELS[other] - LEVELS[one]
        for one, other in (pair.split("_") for pair in PAIRS)
    }
    return InterferogramCollection.from_files(
        str(folder / "*.unw.tif"),
        str(folder / "*.cc.tif") if coherence else None,
        baselines=known if baselines else None,
        name=name,
    )


@pytest.fixture
def stack(tmp_path: Path) -> InterferogramCollection:
    write(tmp_path)
    return opened(tmp_path)


@pytest.fixture
def panel(stack: InterferogramCollection) -> NetworkPanel:
    made = NetworkPanel(stack)
    made.wait(30)
    assert made.messages == ()
    return made


def click(panel: NetworkPanel, **message: str) -> None:
    """A click in the browser, answered."""
    panel._chart._handle_custom_msg(message, [])
    panel.wait(30)


def slide(panel: NetworkPanel, name: str, value: float) -> None:
    """A slider that is moved in the browser, answered."""
    panel._limits._sliders[name][1].value = value
    panel.wait(30)


def velocity(stack: Any) -> Image:
    image: Image = stack.invert(weight="coherence").velocity()["velocity"]
    return image.colormap("RdBu", vmin=-50, vmax=50)


# ---------------------------------------------------------------- what is drawn


def test_what_is_drawn_is_what_was_measured(stack: InterferogramCollection, panel: NetworkPanel) -> None:
    facts, table = panel._chart.facts, stack.measures(progress=False)
    assert [pair["id"] for pair in facts["pairs"]] == list(PAIRS)
    np.testing.assert_allclose([pair["coherence"] for pair in facts["pairs"]], COHERENCE, atol=1e-6)
    np.testing.assert_allclose([pair["bperp"] for pair in facts["pairs"]], table["bperp"])
    assert [pair["days"] for pair in facts["pairs"]] == [12, 24, 12, 338, 12]
    np.testing.assert_allclose([date["level"] for date in facts["dates"]], list(LEVELS.values()), atol=1e-9)
    assert [date["pairs"] for date in facts["dates"]] == [2, 2, 3, 2, 1]
    assert (facts["measured"], facts["coherent"], facts["baselines"]) == (True, True, True)


def test_loops_and_dates_are_those_of_the_collection(stack: InterferogramCollection, panel: NetworkPanel) -> None:
    choice, loops, dates = panel._chart.choice, stack.loops(progress=False), stack.date_measures(progress=False)
    assert [loop["pairs"] for loop in choice["loops"]] == [list(loops["pairs"][0])]
    assert choice["loops"][0]["rms"] == pytest.approx(loops["rms"][0])
    assert choice["loops"][0]["rms"] > 1
    assert choice["loop_count"] == 1
    assert set(choice["loops_of"]) == set(PAIRS[:3])
    assert [date["loops"] for date in choice["dates"].values()] == list(dates["loops"])
    assert choice["dates"]["2020-01-13"]["rms"] == pytest.approx(dates["loop_rms"][1])


def test_the_browser_is_sent_plain_json(stack: InterferogramCollection, panel: NetworkPanel) -> None:
    panel.choose(drop=PAIRS[:3])
    for sent in (panel._chart.facts, panel._chart.choice):
        assert json.loads(json.dumps(sent, allow_nan=False)) == sent


def test_only_a_region_is_measured(stack: InterferogramCollection) -> None:
    region = (10.0, 44.993, 10.02, 45.0)
    panel = NetworkPanel(stack, region=region)
    panel.wait(30)
    # The wrong corner lies outside of it.
    assert panel._chart.choice["loops"][0]["rms"] == pytest.approx(stack.loops(region, progress=False)["rms"][0])
    assert panel._chart.choice["loops"][0]["rms"] < 0.1
    assert panel.choose(max_days=30).ids == stack.filter_pairs(max_days=30).ids
    assert "stack.filter_pairs(max_days=30, region=region)" in panel.text


# ---------------------------------------------------------------- what is chosen


def test_a_click_drops_a_pair_and_takes_it_back(stack: InterferogramCollection, panel: NetworkPanel) -> None:
    assert panel.stack is stack
    assert "<b>5 of 5 pairs</b>, 5 dates, 1 connected subset" in panel.text
    click(panel, toggle=PAIRS[1])
    same = stack.filter_pairs(drop=[PAIRS[1]])
    assert (panel.stack.ids, panel.stack.steps) == (same.ids, same.steps)
    assert "<b>4 of 5 pairs</b>, 5 dates, 1 connected subset" in panel.text
    assert "4 pairs, 5 dates, all connected" in panel.text
    assert f"stack.filter_pairs(drop=[&#x27;{PAIRS[1]}&#x27;])" in panel.text
    assert panel._chart.choice["dropped"] == [PAIRS[1]]
    assert panel._chart.choice["loops"] == []
    click(panel, toggle=PAIRS[1])
    assert panel.stack is stack


def test_a_click_on_a_date_drops_its_pairs(panel: NetworkPanel) -> None:
    click(panel, toggle=PAIRS[0])
    click(panel, toggle_date="2020-01-25")
    assert panel.stack.ids == (PAIRS[4],)
    click(panel, toggle_date="2020-01-25")
    assert panel.options == {"drop": [PAIRS[0]]}


@pytest.mark.parametrize(
    "options",
    [
        {"max_days": 12},
        {"max_days": 24, "drop": [PAIRS[0]]},
        {"max_bperp": 60},
        {"min_coherence": 0.5},
        {"max_loop_rms": 3.1},
        {"max_days": 100, "min_coherence": 0.85},
        {"yearly": 28},
        {"max_days": 12, "yearly": 28},
    ],
)
def test_sliders_mean_what_filter_pairs_means(
    stack: InterferogramCollection, panel: NetworkPanel, options: dict[str, Any]
) -> None:
    chosen, same = panel.choose(**options), stack.filter_pairs(**options, progress=False)
    assert panel.options == options
    assert (chosen.ids, chosen.steps) == (same.ids, same.steps)
    assert panel._chart.choice["kept"] == list(same.ids or ())
    panel.reset()
    panel.wait(30)
    assert panel.stack is stack


def test_a_slider_that_is_moved_is_answered_and_its_end_is_no_limit(
    stack: InterferogramCollection, panel: NetworkPanel
) -> None:
    slide(panel, "max_days", 20)
    assert panel.stack.ids == stack.filter_pairs(max_days=20).ids
    assert "<b>3 of 5 pairs</b>" in panel.text
    slide(panel, "max_days", 338)
    assert panel.options == {}
    assert panel.choose(max_days=1000, min_coherence=0.05) is stack


def test_yearly_pairs_have_a_slider_where_there_are_some(panel: NetworkPanel, tmp_path: Path) -> None:
    """338 days are 27.25 from a year."""
    slider = panel._limits._sliders["yearly"][1]
    assert (slider.min, slider.max, slider.value) == (0, 28, 0)
    assert "Whole years ± [days] <b>off</b>" in panel._limits.widget.children[1].children[0].value
    slide(panel, "yearly", 28)
    assert list(panel.stack.ids or ()) == [PAIRS[3]]
    assert "yearly=28 removes 4" in panel.text
    slide(panel, "max_days", 12)
    assert list(panel.stack.ids or ()) == [PAIRS[0], *PAIRS[2:]]
    assert "(1 stay: about whole years)" in panel.text
    short = tmp_path / "short"
    short.mkdir()
    write(short, PAIRS[:3])
    assert "yearly" not in NetworkPanel(opened(short, baselines=False, name="short"), measure=False)._limits._sliders


def test_a_network_that_falls_apart_is_said(panel: NetworkPanel) -> None:
    panel.choose(max_days=30)
    assert (
        "no pair connects its 2 subsets (3 dates from 2020-01-01 to 2020-01-25; 2020-12-28 and 2021-01-09)"
        in panel.text
    )
    assert {day: date["subset"] for day, date in panel._chart.choice["dates"].items()}["2021-01-09"] == 1
    panel.choose(max_days=None, drop=[PAIRS[4]])
    assert "1 date has no pair any more: 2021-01-09." in panel.text
    assert "1 connected subset" in panel.text


def test_a_marked_loop_stays_marked_while_it_is_there(panel: NetworkPanel) -> None:
    loop = list(PAIRS[:3])
    panel._chart.marked = loop
    panel.choose(drop=[PAIRS[4]])
    assert panel._chart.marked == loop
    panel.choose(min_coherence=0.5)
    assert panel._chart.marked == []


def test_no_pair_left_is_said_and_what_follows_keeps_what_it_has(panel: NetworkPanel) -> None:
    seen: list[Any] = []
    panel.on_change(seen.append)
    with pytest.raises(CollectionError, match="leaves none of the 5 pairs"):
        panel.choose(drop=PAIRS)
    assert "leaves none of the 5 pairs" in panel.text
    assert seen == []
    assert panel._chart.choice["kept"] == []
    click(panel, toggle=PAIRS[0])
    assert [stack.ids for stack in seen] == [(PAIRS[0],)]


def test_a_pair_that_a_slider_removed_is_not_taken_back_by_a_click(panel: NetworkPanel) -> None:
    slide(panel, "max_days", 20)
    click(panel, toggle=PAIRS[3])
    assert panel.messages == (f"{PAIRS[3]} was removed by a slider; move the slider to take it back",)
    slide(panel, "max_days", 338)
    assert not panel.messages


# ---------------------------------------------------------------- who follows


def test_what_follows_is_told_of_changes_alone(stack: InterferogramCollection, panel: NetworkPanel) -> None:
    seen: list[Any] = []
    panel.on_change(lambda _: 1 / 0)
    panel.on_change(seen.append)
    slide(panel, "max_days", 30)
    slide(panel, "max_days", 40)
    assert [one.ids for one in seen] == [stack.filter_pairs(max_days=30).ids]
    assert panel.messages == ("ZeroDivisionError: division by zero",)
    panel.on_change(seen.append, remove=True)
    panel.reset()
    panel.wait(30)
    assert len(seen) == 1


def test_the_map_follows_with_its_own_reference(stack: InterferogramCollection, panel: NetworkPanel) -> None:
    m = Map(basemap="none", session=FakeSession())
    first = stack.reference(LON, LAT)
    point = m.add_reference(first, velocity, name="Velocity")
    inspector = m.add_inspector(first.invert(), name="Displacement")
    panel.link(point)
    click(panel, toggle=PAIRS[1])
    point.wait(30)
    fewer = stack.filter_pairs(drop=[PAIRS[1]]).reference(LON, LAT)
    assert m.messages == ()
    assert m.layer("Velocity").key == velocity(fewer).key
    assert (point.stack.place, point.stack.ids, point.stack.steps) == (first.place, fewer.ids, fewer.steps)
    assert inspector._subjects()[0][1].key == fewer.invert().key
    assert "All 4 pairs have data there" in point.text
    point.choose(LON + 0.005, LAT)
    moved = stack.filter_pairs(drop=[PAIRS[1]]).reference(LON + 0.005, LAT)
    assert m.layer("Velocity").key == velocity(moved).key
    panel.reset()
    panel.wait(30)
    point.wait(30)
    assert m.layer("Velocity").key == velocity(stack.reference(LON + 0.005, LAT)).key


def test_what_would_help_the_map_is_said_of_the_pairs_that_it_shows(
    stack: InterferogramCollection, panel: NetworkPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jeoview.collection.stack.MANY_PAIRS", 3)
    m = Map(basemap="none", session=FakeSession())
    point = m.add_reference(stack.reference(LON, LAT), velocity, name="Velocity")
    panel.link(point)
    bar = m._scene.messages.widget
    assert "every tile reads 5 interferograms" in bar.value
    for drop, many, count in (([PAIRS[1]], 3, 4), ([PAIRS[2]], 4, 0), ([], 3, 5)):
        monkeypatch.setattr("jeoview.collection.stack.MANY_PAIRS", many)
        panel.choose(drop=drop)
        point.wait(30)
        assert re.findall(r"every tile reads (\d+)", bar.value) == ([str(count)] if count else [])
    m.layer("Velocity").image = velocity(stack.reference(LON, LAT).cache_stack(progress=False))
    assert "jv-advice" not in bar.value


def test_a_reference_that_is_closed_or_not_chosen_yet(stack: InterferogramCollection, panel: NetworkPanel) -> None:
    m = Map(basemap="none", session=FakeSession())
    point = m.add_reference(stack, velocity, name="Velocity")
    panel.link(point)
    slide(panel, "max_days", 100)
    point.wait(30)
    assert m.layers == ()
    assert point.stack.ids == panel.stack.ids
    later = m.add_reference(stack.reference(LON, LAT), velocity, name="Velocity")
    panel.reset()
    panel.wait(30)
    point.wait(30)
    assert point.stack.ids != stack.ids
    assert m.layer("Velocity").key == velocity(later.stack).key


@pytest.mark.filterwarnings("ignore:invert. 1 of 5 pairs:UserWarning")
def test_pairs_without_data_at_the_reference_are_said_under_the_map(tmp_path: Path) -> None:
    write(tmp_path, empty=PAIRS[4])
    stack = opened(tmp_path)
    panel, m = NetworkPanel(stack, measure=False), Map(basemap="none", session=FakeSession())
    point = m.add_reference(stack.reference(LON, LAT), velocity, name="Velocity")
    panel.link(point)
    key = m.layer("Velocity").key
    panel.choose(drop=PAIRS[:4])
    point.wait(30)
    assert m.messages == ("none of the 1 pairs has data at the reference; the pairs stay what they were",)
    assert m.layer("Velocity").key == key
    assert point.stack.ids == stack.ids


def test_a_map_that_cannot_follow_says_which_pairs_it_shows_and_why(
    stack: InterferogramCollection, panel: NetworkPanel
) -> None:
    m = Map(basemap="none", session=FakeSession())
    point = m.add_reference(
        stack.reference(LON, LAT), lambda s: s.invert().velocity(min_dates=4, min_span=0.0), name="V"
    )
    panel.link(point)
    panel.link(point)
    panel.choose(drop=[PAIRS[1]])
    point.wait(30)
    shown, key = point.stack.ids, m.layer("V").key
    assert "The map shows" not in panel.text + point.text
    panel.choose(drop=PAIRS[1:])
    point.wait(30)
    panel.wait(30)
    expected = (
        "The map shows 4 of 5 pairs (drop removes 1), not the pairs that are chosen: velocity: the series has 2 dates"
    )
    for text in (panel.text, point.text):
        assert expected in text
        assert text.count("The map shows") == 1
    assert (point.stack.ids, m.layer("V").key) == (shown, key)
    # No pair at all: nobody asks the map, and it says so too.
    with pytest.raises(CollectionError):
        panel.choose(drop=PAIRS)
    for text in (panel.text, point.text):
        assert "The map shows 4 of 5 pairs" in text
        assert "leaves none of the 5 pairs" in text
    # Another reference does not bring the pairs.
    point.choose(LON + 0.005, LAT)
    assert "The map shows 4 of 5 pairs" in point.text
    panel.choose(drop=PAIRS[1:])
    panel.reset()
    panel.wait(30)
    point.wait(30)
    panel.wait(30)
    assert "The map shows" not in panel.text + point.text
    assert point.stack.ids == stack.ids


def test_corrections_of_the_stack_on_the_map_stay(stack: InterferogramCollection, panel: NetworkPanel) -> None:
    m = Map(basemap="none", session=FakeSession())
    flat = stack.reference(LON, LAT).deramp()
    point = m.add_reference(flat, velocity, name="Velocity")
    panel.link(point)
    click(panel, toggle=PAIRS[1])
    point.wait(30)
    assert point.stack.corrected == flat.corrected
    assert m.layer("Velocity").key == velocity(stack.filter_pairs(drop=[PAIRS[1]]).reference(LON, LAT).deramp()).key


def test_the_stack_does_not_wait_for_the_drawing_and_the_last_choice_is_drawn(
    panel: NetworkPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    def slowly(*args: Any, **options: Any) -> dict[str, Any]:
        begun.set()
        assert go.wait(30)
        return choice_of(*args, **options)

    drawn, found = list[list[str]](), list[Any]()
    panel._chart.observe(lambda change: drawn.append(change["new"]["dropped"]), "choice")
    monkeypatch.setattr(network, "choice_of", slowly)
    try:
        panel.toggle(PAIRS[0])
        assert begun.wait(30)
        asked = threading.Thread(target=lambda: found.append(panel.stack.ids), daemon=True)
        asked.start()
        asked.join(10)
        assert found == [PAIRS[1:]]
        panel.toggle(PAIRS[1])
    finally:
        go.set()
    panel.wait(30)
    assert drawn == [[PAIRS[0], PAIRS[1]]]
    assert panel.stack.ids == PAIRS[2:]


# ---------------------------------------------------------------- measuring


def test_dates_are_chosen_by_before_anything_is_measured(stack: InterferogramCollection) -> None:
    panel = NetworkPanel(stack, measure=False)
    assert UNMEASURED in panel.text
    assert set(panel._limits._sliders) == {"max_days", "yearly", "max_bperp"}
    assert panel.choose(max_days=30).ids == stack.filter_pairs(max_days=30).ids
    assert panel._chart.choice["loops"] == []
    panel.measure()
    panel.wait(30)
    assert UNMEASURED not in panel.text
    assert set(panel._limits._sliders) == {limit.name for limit in LIMITS} - {"min_unwrapped"}
    assert panel.options == {"max_days": 30}


def test_measuring_shows_how_far_it_is_and_stops(stack: InterferogramCollection) -> None:
    panel = NetworkPanel(stack, measure=False)
    begun, go, bar = threading.Event(), threading.Event(), panel._bar
    update, seen = bar.update, list[float]()

    def slowly(done: float) -> None:
        seen.append(done)
        begun.set()
        assert go.wait(30)
        update(done)

    bar.update = slowly  # type: ignore[method-assign]
    panel.measure()
    assert begun.wait(30)
    assert (bar._button.description, bar._progress.max) == ("Stop", len(PAIRS))
    assert panel.stack is stack
    panel._choices.wait(30)
    assert UNMEASURED not in panel.text
    bar._button.click()
    go.set()
    panel.wait(30)
    assert (len(seen), panel._chart.facts["measured"], panel.messages) == (1, False, ())
    assert UNMEASURED in panel.text
    assert bar._button.description == "Measure"
    bar._button.click()
    panel.wait(30)
    assert panel._chart.facts["measured"]


def test_a_job_tells_its_progress_to_a_bar_of_ones_own() -> None:
    bar = MeasureBar(lambda: None)
    with job("Work", 3, "step", progress=bar.watch) as shown:
        shown.update(2)
    assert (bar._progress.value, bar._progress.max) == (2, 3)
    bar.stop()
    with pytest.raises(CancelledByUser, match="Work was stopped"), job("Work", 3, "step", progress=bar.watch) as shown:
        shown.update(1)


def test_what_fails_while_measuring_is_said_in_the_panel(stack: InterferogramCollection, tmp_path: Path) -> None:
    (tmp_path / f"{PAIRS[0]}.unw.tif").unlink()
    panel = NetworkPanel(stack)
    panel.wait(30)
    assert len(panel.messages) == 1
    assert str(tmp_path) not in panel.messages[0]
    assert panel._bar._button.description == "Measure"
    assert panel.choose(max_days=30).ids == stack.filter_pairs(max_days=30).ids


# ---------------------------------------------------------------- what is not known


def test_a_stack_without_baselines_or_coherence_says_so(tmp_path: Path) -> None:
    write(tmp_path)
    panel = NetworkPanel(opened(tmp_path, coherence=False, baselines=False, name="bare"))
    panel.wait(30)
    assert NO_BASELINES in panel.text
    assert NO_COHERENCE in panel.text
    assert set(panel._limits._sliders) == {"max_days", "yearly", "max_loop_rms"}
    assert [date["level"] for date in panel._chart.facts["dates"]] == [None] * 5
    with pytest.raises(ParameterError, match="'min_coherence' can not be chosen by here"):
        panel.choose(min_coherence=0.5)


def test_one_pair_alone_and_pairs_without_a_loop(tmp_path: Path) -> None:
    write(tmp_path)
    stack = opened(tmp_path)
    panel = NetworkPanel(stack.filter_pairs(drop=PAIRS[1:]))
    panel.wait(30)
    assert panel.messages == ()
    assert ONE_PAIR in panel.text
    assert "<b>1 of 1 pairs</b>" in panel.text
    assert panel._limits.widget.layout.display == "none"
    line = NetworkPanel(stack.filter_pairs(drop=[PAIRS[0]]))
    line.wait(30)
    assert NO_LOOPS in line.text
    assert NO_LOOPS not in panel.text


def test_a_choice_that_no_loop_checks_says_so(panel: NetworkPanel) -> None:
    panel.wait(30)
    assert UNCHECKED not in panel.text
    # A pair of the loop goes: what is left is a tree, which any phase fits.
    panel.choose(drop=[PAIRS[0]])
    assert UNCHECKED in panel.text
    # Two subsets, of which one is a loop.
    panel.choose(drop=[PAIRS[3]])
    assert "The network falls apart" in panel.text
    assert UNCHECKED not in panel.text
    panel.choose(drop=[PAIRS[0], PAIRS[3]])
    assert UNCHECKED in panel.text


# ---------------------------------------------------------------- shown, closed, misused


def test_it_is_shown_and_closed(stack: InterferogramCollection, panel: NetworkPanel) -> None:
    assert repr(panel) == "<jeoview.NetworkPanel 'net': 5 of 5 pairs>"
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == repr(panel)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    panel.choose(max_days=30)
    panel.close()
    assert panel.stack.ids == stack.filter_pairs(max_days=30).ids


def test_names_of_files_are_text_in_what_is_said(tmp_path: Path) -> None:
    write(tmp_path)
    panel = NetworkPanel(opened(tmp_path, name="<b>net"), measure=False)
    assert "<b>net" not in panel.text
    assert "&lt;b&gt;net" in panel.text


def test_what_makes_no_sense_is_refused(stack: InterferogramCollection, panel: NetworkPanel, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="expected an InterferogramCollection"):
        jv.NetworkPanel(ndvi())  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="expected \\(west, south, east, north\\)"):
        NetworkPanel(stack, region=3)
    with pytest.raises(ParameterError, match="has no pair '2020'"):
        panel.choose(drop=["2020"])
    with pytest.raises(ParameterError, match="max_dais"):
        panel.choose(max_dais=3)
    with pytest.raises(ParameterError, match="max_days is 1; expected a number from 12 to 338"):
        panel.choose(max_days=1)
    with pytest.raises(ParameterError, match="expected a number"):
        panel.choose(max_days="long")  # type: ignore[arg-type]
    assert panel.stack is stack
    with pytest.raises(ParameterError, match="has no pair"):
        panel.toggle("2020")
    with pytest.raises(ParameterError, match="expected a function of the stack"):
        panel.on_change(3)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"expected what Map\.add_reference gives"):
        panel.link(stack)  # type: ignore[arg-type]
    other = tmp_path / "other"
    other.mkdir()
    write(other, (*PAIRS[:2], "20190101_20190113"))
    foreign = NetworkPanel(opened(other, baselines=False, name="other"), measure=False)
    point = Map(basemap="none", session=FakeSession()).add_reference(stack.reference(LON, LAT), velocity)
    with pytest.raises(ParameterError, match="expected pairs of the same stack, 'net'"):
        foreign.link(point)
