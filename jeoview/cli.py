"""``jeoview ingest``, ``jeoview collections``, ``jeoview remove``, ``jeoview demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Container, Sequence
from pathlib import Path

from jeoview.catalog import FROM_NOTEBOOK, Catalog, CollectionInfo, Item, Query
from jeoview.errors import JeoviewError
from jeoview.io.products import Scan, scan_folder
from jeoview.settings import settings


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
    ingest.add_argument("--collection", help="name of the collection (default: the product's, or the folder's)")
    ingest.add_argument(
        "--date",
        help="format of the date in file names, for instance %%Y%%m%%d; or one date for rasters that say none, such as "
        "2011-02-11 for an elevation model",
    )
    ingest.set_defaults(run=_ingest)
    listed = commands.add_parser("collections", help="list the collections")
    listed.add_argument("--all", action="store_true", help="also those of single files that a notebook opened")
    listed.set_defaults(run=_collections)
    remove = commands.add_parser("remove", help="forget collections; their files stay")
    remove.add_argument("names", nargs="*", metavar="NAME")
    remove.add_argument("--opened", action="store_true", help="all those of single files that a notebook opened")
    remove.set_defaults(run=_remove)
    demo = commands.add_parser("demo", help="prepare the simulated demo collections")
    demo.add_argument("--size", choices=("full", "small"), default="full")
    demo.set_defaults(run=_demo)
    return parser


def _ingest(given: argparse.Namespace) -> int:
    scan = scan_folder(given.folder, given.collection, given.date)
    catalog = Catalog(settings().catalog)
    taken = {name: _taken(catalog, collection, scan) for name, collection in scan.collections.items()}
    items = [item for item in scan.items if taken[item.collection]]
    for name in filter(taken.get, taken):
        catalog.add_collection(scan.collections[name])
    before = {name: set(catalog.ids(Query(name))) for name in filter(taken.get, taken)}
    catalog.add_items(items)
    for name, known in before.items():
        print(_report(catalog, name, [item for item in items if item.collection == name], known))
    if scan.skipped:
        print(f"left out {len(scan.skipped)} of {len(items) + len(scan.skipped)}:", file=sys.stderr)
    for name, reason in scan.skipped:
        print(f"  {name}: {reason}", file=sys.stderr)
    if not items:
        print("no raster was ingested" if scan.skipped else "no raster was found", file=sys.stderr)
    return 0 if items and not scan.skipped else 1


def _report(catalog: Catalog, name: str, items: Sequence[Item], known: Container[str]) -> str:
    """One line on what was put into a collection."""
    again = sum(item.id in known for item in items)
    renewed = f" ({again} of them were known)" if again else ""
    days = sorted(item.datetime[:10] for item in items)
    dates = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return f"{name}: {len(items)} scenes{renewed}, {dates}, bands {', '.join(catalog.collection(name).band_names)}"


def _taken(catalog: Catalog, collection: CollectionInfo, scan: Scan) -> bool:
    """Whether a name is free: observed and simulated scenes must not mix, nor files that a notebook makes anew."""
    name = collection.name
    if name not in catalog.collections():
        return True
    known = catalog.collection(name)
    if not known.simulated and known.origin not in FROM_NOTEBOOK:
        return True
    what = "is simulated" if known.simulated else "was made in a notebook"
    count = sum(item.collection == name for item in scan.items)
    reason = f"{count} scenes, as a collection of this name {what}; choose another with --collection, or `jeoview remove {name}`"
    scan.skipped.append((name, reason))
    return False


def _remove(given: argparse.Namespace) -> int:
    catalog = Catalog(settings().catalog)
    for name in given.names:
        catalog.collection(name)  # a wrong name is said before anything is removed
    opened = set(catalog.collections()) - set(catalog.collections(opened=False)) if given.opened else ()
    names = list(dict.fromkeys([*given.names, *sorted(opened)]))
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


def _demo(given: argparse.Namespace) -> int:
    from jeoview.demo import prepare, prepare_insar, prepare_slc

    prepare(size=given.size)
    prepare_insar(size=given.size)
    prepare_slc(size=given.size)
    return 0
