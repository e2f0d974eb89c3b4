"""Filters: what Python writes becomes CQL2, and SQLite selects what an independent evaluator selects."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import cql2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jeoview.catalog import Catalog, CollectionInfo, Item, Query
from jeoview.catalog.filters import Expression, check_filter, prop
from jeoview.errors import ParameterError

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
TEXTS = ["sentinel-2a", "Sentinel-2A", "a%b_c", "50% off", "it's", '"; DROP TABLE items; --', "back\\slash", "été", ""]
PROPERTIES = [
    {"cloud": cloud, "sun": sun, "row": row, "platform": text, "night": night}
    for cloud, sun, row, text, night in zip(
        [0, 5, 12.5, 20, 99.9, 20.0, -3, 7, 50],
        [30.0, 45.5, 60, 12, 0, 45.5, 1, -2.25, 8],
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        TEXTS,
        [True, False, True, False, True, False, True, False, True],
        strict=True,
    )
]


def scene(name: str, properties: dict[str, Any], when: str = "2020-06-12T10:00:00Z") -> Item:
    return Item("s2", name, when, (0.0, 0.0, 1.0, 1.0), SQUARE, properties, {})


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    made = Catalog(tmp_path_factory.mktemp("filters") / "c.sqlite")
    made.add_collection(CollectionInfo("s2"))
    made.add_items(scene(f"i{number}", properties) for number, properties in enumerate(PROPERTIES))
    return made


def select(catalog: Catalog, condition: Any) -> list[str]:
    document = check_filter(condition, catalog.properties("s2"))
    return catalog.ids(Query("s2", filter=document))


def expected(condition: Expression) -> list[str]:
    """What the cql2 library's own evaluator, written in Rust, selects."""
    expression = cql2.Expr(condition.json)
    return [f"i{number}" for number, properties in enumerate(PROPERTIES) if expression.matches(properties)]


# -- the same answer as another evaluator ----------------------------------------------------------

small = st.one_of(st.integers(-5, 100), st.sampled_from([0.5, 12.5, 45.5, 99.9]))
values = st.recursive(
    st.sampled_from(["cloud", "sun", "row"]).map(prop),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, small),
        st.builds(lambda a, b: b - a, inner, small),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a, b: a / b, inner, st.sampled_from([2, 3, 0.5])),
        st.builds(lambda a: a % 7, inner),
        st.builds(lambda a: -a, inner),
    ),
    max_leaves=3,
)
words = st.sampled_from([*TEXTS, "sentinel", "2A", "%", "_", "'"])
tests: list[Callable[[Expression, Any], Expression]] = [
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
    lambda a, b: a == b,
    lambda a, b: a != b,
]
conditions = st.recursive(
    st.one_of(
        st.builds(lambda test, a, b: test(a, b), st.sampled_from(tests), values, st.one_of(small, values)),
        st.builds(lambda a, low, high: a.between(low, high), values, small, small),
        # Without 0: the library finds -0.0, which 0 * -1 is, in no list.
        st.builds(lambda a, options: a.isin(options), values, st.lists(small.filter(bool), min_size=1, max_size=4)),
        st.builds(lambda test, b: test(prop("platform"), b), st.sampled_from(tests), words),
        st.builds(lambda b: prop("platform").startswith(b), words),
        st.builds(lambda b: prop("platform").endswith(b), words),
        st.builds(lambda b: prop("platform").contains(b), words),
        st.builds(lambda b: prop("platform").isin([b, "x"]), words),
        st.builds(lambda b: prop("night") == b, st.booleans()),
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=150)
@given(condition=conditions)
def test_sqlite_selects_what_the_cql2_library_selects(catalog: Catalog, condition: Expression) -> None:
    try:
        wanted = expected(condition)
    except ValueError:  # the library cannot reduce it, for instance 0 % 0
        assume(False)
    assert select(catalog, condition) == wanted


@settings(max_examples=12)
@given(condition=conditions)
def test_expressions_are_valid_cql2_and_mean_the_same_as_json(catalog: Catalog, condition: Expression) -> None:
    cql2.Expr(condition.json).validate()
    assert select(catalog, json.loads(json.dumps(condition.json))) == select(catalog, condition)


@settings(max_examples=12)
@given(condition=conditions)
def test_cql2_text_means_the_same(catalog: Catalog, condition: Expression) -> None:
    try:
        text = condition.to_text()
        again = cql2.parse_text(text).to_json()
        assume(cql2.Expr(again).to_text() == text)
    except (ValueError, cql2.ParseError):
        assume(False)  # the library's text form is not always one that it reads
    # `div` and unary minus have no text form that the library reads back.
    assert select(catalog, text) == select(catalog, condition)


# -- what Python's reader would expect --------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        (prop("cloud") < 20, "i0 i1 i2 i6 i7"),
        (prop("cloud") == 20, "i3 i5"),
        (prop("cloud") + 12 < 20, "i0 i1 i6 i7"),
        ((prop("cloud") < 20) & (prop("night") == True), "i0 i2 i6"),  # noqa: E712
        ((prop("cloud") > 90) | (prop("row") == 1), "i0 i4"),
        (~(prop("row") > 2), "i0 i1"),
        (prop("row").between(2, 3), "i1 i2"),
        (prop("row") / 2 == 1.5, "i2"),
        (prop("row") // 2 == 1, "i1 i2"),
        (prop("row") ** 2 == 81, "i8"),
        (prop("platform").like("Sentinel-2_"), "i1"),
        (prop("platform").like("SENTINEL%", ignore_case=True), "i0 i1"),
        (prop("platform").casefold() == prop("platform").casefold(), "i0 i1 i2 i3 i4 i5 i6 i7 i8"),
        (prop("platform").contains("%"), "i2 i3"),
        (prop("platform").startswith("a%b_"), "i2"),
        (prop("platform") == '"; DROP TABLE items; --', "i5"),
        (prop("platform") == "it's", "i4"),
        (prop("platform").contains("\\"), "i6"),
        (prop("id").isin(["i3", "i4"]), "i3 i4"),
        (prop("cloud") < np.float64(0.0), "i6"),
    ],
)
def test_conditions(catalog: Catalog, condition: Expression, ids: str) -> None:
    assert select(catalog, condition) == ids.split()


