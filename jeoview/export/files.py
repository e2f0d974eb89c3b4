"""Files that appear whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from jeoview.engine import Engine
from jeoview.errors import JeoviewError, ParameterError
from jeoview.recipes import as_image


def target(
    path: str | PathLike[str], suffixes: tuple[str, ...], *, overwrite: bool, images: Iterable[Any] = ()
) -> Path:
    """Check where a file is to be made, before any work is done for it.

    Parameters
    ----------
    path : path
        Where.
    suffixes : tuple of str
        Endings that it may have.
    overwrite : bool
        Whether an existing file may be replaced.
    images : iterable of Image
        What will be written: a file that they read is not replaced, whatever else is said.

    Raises
    ------
    ParameterError
        If the ending is another one, the folder does not exist, or the file does and may not be replaced.
    """
    try:
        found = Path(fspath(path)).expanduser()
    except TypeError:
        raise ParameterError(f"path is {path!r}; expected the name of a file") from None
    if found.suffix.lower() not in suffixes:
        raise ParameterError(f"path is {found.name!r}; expected a name that ends in {' or '.join(suffixes)}")
    if not found.parent.is_dir():
        raise ParameterError(f"the folder of {found.name!r} does not exist; make it first")
    if found.is_dir() or (found.exists() and not overwrite):
        raise ParameterError(f"{found.name!r} exists; choose another name, or overwrite=True for a file")
    if found.exists() and any(found.resolve() in Engine.default().files(as_image(image).node) for image in images):
        raise ParameterError(f"{found.name!r} is a file that this chain reads; choose another name")
    return found


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name to write to; renamed to ``path`` at the end, deleted after an error.

    Raises
    ------
    JeoviewError
        If the disk is full or the folder locked.
    """
    try:
        folder = tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        try:
            unfinished = Path(folder) / path.name
            yield unfinished
            unfinished.replace(path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except JeoviewError:
        # Some of them are OSErrors too, and say already what is wrong.
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise JeoviewError(f"the file {path.name!r} cannot be written: {reason}. Nothing was left behind") from error
