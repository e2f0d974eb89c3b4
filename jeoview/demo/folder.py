"""A prepared folder on disk: all of it or nothing, with a stamp, and known to the catalogue."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from jeoview.catalog import Catalog, CollectionInfo, Item, Query
from jeoview.catalog.stac import from_stac, to_stac
from jeoview.demo.items import at_home
from jeoview.errors import ParameterError, choices
from jeoview.settings import settings

P = TypeVar("P")


@dataclass(frozen=True)
class Demo(Generic[P]):
    """Collections that are simulated once and kept in one folder.

    Parameters
    ----------
    folder : str
        Its name below the home.
    version : int
        Raised when the simulation changes: what an older one wrote is made anew.
    plans : mapping
        How much is simulated, by the name of the size.
    collections : sequence of CollectionInfo
        What is put into the catalogue.
    write : callable
        Simulates a plan into an empty folder, perhaps with a progress bar; gives the items.
    """

    folder: str
    version: int
    plans: Mapping[str, P]
    collections: Sequence[CollectionInfo]
    write: Callable[[Path, P, bool], Iterable[Item]]

    def prepare(self, home: Path | None, size: str, progress: bool) -> Path:
        """The folder, all of it there and in the catalogue.

        Raises
        ------
        ParameterError
            If there is no such size.
        JeoviewError
            If a file cannot be written.
        """
        if size not in self.plans:
            raise ParameterError(f"size is {size!r}; {choices(str(size), self.plans)}")
        target = (home or settings().home) / self.folder
        if not is_ready(target, self.version, size):
            with renamed(target) as folder:
                finish(folder, self.write(folder, self.plans[size], progress), self.version, size)
        register(target, catalogue(home), self.collections)
        return target


def catalogue(home: Path | None) -> Path:
    """The settings' catalogue; ``catalog.sqlite`` below a home of the caller's own."""
    chosen = settings()
    return chosen.catalog if home is None or home == chosen.home else home / "catalog.sqlite"


def is_ready(target: Path, version: int, size: str) -> bool:
    """Whether the folder holds this version, in this size or the full one."""
    try:
        stamp = json.loads((target / "stamp.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(stamp, dict) and stamp.get("version") == version and stamp.get("size") in (size, "full")


def finish(folder: Path, items: Iterable[Item], version: int, size: str) -> None:
    """Write the items, whose paths are relative to the folder, and the stamp."""
    documents = [to_stac(item) for item in sorted(items, key=lambda item: (item.datetime, item.id))]
    (folder / "items.json").write_text(json.dumps(documents, indent=1))
    (folder / "stamp.json").write_text(json.dumps({"version": version, "size": size}))


@contextmanager
def renamed(target: Path) -> Iterator[Path]:
    """A folder to fill that becomes ``target`` at the end, or vanishes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    folder = target.with_name(f".{target.name}-{os.getpid()}.part")
    old = target.with_name(f".{target.name}-{os.getpid()}.old")
    folder.mkdir()
    try:
        yield folder
        if target.exists():
            target.replace(old)
        folder.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _sweep(target: Path) -> None:
    """Remove what processes that were killed have left."""
    for left in target.parent.glob(f".{target.name}-*.*"):
        number = left.stem.rpartition("-")[2]
        if left.suffix in (".part", ".old") and number.isdecimal() and not _alive(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def register(folder: Path, catalogue: Path, collections: Sequence[CollectionInfo]) -> None:
    """Make the catalogue know exactly the items of the folder; nothing is written where it does."""
    documents = json.loads((folder / "items.json").read_text())
    items = [at_home(from_stac(document), folder) for document in documents]
    catalog = Catalog(catalogue)
    known = set(catalog.collections())
    for info in collections:
        mine = {item.id: item for item in items if item.collection == info.name}
        there = {item.id: item for item in catalog.search(Query(info.name))} if info.name in known else None
        if there == mine:
            continue
        catalog.remove_collection(info.name)
        catalog.add_collection(info)
        catalog.add_items(mine.values())
