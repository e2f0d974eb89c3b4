"""Files on disk as collections of the user's catalogue."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jeoview.catalog import CollectionInfo, Item
from jeoview.collection.frozen import freeze, user_catalog
from jeoview.errors import ParameterError, SourceError, choices
from jeoview.graph import digest
from jeoview.image import Image, apply
from jeoview.io.products.generic import FileOptions, dates_of, file_item, file_time

LISTS = ("bands", "wrapped")


def register_files(pattern: str, date: str | None, name: str | None, options: Mapping[str, Any]) -> str:
    """Put the files of a pattern into the catalogue and name their collection; see `ImageCollection.from_files`."""
    # Path.glob takes no absolute pattern.
    matches = [Path(found).absolute() for found in sorted(glob.glob(str(pattern), recursive=True))]  # noqa: PTH207
    paths = [path for path in matches if path.is_file()]
    if not paths:
        raise SourceError(f"no file matches {Path(pattern).name!r} in that folder")
    given = _options(options)
    title = name or f"files-{_hash(Path(pattern).absolute(), date, given)}"
    times = dates_of(paths, date)
    items = [file_item(path, title, _item_id(path, paths), times[path], given) for path in paths]
    register(title, f"Files {Path(pattern).name}", items)
    return title


def _item_id(path: Path, paths: Sequence[Path]) -> str:
    same = [other for other in paths if other.stem == path.stem]
    return path.stem if len(same) == 1 else f"{path.stem}-{digest(str(path))[:8]}"


def _options(options: Mapping[str, Any]) -> FileOptions:
    known = FileOptions.__dataclass_fields__
    for name in options:
        if name not in known:
            raise ParameterError(f"no option {name!r}; {choices(name, known)}")
    given = {name: tuple(value) if name in LISTS and _is_list(value) else value for name, value in options.items()}
    return FileOptions(**given)


def _is_list(value: Any) -> bool:
    return not isinstance(value, (bool, str))


def _hash(path: Path, date: str | None, options: FileOptions) -> str:
    """Names the same question alike, and other options on the same files otherwise: neither replaces the other."""
    return digest(repr((str(path), date, options)))[:12]


def register(name: str, title: str, items: list[Item]) -> None:
    """Put items into the catalogue as a collection; what is not among them any more is forgotten.

    Raises
    ------
    ParameterError
        If the name is that of a collection that was ingested, which it would replace.
    """
    catalog = user_catalog()
    if name in catalog.collections() and catalog.collection(name).origin != "files":
        raise ParameterError(f"the catalogue has a collection {name!r} that was ingested; choose another name=")
    catalog.replace_items(CollectionInfo(name, title, origin="files"), items)


def open_file(path: str | Path, **options: Any) -> Image:
    """Open one raster file as an image.

    Parameters
    ----------
    path : str or Path
        Any raster that GDAL reads and that is georeferenced.
    **options
        As `ImageCollection.from_files`.

    Raises
    ------
    SourceError
        If it does not exist, is broken, or has no place on the earth.
    """
    file = Path(path).absolute()
    if not file.exists():
        raise SourceError(f"there is no file {file.name!r} at the path given")
    given = _options(options)
    name = f"file-{_hash(file, None, given)}"
    item = file_item(file, name, file.stem, file_time(file), given)
    register(name, file.name, [item])
    catalog = user_catalog()
    return apply("mosaic", (freeze(catalog.collection(name), [item]),), {})
