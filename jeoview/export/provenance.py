"""What a file says of the chain that made it, and the way back from the file to the chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from jeoview import chain
from jeoview.collection.files import as_path
from jeoview.describe import describe, options_of
from jeoview.engine import Engine
from jeoview.errors import ParameterError, SourceError
from jeoview.graph import Node, digest, walk
from jeoview.image import Image
from jeoview.io.metadata import read_tags
from jeoview.io.products.exported import DATES
from jeoview.operator import Mode, find

CHAIN, ITEMS, UNIT, SIMULATED = "JEOVIEW_CHAIN", "JEOVIEW_ITEMS", "UNIT", "JEOVIEW_SIMULATED"


def item_lists(engine: Engine, node: Node) -> dict[str, str]:
    """The frozen item lists of a chain by key: collections, ids and file versions, never a path."""
    keys = [options_of(source)["items"] for source in walk(node) if find(source.operator).mode is Mode.SOURCE]
    found = engine.store.get_many(keys)
    return {key: found[key].decode() for key in dict.fromkeys(keys) if key in found}


def is_simulated(engine: Engine, node: Node) -> bool:
    """Whether any pixel was made by a program and not measured."""
    names = {json.loads(text)["collection"] for text in item_lists(engine, node).values()}
    known = names.intersection(engine.catalog.collections())
    return any(engine.catalog.collection(name).simulated for name in known)


def mark(engine: Engine, node: Node) -> str:
    """What a title ends in: that the pixels are simulated, or nothing."""
    return " (simulated)" if is_simulated(engine, node) else ""


def tags(engine: Engine, node: Node, dates: Sequence[str] = ()) -> dict[str, str]:
    """Metadata of a file: the chain, the item lists that it names, dates and unit.

    Parameters
    ----------
    node : Node
        The chain, slider parameters bound.
    dates : sequence of str
        Along the time axis.
    """
    found = {CHAIN: chain.encode(node), ITEMS: json.dumps(item_lists(engine, node), separators=(",", ":"))}
    if dates:
        found[DATES] = json.dumps(list(dates))
    if unit := describe(node).unit:
        found[UNIT] = unit
    if is_simulated(engine, node):
        # The words of the demo's own files.
        found |= {SIMULATED: "yes", "TIFFTAG_IMAGEDESCRIPTION": "Simulated: made by a program, not an observation"}
    return found


def open_chain(path: str | PathLike[str]) -> Image:
    """The live image of a file that holds a chain: what was computed, not its pixels.

    Parameters
    ----------
    path : path
        A GeoTIFF that `to_geotiff` wrote, with the chain in its metadata; or JSON text, such as the ``chain.json`` that
        ``python -m jeoview.demo.headless`` leaves, or `Image.chain` saved to a file. A GeoTIFF brings the lists of its
        scenes along; JSON text needs them in the store, where the notebook that made it put them.

    Returns
    -------
    Image
        It can be shown at any zoom, changed and exported again. Slider parameters have the values of the export; in
        JSON text they are still sliders.

    Raises
    ------
    ParameterError
        If it is no path, or the file says no chain.
    RefusedError
        If it is a URL.
    SourceError
        If it cannot be read.
    ChainError
        If the chain or an item list was altered.
    """
    file = as_path(path, "open_chain")
    if not file.exists():
        raise SourceError(f"there is no file {file.name!r} at the path given")
    text = _json_text(file)
    if text is not None:
        return Image(chain.decode(text))
    found = read_tags(str(file))
    if CHAIN not in found:
        raise ParameterError("the file holds no chain of jeoview; jeoview.open() shows its pixels")
    node = chain.decode(found[CHAIN])
    _restore(Engine.default(), found.get(ITEMS, "{}"))
    return Image(node)


def _json_text(file: Path) -> bytes | None:
    """The start of a JSON file, as long as a chain may be and one byte more; None where the file is another one."""
    try:
        with file.open("rb") as stream:
            text = stream.read(chain.MAX_BYTES + 1)
    except OSError:
        return None  # the reader of rasters has the words for it
    return text if text.lstrip()[:1] == b"{" else None


def _restore(engine: Engine, text: str) -> None:
    """Give the store back the item lists that it lost; a list that is not what its key says is left out."""
    try:
        lists: Any = json.loads(text)
    except ValueError:
        return
    for key, content in lists.items() if isinstance(lists, dict) else ():
        if isinstance(content, str) and key == f"items:{digest(content)}" and not engine.store.contains(key):
            engine.store.put(key, content.encode())
