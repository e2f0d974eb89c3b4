"""The sources of a chain: frozen scenes, found through the catalogue and read on a grid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog import Catalog, Item
from jeoview.catalog.pixels import grids_of
from jeoview.describe import options_of
from jeoview.errors import ChainError, CollectionError, KeyUnknownError, SourceError
from jeoview.graph import Node, digest
from jeoview.grid import Frame, Grid
from jeoview.io.reader import Reader
from jeoview.locators import LOOKUPS, PLACES, Locator, located, tabulated
from jeoview.native import locate_in_chain
from jeoview.operator import Names
from jeoview.plan import Load
from jeoview.progress import step
from jeoview.projection import is_sensor
from jeoview.raster import Array, Kind, Raster
from jeoview.store import Store


@dataclass(frozen=True, eq=False)
class FrozenItems:
    """The items of a collection as they were when the chain was made."""

    items: tuple[Item, ...]
    boxes: NDArray[np.float64]

    def near(self, grid: Grid) -> list[Item]:
        """The items whose bounding box comes near the grid's, in order: a quick first choice among many."""
        west, south, east, north = grid.bbox
        # The box is measured at points; between them an edge may bulge.
        dx, dy = 0.05 * (east - west) + 0.01, 0.05 * (north - south) + 0.01
        left, bottom, right, top = self.boxes.T
        meets = (bottom <= north + dy) & (top >= south - dy)
        wide = right < left  # across the antimeridian
        meets &= wide | np.logical_or.reduce(
            [(left <= east + dx + turn) & (right >= west - dx + turn) for turn in (-360.0, 0.0, 360.0)]
        )
        return [self.items[i] for i in np.flatnonzero(meets)]


class Layer(NamedTuple):
    """What stands at one place of a time axis: the scene, and its date (two of them, with a slash, for a pair)."""

    item: Item
    date: str


class Scenes:
    """Reads the nodes that have no input.

    Parameters
    ----------
    catalog : Catalog
        Knows where the files of the items are.
    store : Store
        Holds the frozen item lists.
    reader : Reader
        Opens files.
    """

    def __init__(self, catalog: Catalog, store: Store, reader: Reader) -> None:
        self._catalog = catalog
        self._store = store
        self._reader = reader
        self._frozen = lru_cache(maxsize=128)(self._load)
        self._near = lru_cache(maxsize=1024)(self._choose)
        self._located = lru_cache(maxsize=8)(self._locate)

    def layers(self, node: Node, grid: Grid) -> tuple[Layer, ...]:
        """The layers of `read`: scenes and dates, in the same order."""
        return tuple(Layer(item, _date(item, node)) for item in self.of(node, grid))

    def credit(self, node: Node) -> str:
        """Title of the collection that a node reads; its name, or nothing, where that is all that is known."""
        try:
            name = self._document(options_of(node)["items"])[0]
        except KeyUnknownError:
            return ""
        try:
            info = self._catalog.collection(name)
        except CollectionError:
            return name
        title = info.title or name
        return f"{title} (simulated)" if info.simulated and "simulated" not in title.lower() else title

    def files(self, node: Node) -> frozenset[Path]:
        """The files behind a source."""
        bands = (band for item in self._items(node).items for band in item.bands.values())
        return frozenset(Path(href).resolve() for band in bands for href, _ in band.files)

    def locate(self, node: Node) -> Locator:
        """Where the sensor's pixels of a source lie; a raster of places or a look-up table is read once and kept.

        Raises
        ------
        SourceError
            If that is not known, or cannot be read.
        """
        options = options_of(node)
        if options["crs"] is not None or options["points"]:
            return locate_in_chain(node)
        return self._located(options["items"], options["frame"], options["shape"])

    def _locate(self, items: str, frame: str, shape: tuple[int, int]) -> Locator:
        item = self._frozen(items).items[0]
        table = next((bands for bands in LOOKUPS if set(bands) <= set(item.bands)), None)
        if table is not None:
            down, across = item.properties["jeoview:lookup_looks"]
            whole = self._reader.native_grid(item, table[0])
            return tabulated(lambda grid: self._reader.read(item, table, grid, "nearest"), whole, shape, (down, across))
        return located(lambda grid: self._reader.read(item, PLACES, grid, "nearest"), Frame(frame, shape))

    def measure(self, node: Node, grid: Grid, bands: Names) -> Load:
        """What reading takes when nothing is cached."""
        items, resampling = self._touching(node, grid), options_of(node)["resampling"]
        if _is_dense(node):
            decoded, held = self._reader.cost_stack(items, bands, grid, resampling)
        else:
            each = [self._reader.cost(item, _here(item, bands), grid, resampling) for item in items]
            decoded, held = sum(each), max(each, default=0)
        return Load(decoded, held, len(self.of(node, grid)))

    def own_grids(self, node: Node, bands: Names, near: Grid | None = None) -> tuple[Grid | None, ...]:
        """All pixels of a source's files, see `jeoview.catalog.pixels.grids_of`; of scenes those that come near a grid."""
        frozen = self._items(node)
        return grids_of(frozen.items if near is None or _is_dense(node) else frozen.near(near), bands)

    def of(self, node: Node, grid: Grid) -> tuple[Item, ...]:
        """The scenes behind the layers of `read`, in the same order."""
        return self._items(node).items if _is_dense(node) else self._touching(node, grid)

    def read(self, node: Node, grid: Grid, bands: Names) -> Raster:
        """The items on a grid, as a series in their order.

        Scenes that do not touch the grid are left out of a time stack; a stack of pairs is dense,
        as an inversion needs the whole network everywhere.
        """
        items = self.of(node, grid)
        if _is_dense(node):
            with step("reading", len(items) * len(bands), "file"):
                array = self._reader.read_stack(items, bands, grid, options_of(node).get("resampling", "nearest"))
        else:
            layers = [self._layer(item, bands, grid, node) for item in items] or [_empty(bands, grid)]
            array = layers[0][None] if len(layers) == 1 else np.stack(layers)
            array = array[: len(items)]
        return Raster(array, grid, Kind.SERIES, bands, tuple(_date(item, node) for item in items))

    def _items(self, node: Node) -> FrozenItems:
        return self._frozen(options_of(node)["items"])

    def _touching(self, node: Node, grid: Grid) -> tuple[Item, ...]:
        # All scenes of a sensor's stack lie alike, and its pixels have no box in degrees.
        return self._items(node).items if is_sensor(grid.crs) else self._near(options_of(node)["items"], grid)

    def _choose(self, key: str, grid: Grid) -> tuple[Item, ...]:
        return tuple(item for item in self._frozen(key).near(grid) if self._reader.touches(item, grid))

    def _layer(self, item: Item, bands: Names, grid: Grid, node: Node) -> Array:
        resampling, here = options_of(node)["resampling"], _here(item, bands)
        if len(here) == len(bands):
            return self._reader.read(item, here, grid, resampling)
        array = _empty(bands, grid)
        if here:
            array[[bands.index(band) for band in here]] = self._reader.read(item, here, grid, resampling)
        return array

    def _load(self, key: str) -> FrozenItems:
        name, entries = self._document(key)
        items = tuple(_current(self._catalog, name, entry) for entry in entries)
        return FrozenItems(items, np.array([item.bbox for item in items], dtype=np.float64).reshape(-1, 4))

    def _document(self, key: str) -> tuple[str, list[Entry]]:
        text = self._store.get(key)
        if text is None:
            raise KeyUnknownError("the list of scenes of this chain is not in the store; run the notebook cell again")
        if digest(text.decode("utf-8", "replace")) != key.removeprefix("items:"):
            raise ChainError("the list of scenes of this chain was altered: its key does not match its content")
        return _entries(text)


