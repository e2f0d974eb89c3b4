"""One small tile before the first real one: compiled kernels come from the disk, libraries set themselves up.

``python -m tileserver.warm`` compiles every kernel and keeps it on the disk; installing does it, because it takes a
minute or two that nobody should wait for in front of a map.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from jeoview.catalog import Band, Item
from jeoview.engine import Engine
from jeoview.errors import SourceError
from jeoview.graph import Node, canonical, digest
from jeoview.grid import Grid, Lattice, tile_grid
from jeoview.io.encode import encode
from jeoview.io.etag import file_etag
from jeoview.io.write import CogProfile, band_texts, write_cog
from jeoview.make import make
from jeoview.settings import settings
from jeoview.store.memory import MemoryStore
from jeoview.warp import METHODS
from tileserver import examples

log = logging.getLogger("tileserver")

_ZOOM, _X, _Y = 14, 8596, 5907
_NAMES = ("red", "nir")
_TYPES = ("uint8", "int16", "uint16", "float32", "complex64")


class OneItem:
    """A catalogue with one item.

    Parameters
    ----------
    found : Item
        It.
    """

    def __init__(self, found: Item) -> None:
        self._item = found

    def item(self, collection: str, id: str) -> Item:  # noqa: A002 - the catalogue's own word
        """The item."""
        if (collection, id) != (self._item.collection, self._item.id):
            raise SourceError(f"there is no item {id!r}")
        return self._item


def warm_up() -> None:
    """Render a tile of a small file; whatever goes wrong will go wrong again where somebody sees it."""
    try:
        with _small_file("uint16") as (engine, source):
            encode(engine.render(_index(source("nearest")), tile_grid(_ZOOM, _X, _Y)), "png")
    except Exception:
        log.exception("the warm-up failed; the first tiles will be slow")


def compile_all() -> None:
    """Use every kernel once: those that read files of all common types, and those of every operator."""
    for dtype in _TYPES:
        with _small_file(dtype) as (engine, source):
            for resampling in METHODS:
                engine.render(source(resampling), tile_grid(_ZOOM, _X, _Y))
            # Stacks of pairs are read through a kernel of their own.
            engine.reader.read_stack([engine.catalog.item("warm", "warm")], _NAMES, tile_grid(_ZOOM, _X, _Y), "nearest")
    examples.find_places()
    for chain in examples.chains():
        try:
            examples.compute(chain)
        except Exception as error:  # noqa: BLE001 - an example that cannot be computed is no reason to stop
            log.debug("%s was not compiled with %s: %r", chain.operator, chain.key[:12], error)


@contextmanager
def _small_file(dtype: str) -> Iterator[tuple[Engine, Callable[[str], Node]]]:
    """An engine that knows one small file, and a function that makes the node of it from the resampling."""
    with TemporaryDirectory(prefix="jeoview-") as folder:
        path = Path(folder) / "warm.tif"
        grid = Grid(Lattice("EPSG:32632", (10.0, 10.0), 490_000.0, 4_960_000.0), 0, 0, 64, 64)
        pixels = np.arange(2 * 64 * 64).reshape(2, 64, 64).astype(dtype)
        write_cog(path, pixels, CogProfile(grid, band_texts(_NAMES), dtype, nodata=0))
        found = _item(path, grid)
        text = canonical({"collection": found.collection, "items": [_entry(found)]})
        items = f"items:{digest(text)}"
        store = MemoryStore()
        store.put(items, text.encode())
        # Its file is the server's own, and may lie outside of the folders that are open to requests.
        free = replace(settings(), roots=())
        engine = Engine(OneItem(found), store, free)  # type: ignore[arg-type] # no more is asked of it
        yield engine, lambda resampling: _source(items, found, resampling)


def _item(path: Path, grid: Grid) -> Item:
    etag = file_etag(path)
    bands = {
        name: Band(name, str(path), index, name, 1e-4, nodata=0, etag=etag) for index, name in enumerate(_NAMES, 1)
    }
    return Item("warm", "warm", "2020-01-01T00:00:00Z", grid.bbox, {}, {"proj:code": grid.crs}, bands)


def _entry(found: Item) -> dict[str, object]:
    return {
        "id": found.id,
        "datetime": found.datetime,
        "assets": {name: band.etag for name, band in found.bands.items()},
    }


def _source(items: str, found: Item, resampling: str) -> Node:
    common = dict(zip(_NAMES, _NAMES, strict=True))
    given = {"items": items, "bands": _NAMES, "common_names": common, "bbox": found.bbox, "resampling": resampling}
    return make("load_items", (), given)


def _index(source: Node) -> Node:
    index = make("normalized_difference", (make("median", (source,), {}),), {"a": "nir", "b": "red"})
    return make("colormap", (index,), {"palette": "viridis", "vmin": -1.0, "vmax": 1.0})


if __name__ == "__main__":
    compile_all()
