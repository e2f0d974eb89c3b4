"""The copies of stacks that lie in a folder, whole and unfinished: what they take, who reads them, and how they go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from jeoview.catalog import Catalog, Query
from jeoview.errors import warn
from jeoview.io.stack import is_stack
from jeoview.io.stack_unfinished import Unfinished, size_of, unfinished_in


@dataclass(frozen=True)
class StoredStack:
    """A copy in a folder.

    Parameters
    ----------
    path : Path
        Its folder; of an unfinished one, where it would be.
    nbytes : int
        Bytes on the disk.
    readers : tuple of str
        Collections of the catalogue that are read from it.
    unfinished : Unfinished, optional
        How far it is, where it is not whole.
    """

    path: Path
    nbytes: int
    readers: tuple[str, ...] = ()
    unfinished: Unfinished | None = None

    def __str__(self) -> str:
        """One line for the user."""
        head = f"{self.path.name}: {size_words(self.nbytes)}"
        if self.unfinished is None:
            return f"{head}, {'read as ' + ', '.join(self.readers) if self.readers else 'of no collection any more'}"
        writer = self.unfinished.writer()
        ends = f"being written by process {writer}" if writer else "stopped; the same cache_stack() goes on"
        return f"{head}, unfinished: {self.unfinished.said()}, {ends}"

    def remove(self, catalog: Catalog) -> None:
        """Remove it, and the collections that are read from it.

        Raises
        ------
        PendingError
            If it is being written.
        """
        for name in self.readers:
            catalog.remove_collection(name)
        if self.unfinished is not None:
            self.unfinished.remove()
            return
        # Under a name that no reader looks at: half of it is none.
        gone = Unfinished(self.path)
        with gone.held():
            shutil.rmtree(gone.folder, ignore_errors=True)
            self.path.rename(gone.folder)
            shutil.rmtree(gone.folder)


def stored_stacks(folder: Path, catalog: Catalog) -> list[StoredStack]:
    """All copies in a folder, the whole ones first."""
    whole = sorted(path for path in folder.glob("*.zarr") if not path.name.startswith(".") and is_stack(path))
    known = {path.resolve() for path in whole}
    readers: dict[Path, list[str]] = {}
    for name in catalog.collections() if known else ():
        for item in catalog.search(Query(name, limit=1)):
            for path in {Path(band.href).resolve() for band in item.bands.values()} & known:
                readers.setdefault(path, []).append(name)
    unfinished = [StoredStack(one.target, one.nbytes, (), one) for one in unfinished_in(folder)]
    found = [StoredStack(path, size_of(path), tuple(readers.get(path.resolve(), ()))) for path in whole]
    return [*found, *unfinished]


def warn_of_others(collection: str, target: Path) -> None:
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
