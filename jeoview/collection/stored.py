"""The copies of stacks that lie in a folder, whole and unfinished: what they take, who reads them, and how they go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from jeoview.catalog import Catalog, Query
from jeoview.collection.stack import current, size_words
from jeoview.io.stack import is_stack, mark_of
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
    outdated : bool
        Whether files that it was made of have changed since, so that they are read instead.
    unfinished : Unfinished, optional
        How far it is, where it is not whole.
    """

    path: Path
    nbytes: int
    readers: tuple[str, ...] = ()
    outdated: bool = False
    unfinished: Unfinished | None = None

    def __str__(self) -> str:
        """One line for the user."""
        head = f"{self.path.name}: {size_words(self.nbytes)}"
        if self.unfinished is None:
            old = "; files of it have changed since, and are read instead" if self.outdated else ""
            return f"{head}, {'read as ' + ', '.join(self.readers) if self.readers else 'no collection is read from it'}{old}"
        if writer := self.unfinished.writer():
            return f"{head}, unfinished: {self.unfinished.said()}, being written by process {writer}"
        if not self.unfinished.head():
            return f"{head}, unfinished; nothing goes on with it"
        return f"{head}, unfinished: {self.unfinished.said()}, stopped; the same cache_stack() goes on"

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
            mark_of(self.path).unlink(missing_ok=True)


def stored_stacks(folder: Path, catalog: Catalog) -> list[StoredStack]:
    """All copies in a folder, the whole ones first."""
    whole = sorted(path for path in folder.glob("*.zarr") if not path.name.startswith(".") and is_stack(path))
    known = {path.resolve() for path in whole}
    readers: dict[Path, list[str]] = {}
    for name in catalog.collections() if known else ():
        for item in catalog.search(Query(name, limit=1)):
            for path in {Path(band.href).resolve() for band in item.bands.values()} & known:
                readers.setdefault(path, []).append(name)
    unfinished = [StoredStack(one.target, one.nbytes, unfinished=one) for one in unfinished_in(folder)]
    return [*(_whole(path, readers.get(path.resolve(), []), catalog) for path in whole), *unfinished]


def _whole(path: Path, readers: list[str], catalog: Catalog) -> StoredStack:
    outdated = any(current(name, catalog.search(Query(name)), tell=False)[0] != name for name in readers)
    return StoredStack(path, size_of(path), tuple(readers), outdated)
