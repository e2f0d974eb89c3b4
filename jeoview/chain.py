"""A graph as text and back.

The text is an openEO-shaped flat process graph whose node ids are content hashes. Text from
outside is data: `decode` computes every key again and refuses what was altered.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import jeoview.operators  # noqa: F401 - registers every operator that a text may name
from jeoview.errors import ChainError, ParameterError, choices
from jeoview.graph import Argument, Node, Parameter, canonical, digest, parameter, parameters, thaw, walk
from jeoview.make import remake
from jeoview.operator import REGISTRY, Operator, find

FORMAT = 1
MAX_BYTES = 4 << 20
MAX_NODES = 10_000
MAX_NESTING = 64


def encode(root: Node) -> str:
    """Return the canonical text of a chain.

    Raises
    ------
    ParameterError
        If a slider parameter is declared in two ways.
    """
    graph = {node.key: _encode_node(node) for node in walk(root)}
    document: dict[str, Argument] = {"jeoview": FORMAT, "process_graph": graph, "result": root.key}
    declared = parameters(root)
    if declared:
        document["parameters"] = [_declaration(declared[name]) for name in sorted(declared)]
    return canonical(document)


def _encode_node(node: Node) -> dict[str, Argument]:
    arguments = thaw(node.arguments, lambda child: {"from_node": child.key}, lambda used: {"from_parameter": used.name})
    return {"process_id": node.operator, "version": node.version, "arguments": arguments}


def _declaration(used: Parameter) -> Argument:
    declared = used.declaration()
    declared["schema"] = {name: list(v) if isinstance(v, tuple) else v for name, v in declared["schema"].items()}
    return declared


def decode(text: str | bytes, key: str | None = None) -> Node:
    """Return the chain of a text, every key computed again.

    Parameters
    ----------
    text : str or bytes
        What `encode` gave.
    key : str, optional
        The key under which the text was found.

    Raises
    ------
    ChainError
        If the text is not a chain, is too large or too deep, names an unknown operator or version,
        or a key does not match its content.
    ParameterError
        If an argument does not fit its operator.
    """
    document = _parse(text)
    graph = document["process_graph"]
    declared = {used.name: used for used in map(_parameter, document.get("parameters", []))}
    if len(declared) != len(document.get("parameters", [])):
        raise ChainError("the chain declares a parameter twice")
    nodes: dict[str, Node] = {}
    upgraded = False
    for name in _order(graph, document["result"]):
        _verify(name, graph[name], declared)
        nodes[name] = _decode_node(graph[name], nodes, declared)
        if nodes[name].key != name and nodes[name].version == graph[name]["version"] and not upgraded:
            raise ChainError(
                f"node {name[:16]!r} is not in canonical form: {nodes[name].operator} would write it otherwise"
            )
        upgraded = upgraded or nodes[name].version != graph[name]["version"]
    if set(graph) != set(nodes):
        raise ChainError("the chain has nodes that its result does not use")
    root = nodes[document["result"]]
    if set(parameters(root)) != set(declared):
        raise ChainError("the chain declares a parameter that it does not use, or uses one that it does not declare")
    if key is not None and document["result"] != key:
        raise ChainError("the chain under this key is another one")
    return root


def _parse(text: str | bytes) -> dict[str, Any]:
    if not isinstance(text, (str, bytes)):
        raise ChainError(f"a chain is text, as Image.chain gives it; got {type(text).__name__}")
    if len(text) > MAX_BYTES:
        raise ChainError(f"the chain has {len(text):,} bytes; the limit is {MAX_BYTES:,}")
    try:
        document = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ChainError("the chain is not JSON text") from None
    if not isinstance(document, dict) or document.get("jeoview") != FORMAT:
        raise ChainError(f"this is no chain of format {FORMAT}: an object with 'jeoview': {FORMAT} is expected")
    unknown = set(document) - {"jeoview", "process_graph", "result", "parameters"}
    graph, result = document.get("process_graph"), document.get("result")
    if unknown or not isinstance(graph, dict) or not isinstance(result, str) or result not in graph:
        raise ChainError("a chain has process_graph, result (a node of it) and perhaps parameters, and nothing else")
    if len(graph) > MAX_NODES:
        raise ChainError(f"the chain has {len(graph):,} nodes; the limit is {MAX_NODES:,}")
    if not isinstance(document.get("parameters", []), list):
        raise ChainError("parameters of a chain are a list")
    for name, node in graph.items():
        _check_shape(name, node)
    return document


def _check_shape(name: str, node: Any) -> None:
    if not isinstance(node, dict) or set(node) != {"process_id", "version", "arguments"}:
        raise ChainError(f"node {name[:16]!r} has process_id, version and arguments, and nothing else")
    if not isinstance(node["arguments"], dict) or type(node["version"]) is not int:
        raise ChainError(f"node {name[:16]!r}: arguments are an object and version is a whole number")
    if not isinstance(node["process_id"], str) or _nesting(node["arguments"]) > MAX_NESTING:
        raise ChainError(f"node {name[:16]!r}: process_id is text, and arguments nest at most {MAX_NESTING} deep")


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _nesting(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MAX_NESTING:
        depth += 1
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _references(value: Any, mark: str) -> list[str]:
    if isinstance(value, dict):
        if set(value) == {mark}:
            return [value[mark]] if isinstance(value[mark], str) else []
        return [found for item in value.values() for found in _references(item, mark)]
    if isinstance(value, list):
        return [found for item in value for found in _references(item, mark)]
    return []


def _order(graph: Mapping[str, Any], result: str) -> list[str]:
    """Names with inputs first; an input that is missing or its own ancestor is refused."""
    order: list[str] = []
    state: dict[str, int] = {}
    stack = [(result, False)]
    while stack:
        name, children_done = stack.pop()
        if children_done:
            state[name] = 2
            order.append(name)
            continue
        if state.get(name) == 2:
            continue
        if name not in graph:
            raise ChainError(f"the chain has no node {name[:16]!r} that another one uses")
        if state.get(name) == 1:
            raise ChainError("the chain has a loop")
        state[name] = 1
        stack.append((name, True))
        for child in _references(graph[name]["arguments"], "from_node"):
            if state.get(child) == 1:
                raise ChainError("the chain has a loop")
            stack.append((child, False))
    return order


def _verify(name: str, node: Mapping[str, Any], declared: Mapping[str, Parameter]) -> None:
    """Refuse a node whose key is not the hash of its text; children stand in it by their keys."""
    arguments = _with_declarations(node["arguments"], declared)
    content = canonical({"process_id": node["process_id"], "version": node["version"], "arguments": arguments})
    try:
        true_name = digest(content)
    except UnicodeEncodeError:
        true_name = ""  # half a character has no UTF-8 form
    if true_name != name:
        raise ChainError(f"node {name[:16]!r} was altered: its key does not match its content")


def _with_declarations(value: Any, declared: Mapping[str, Parameter]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"from_parameter"}:
            return {**value, "declaration": _declaration(_declared(value["from_parameter"], declared))}
        return {name: _with_declarations(item, declared) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_declarations(item, declared) for item in value]
    return value


def _declared(name: Any, declared: Mapping[str, Parameter]) -> Parameter:
    if not isinstance(name, str) or name not in declared:
        shown = str(name)[:64]
        raise ChainError(f"the chain uses parameter {shown!r}, which it does not declare; {choices(shown, declared)}")
    return declared[name]


def _parameter(value: Any) -> Parameter:
    if not isinstance(value, dict) or set(value) != {"name", "default", "unit", "schema"}:
        raise ChainError("a parameter of a chain has name, default, unit and schema")
    schema = value["schema"]
    try:
        ends = {"min": schema.get("minimum"), "max": schema.get("maximum"), "step": schema.get("multipleOf")}
        used = parameter(value["name"], value["default"], **ends, choices=schema.get("enum", ()), unit=value["unit"])
        same = canonical(_declaration(used)) == canonical(value)
    except (AttributeError, TypeError, ParameterError):
        same = False
    if not same:
        raise ChainError(f"the declaration of parameter {str(value['name'])[:64]!r} is not well formed")
    return used


def _decode_node(node: Mapping[str, Any], nodes: Mapping[str, Node], declared: Mapping[str, Parameter]) -> Node:
    found = find(node["process_id"])
    arguments = {name: _revive(item, nodes, declared) for name, item in node["arguments"].items()}
    arguments = _upgrade(found, node["version"], arguments)
    return remake(found.name, arguments)


def _upgrade(found: Operator, version: int, arguments: dict[str, Any]) -> dict[str, Any]:
    while version in found.upgrades and version < found.version:
        arguments = found.upgrades[version](arguments)
        version += 1
    if version != found.version:
        raise ChainError(
            f"operator {found.name!r} is version {found.version} here; the chain was made with version {version}, "
            "which cannot be brought up to it"
        )
    return arguments


def _revive(value: Any, nodes: Mapping[str, Node], declared: Mapping[str, Parameter]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"from_node"} and isinstance(value["from_node"], str):
            return nodes[value["from_node"]]
        if set(value) == {"from_parameter"}:
            return _declared(value["from_parameter"], declared)
        return {name: _revive(item, nodes, declared) for name, item in value.items()}
    if isinstance(value, list):
        return tuple(_revive(item, nodes, declared) for item in value)
    return value


def operator_schemas() -> dict[str, Any]:
    """Help text and JSON Schema of every operator, as ``/operators`` answers."""
    return {
        name: {
            "version": found.version,
            "mode": found.mode.value,
            "summary": found.summary,
            "inputs": [{"name": item.name, "kind": item.kind.value, "number": item.scalar} for item in found.inputs],
            "returns": found.kind.value,
            "nodata": found.nodata,
            "parameters": found.model.model_json_schema(),
        }
        for name, found in sorted(REGISTRY.items())
    }
