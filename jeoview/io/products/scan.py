"""What a folder holds: products by their family, stacks, and other rasters, each in the collection it belongs to."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from jeoview.catalog.items import CollectionInfo, Item
from jeoview.errors import JeoviewError, ParameterError, RefusedError, SourceError
from jeoview.io.products import aria, flatsim, hyp3, landsat, licsar, mintpy, opera, pyrate, sentinel2
from jeoview.io.products import slc_folders as slc
from jeoview.io.products.common import RASTER_SUFFIXES, Product, date_in_name, safe_file
from jeoview.io.products.generic import FileOptions, dates_of, file_item, one_date
from jeoview.io.products.hints import VECTORS, hint, pair_hints, part_of_pair, pattern_of
from jeoview.io.products.loose import Loose, grouped, words_of
from jeoview.io.products.results import result_of
from jeoview.io.products.stacks import SUFFIX

TITLE = "Complex images"
PRODUCTS: tuple[Product, ...] = (sentinel2, landsat, aria, opera, mintpy, licsar, hyp3, flatsim, pyrate)


@dataclass(frozen=True)
class Scan:
    """What a folder holds.

    Parameters
    ----------
    items : list of Item
        In the order of the folders.
    collections : dict
        Description of every collection that the items belong to.
    skipped : list of (str, str)
        Name of a file or folder that was left out, and why; the reason holds the line of Python that opens it, where
        there is one.
    beside : list of (str, str)
        The same of what nobody would miss: other files of a product that was taken, links to folders.
    """

    items: list[Item] = field(default_factory=list)
    collections: dict[str, CollectionInfo] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    beside: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    """A product or stack: the name that it would have, and where it lies."""

    name: str
    info: CollectionInfo
    items: list[Item]
    place: Path
    shared: bool = False


def scan_folder(folder: Path, collection: str | None = None, date: str | None = None) -> Scan:
    """Look through a folder and its subfolders for products and other rasters.

    Only headers are read. Links to folders are not followed, a link to a file outside is left out.

    Parameters
    ----------
    folder : Path
        The folder.
    collection : str, optional
        Name of the collection; where the folder holds several, the name of each begins with it. By default the
        product's own, that of a stack's folder, and for other rasters the folder's.
    date : str, optional
        Format of the date in the names of other rasters, as in `datetime.strptime`; or the date of those that say none.

    Raises
    ------
    ParameterError
        If it is not a folder, or the date format is not one.
    """
    if not folder.is_dir():
        raise ParameterError(f"{folder.name!r} is not a folder")
    if date is not None and one_date(date) is None:
        date_in_name("", date)  # a format that is none is refused before any file is read
    walk = _Walk(folder.resolve(), folder, date)
    for here, below, names in os.walk(walk.root):
        below.sort()
        walk.look(Path(here), below, sorted(names))
    return walk.result(collection)


@dataclass
class _Walk:
    """The way through a folder, and what was found on it."""

    root: Path
    given: Path
    date: str | None
    found: list[_Found] = field(default_factory=list)
    loose: list[Loose] = field(default_factory=list)
    pairs: list[Path] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    beside: list[tuple[str, str]] = field(default_factory=list)
    used: set[Path] = field(default_factory=set)
    holding: set[Path] = field(default_factory=set)
    taken: dict[Path, str] = field(default_factory=dict)

    def look(self, place: Path, below: list[str], names: Sequence[str]) -> None:
        """Take what a folder holds; folders that were dealt with are taken out of ``below``."""
        self._set_aside(below, [name for name in below if (place / name).is_symlink()])
        if place not in self.holding:
            try:
                self._recognise(place)
            except (SourceError, RefusedError) as error:
                self.skipped.append((place.name, str(error)))
                below.clear()
                return
        paths = [place / name for name in names]
        for path in filter(slc.is_description, paths):
            call = f'jeoview.SlcCollection.from_description("{self._shown(path)}")'
            self._take_slc(place, [path], TITLE, call, partial(slc.described_items, path))
        self._zarr(place, below)
        self._cslc(place, paths)
        self._files(place, [path for path in paths if path.resolve() not in self.used])

    def result(self, collection: str | None) -> Scan:
        """All of it, with the names that the collections get."""
        for files, reason in pair_hints(self.pairs, self._shown):
            self.skipped += [(path.name, reason) for path in files]
        names = self._names()
        several = len(set(names)) + bool(self.loose) > 1
        scan = Scan(skipped=self.skipped, beside=self.beside)
        for found, name in zip(self.found, names, strict=True):
            _add(scan, found, f"{collection}-{name}" if collection and several else collection or name)
        base = collection or self.root.name
        # A name that the user gave needs none behind it, unless there are several.
        groups = grouped(self.loose, named=several and base in scan.collections, plain=collection is not None)
        for slug, items in groups.items():
            name = f"{base}-{slug}" if slug else base
            _add(scan, _Found(name, CollectionInfo(name, name), items, self.root), name)
        return scan

    # -- products --------------------------------------------------------------------------------

    def _recognise(self, place: Path) -> None:
        for product in PRODUCTS:
            items = product.recognise(place)
            if items is None:
                continue
            for path in {band.href for item in items for band in item.bands.values()}:
                safe_file(Path(path), self.root)
            by_name: dict[str, list[Item]] = {}
            for item in items:
                by_name.setdefault(item.collection.removesuffix(SUFFIX), []).append(item)
            for name, mine in by_name.items():
                shared = product.COLLECTIONS.get(name)
                track = mine[0].properties.get("jeoview:track")
                title = product.TITLE + (f", track {track}" if track else "")
                self._take(_Found(name, shared or CollectionInfo(name, title), mine, place, shared is not None))
            return

    def _take(self, found: _Found) -> None:
        self.found.append(found)
        self.taken[found.place] = found.name
        used = {Path(band.href).resolve() for item in found.items for band in item.bands.values()}
        self.used |= used
        self.holding |= {folder for path in used for folder in path.parents}

    # -- complex images --------------------------------------------------------------------------

    def _take_slc(
        self, place: Path, paths: Sequence[Path], title: str, call: str, read: Callable[[], list[Item]]
    ) -> None:
        try:
            items = read()
            for path in {Path(band.href) for item in items for band in item.bands.values()}:
                if path.is_file():
                    safe_file(path, self.root)
        except JeoviewError as error:
            self.skipped += [(path.name, f"{error}. The call is {call}") for path in paths]
        else:
            self._take(_Found(items[0].collection, CollectionInfo(items[0].collection, title), items, place))
        self.used |= {path.resolve() for path in paths}

    def _slc_name(self, place: Path, *more: str) -> str:
        return "-".join([*place.relative_to(self.root.parent).parts, *more])

    def _zarr(self, place: Path, below: list[str]) -> None:
        here = [place] if place == self.root and slc.is_zarr(place) else []
        groups = here or [place / name for name in below if slc.is_zarr(place / name)]
        below[:] = [] if here else [name for name in below if place / name not in groups]
        stack = []
        for group in groups:
            try:
                if slc.is_complex_group(group):
                    stack.append(group)
                    continue
                reason = "a Zarr group without complex images is not read; write its variables as GeoTIFF"
            except SourceError as error:
                reason = str(error)
            self.skipped.append((group.name, reason))
        if stack:
            call = f'jeoview.SlcCollection.from_zarr("{self._shown(place)}", polarisation=)'
            self._take_slc(place, stack, TITLE, call, partial(slc.zarr_items, stack, self._slc_name(place)))

    def _cslc(self, place: Path, paths: Sequence[Path]) -> None:
        bursts: dict[tuple[str, str], list[Path]] = {}
        for path in paths:
            if said := slc.cslc_burst(path):
                bursts.setdefault(said, []).append(path)
        for (burst, polarisation), files in bursts.items():
            name = self._slc_name(place, *((burst, polarisation) if len(bursts) > 1 else ()))
            pattern = self._shown(place / f"OPERA_L2_CSLC-S1_{burst}_*_{polarisation}_*.h5")
            call = f'jeoview.SlcCollection.from_cslc("{pattern}", polarisation="{polarisation}")'
            title = f"OPERA CSLC-S1 complex images, burst {burst}, {polarisation}"
            self._take_slc(place, files, title, call, partial(slc.cslc_items, files, self.root, polarisation, name))

    def _complex(self, place: Path, paths: Sequence[Path]) -> list[Path]:
        """Take the complex files of a folder, each polarisation and the like as a stack; returns the other files."""
        stacks: dict[tuple[str, ...], list[Path]] = {}
        for path in paths:
            if path.suffix.lower() in RASTER_SUFFIXES and path.is_file() and slc.is_complex(path):
                stacks.setdefault(words_of(Path(path.name)), []).append(path)
        complexes = [path for files in stacks.values() for path in files]
        rest = [path for path in paths if path not in complexes]
        places = slc.places_beside(rest)
        for words, files in stacks.items():
            name = self._slc_name(place, *(words if len(stacks) > 1 else ()))
            beside = (
                ""
                if places is None
                else ", "
                + ", ".join(
                    f'{word}="{self._shown(path)}"'
                    for word, path in zip(("longitude", "latitude"), places, strict=True)
                )
            )
            call = f'jeoview.SlcCollection.from_files("{self._shown(place / pattern_of(files))}"{beside})'
            self._take_slc(place, files, TITLE, call, partial(slc.file_items, files, places, self.date, name))
        return [path for path in rest if path.resolve() not in self.used]

    # -- files -----------------------------------------------------------------------------------

    def _files(self, place: Path, paths: Sequence[Path]) -> None:
        owner = next((name for folder, name in self.taken.items() if place.is_relative_to(folder)), None)
        for path in self._complex(place, paths) if owner is None else paths:
            reason = hint(path, self._shown)
            if reason is not None:
                self.skipped.append((path.name, reason))
            elif path.suffix.lower() in VECTORS:
                self.beside.append(
                    (path.name, "vector data; geopandas reads it, mask_polygon and others take its shapes")
                )
            elif path.suffix.lower() in RASTER_SUFFIXES:
                self._file(path, owner)

    def _file(self, path: Path, owner: str | None) -> None:
        try:
            file = safe_file(path, self.root)
            if self._result(file, path):
                return
            if owner is not None:
                self.beside.append(
                    (path.name, f"lies with {owner!r}, which has no use for it; jeoview.open(path) shows it")
                )
            elif part_of_pair(path):
                self.pairs.append(path)
            else:
                item = file_item(file, "", self._id(path), self._time(path), FileOptions())
                self.loose.append(Loose(item, path.relative_to(self.root)))
        except (SourceError, RefusedError) as error:
            self.skipped.append((path.name, str(error)))

    def _time(self, path: Path) -> dt.datetime:
        try:
            return dates_of([path], self.date)[path]
        except SourceError as error:
            expected = repr(self.date) if self.date else "such as 20170501 or 2017-05-01"
            raise SourceError(
                f"no date {expected} in the name: say its format, --date %Y%m%d, or one date for all of these, --date "
                "2011-02-11; jeoview.open(path) opens such a file alone"
            ) from error

    def _result(self, file: Path, path: Path) -> bool:
        """Take a result of interferometry; whether it was one."""
        result = result_of(file, self._id(path), series=True)
        if result is None:
            return False
        inner = path.relative_to(self.root)
        if result.series:
            # The dates of two series must not mix.
            name = f"{self.root.name}-{self._id(path)}"
            self._take(_Found(name, CollectionInfo(name, f"Displacement of {path.name}"), result.as_scenes(), file))
        else:
            within = tuple(word for word in words_of(inner.parent / "_") if word.isalpha())
            self.loose += [Loose(replace(item, id=self._id(path)), inner, within, result=True) for item in result.items]
        return True

    # -- names -----------------------------------------------------------------------------------

    def _id(self, path: Path) -> str:
        """Name of a file's item, ``path`` is where it lies or is linked from."""
        return "-".join(path.relative_to(self.root).with_suffix("").parts)

    def _shown(self, path: Path) -> str:
        """A path as the user would write it."""
        return str(self.given / path.relative_to(self.root))

    def _set_aside(self, below: list[str], links: Iterable[str]) -> None:
        for name in links:
            self.beside.append((name, "links to folders are not followed; ingest what it leads to"))
            below.remove(name)

    def _names(self) -> list[str]:
        """Names of what was found: its own, with those of its folders before it where two would be alike."""
        names: list[str] = []
        for found in self.found:
            name = found.name
            if not found.shared and name in names:
                above = found.place.parent if found.place != self.root else self.root.parent
                parts = above.relative_to(self.root.parent).parts
                name = "-".join(parts if parts[-1:] == (name,) else (*parts, name))
            while not found.shared and name in names:
                name += "-2"
            names.append(name)
        return names


def _add(scan: Scan, found: _Found, name: str) -> None:
    for item in found.items:
        geometry = item.collection.endswith(SUFFIX)
        mine = name + SUFFIX if geometry else name
        scan.items.append(replace(item, collection=mine))
        title = f"Geometry of {name}" if geometry else name if found.info.title == found.name else found.info.title
        scan.collections[mine] = replace(found.info, name=mine, title=title)
