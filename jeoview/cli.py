"""``jeoview ingest``, ``jeoview collections``, ``jeoview demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jeoview.catalog import Catalog, CollectionInfo, Query
from jeoview.errors import JeoviewError, ParameterError
from jeoview.io.products import scan_folder
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
    ingest.add_argument("--date", help="format of the date in file names, for instance %%Y%%m%%d")
    ingest.set_defaults(run=_ingest)
    commands.add_parser("collections", help="list the collections").set_defaults(run=_collections)
    demo = commands.add_parser("demo", help="prepare the simulated demo collections")
    demo.add_argument("--size", choices=("full", "small"), default="full")
    demo.set_defaults(run=_demo)
    return parser


def _ingest(given: argparse.Namespace) -> int:
    scan = scan_folder(given.folder, given.collection, given.date)
    catalog = Catalog(settings().catalog)
    for collection in scan.collections.values():
        _check_name(catalog, collection)
        catalog.add_collection(collection)
    catalog.add_items(scan.items)
    for name, reason in scan.skipped:
        print(f"left out {name}: {reason}", file=sys.stderr)
    for name in scan.collections:
        count = sum(item.collection == name for item in scan.items)
        print(f"{name}: {count} scenes, bands {', '.join(catalog.collection(name).band_names)}")
    if not scan.items:
        print("no raster was found", file=sys.stderr)
    return 0 if scan.items else 1


def _check_name(catalog: Catalog, collection: CollectionInfo) -> None:
    """Observed and simulated scenes must not mix, nor files that a notebook makes anew."""
    if collection.name in catalog.collections():
        known = catalog.collection(collection.name)
        if known.simulated or known.origin == "files":
            what = "is simulated" if known.simulated else "was made by from_files"
            raise ParameterError(f"the collection {collection.name!r} {what}; choose another name with --collection")


def _collections(given: argparse.Namespace) -> int:  # noqa: ARG001 - every command is called alike
    catalog = Catalog(settings().catalog)
    names = catalog.collections()
    for name in names:
        info = catalog.collection(name)
        label = " (simulated)" if info.simulated else ""
        title = f" - {info.title}" if info.title not in ("", name) else ""
        print(f"{name}{label}{title}: {catalog.count(Query(name))} scenes, bands {', '.join(info.band_names)}")
    if not names:
        print("the catalogue is empty: `jeoview demo` or `jeoview ingest FOLDER` fill it", file=sys.stderr)
    return 0


def _demo(given: argparse.Namespace) -> int:
    from jeoview.demo import prepare, prepare_insar

    prepare(size=given.size)
    prepare_insar(size=given.size)
    return 0
