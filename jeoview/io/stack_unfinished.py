"""A stack store while it is written: a folder of another name, one writer at a time, and a journal of what is there.

After every window of a band its chunks are put down in the band's journal, with their check sums. Who goes on reads the journal,
looks whether the bytes are those that were meant (after a power cut they need not be), and cuts off what came later.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from jeoview.errors import JeoviewError, PendingError
from jeoview.io.stack import CHUNK, Array, mark_of, unpacked
from jeoview.io.stack_plan import Packing, StackPlan
from jeoview.io.stack_shard import Record, is_as_written, shard_file

HEAD = "unfinished.json"
PART, LOCK = ".part", ".lock"
JOURNAL, WHOLE = ".journal", "whole"


@dataclass(frozen=True)
class Unfinished:
    """Where a store is written until it is whole.

    Parameters
    ----------
    target : Path
        Where it will be.
    """

    target: Path

    @property
    def folder(self) -> Path:
        """The folder that is written, which no reader looks at."""
        return self.target.with_name(f".{self.target.name}{PART}")

    @property
    def _lock(self) -> Path:
        return self.target.with_name(f".{self.target.name}{LOCK}")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only writer. The system lets go of the lock with the process, however that ends.

        Raises
        ------
        PendingError
            If another process is.
        JeoviewError
            If the file system has no locks.
        """
        self.target.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = self._lock.open("a+")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise PendingError(
                    f"process {self.writer()} is making this copy already: {self.said()}; call cache_stack() again when it "
                    "is through"
                ) from None
            except OSError as error:
                file.close()
                raise JeoviewError(
                    f"the file system of the folder has no locks ({error.strerror}), so that two processes might spoil one "
                    "copy; give folder= on another"
                ) from error
            if _is_at(file, self._lock):
                break
            # Its last holder has removed it since it was opened.
            file.close()
        with file:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                self._lock.unlink(missing_ok=True)

    def writer(self) -> str:
        """Number of the process that writes; empty where none does."""
        try:
            with self._lock.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return file.read() or "?"
                return ""
        except OSError:
            return ""

    def begin(self, plan: StackPlan, window: tuple[int, int]) -> None:
        """Go on with what is there if it is of the same plan, else anew."""
        head = _head(plan, window)
        if self.head() != head:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            (self.folder / HEAD).write_text(json.dumps(head))

    def reopen(self, plan: StackPlan, window: tuple[int, int], journals: Mapping[str, Sequence[Any]]) -> None:
        """Make a whole store an unfinished one, in which what the journals of its bands say is there."""
        for band, lines in journals.items():
            (self.target / f"{band}{JOURNAL}").write_text(_text(lines))
        (self.target / HEAD).write_text(json.dumps(_head(plan, window)))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.target.rename(self.folder)

    def head(self) -> Mapping[str, Any]:
        """What is being written; nothing where that is not known."""
        try:
            found = json.loads((self.folder / HEAD).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def done(self) -> tuple[int, int]:
        """Windows that are there, and all of them, over all bands."""
        head = self.head()
        count = int(head.get("windows", 0))
        lines = {band: _lines(self.folder / f"{band}{JOURNAL}") for band in head.get("layers", {})}
        there = [count if WHOLE in found[-1:] else max(len(found) - 1, 0) for found in lines.values()]
        return sum(there), count * len(lines)

    @property
    def nbytes(self) -> int:
        """Bytes on the disk."""
        return size_of(self.folder)

    def said(self) -> str:
        """How far it is, in words."""
        there, count = self.done()
        return f"{there} of {count} windows are there"

    def finish(self) -> None:
        """Give the store its name."""
        for journal in self.folder.glob(f"*{JOURNAL}"):
            journal.unlink()
        (self.folder / HEAD).unlink()
        self.folder.rename(self.target)
        mark_of(self.target).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove it.

        Raises
        ------
        PendingError
            If it is being written.
        """
        with self.held():
            shutil.rmtree(self.folder)


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def unfinished_in(folder: Path) -> list[Unfinished]:
    """The unfinished stores in a folder, those of killed processes too."""
    parts = sorted(folder.glob(f".*{PART}"))
    return [Unfinished(folder / part.name.removeprefix(".").removesuffix(PART)) for part in parts if part.is_dir()]


class Journal:
    """The windows of a band that are written.

    Parameters
    ----------
    unfinished : Unfinished
        The store.
    band : str
        The band.
    """

    def __init__(self, unfinished: Unfinished, band: str) -> None:
        self.folder = unfinished.folder / band
        self._path = unfinished.folder / f"{band}{JOURNAL}"
        lines = _lines(self._path)
        self.is_whole = WHOLE in lines[-1:]
        self.packing = str(lines[0]) if lines else None
        noted = [line for line in lines[1:] if isinstance(line, list)]
        windows = {int(number): [Record(*one) for one in records] for number, records in noted}
        self.windows = windows if self.is_whole else _sound(self.folder, windows)
        if lines and not self.is_whole:
            # What is torn or not sound must not stand before what comes.
            self._write([lines[0], *self.windows.items()])

    def start(self, packing: str) -> None:
        """Begin anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.packing, self.windows = packing, {}
        self._write([packing])

    def add(self, number: int, records: Sequence[Record]) -> None:
        """Put down a window."""
        self._append((number, records))

    def end(self) -> None:
        """Put down that the band is whole."""
        self._append(WHOLE)
        self.is_whole = True

    def stored(self, number: int, corner: tuple[int, int], shape: tuple[int, int, int], packing: Packing) -> Array:
        """The values of a window that is there.

        Parameters
        ----------
        number : int
            Which one.
        corner : (int, int)
            Row and column of its first pixel.
        shape : (int, int, int)
            Its layers, rows and columns.
        packing : Packing
            How its numbers are stored.

        Raises
        ------
        SourceError
            If it cannot be read.
        """
        values = np.full(shape, np.nan, packing.values)
        here = [one for one in self.windows[number] if one.level == 0]
        with shard_file(self.folder, 0).open("rb") as file:
            for one in here:
                data = os.pread(file.fileno(), one.size, one.offset)
                block = packing.unpack(unpacked(data, (shape[0], CHUNK, CHUNK), np.dtype(packing.dtype)))
                top, left = one.row * CHUNK - corner[0], one.col * CHUNK - corner[1]
                part = values[:, top : top + CHUNK, left : left + CHUNK]
                part[...] = block[:, : part.shape[1], : part.shape[2]]
        return values

    def _append(self, line: Any) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _write(self, lines: Sequence[Any]) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(_text(lines))
        new.rename(self._path)


def _head(plan: StackPlan, window: tuple[int, int]) -> dict[str, Any]:
    """What must be the same for a copy to be gone on with, besides the inputs, which are in its name."""
    head = {
        "window": window,
        "windows": sum(1 for _ in plan.windows(*window)),
        "shape": plan.shape,
        "transform": plan.grid.transform,
        "corner": (plan.grid.row, plan.grid.col),
        "layers": dict(plan.layers),
        "packing": {band: way.dtype for band, way in plan.packings.items()},
        "collection": plan.attributes.get("collection", ""),
    }
    found = json.loads(json.dumps(head))
    assert isinstance(found, dict)
    return found


def _lines(journal: Path) -> list[Any]:
    """The whole lines of a journal."""
    found: list[Any] = []
    with suppress(OSError, ValueError), journal.open() as file:
        for line in file:
            if not line.endswith("\n"):
                break
            found.append(json.loads(line))
    return found


def _text(lines: Sequence[Any]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def _sound(folder: Path, windows: Mapping[int, list[Record]]) -> dict[int, list[Record]]:
    """The windows whose bytes are all as they were written."""
    with ExitStack() as files:
        try:
            levels = {one.level for records in windows.values() for one in records}
            opened = {level: files.enter_context(shard_file(folder, level).open("rb")) for level in levels}
            return {
                number: records
                for number, records in windows.items()
                if all(is_as_written(opened[one.level], one) for one in records)
            }
        except OSError:
            return {}


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
