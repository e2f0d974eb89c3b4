"""Satellite products in folders, one module a family, and any other raster."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from jeoview.catalog.items import CollectionInfo, Item
from jeoview.errors import ParameterError, RefusedError, SourceError
from jeoview.io.products import aria, flatsim, hyp3, landsat, licsar, mintpy, opera, pyrate, sentinel2
from jeoview.io.products.common import Product, date_in_name, safe_file
from jeoview.io.products.egms import is_points
from jeoview.io.products.generic import FileOptions, dates_of, file_item, one_date
from jeoview.io.products.results import result_of
from jeoview.io.products.stacks import SUFFIX

PRODUCTS: tuple[Product, ...] = (sentinel2, landsat, aria, opera, mintpy, licsar, hyp3, flatsim, pyrate)
RASTER_SUFFIXES = {
    ".tif",
    ".tiff",
    ".jp2",
    ".img",
    ".nc",
    ".h5",
    ".asc",
    ".dem",
    ".hgt",
    ".bil",
    ".grd",
    ".grib",
    ".vrt",
}

__all__ = ["PRODUCTS", "FileOptions", "Product", "Scan", "scan_folder"]


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
        Name of a file or folder that was left out, and why.
    """

    items: list[Item] = field(default_factory=list)
    collections: dict[str, CollectionInfo] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def scan_folder(folder: Path, collection: str | None = None, date: str | None = None) -> Scan:
    """Look through a folder and its subfolders for products and other rasters.

    Only headers are read. Links to folders are not followed, a link to a file outside is left out.

    Parameters
    ----------
    folder : Path
        The folder.
    collection : str, optional
        Collection for everything found; by default the product's own, and for other rasters the folder's name.
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
    root, scan = folder.resolve(), Scan()
    for here, below, names in os.walk(root):
        below.sort()
        place = Path(here)
        try:
            found = _recognise(place, root)
        except (SourceError, RefusedError) as error:
            scan.skipped.append((place.name, str(error)))
            below.clear()
            continue
        if found is None:
            _scan_files(scan, [place / name for name in sorted(names)], root, collection or root.name, date)
        else:
            below.clear()
            _take(scan, *found, collection)
    return scan


def _recognise(folder: Path, root: Path) -> tuple[Product, list[Item]] | None:
    for product in PRODUCTS:
        items = product.recognise(folder)
        if items is not None:
            for path in {band.href for item in items for band in item.bands.values()}:
                safe_file(Path(path), root)
            return product, items
    return None


def _take(scan: Scan, product: Product, items: list[Item], collection: str | None) -> None:
    for item in items:
        info = product.COLLECTIONS.get(item.collection) or CollectionInfo(item.collection, item.collection)
        # Where the satellite was stands beside the pairs, not among them.
        suffix = SUFFIX if collection and item.collection.endswith(SUFFIX) else ""
        name = (collection or info.name) + suffix
        scan.items.append(replace(item, collection=name))
        scan.collections[name] = replace(info, name=name)


def _scan_files(scan: Scan, paths: list[Path], root: Path, collection: str, date: str | None) -> None:
    for path in paths:
        if is_points(path):
            scan.skipped.append((path.name, "points are no raster; open them with jeoview.open_points"))
        if path.suffix.lower() not in RASTER_SUFFIXES:
            continue
        try:
            items = _file_items(safe_file(path, root), path, root, collection, date)
        except (SourceError, RefusedError) as error:
            scan.skipped.append((path.name, str(error)))
        else:
            scan.items.extend(items)
            scan.collections.setdefault(items[0].collection, CollectionInfo(items[0].collection, items[0].collection))


def _file_items(file: Path, path: Path, root: Path, collection: str, date: str | None) -> list[Item]:
    """The items of one file, which lies in ``path`` or is linked from there: many where it is a series of dates."""
    item_id = "-".join(path.relative_to(root).with_suffix("").parts)
    result = result_of(file, collection, series=True)
    if result is None:
        return [file_item(file, collection, item_id, dates_of([path], date, option="--date ")[path], FileOptions())]
    if result.series:
        # The dates of two series must not mix.
        return [replace(item, collection=f"{collection}-{item_id}") for item in result.as_scenes()]
    return [replace(item, id=item_id) for item in result.items]
