"""Satellite products in folders, one module a family, and any other raster."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from jeoview.catalog.items import CollectionInfo, Item
from jeoview.errors import ParameterError, RefusedError, SourceError
from jeoview.io.products import landsat, sentinel2
from jeoview.io.products.common import Product, safe_file
from jeoview.io.products.generic import FileOptions, dates_of, file_item

PRODUCTS: tuple[Product, ...] = (sentinel2, landsat)
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
        Format of the date in the names of other rasters, as in `datetime.strptime`.

    Raises
    ------
    ParameterError
        If it is not a folder, or the date format is not one.
    """
    if not folder.is_dir():
        raise ParameterError(f"{folder.name!r} is not a folder")
    root, scan = folder.resolve(), Scan()
    for here, below, names in os.walk(root):
        below.sort()
        place = Path(here)
        try:
            found = _recognise(place)
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


def _recognise(folder: Path) -> tuple[Product, list[Item]] | None:
    for product in PRODUCTS:
        items = product.recognise(folder)
        if items is not None:
            return product, items
    return None


def _take(scan: Scan, product: Product, items: list[Item], collection: str | None) -> None:
    for item in items:
        info = product.COLLECTIONS[item.collection]
        name = collection or info.name
        scan.items.append(replace(item, collection=name))
        scan.collections[name] = replace(info, name=name)


def _scan_files(scan: Scan, paths: list[Path], root: Path, collection: str, date: str | None) -> None:
    for path in paths:
        if path.suffix.lower() not in RASTER_SUFFIXES:
            continue
        try:
            item_id = "-".join(path.relative_to(root).with_suffix("").parts)
            time = dates_of([path], date)[path]
            scan.items.append(file_item(safe_file(path, root), collection, item_id, time, FileOptions()))
        except (SourceError, RefusedError) as error:
            scan.skipped.append((path.name, str(error)))
        else:
            scan.collections.setdefault(collection, CollectionInfo(collection, collection))