def test_values_never_become_a_part_of_the_statement(catalog: Catalog) -> None:
    from jeoview.catalog.database import _statement

    evil = "x' OR 1=1; DROP TABLE items; --"
    for condition in (prop("platform") == evil, prop("platform").contains(evil), prop("platform").isin([evil])):
        text, parameters = _statement("i.id", Query(evil, filter=condition.json, sortby=(evil.replace('"', ""),)))
        assert "DROP" not in text
        assert sum(evil in str(parameter) for parameter in parameters) >= 2
    with pytest.raises(ParameterError, match="not a property name"):
        catalog.ids(Query("s2", filter={"op": "isNull", "args": [{"property": 'a" OR 1=1 --'}]}))
    assert catalog.count(Query("s2")) == len(PROPERTIES)


def test_an_item_without_the_property_is_selected_by_isnull_alone(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "c.sqlite")
    catalog.add_collection(CollectionInfo("s2"))
    catalog.add_items([scene("with", {"cloud": 5}), scene("without", {}), scene("null", {"cloud": None})])
    assert select(catalog, prop("cloud") < 10) == ["with"]
    assert select(catalog, prop("cloud") != 99) == ["with"]
    assert select(catalog, ~(prop("cloud") > 10)) == ["with"]
    assert select(catalog, prop("cloud").isnull()) == ["null", "without"]
    assert select(catalog, prop("cloud").notnull()) == ["with"]
    assert select(catalog, prop("cloud") / 0 == 1) == []


def test_times_are_compared_as_instants(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "c.sqlite")
    catalog.add_collection(CollectionInfo("s2"))
    times = ["2020-06-11T23:59:59.5Z", "2020-06-12T00:00:00Z", "2020-06-12T10:00:00Z", "2020-06-13T00:00:00Z"]
    updated = {"updated": "2020-06-12T12:00:00+02:00"}
    catalog.add_items(scene(str(i), updated if i == 2 else {}, when) for i, when in enumerate(times))
    time = prop("datetime")
    assert select(catalog, time == "2020-06-12") == ["1", "2"], "a day is a day"
    assert select(catalog, time == dt.date(2020, 6, 12)) == ["1", "2"]
    assert select(catalog, time != "2020-06-12") == ["0", "3"]
    assert select(catalog, time > "2020-06-12") == ["2", "3"], "beside it, a date is its midnight"
    assert select(catalog, time <= "2020-06-12") == ["0", "1"]
    assert select(catalog, time == "2020-06-12T10:00:00Z") == ["2"]
    assert select(catalog, time < dt.datetime(2020, 6, 12, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))) == ["0", "1"]
    assert select(catalog, time.between("2020-06-11T23:59:59.4Z", "2020-06-12")) == ["0", "1"]
    assert select(catalog, time.isin(["2020-06-13T00:00:00Z"])) == ["3"]
    at_ten = {"timestamp": "2020-06-12T10:00:00Z"}
    assert select(catalog, {"op": "=", "args": [{"property": "updated"}, at_ten]}) == ["2"]
    assert select(catalog, {"op": "t_after", "args": [{"property": "datetime"}, at_ten]}) == ["3"]


