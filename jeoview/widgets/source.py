"""Where the data of a layer come from, as the corner of the map says it."""

from __future__ import annotations

import json

from jeoview.engine import Engine
from jeoview.errors import CollectionError
from jeoview.graph import walk
from jeoview.image import Image


def credit_of(image: Image) -> str:
    """The collections behind an image; simulated ones are called so.

    Examples
    --------
    ``"Sentinel-2 level 2A (simulated)"``.
    """
    engine = Engine.default()
    frozen = {str(node.arguments["items"]) for node in walk(image.node) if "items" in node.arguments}
    names = dict.fromkeys(_collection(engine, key) for key in sorted(frozen))
    return ", ".join(filter(None, (_title(engine, name) for name in names)))


def _collection(engine: Engine, key: str) -> str:
    text = engine.store.get(key)
    return str(json.loads(text)["collection"]) if text else ""


def _title(engine: Engine, name: str) -> str:
    try:
        found = engine.catalog.collection(name)
    except CollectionError:
        return name
    title = found.title or name
    return f"{title} (simulated)" if found.simulated and "simulated" not in title.lower() else title
