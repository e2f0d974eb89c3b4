"""Chain text: canonical, the same in every process, and refused when anything in it was altered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jeoview as jv
from jeoview import chain
from jeoview.errors import ChainError, JeoviewError, ParameterError
from jeoview.graph import Node, canonical, digest
from jeoview.image import Image
from jeoview.operator import REGISTRY, find
from tests.chains import Place, chains
from tests.conftest import ROOT
from tests.samples import SAMPLES
from tests.synthetic import grid_at, source

PLACE = Place(grid_at(11, 8.0, 47.0, 60, 60), 11)


def index() -> Image:
    return source("1").median().ndvi()


def rich() -> Image:
    """A chain with everything: sliders, metres, classes, a table, a polygon, shared parts."""
    threshold = jv.parameter("threshold", 0.4, min=0, max=1, step=0.05, unit="")
    radius = jv.parameter("radius", 60, min=20, max=500, unit="m")
    area = {"type": "Polygon", "coordinates": [[[8, 47], [8.5, 47], [8.5, 47.5], [8, 47]]]}
    smooth = index().focal_mean(jv.metres(radius))
    labels = (smooth > threshold).mask(area).label(region=(8, 47, 8.1, 47.1), zoom=10)
    stretched = source("1").median()[["nir"]].stretch(region=(8, 47, 8.1, 47.1), zoom=8)
    formula = source("2").median().expression("where(nir > t, nir, 0)", variables={"t": threshold})
    return jv.rgb(labels.unmask(0), stretched, formula).blend((smooth - index()).colormap(["red", "blue"], -1, 1))


# ---------------------------------------------------------------- text and back


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_random_chains_come_back_the_same(data: st.DataObject) -> None:
    image: Image = data.draw(chains(source("1"), source("2"), PLACE))
    text = image.chain
    again = Image.from_chain(text)
    assert (again.key, again.schema, again.chain) == (image.key, image.schema, text)
    assert chain.decode(text.encode(), image.key) == image.node


def test_the_text_is_as_documented() -> None:
    image = source("1").median().focal_mean(jv.metres(60))
    document = json.loads(image.chain)
    assert set(document) == {"jeoview", "process_graph", "result"}
    assert (document["jeoview"], document["result"]) == (1, image.key)
    node = document["process_graph"][image.key]
    assert node["process_id"] == "focal_mean"
    assert node["arguments"]["radius"] == {"metres": 60.0}
    child = node["arguments"]["image"]["from_node"]
    assert document["process_graph"][child]["process_id"] == "median"
    assert image.chain == json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for name, content in document["process_graph"].items():
        assert digest(canonical(content)) == name


def test_sliders_are_declared_once() -> None:
    document = json.loads(rich().chain)
    assert [one["name"] for one in document["parameters"]] == ["radius", "threshold"]
    assert "declaration" not in rich().chain


def test_layout_does_not_matter() -> None:
    loose = json.dumps(json.loads(rich().chain), indent=3, sort_keys=False)
    assert chain.decode(loose) == rich().node


# ---------------------------------------------------------------- one key for equal work


def test_keys_do_not_depend_on_how_a_call_is_written() -> None:
    image = source("1").median()
    assert image[["red", "nir"]].key == image[("B04", "B08")].key
    assert image.clip(0, 1).key == image.clip(max=1.0, min=0.0).key == image.clip(-0.0, 1).key
    assert image.focal_mean().key == image.focal_mean(1).key == image.focal_mean(radius=1).key
    assert image.ndvi().key == image.normalized_difference().rename(["ndvi"]).key
    assert image.normalized_difference("nir", "red").key == image.normalized_difference(a="B08", b="B04").key
    assert (image * 2).key == image.multiply(2.0).key
    one = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    other = {
        "properties": {"name": "x"},
        "geometry": {**one, "coordinates": ((((0.0, 0), (1, 0), (1, 1.0), (0, -0.0)),))},
    }
    assert image.mask(one).key == image.mask({"type": "Feature", **other}).key
    classes = {1: ("water", "blue")}
    assert image["SCL"].colormap(classes=classes).key == image["SCL"].colormap(classes={1.0: ["water", "blue"]}).key


PROGRAM = """
import jeoview as jv
from tests.unit.test_chain import rich
print(rich().key, rich().chain)
"""


def test_keys_are_the_same_in_every_process() -> None:
    for seed in ("0", "12345"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        key, _, text = run.stdout.strip().partition(" ")
        assert (key, text) == (rich().key, rich().chain)


# ---------------------------------------------------------------- altered texts


def refused(text: Any, match: str = ".") -> JeoviewError:
    start = time.perf_counter()
    with pytest.raises((ChainError, ParameterError), match=match) as caught:
        chain.decode(text)
    assert time.perf_counter() - start < 1.0
    assert len(str(caught.value)) < 2000
    return caught.value


def texts() -> list[str]:
    return [rich().chain, index().chain]


@settings(max_examples=400)
@given(st.data())
def test_a_changed_character_is_refused_or_means_the_same(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(texts()))
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.one_of(st.sampled_from('0123456789abcdef"{}[],:.-e \\'), st.characters()))
    how = data.draw(st.sampled_from(("replace", "insert", "delete")))
    altered = text[:at] + ("" if how == "delete" else letter) + text[at + (how != "insert") :]
    same_or_refused(text, altered)


def same_or_refused(text: str, altered: str) -> None:
    try:
        node = chain.decode(altered)
    except (ChainError, ParameterError):
        return
    assert chain.encode(node) == text


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@settings(max_examples=400)
@given(st.data())
def test_a_changed_value_is_refused_or_means_the_same(data: st.DataObject) -> None:
    """Any number, text, list or object of the document replaced by another one."""
    text = data.draw(st.sampled_from(texts()))
    document = json.loads(text)
    places = list(_places(document))
    holder, name = data.draw(st.sampled_from(places))
    new = data.draw(leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.text(max_size=3), leaves, max_size=2))
    if data.draw(st.booleans()):
        other, there = data.draw(st.sampled_from(places))
        new = json.loads(json.dumps(other[there]))
    holder[name] = new
    same_or_refused(text, json.dumps(document))


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for name, item in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, name))
        if isinstance(item, (dict, list)):
            found += _places(item)
    return found


def renamed(document: dict[str, Any]) -> str:
    """The text with every key put right after a change, as somebody would who knows how keys are made."""
    graph, declared = document["process_graph"], {one["name"]: one for one in document.get("parameters", [])}
    for _ in range(len(graph)):
        for name in list(graph):
            true = digest(canonical(with_declarations(graph[name], declared)))
            if true != name:
                text = json.dumps({**document, "process_graph": graph}).replace(name, true)
                document = json.loads(text)
                graph = document["process_graph"]
    return json.dumps(document)


def with_declarations(value: Any, declared: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"from_parameter"}:
            return {**value, "declaration": declared.get(value["from_parameter"])}
        return {name: with_declarations(item, declared) for name, item in value.items()}
    return [with_declarations(item, declared) for item in value] if isinstance(value, list) else value


def change(text: str, edit: Callable[[dict[str, Any], dict[str, Any]], object]) -> str:
    """A text whose result node was edited, with keys that match again."""
    document = json.loads(text)
    edit(document, document["process_graph"][document["result"]])
    return renamed(document)


def put(**arguments: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda _, node: node["arguments"].update(arguments)


FOCAL = source("1").median().focal_mean(2).chain


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (change(FOCAL, put(radius=-1)), "radius"),
        (change(FOCAL, put(radius=5000)), "radius"),
        (change(FOCAL, put(radius="2")), "radius"),
        (change(FOCAL, put(radius=True)), "radius"),
        (change(FOCAL, put(radius={"metres": 60})), "canonical"),
        (change(FOCAL, put(radius={"metres": 60.0, "x": 1})), "radius"),
        (change(FOCAL, put(radius={"metres": {"from_parameter": "r"}})), "'r'"),
        (change(FOCAL, put(nonsense=1)), "nonsense"),
        (change(FOCAL, put(image=5)), "expected an image"),
        (change(FOCAL, put(image=None)), "'image' is missing"),
        (change(FOCAL, put(image={"from_node": 5})), "expected an image"),
        (change(FOCAL, put(image={"from_node": "0" * 64})), "no node"),
        (change(FOCAL, lambda _, node: node["arguments"].pop("radius")), "canonical"),
        (change(FOCAL, lambda _, node: node["arguments"].pop("image")), "'image' is missing"),
        (change(FOCAL, lambda _, node: node.update(process_id="focal_men")), "did you mean 'focal_mean'"),
        (change(FOCAL, lambda _, node: node.update(process_id="__import__")), "no operator"),
        (change(FOCAL, lambda _, node: node.update(process_id=5)), "process_id"),
        (change(FOCAL, lambda _, node: node.update(version=2)), "version"),
        (change(FOCAL, lambda _, node: node.update(version=0)), "version"),
        (change(FOCAL, lambda _, node: node.update(version=1.0)), "whole number"),
        (change(FOCAL, lambda _, node: node.update(extra=1)), "nothing else"),
        (change(FOCAL, lambda _, node: node.pop("version")), "nothing else"),
        (change(FOCAL, lambda _, node: node.update(arguments=[])), "object"),
        (change(FOCAL, lambda doc, _: doc.update(jeoview=2)), "format 1"),
        (change(FOCAL, lambda doc, _: doc.update(extra=1)), "nothing else"),
        (change(FOCAL, lambda doc, _: doc.update(parameters={})), "list"),
        (change(FOCAL, lambda doc, _: doc.update(result="x")), "process_graph"),
        (change(source("1").chain, put(items="../../etc/passwd")), "items"),
        (change(source("1").chain, put(resampling="cubic")), "resampling"),
        (change(source("1").chain, put(bands=["B04", 5])), "bands"),
        (change(source("1").chain, put(bbox=[0, 0, 1000, 1])), "bbox"),
        (change(source("1").median()[["red"]].chain, put(bands=["red"])), "canonical"),
        (change(source("1").median()[["red"]].chain, put(bands=["B99"])), "no band 'B99'"),
        (change((source("1").median() * 2).chain, put(y=2)), "canonical"),
        (change((source("1").median() * 2).chain, put(x=2.0)), "must be an image"),
    ],
)
def test_well_keyed_nonsense_is_refused(text: str, message: str) -> None:
    refused(text, message)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "5",
        "{",
        "nonsense",
        '{"jeoview":1}',
        '{"jeoview":1,"process_graph":[],"result":"x"}',
        "\ufeff{}",
    ],
)
def test_what_is_no_chain_is_refused(text: str) -> None:
    refused(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    refused(b"\xff\xfe\x00{")


def test_another_key_is_refused() -> None:
    with pytest.raises(ChainError, match="another one"):
        chain.decode(index().chain, "0" * 64)


def test_a_node_that_the_result_does_not_use_is_refused() -> None:
    document = json.loads(index().chain)
    document["process_graph"] |= json.loads(source("7").chain)["process_graph"]
    refused(json.dumps(document), "does not use")


def test_numbers_that_json_does_not_have_are_refused() -> None:
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
        refused(FOCAL.replace('"radius":2', f'"radius":{number}'), "not JSON")
    refused(FOCAL.replace('"radius":2', f'"radius":{10**400}'))


def test_half_a_character_is_refused() -> None:
    refused(FOCAL.replace('"unit":""', '"unit":"\\ud800"'), "altered")
    refused(FOCAL.replace('"focal_mean"', '"\\ud800"'))


# ---------------------------------------------------------------- slider parameters in a text


SLIDER = (source("1").median() * jv.parameter("p", 1.0, min=0, max=2)).chain


@pytest.mark.parametrize(
    "edit",
    [
        {"name": "other"},
        {"name": ["p"]},
        {"name": 5},
        {"name": "<script>"},
        {"default": 5.0},
        {"default": 1},
        {"default": "1"},
        {"default": None},
        {"unit": 5},
        {"unit": None},
        {"schema": {"type": "number"}},
        {"schema": {"type": "number", "minimum": 2.0, "maximum": 1.0}},
        {"schema": {"type": "number", "minimum": "a"}},
        {"schema": {"type": "number", "minimum": True, "maximum": 2.0}},
        {"schema": {"type": "number", "minimum": 0.0, "maximum": 2.0, "multipleOf": 0.0}},
        {"schema": {"type": "number", "minimum": 0.0, "maximum": 2.0, "enum": [1]}},
        {"schema": {"type": "string"}},
        {"schema": []},
        {"schema": None},
        {"extra": 1},
    ],
)
def test_altered_declarations_are_refused(edit: dict[str, Any]) -> None:
    document = json.loads(SLIDER)
    document["parameters"][0] |= edit
    refused(json.dumps(document))


@pytest.mark.parametrize("parameters", [[], [{}], [5], "p", None])
def test_missing_declarations_are_refused(parameters: Any) -> None:
    refused(json.dumps({**json.loads(SLIDER), "parameters": parameters}))


def test_declarations_that_nobody_uses_or_that_stand_twice_are_refused() -> None:
    declared = json.loads(SLIDER)["parameters"]
    refused(json.dumps({**json.loads(FOCAL), "parameters": declared}), "does not use")
    refused(json.dumps({**json.loads(SLIDER), "parameters": declared * 2}), "twice")


# ---------------------------------------------------------------- loops, depth, size


def raw(graph: dict[str, Any], result: str) -> str:
    return json.dumps({"jeoview": 1, "process_graph": graph, "result": result})


def adding(x: str, y: str) -> dict[str, Any]:
    return {"process_id": "add", "version": 1, "arguments": {"x": {"from_node": x}, "y": {"from_node": y}}}


def test_loops_are_refused() -> None:
    refused(raw({"a": adding("a", "a")}, "a"), "loop")
    refused(raw({"a": adding("b", "b"), "b": adding("c", "c"), "c": adding("a", "a")}, "a"), "loop")


def test_deep_json_is_refused_at_once() -> None:
    refused("[" * 100_000 + "]" * 100_000)
    refused('{"a":' * 100_000 + "1" + "}" * 100_000)
    nested: Any = 1
    for _ in range(300):
        nested = [nested]
    refused(change(FOCAL, put(radius=nested)), "deep")


def test_chains_that_are_too_large_are_refused_at_once() -> None:
    refused(" " * (chain.MAX_BYTES + 1), "limit")
    refused(raw({f"{i}": adding(f"{i + 1}", f"{i + 1}") for i in range(50_000)}, "0"), "limit")
    many = {f"{i}": {"process_id": "a", "version": 1, "arguments": {}} for i in range(50_000)}
    refused(raw(many, "0"), "50,000 nodes")
    # Many paths through few nodes: each is looked at once.
    refused(raw({f"{i}": adding(f"{i + 1}", f"{i + 1}") for i in range(9_000)}, "0"), "no node")


@pytest.mark.parametrize("field", ["process_id", "parameter", "band", "argument"])
def test_a_very_long_name_is_refused_at_once(field: str) -> None:
    long = "x" * 3_000_000
    if field == "process_id":
        refused(change(FOCAL, lambda _, node: node.update(process_id=long)), "no operator")
    elif field == "argument":
        refused(change(FOCAL, put(**{long: 1})), "no parameter")
    elif field == "band":
        refused(change(source("1").median()[["red"]].chain, put(bands=[long])), "no band")
    else:
        refused(change(FOCAL, put(radius={"from_parameter": long})), "does not declare")


def test_a_chain_as_deep_as_allowed_is_read() -> None:
    image = source("1")["nir"].median()
    for _ in range(2_000):
        image = image + 1
    assert chain.decode(image.chain) == image.node


def test_a_node_that_reaches_far_back_is_described() -> None:
    """More nodes than any cache of schemas holds, and then one that uses the first ones again."""
    first = image = source("1")["nir"].median()
    for _ in range(8_500):
        image = Image(Node("add", 1, {"x": image.node, "y": 1.0}))
    joined = Image(Node("add", 1, {"x": image.node, "y": first.node}))
    assert joined.bands == ("B08",)


# ---------------------------------------------------------------- versions


@pytest.fixture
def newer_focal_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if focal_mean had become version 3, where the radius is one more."""

    def grow(arguments: dict[str, Any]) -> dict[str, Any]:
        return {**arguments, "radius": arguments["radius"] + 1}

    monkeypatch.setitem(REGISTRY, "focal_mean", replace(find("focal_mean"), version=3, upgrades={1: grow, 2: grow}))


@pytest.mark.usefixtures("newer_focal_mean")
def test_an_older_version_is_brought_up() -> None:
    node = chain.decode(FOCAL)
    assert (node.version, node.arguments["radius"]) == (3, 4)
    assert chain.decode(chain.encode(node)) == node


@pytest.mark.usefixtures("newer_focal_mean")
def test_a_version_of_the_future_is_refused() -> None:
    refused(change(FOCAL, lambda _, node: node.update(version=4)), "version 3 here")


# ---------------------------------------------------------------- what /operators answers


def test_every_operator_is_listed_with_help_and_schema() -> None:
    listed = chain.operator_schemas()
    assert set(listed) == set(REGISTRY)
    assert listed["focal_mean"]["inputs"] == [{"name": "image", "kind": "bands", "number": False}]
    assert listed["focal_mean"]["mode"] == "neighbourhood"
    assert listed["multiply"]["inputs"][1]["number"] is True
    assert json.loads(json.dumps(listed)) == listed
    assert {sample.operator for sample in SAMPLES} <= set(listed)
