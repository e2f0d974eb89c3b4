"""Files on disk as collections of the user's catalogue."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from jeoview.catalog import FROM_NOTEBOOK, CollectionInfo, Item, Query, layers_of
from jeoview.collection.frozen import freeze, user_catalog
from jeoview.errors import ParameterError, RefusedError, SourceError, choices
from jeoview.graph import digest
from jeoview.image import Image, apply
from jeoview.io.products import RASTER_SUFFIXES
from jeoview.io.products.generic import FileOptions, dates_of, file_item, file_time
from jeoview.quantities import short

LISTS = ("bands", "wrapped")


# What `jeoview.open` and its kind call a collection that the user gave no name.
_MADE = re.compile(r"[a-z]+-[0-9a-f]{12}(-geometry)?")
Pattern = str | PathLike[str]


def as_path(value: Any, what: str) -> Path:
    """A path on disk.

    Raises
    ------
    ParameterError
        If it is none.
    RefusedError
        If it is a URL.
    """
    if not isinstance(value, (str, PathLike)) or isinstance(text := fspath(value), bytes) or not text:
        raise ParameterError(f"{what} got {short(value)}; expected the path of a file on disk, as text or pathlib.Path")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://|/vsi", text):
        raise RefusedError(
            f"{what} got {short(text)}: a network address, or a file system of GDAL, is not opened; download the file and "
            "give its path"
        )
    return Path(text)


def register_files(
    pattern: Pattern | Sequence[Pattern], date: str | None, name: str | None, options: Mapping[str, Any]
) -> str:
    """Put the files of a pattern into the catalogue and name their collection; see `ImageCollection.from_files`."""
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise ParameterError(f"name is {short(name)}; expected text")
    several = isinstance(pattern, (list, tuple))
    asked = [
        as_path(one, "from_files").absolute() for one in (pattern if isinstance(pattern, (list, tuple)) else [pattern])
    ]
    paths = _listed(asked) if several else _matching(asked[0])
    given = _options(options)
    title = name or f"files-{_hash(asked if several else asked[0], date, given)}"
    times = dates_of(paths, date)
    items = [file_item(path, title, _item_id(path, paths), times[path], given) for path in paths]
    register(title, f"{len(paths)} files" if several else f"Files {asked[0].name}", items)
    return title


def _listed(paths: Sequence[Path]) -> list[Path]:
    missing = [path.name for path in paths if not path.is_file()]
    if missing or not paths:
        raise SourceError(
            f"there are no such files: {', '.join(missing[:8])}" if missing else "the list of files is empty"
        )
    return list(dict.fromkeys(paths))


def _matching(pattern: Path) -> list[Path]:
    """The files of a pattern, or the rasters that lie in a folder."""
    if pattern.is_dir():
        found = [path for path in sorted(pattern.iterdir()) if path.suffix.lower() in RASTER_SUFFIXES]
        if not found:
            wanted = f"'{pattern.name}/**/*.tif'"
            raise SourceError(f"the folder {pattern.name!r} itself holds no raster; for its subfolders write {wanted}")
        return found
    paths = [path for path in matches(pattern) if path.is_file()]
    if not paths:
        raise SourceError(f"{pattern.name!r} matches folders alone; for the files in them write '{pattern.name}/*.tif'")
    return paths


def matches(pattern: Pattern) -> list[Path]:
    """The files and folders of a pattern, in order.

    Raises
    ------
    ParameterError, RefusedError
        As `as_path`.
    SourceError
        If there is none.
    """
    asked = as_path(pattern, "the pattern of files")
    # Path.glob takes no absolute pattern.
    found = [Path(match).absolute() for match in sorted(glob.glob(str(asked), recursive=True))]  # noqa: PTH207
    if not found:
        folder = next(
            (one for one in reversed(asked.parents) if not glob.has_magic(str(one)) and not one.is_dir()), None
        )
        where = " there" if folder is None else f": there is no folder {folder.name!r}"
        raise SourceError(f"no file matches {asked.name!r}{where}")
    return found


def _item_id(path: Path, paths: Sequence[Path]) -> str:
    same = [other for other in paths if other.stem == path.stem]
    return path.stem if len(same) == 1 else f"{path.stem}-{digest(str(path))[:8]}"


def _options(options: Mapping[str, Any]) -> FileOptions:
    known = FileOptions.__dataclass_fields__
    for name in options:
        if name not in known:
            raise ParameterError(f"no option {name!r}; {choices(name, known)}")
    given: dict[str, Any] = {
        name: tuple(value) if name in LISTS and _is_list(value) else value for name, value in options.items()
    }
    return FileOptions(**given)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _hash(path: Path | Sequence[Path], date: str | None, options: FileOptions) -> str:
    """Names the same question alike, and other options on the same files otherwise: neither replaces the other."""
    asked = str(path) if isinstance(path, Path) else list(map(str, path))
    return digest(repr((asked, date, options)))[:12]


def register(name: str, title: str, items: list[Item]) -> None:
    """Put items into the catalogue as a collection; what is not among them any more is forgotten.

    One that was ingested keeps its place where these are its own layers.

    Raises
    ------
    ParameterError
        If the name is that of a collection that was ingested, which it would replace.
    """
    catalog = user_catalog()
    if name in catalog.collections() and catalog.collection(name).origin not in FROM_NOTEBOOK:
        if layers_of(items) == layers_of(catalog.search(Query(name))):
            catalog.add_items(items)
            return
        raise ParameterError(f"the catalogue has a collection {name!r} that was ingested; choose another name=")
    origin = "opened" if _MADE.fullmatch(name) else "files"
    catalog.replace_items(CollectionInfo(name, title, origin=origin), items)


def open_file(path: str | Path, **options: Any) -> Image:
    """Open one raster file as an image.

    Parameters
    ----------
    path : str or Path
        Any raster that GDAL reads and that is georeferenced; no URL.
    **options
        As `ImageCollection.from_files`.

    Raises
    ------
    ParameterError
        If it is no path, or an option is wrong.
    SourceError
        If it does not exist, is broken, or has no place on the earth.
    """
    file = as_path(path, "open").absolute()
    if not file.exists():
        raise SourceError(f"there is no file {file.name!r} at the path given")
    if file.is_dir() and file.suffix != ".zarr":
        raise SourceError(f"{file.name!r} is a folder; jeoview.ImageCollection.from_files takes all rasters in it")
    return opened(file, file.name, options)


def opened(file: Path, title: str, options: Mapping[str, Any]) -> Image:
    """A file that is there as an image; the title is what legends name as its source."""
    given = _options(options)
    name = f"file-{_hash(file, None, given)}"
    item = file_item(file, name, file.stem, file_time(file), given)
    register(name, title, [item])
    catalog = user_catalog()
    return apply("mosaic", (freeze(catalog.collection(name), [item]),), {})
