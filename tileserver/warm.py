"""One small tile before the first real one: compiled kernels come from the disk, libraries set themselves up."""

from __future__ import annotations

import logging
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

log = logging.getLogger("tileserver")

_ZOOM, _X, _Y = 14, 8596, 5907
_NAMES = ("red", "nir")


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
        with TemporaryDirectory(prefix="jeoview-") as folder:
            _render(Path(folder) / "warm.tif")
    except Exception:
        log.exception("the warm-up failed; the first tiles will be slow")


def _render(path: Path) -> None:
    grid = Grid(Lattice("EPSG:32632", (10.0, 10.0), 490_000.0, 4_960_000.0), 0, 0, 64, 64)
    pixels = np.arange(2 * 64 * 64, dtype=np.uint16).reshape(2, 64, 64)
    write_cog(path, pixels, CogProfile(grid, band_texts(_NAMES), "uint16", nodata=0))
    found = _item(path, grid)
    document = {"collection": found.collection, "items": [_entry(found)]}
    text = canonical(document)
    store = MemoryStore()
    store.put(f"items:{digest(text)}", text.encode())
    # Its file is the server's own, and may lie outside of the folders that are open to requests.
    free = replace(settings(), roots=())
    engine = Engine(OneItem(found), store, free)  # type: ignore[arg-type] # no more is asked of it
    raster = engine.render(_chain(f"items:{digest(text)}", found), tile_grid(_ZOOM, _X, _Y))
    encode(raster, "png")


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


def _chain(items: str, found: Item) -> Node:
    common = dict(zip(_NAMES, _NAMES, strict=True))
    source = make("load_items", (), {"items": items, "bands": _NAMES, "common_names": common, "bbox": found.bbox})
    index = make("normalized_difference", (make("median", (source,), {}),), {"a": "nir", "b": "red"})
    return make("colormap", (index,), {"palette": "viridis", "vmin": -1.0, "vmax": 1.0})