class Entry(NamedTuple):
    """A scene in a frozen list: the version of each band's file, and `Item.decoding` (empty where it is not said)."""

    id: str
    assets: Mapping[str, str]
    decoding: str


def _entries(text: bytes) -> tuple[str, list[Entry]]:
    try:
        document = json.loads(text)
        entries = [
            Entry(str(entry["id"]), dict(entry["assets"]), str(entry.get("decoding", "")))
            for entry in document["items"]
        ]
        return str(document["collection"]), entries
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ChainError("the list of scenes of this chain is not well formed") from None


def _current(catalog: Catalog, collection: str, entry: Entry) -> Item:
    """The item as the catalogue knows it now, if its files are still those that were frozen, and read alike."""
    item = catalog.item(collection, entry.id)
    for band, etag in entry.assets.items():
        if band not in item.bands or item.bands[band].etag != etag:
            raise SourceError(
                f"scene {item.id} (band {band}) was replaced since the chain was made; run the notebook cell again"
            )
    if entry.decoding and entry.decoding != item.decoding:
        raise SourceError(
            f"scene {item.id} was catalogued anew with another scale, offset or nodata since the chain was made; run "
            "the notebook cell again"
        )
    return item


def _is_dense(node: Node) -> bool:
    options = options_of(node)
    return "frame" in options or bool(options["stack"] == "pairs")


def layer_date(item: Item, stack: str) -> str:
    """The time of a layer, as a raster of it says it: that of a scene, or both of a pair with a slash."""
    times: Mapping[str, Any] = item.properties
    return f"{times['start_datetime']}/{times['end_datetime']}" if stack == "pairs" else item.datetime


def _date(item: Item, node: Node) -> str:
    return layer_date(item, options_of(node).get("stack", "time"))


def _here(item: Item, bands: Sequence[str]) -> list[str]:
    return [band for band in bands if band in item.bands]


def _empty(bands: Names, grid: Grid) -> Array:
    return np.full((len(bands), *grid.shape), np.nan, dtype=np.float32)
