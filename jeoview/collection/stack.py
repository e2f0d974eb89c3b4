"""A copy of a stack in which all layers of a place lie side by side: what makes a tile of 400 pairs one read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jeoview.catalog import Item
from jeoview.catalog.pixels import joint
from jeoview.collection.frozen import user_catalog
from jeoview.describe import options_of
from jeoview.errors import CancelledByUser, CollectionError, JeoviewError, ParameterError, SourceError, warn
from jeoview.graph import canonical, digest, walk
from jeoview.grid import Frame, Grid
from jeoview.image import Image
from jeoview.io.etag import file_etag
from jeoview.io.gdal import UNPLACED
from jeoview.io.reader import Reader
from jeoview.io.stack import CHUNK, StoredBand, mark_of, stored_bands
from jeoview.io.stack_mend import is_sound
from jeoview.io.stack_plan import COHERENCE, COMPLEX, FLOAT, PHASE, Packing, StackPlan
from jeoview.io.stack_unfinished import Unfinished, unfinished_in
from jeoview.io.stack_write import kept, write_stack
from jeoview.progress import Watch, job
from jeoview.raster import Array
from jeoview.settings import MIB, settings
from jeoview.store import shared_store

VERSION = 3
# Where the copy was made from; an item that has them is one of a copy.
SOURCE, ETAGS, DECODING = "jeoview:copy_of", "jeoview:copy_etags", "jeoview:copy_decoding"
# Memory for one window of all layers, and for decoded blocks that several windows share.
WINDOW_BYTES, CACHE_BYTES = 192 * MIB, 512 * MIB
# Fewer files than this are opened and read in little time.
MANY_PAIRS = 50
_LOADERS = ("load_items", "load_slc")
_DENSE = {"pairs": "interferograms", "slc": "complex images"}


@dataclass(frozen=True)
class CopyPlan:
    """What is copied, and how.

    Parameters
    ----------
    collection : str
        Its name.
    items : sequence of Item
        Layers, in order.
    packings : mapping of str to Packing
        Bands to copy, and how their numbers are stored; other bands stay where they are.
    """

    collection: str
    items: Sequence[Item]
    packings: Mapping[str, Packing]

    @property
    def key(self) -> str:
        """Hash of everything that the copy's pixels hang on."""
        rules = {band: [way.dtype, way.scale] for band, way in self.packings.items()}
        layers = [[item.id, *_etags(item).items(), item.decoding, *_files(item)] for item in self.items]
        return digest(canonical({"version": VERSION, "packing": rules, "layers": layers}))[:16]

    @property
    def frame(self) -> Frame | None:
        """The sensor's pixels of complex images; None for what lies on a map."""
        about = self.items[0].properties
        return Frame(about["jeoview:frame"], tuple(about["proj:shape"])) if "jeoview:frame" in about else None

    @property
    def bands(self) -> dict[str, list[Item]]:
        """The items that have each band, in order."""
        found = {band: [item for item in self.items if band in item.bands] for band in self.packings}
        return {band: items for band, items in found.items() if items}


def pair_packings(items: Sequence[Item], *, lossless: bool) -> dict[str, Packing]:
    """How the bands of interferograms are copied.

    Parameters
    ----------
    items : sequence of Item
        Pairs.
    lossless : bool
        True keeps float32; else phase is stored in steps of 1/500 rad and coherence in steps of 1/254.
    """
    compact = {"unwrapped": PHASE, "coherence": COHERENCE}
    used = {name: band for item in items for name, band in item.bands.items()}
    packings = {}
    for name, band in used.items():
        if band.data_type.startswith("complex"):
            packings[name] = COMPLEX
        elif name in compact:
            packings[name] = FLOAT if lossless else compact[name]
    return packings


def image_packings(items: Sequence[Item]) -> dict[str, Packing]:
    """How the bands of complex images are copied: as they are; where their pixels lie is not copied."""
    ways = {"slc": COMPLEX, "i": FLOAT, "q": FLOAT}
    return {name: way for name, way in ways.items() if any(name in item.bands for item in items)}


def copy_stack(plan: CopyPlan, folder: str | Path | None, *, progress: bool | Watch) -> str:
    """Make the copy unless it is there, and return the name of the collection that reads from it.

    Parameters
    ----------
    plan : CopyPlan
        What is copied.
    folder : str or Path, optional
        Where to; ``stacks`` in the user's cache folder by default.
    progress : bool or function
        Whether to show a bar, or one's own.

    Raises
    ------
    CollectionError
        If the layers do not lie on one lattice of pixels.
    PendingError
        If another process makes the same copy.
    JeoviewError
        If the disk is full, the folder locked or a file unreadable; the next call goes on from there.
    CancelledByUser
        If it was stopped; the next call goes on from there.
    """
    if not plan.bands:
        raise CollectionError(f"{plan.collection!r} has no band that could be copied: expected unwrapped, coherence")
    target = _target(plan, folder)
    if not _is_as_made(plan, target):
        _warn_of_others(plan.collection, target)
        _write(plan, target, progress=progress)
    return _register(plan, target)


