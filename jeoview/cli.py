"""``jeoview ingest``, ``jeoview collections``, ``jeoview remove``, ``jeoview stacks``, ``jeoview demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from jeoview.catalog import FROM_NOTEBOOK, Catalog, CollectionInfo, Item, Query, layers_of
from jeoview.errors import CollectionError, JeoviewError, choices
from jeoview.io.products import PRODUCTS, Scan, scan_folder
from jeoview.io.products.stacks import SUFFIX
from jeoview.settings import settings

# How many names are listed with one reason.
SHOWN = 6
KINDS = {
    "images": ("scenes", ""),
    "pairs": ("interferograms", "InterferogramCollection"),
    "slc": ("complex images", "SlcCollection"),
}
# Scenes of these come together from many folders.
FAMILIES = {name for product in PRODUCTS for name in product.COLLECTIONS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; exit code 1 and one readable line where it fails."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except JeoviewError as error:
        print(f"jeoview: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jeoview", description="Collections of satellite images for live maps.")
    commands = parser.add_subparsers(required=True)
    ingest = commands.add_parser("ingest", help="look through a folder and put what it holds into the catalogue")
    ingest.add_argument("folder", type=Path)
    ingest.add_argument(
        "--collection",
        help="name of the collection (default: the product's, or the folder's); where the folder holds several, theirs "
        "begin with it",
    )
    ingest.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and leave the catalogue as it is"
    )
    ingest.add_argument(
        "--date",
        help="format of the date in file names, for instance %%Y%%m%%d; or one date for rasters that say none, such as "
        "2011-02-11 for an elevation model",
    )
    ingest.set_defaults(run=_ingest)
    listed = commands.add_parser("collections", help="list the collections")
    listed.add_argument("--all", action="store_true", help="also those of single files that a notebook opened")
    listed.set_defaults(run=_collections)
    remove = commands.add_parser(
        "remove", help="forget collections, with the geometry that belongs to a stack; their files stay"
    )
    remove.add_argument("names", nargs="*", metavar="NAME")
    remove.add_argument("--opened", action="store_true", help="all those of single files that a notebook opened")
    remove.set_defaults(run=_remove)
    stacks = commands.add_parser(
        "stacks", help="list the copies that cache_stack() made or left unfinished, what they take, and remove them"
    )
    stacks.add_argument("folder", nargs="?", type=Path, help="where they are (default: that of cache_stack())")
    stacks.add_argument("--remove", nargs="+", default=(), metavar="NAME", help="remove these, as they are listed")
    stacks.add_argument("--remove-unfinished", action="store_true", help="remove all unfinished that nobody writes")
    stacks.set_defaults(run=_stacks)
    demo = commands.add_parser("demo", help="prepare the simulated demo collections")
    demo.add_argument("--size", choices=("full", "small"), default="full")
    demo.set_defaults(run=_demo)
    return parser


def _ingest(given: argparse.Namespace) -> int:
    scan = scan_folder(given.folder, given.collection, given.date)
    catalog = Catalog(settings().catalog)
    found = _by_collection(scan)
    refused = _refused(catalog, found)
    taken = {name: items for name, items in found.items() if name not in refused}
    before = {name: set(catalog.ids(Query(name))) if name in catalog.collections() else set() for name in taken}
    if not given.dry_run:
        for name, items in taken.items():
            _put(catalog, scan.collections[name], items)
    for name, items in taken.items():
        print(_report(name, items, before[name]))
    count = sum(map(len, taken.values()))
    # Scenes and files that were left out are counted alike, whatever keeps them from the catalogue.
    missing = len(scan.skipped) + sum(len(found[name]) for name in refused)
    if missing:
        print(f"left out {missing} of {count + missing}:", file=sys.stderr)
        _print_reasons([*scan.skipped, *((name, reason) for name, reason in refused.items() if reason)])
    if scan.beside:
        print(f"also there, {len(scan.beside)}:", file=sys.stderr)
        _print_reasons(scan.beside)
    if given.dry_run:
        print("nothing was ingested: it is a dry run", file=sys.stderr)
    elif not count:
        print("no raster was ingested" if missing else "no raster was found", file=sys.stderr)
    return 0 if count and not missing else 1


def _put(catalog: Catalog, info: CollectionInfo, items: Sequence[Item]) -> None:
    """Put scenes into a collection; the geometry of a stack, and what a notebook had of the same files, is made anew."""
    known = info.name in catalog.collections() and catalog.collection(info.name).origin in FROM_NOTEBOOK
    if known or _is_geometry(items):
        catalog.replace_items(info, items)
    else:
        catalog.add_collection(info)
        catalog.add_items(items)


def _is_geometry(items: Sequence[Item]) -> bool:
    """Whether items are the geometry of a stack, which belongs to it."""
    return [item.id for item in items] == ["geometry"] and items[0].collection.endswith(SUFFIX)


def _geometry_with(catalog: Catalog, name: str) -> list[str]:
    """The collection of the geometry of a stack, where there is one."""
    beside = name + SUFFIX
    return [beside] if beside in catalog.collections() and _is_geometry(catalog.search(Query(beside))) else []


def _by_collection(scan: Scan) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in scan.items:
        found.setdefault(item.collection, []).append(item)
    return found


def _print_reasons(files: Sequence[tuple[str, str]]) -> None:
    """The names of the files behind each reason, on one line."""
    names: dict[str, list[str]] = {}
    for name, reason in files:
        # The reason may begin with the name, which would part what is alike.
        names.setdefault(reason.removeprefix(f"{name} ").removeprefix(f"{name}: "), []).append(name)
    for reason, alike in names.items():
        more = f" and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
        print(f"  {', '.join(alike[:SHOWN])}{more}: {reason}", file=sys.stderr)


def _report(name: str, items: Sequence[Item], known: Container[str]) -> str:
    """One line on what a collection gets, and how it is opened where it is not one of images."""
    again = sum(item.id in known for item in items)
    renewed = f" ({again} of them were known)" if again else ""
    # A pair begins with its earlier date.
    first = min(str(item.properties.get("start_datetime") or item.datetime)[:10] for item in items)
    last = max(item.datetime[:10] for item in items)
    dates = first if first == last else f"{first} to {last}"
    bands = ", ".join(dict.fromkeys(band for item in items for band in item.bands))
    what, opener = KINDS[_kind(items[0])]
    # Files seldom say it, and Sentinel-1's is taken then.
    wave = items[0].properties.get("jeoview:wavelength")
    call = f'; wavelength {wave:g} m; jeoview.{opener}("{name}")' if opener else ""
    return f"{name}: {len(items)} {what}{renewed}, {dates}, bands {bands}{call}"


def _kind(item: Item) -> str:
    if "jeoview:frame" in item.properties:
        return "slc"
    return "pairs" if "unwrapped" in item.bands and "start_datetime" in item.properties else "images"


def _refused(catalog: Catalog, found: Mapping[str, Sequence[Item]]) -> dict[str, str]:
    """The collections whose names are not free, and why; geometry is said with its stack, without which it is nothing."""
    refused: dict[str, str] = {}
    for name, items in found.items():
        home = name.removesuffix(SUFFIX)
        geometry = home in found and _is_geometry(items)
        if geometry and home in refused:
            refused[name] = ""
        elif reason := "" if geometry and name in _geometry_with(catalog, home) else _clash(catalog, name, items):
            more = " and their geometry" if _is_geometry(found.get(name + SUFFIX, ())) else ""
            text = f"{len(items)} {KINDS[_kind(items[0])][0]}{more}, as a collection of this name {reason}"
            refused[name] = f"{text}; choose another with --collection, or `jeoview remove {name}`"
    return refused


def _clash(catalog: Catalog, name: str, items: Sequence[Item]) -> str:
    """Why scenes must not come to those of a collection, empty where they may, or where there is none of this name.

    Observed and simulated scenes must not mix, nor files that a notebook makes anew, nor the pairs of two tracks; and no
    file of another folder may take the place of one that is still there.
    """
    if name not in catalog.collections():
        return ""
    known = catalog.collection(name)
    there = {item.id: item for item in catalog.search(Query(name))}
    if known.simulated:
        return "is simulated"
    if known.origin in FROM_NOTEBOOK:
        # A folder that was opened in a notebook first is no other one.
        return "" if there and layers_of(there.values()) <= layers_of(items) else "was made in a notebook"
    if name in FAMILIES or not there:
        return ""
    kind = _kind(items[0])
    if kind != _kind(next(iter(there.values()))):
        return f"holds {KINDS[_kind(next(iter(there.values())))][0]}"
    new = {band.href for item in items for band in item.bands.values()}
    rivals = there.values() if kind != "images" else [there[item.id] for item in items if item.id in there]
    others = {band.href for item in rivals for band in item.bands.values()} - new
    folders = {Path(href).parent for href in new}
    elsewhere = [path for path in map(Path, others) if path.parent not in folders and path.exists()]
    return f"holds files of another folder, such as {elsewhere[0].name}" if elsewhere else ""


def _remove(given: argparse.Namespace) -> int:
    catalog = Catalog(settings().catalog)
    for name in given.names:
        catalog.collection(name)  # a wrong name is said before anything is removed
    opened = set(catalog.collections()) - set(catalog.collections(opened=False)) if given.opened else ()
    asked = dict.fromkeys([*given.names, *sorted(opened)])
    # Geometry is nothing without its stack, and another one of this name must not get it.
    names = list(dict.fromkeys(one for name in asked for one in (name, *_geometry_with(catalog, name))))
    for name in names:
        count = catalog.count(Query(name))
        catalog.remove_collection(name)
        print(f"removed {name}: {count} scenes; the files stay")
    if not names:
        print("nothing to remove: give names, see `jeoview collections`", file=sys.stderr)
    return 0 if names else 1


def _collections(given: argparse.Namespace) -> int:
    catalog = Catalog(settings().catalog)
    names = catalog.collections(opened=given.all)
    for name in names:
        info = catalog.collection(name)
        label = " (simulated)" if info.simulated else ""
        title = f" - {info.title}" if info.title not in ("", name) else ""
        print(f"{name}{label}{title}: {catalog.count(Query(name))} scenes, bands {', '.join(info.band_names)}")
    hidden = len(catalog.collections()) - len(names)
    if hidden:
        print(f"and {hidden} of files that notebooks opened: `jeoview collections --all`", file=sys.stderr)
    elif not names:
        print("the catalogue is empty: `jeoview demo` or `jeoview ingest FOLDER` fill it", file=sys.stderr)
    return 0


def _stacks(given: argparse.Namespace) -> int:
    from jeoview.collection.stack import size_words  # the listing of collections needs none of it
    from jeoview.collection.stored import stored_stacks

    catalog = Catalog(settings().catalog)
    found = stored_stacks(given.folder or settings().home / "stacks", catalog)
    known = {one.path.name: one for one in found}
    if unknown := [name for name in given.remove if name not in known]:
        raise CollectionError(f"there is no copy {unknown[0]!r}; {choices(unknown[0], known)}")
    free = [one for one in found if one.unfinished is not None and not one.unfinished.writer()]
    gone = list(dict.fromkeys([*(known[name] for name in given.remove), *(free if given.remove_unfinished else ())]))
    for one in gone:
        one.remove(catalog)
        print(f"removed {one.path.name}: {size_words(one.nbytes)}")
    for one in found if not (given.remove or given.remove_unfinished) else ():
        print(one)
    if not found:
        print("no copies of stacks; stack.cache_stack() makes them", file=sys.stderr)
    return 0


def _demo(given: argparse.Namespace) -> int:
    from jeoview.demo import prepare, prepare_insar, prepare_slc

    prepare(size=given.size)
    prepare_insar(size=given.size)
    prepare_slc(size=given.size)
    return 0