def test_areas_are_met_exactly(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "c.sqlite")
    catalog.add_collection(CollectionInfo("s2"))
    triangle = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 1], [0, 0]]]}
    catalog.add_items([Item("s2", "a", "2020-01-01T00:00:00Z", (0.0, 0.0, 1.0, 1.0), triangle, {}, {})])

    def meets(x: float, y: float) -> dict[str, Any]:
        return {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [x, y]}]}

    assert select(catalog, meets(0.2, 0.2)) == ["a"]
    assert select(catalog, meets(0.9, 0.9)) == [], "inside the box, outside the triangle"
    assert select(catalog, {"op": "not", "args": [meets(0.9, 0.9)]}) == ["a"]
    with pytest.raises(ParameterError, match="GeoJSON geometry"):
        catalog.ids(Query("s2", filter={"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Dot"}]}))


# -- what cannot be ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: (prop("cloud") < 20) and (prop("row") > 2),
        lambda: (prop("cloud") < 20) or (prop("row") > 2),
        lambda: not (prop("cloud") < 20),
        lambda: 0 < prop("cloud") < 20,
        lambda: "x" in [prop("platform")],
        lambda: 1 if prop("cloud") < 20 else 2,
    ],
)
def test_pythons_own_logic_is_refused_with_the_way_out(wrong: Callable[[], Any]) -> None:
    with pytest.raises(ParameterError, match=r"write & for and.*\.between"):
        wrong()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: prop("cloud") < 20 & prop("row") == 3, "Put comparisons in brackets"),
        (lambda: (prop("cloud") < 20) & True, "Put comparisons in brackets"),
        (lambda: ~prop("night"), "Put comparisons in brackets"),
        (lambda: (prop("cloud") < 20) + 1, "is a condition"),
        (lambda: (prop("cloud") < 20) == True, "is a condition"),  # noqa: E712
        (lambda: prop("cloud") == None, r"\.isnull\(\)"),  # noqa: E711
        (lambda: prop("cloud") < np.inf, "cannot compare with inf"),
        (lambda: prop("cloud") == [1, 2], "cannot compare with"),
        (lambda: prop("cloud") + "x", "expected a number"),
        (lambda: prop("cloud").isin([]), "empty list"),
        (lambda: prop("cloud").isin("abc"), "expected a list"),
        (lambda: prop("platform").like(cast(Any, 5)), "expected text"),
        (lambda: prop("platform").startswith(cast(Any, 5)), "expected text"),
        (lambda: prop("datetime") > "tomorrow", "expected a date"),
        (lambda: prop(""), "name of a property"),
        (lambda: prop('a"b'), "name of a property"),
    ],
)
def test_what_means_nothing_is_refused_where_it_is_written(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        wrong()


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (prop("clouds") < 20, r"no item has the property 'clouds'; did you mean 'cloud'\? Known: 'cloud', 'datetime'"),
        (prop("cloud") < "20", "'cloud' is a number, '20' is text"),
        (prop("platform") > 5, "'platform' is text, 5 is a number"),
        (prop("platform") + 1 > 5, "mixes types"),
        (prop("platform") + prop("platform") > 5, "computes '\\+' with text"),
        (prop("cloud"), "expected a condition"),
        (True, "expected a condition"),
        ("cloud <", "not CQL2 text"),
        ({"op": "launch", "args": []}, "expected a condition"),
        ({"op": "and", "args": [{"op": "launch", "args": [1]}, {"op": "isNull", "args": [1]}]}, "cannot use 'launch'"),
        ({"op": "<", "args": [{"property": "cloud"}]}, "arguments of '<'"),
        ({"op": "in", "args": [{"property": "cloud"}, 5]}, "list of values"),
        ({"op": "<", "args": [{"property": "cloud"}, {"interval": ["..", ".."]}]}, "cannot use"),
        ({"op": "=", "args": [{"property": "cloud"}, None]}, "has no place in a filter"),
    ],
)
def test_a_filter_is_checked_against_the_collection(catalog: Catalog, condition: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        select(catalog, condition)


def test_a_filter_may_not_be_a_tower(catalog: Catalog) -> None:
    condition: dict[str, Any] = {"op": "isNull", "args": [{"property": "cloud"}]}
    for _ in range(100):
        condition = {"op": "not", "args": [condition]}
    with pytest.raises(ParameterError, match="nested"):
        select(catalog, condition)


def test_long_lists_of_conditions_stay_flat(catalog: Catalog) -> None:
    condition = prop("row") == 0
    for row in range(1, 200):
        condition = condition | (prop("row") == row)
    assert len(select(catalog, condition)) == len(PROPERTIES)


def test_an_expression_shows_what_it_says() -> None:
    condition = (prop("eo:cloud_cover") < 20) & prop("platform").startswith("S2")
    assert repr(condition) == "<Expression eo:cloud_cover < 20 AND platform LIKE 'S2%'>"
    with pytest.raises(TypeError, match="unhashable"):
        hash(condition)