def _is_as_made(plan: CopyPlan, target: Path) -> bool:
    """Whether a copy is whole; its bytes are looked through where it has changed since it was catalogued, or a reader found damage."""
    if not target.exists():
        return False
    with suppress(JeoviewError, OSError):
        known = {band.etag for band in user_catalog().item(_copy_name(plan), plan.items[0].id).bands.values()}
        if file_etag(target) in known and not mark_of(target).exists():
            return True
    sound = is_sound(target)
    if sound:
        mark_of(target).unlink(missing_ok=True)
    return sound


def _copy_name(plan: CopyPlan) -> str:
    return f"{plan.collection}-stack-{plan.key[:8]}"


def is_copy(items: Sequence[Item]) -> bool:
    """Whether items are read from a copy."""
    return any(SOURCE in item.properties for item in items)


def originals(name: str, items: Sequence[Item]) -> tuple[str, Sequence[Item]]:
    """The collection and the items that a copy was made of; those given where they are none, or the originals are gone."""
    source = items[0].properties.get(SOURCE) if items else None
    if source is not None:
        with suppress(JeoviewError):
            return source, user_catalog().items(source, [item.id for item in items])
    return name, items


def single(name: str, items: Sequence[Item]) -> tuple[str, Sequence[Item]]:
    """A collection and some of its items to be read alone: the files, of which a copy would be read with all layers."""
    found = originals(*current(name, items))
    there = all(Path(href).exists() for item in found[1] for band in item.bands.values() for href, _ in band.files)
    return found if there else (name, items)


def current(name: str, items: Sequence[Item], *, tell: bool = True) -> tuple[str, Sequence[Item]]:
    """A collection and its items; those that a copy was made of, and a warning, where they have changed since.

    An original that is gone is no reason to leave the copy.
    """
    source = items[0].properties.get(SOURCE) if items else None
    if source is None:
        return name, items
    try:
        originals = user_catalog().items(source, [item.id for item in items])
    except JeoviewError:
        return name, items
    changed = [one.id for one, other in zip(items, originals, strict=True) if _is_stale(one, other)]
    if not changed:
        return name, items
    if tell:
        warn(_stale(source, items, changed))
    return source, originals


def _stale(source: str, items: Sequence[Item], changed: Sequence[str]) -> str:
    return (
        f"the cached stack of {source!r} is not used: {len(changed)} of {len(items)} {_layers(items)} have changed since it was "
        f"made ({changed[0]}); the files are read instead. Make it again with cache_stack()"
    )


def _layers(items: Sequence[Item]) -> str:
    return "images" if "jeoview:frame" in items[0].properties else "pairs"


def caching_hint(image: Image) -> str:
    """What to tell the user of an image on many layers that are read from a file each; else nothing."""
    for node in walk(image.node):
        what = _DENSE.get(str(options_of(node).get("stack", "slc"))) if node.operator in _LOADERS else None
        text = shared_store(settings().store).get(options_of(node)["items"]) if what else None
        if text is not None:
            document = json.loads(text)
            layers = len(document["items"])
            if layers > MANY_PAIRS and not _is_copy(document):
                return (
                    f"every tile reads {layers} {what} from a file each; stack = stack.cache_stack() copies them "
                    "once, so that a tile is one read"
                )
    return ""


def _is_copy(document: Mapping[str, Sequence[Mapping[str, str]]]) -> bool:
    try:
        first = user_catalog().item(str(document["collection"]), document["items"][0]["id"])
    except SourceError:
        # The tiles will say that it is gone.
        return True
    return is_copy([first])


def _target(plan: CopyPlan, folder: str | Path | None) -> Path:
    place = settings().home / "stacks" if folder is None else Path(folder).expanduser().absolute()
    roots = settings().roots
    if roots and not any(place.resolve().is_relative_to(root) for root in roots):
        raise ParameterError("cache_stack: the folder lies outside those that the tile server may read (JEOVIEW_ROOTS)")
    return place / f"{re.sub('[^A-Za-z0-9._-]+', '-', plan.collection)}-{plan.key}.zarr"


def _warn_of_others(collection: str, target: Path) -> None:
    """Warn of unfinished copies of a collection that the one to be made does not go on with."""
    others = [one for one in unfinished_in(target.parent) if one.target != target]
    here = [one for one in others if one.head().get("collection") == collection and not one.writer()]
    if here:
        size = size_words(sum(one.nbytes for one in here))
        warn(
            f"cache_stack: {len(here)} unfinished copies of {collection!r}, of other layers or files or packed in another way, "
            f"take {size}; `jeoview stacks` lists them and removes them"
        )


