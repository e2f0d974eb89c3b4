"""Freezing: the list of scenes with the version of each file, under its hash, in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jeoview.catalog import BandInfo, Catalog, CollectionInfo, Item, Query, extent_of
from jeoview.errors import CollectionError
from jeoview.graph import canonical, digest
from jeoview.image import Image, apply
from jeoview.quantities import Dates
from jeoview.scenes import layer_date
from jeoview.settings import settings
from jeoview.store import shared_store

PHASE, MASK = "unwrapped", "recommended_mask"


def user_catalog() -> Catalog:
    """The catalogue that the settings name."""
    return _catalog(settings().catalog)


@lru_cache(maxsize=8)
def _catalog(path: Path) -> Catalog:
    return Catalog(path)


def ids_of(name: str, mark: str, what: str, order: Callable[[Item], str]) -> tuple[str, ...]:
    """The items of a collection of one kind, in an order.

    Parameters
    ----------
    name : str
        Of the collection.
    mark : str
        A property that all items of the kind have.
    what : str
        The kind, and how such a collection is made.
    order : callable
        From an item to what it is sorted by.

    Raises
    ------
    CollectionError
        If the catalogue has no such collection, or it holds something else.
    """
    items = user_catalog().search(Query(name))
    if not items or any(mark not in item.properties for item in items):
        raise CollectionError(f"{name!r} holds no {what}")
    return tuple(item.id for item in sorted(items, key=order))


def freeze(info: CollectionInfo, items: Sequence[Item], resampling: str = "nearest", stack: str = "time") -> Image:
    """An image on a frozen list of scenes, whose document is put into the store.

    Parameters
    ----------
    info : CollectionInfo
        The collection.
    items : sequence of Item
        At least one.
    resampling : {"nearest", "bilinear"}
        How the files are brought onto the map.
    stack : {"time", "pairs"}
        Whether a layer is a scene or an interferogram.
    """
    key = store_items(info.name, items)
    here = {name for item in items for name in item.bands}
    bands = [band for band in info.bands if band.name in here]
    common = {name: band for name, band in info.common_names.items() if band in here}
    return apply(
        "load_items",
        (),
        {
            "items": key,
            "bands": tuple(band.name for band in bands),
            "common_names": common,
            "quality": {band.name: band.quality for band in bands if band.quality},
            "bbox": extent_of(items),
            "resampling": resampling,
            "stack": stack,
            "dates": Dates.of([layer_date(item, stack) for item in items]),
            "unit": _unit(bands),
            "is_complex": any("complex" in band.data_type for item in items for band in item.bands.values()) or None,
        },
    )


def freeze_pairs(info: CollectionInfo, items: Sequence[Item]) -> Image:
    """Interferograms as a stack; phase that the product's own ``recommended_mask`` does not recommend is NaN.

    Parameters
    ----------
    info, items
        As `freeze`.
    """
    stack = freeze(info, items, stack="pairs")
    if not {PHASE, MASK} <= set(stack.bands):
        return stack
    trusted = apply("mask", (stack[PHASE], stack[MASK]), {})
    return apply("join_bands", (trusted, stack[tuple(band for band in stack.bands if band != PHASE)]), {})


def _unit(bands: Sequence[BandInfo]) -> str | dict[str, str]:
    """The unit of all bands that are measured, as `load_items` takes it, or the units by name where they differ."""
    known = {band.name: band.unit for band in bands if not band.quality}
    if len(set(known.values())) == 1:
        return next(iter(known.values()))
    return {name: unit for name, unit in known.items() if unit} or ""


def store_items(collection: str, items: Sequence[Item]) -> str:
    """Put a list of scenes, with the version of each file, into the store; its key."""
    text = canonical({"collection": collection, "items": [_entry(item) for item in items]})
    key = f"items:{digest(text)}"
    shared_store(settings().store).put(key, text.encode())
    return key


def _entry(item: Item) -> dict[str, Any]:
    assets = {band.name: band.etag for band in item.bands.values()}
    return {"id": item.id, "datetime": item.datetime, "assets": assets, "decoding": item.decoding}
