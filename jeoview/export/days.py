"""A series day by day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jeoview.describe import options_of
from jeoview.engine import Engine
from jeoview.graph import Node, canonical, digest, thaw, walk
from jeoview.image import Image, apply
from jeoview.operator import Mode, find

Scene = tuple[str, str]


def of_day(engine: Engine, series: Node, scenes: frozenset[Scene]) -> Image:
    """The same chain over some of its scenes, laid over each other: the earlier one in the list is on top.

    Parameters
    ----------
    engine : Engine
        Its store takes the shorter item lists.
    series : Node
        A chain that ends in a series.
    scenes : frozenset of (collection, id)
        Those to keep.
    """
    made: dict[str, Node] = {}
    for node in walk(series):
        arguments: dict[str, Any] = thaw(node.arguments, lambda child: made[child.key], lambda used: used)
        if find(node.operator).mode is Mode.SOURCE:
            arguments["items"] = _chosen(engine, options_of(node), scenes)
        made[node.key] = Node(node.operator, node.version, arguments)
    return apply("mosaic", (Image(made[series.key]),), {})


def _chosen(engine: Engine, options: Mapping[str, Any], scenes: frozenset[Scene]) -> str:
    """Store a part of an item list; return its key."""
    document = json.loads(engine.store.get(options["items"]) or b'{"collection": "", "items": []}')
    name = document["collection"]
    document["items"] = [item for item in document["items"] if (name, item["id"]) in scenes]
    text = canonical(document)
    key = f"items:{digest(text)}"
    engine.store.put(key, text.encode())
    return key