def size_words(size: int) -> str:
    """A number of bytes as people say it."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= step:
            return f"{size / step:.3g} {unit}"
    return f"{size} bytes"


def _write(plan: CopyPlan, target: Path, *, progress: bool | Watch) -> None:
    reader = Reader(cache_bytes=CACHE_BYTES, roots=settings().roots)
    bands = plan.bands
    layers = {band: len(items) for band, items in bands.items()}
    attributes = {"collection": plan.collection, "layers": {b: [i.id for i in items] for b, items in bands.items()}}
    frame = plan.frame
    if frame is None:
        store = StackPlan(_common_grid(reader, bands), layers, plan.packings, attributes)
    else:
        # A mean of complex pixels is no amplitude and no phase of a pair: overviews of them are never read.
        attributes |= _place(plan.items[0])
        store = StackPlan(frame.extent, layers, plan.packings, attributes, reduced=False)
    window = _window(reader, bands, max(layers.values()))

    def read(band: str, grid: Grid) -> Array:
        return reader.read_stack(bands[band], [band], grid, "nearest")[:, 0]

    total = len(bands) * sum(1 for _ in store.windows(*window))
    place = Unfinished(target)
    there, _ = place.done()
    name = f"cache_stack, going on: {place.said()}" if there else "cache_stack"
    try:
        with job(name, total, "window", progress=progress) as bar:
            write_stack(target, store, read, window, lambda grid: bar.update(1))  # noqa: ARG005
    except CancelledByUser:
        raise CancelledByUser(f"cache_stack was stopped. {kept(place)}") from None


def _place(item: Item) -> dict[str, Any]:
    """Where complex images lie, for other programs; those in radar geometry are by row and column."""
    here = item.properties
    if "proj:transform" not in here:
        return {"crs": UNPLACED, "transform": (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)}
    return {"crs": here.get("proj:code") or here.get("proj:wkt2"), "transform": list(here["proj:transform"][:6])}


def _common_grid(reader: Reader, bands: Mapping[str, Sequence[Item]]) -> Grid:
    """The pixels of all layers together, counted from the corner of the first."""
    grids = [(item, band, reader.native_grid(item, band)) for band, items in bands.items() for item in items]
    whole = first = grids[0][2]
    for item, band, grid in grids[1:]:
        found = joint(first, grid)
        if found is None:
            raise CollectionError(
                f"cache_stack: the pixels of {item.id} ({band}) lie on another lattice than those of {grids[0][0].id}; "
                "bring them onto one grid first"
            )
        whole = whole.union(found)
    return whole


def _window(reader: Reader, bands: Mapping[str, Sequence[Item]], layers: int) -> tuple[int, int]:
    """Rows and columns to read at a time: whole strips of files that are cut so, else a square of blocks."""
    band, items = next(iter(bands.items()))
    pixels = WINDOW_BYTES // (8 * layers)
    height, width = reader.block_shape(items[0], band)
    if width > 8 * height:
        return CHUNK, max(pixels // CHUNK // CHUNK, 1) * CHUNK
    side = CHUNK
    while (2 * side) ** 2 <= pixels:
        side *= 2
    return side, side


def _register(plan: CopyPlan, target: Path) -> str:
    catalog, etag, stored = user_catalog(), file_etag(target), stored_bands(target)
    info = catalog.collection(plan.collection)
    name = _copy_name(plan)
    places = {band: {item.id: at for at, item in enumerate(items)} for band, items in plan.bands.items()}
    items = [_copied(plan, item, name, places, target, etag, stored) for item in plan.items]
    catalog.replace_items(replace(info, name=name, title=info.title or info.name, origin="files"), items)
    return name


def _copied(
    plan: CopyPlan,
    item: Item,
    name: str,
    places: Mapping[str, Mapping[str, int]],
    target: Path,
    etag: str,
    stored: Mapping[str, StoredBand],
) -> Item:
    bands = dict(item.bands)
    for band in plan.bands:
        if band in bands:
            way = stored[band]
            bands[band] = replace(
                bands[band],
                href=str(target),
                index=places[band][item.id] + 1,
                scale=way.scale,
                offset=0.0,
                nodata=way.nodata,
                etag=etag,
                subdataset=band,
                parts=(),
                data_type=way.dtype,
                shape=way.shape,
                transform=way.transform,
            )
    origin = {SOURCE: plan.collection, ETAGS: " ".join(_etags(item).values()), DECODING: item.decoding}
    return replace(item, collection=name, bands=bands, properties={**item.properties, **origin})


def _files(item: Item) -> list[str]:
    # Two files may share an etag: size and time alone.
    return [href for _, band in sorted(item.bands.items()) for href, _ in band.files]


def _etags(item: Item) -> dict[str, str]:
    return {name: band.etag for name, band in sorted(item.bands.items())}


def _is_stale(copy: Item, original: Item) -> bool:
    if copy.properties[DECODING] != original.decoding or copy.properties[ETAGS].split(" ") != list(
        _etags(original).values()
    ):
        return True
    return any(_has_changed(Path(href), etag) for band in original.bands.values() for href, etag in band.files)


def _has_changed(path: Path, etag: str) -> bool:
    try:
        return bool(etag) and file_etag(path) != etag
    except OSError:
        return False
