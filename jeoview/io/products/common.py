"""What all product families share: safe files, dates in names, an item from described bands."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.catalog.times import format_time
from jeoview.errors import ParameterError, RefusedError, SourceError, warn
from jeoview.io.etag import file_etag
from jeoview.io.inspect import FileInfo, inspect

_DIRECTIVES = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%m": r"\d{2}",
    "%d": r"\d{2}",
    "%j": r"\d{3}",
    "%H": r"\d{2}",
    "%M": r"\d{2}",
    "%S": r"\d{2}",
    "%f": r"\d{1,6}",
    "%b": r"[A-Za-z]{3}",
    "%B": r"[A-Za-z]+",
    "%%": "%",
}
RASTER_SUFFIXES = {
    ".tif",
    ".tiff",
    ".jp2",
    ".img",
    ".nc",
    ".h5",
    ".asc",
    ".dem",
    ".hgt",
    ".bil",
    ".grd",
    ".grib",
    ".vrt",
}
MAX_METADATA_BYTES = 20_000_000


class Product(Protocol):
    """One product family; a module of this package is one."""

    TITLE: str
    """What its collections are called before people, with what tells one from another behind it."""
    COLLECTIONS: Mapping[str, CollectionInfo]
    """Those whose name is the family's own; scenes of many folders come together in them."""

    def recognise(self, folder: Path) -> list[Item] | None:
        """Return the items of a folder, or None where it holds no such product.

        Raises
        ------
        SourceError, RefusedError
            If it is such a product, but a file of it is broken or must not be read.
        """


Headers = dict[tuple[Path, str | None], FileInfo]


@dataclass(frozen=True, slots=True)
class BandFile:
    """A band as a product describes it, and its file."""

    band: Band
    path: Path

    @property
    def variable(self) -> tuple[Path, str | None]:
        """The file, and the variable in it."""
        return self.path, self.band.subdataset


def safe_file(path: Path, folder: Path) -> Path:
    """Return the real path of a file that lies in ``folder``, links resolved.

    Raises
    ------
    RefusedError
        If it is not a regular file, or a link that leaves the folder.
    """
    real = path.resolve()
    if not real.is_file():
        raise RefusedError(f"{path.name} is not a regular file")
    if not real.is_relative_to(folder.resolve()):
        raise RefusedError(f"{path.name} is a link that leaves the folder")
    return real


def read_text(path: Path, folder: Path) -> str:
    """Return a metadata file's text.

    Raises
    ------
    SourceError
        If it is larger than 20 MB or no text.
    RefusedError
        If it is a link that leaves the folder.
    """
    real = safe_file(path, folder)
    if real.stat().st_size > MAX_METADATA_BYTES:
        raise SourceError(f"{path.name} is too large for a metadata file")
    try:
        return real.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path.name} cannot be read as text") from error


def make_item(
    collection: str,
    item_id: str,
    time: dt.datetime,
    files: Sequence[BandFile],
    properties: Mapping[str, Any],
    headers: Headers | None = None,
) -> Item:
    """Return an item: the bands get the file's etag, size and type, the item the finest data band's place.

    Items that share files look into each of them once where ``headers`` is handed from one to the next.

    Raises
    ------
    SourceError
        If there is no band, or a file is broken or not georeferenced.
    """
    if not files:
        raise SourceError(f"{item_id} holds no band file")
    known = {} if headers is None else headers
    for file in files:
        if file.variable not in known:
            known[file.variable] = inspect(*file.variable)
    data = [file for file in files if file.band.role == "data"] or list(files)
    finest = known[min(data, key=lambda file: known[file.variable].resolution).variable]
    bands = {file.band.name: _complete(file, known[file.variable]) for file in files}
    placed = {**place(finest), **properties}
    return Item(collection, item_id, format_time(time), finest.bbox, finest.geometry, placed, bands)


def with_bands(item: Item, files: Iterable[BandFile]) -> Item:
    """The item with bands of files that lie beside its own; it stays where it is, whatever pixels these have.

    A file that cannot be read is left out with a warning: nobody needs it until its band is asked for.
    """
    bands = dict(item.bands)
    for file in files:
        try:
            bands[file.band.name] = _complete(file, inspect(*file.variable))
        except (SourceError, RefusedError) as error:
            warn(f"{item.id} has no band {file.band.name!r}: {error}")
    return replace(item, bands=bands)


def place(header: FileInfo) -> dict[str, Any]:
    """The projection properties of STAC."""
    epsg = header.crs.startswith("EPSG:")
    crs = {"proj:code": header.crs} if epsg else {"proj:code": None, "proj:wkt2": header.crs}
    return {**crs, "proj:shape": list(header.shape), "proj:transform": list(header.transform)}


def _complete(file: BandFile, header: FileInfo) -> Band:
    if not 1 <= file.band.index <= len(header.bands):
        raise SourceError(f"{file.path.name} has {len(header.bands)} bands; expected at least {file.band.index}")
    stored = header.bands[file.band.index - 1]
    return replace(
        file.band,
        href=str(file.path),
        etag=file_etag(file.path),
        data_type=stored.data_type,
        nodata=file.band.nodata if file.band.nodata is not None else stored.nodata,
        shape=header.shape,
        transform=header.transform,
    )


def date_in_name(name: str, pattern: str) -> dt.datetime | None:
    """Return the first date of a format that stands anywhere in a name, in UTC.

    A date with no digit before and after it is preferred to one inside a longer number.

    Parameters
    ----------
    name : str
        A file name.
    pattern : str
        As in `datetime.strptime`, for instance ``"%Y%m%d"``.

    Raises
    ------
    ParameterError
        If the format is not one.
    """
    expression = _expression(pattern)
    alone = [match for match in _matches(expression, name) if not _touches_digit(match, name)]
    for match in [*alone, *_matches(expression, name)]:
        try:
            return dt.datetime.strptime(match[1], pattern).replace(tzinfo=dt.UTC)
        except ValueError:
            continue
    return None


@lru_cache(maxsize=32)
def _expression(pattern: str) -> re.Pattern[str]:
    if not isinstance(pattern, str) or not any(part in pattern for part in ("%Y", "%y")):
        raise ParameterError(f"date is {pattern!r}; expected a format such as '%Y%m%d' (see datetime.strptime)")
    parts = re.findall(r"%.|[^%]+", pattern, flags=re.DOTALL)
    unknown = [part for part in parts if part[0] == "%" and part not in _DIRECTIVES]
    if unknown or "".join(parts) != pattern:
        raise ParameterError(f"date is {pattern!r}; of strptime's directives it may use {' '.join(_DIRECTIVES)}")
    # Inside a lookahead, so that matches may overlap.
    return re.compile("(?=(" + "".join(_DIRECTIVES.get(part) or re.escape(part) for part in parts) + "))")


def _matches(expression: re.Pattern[str], name: str) -> Iterator[re.Match[str]]:
    return expression.finditer(name)


def _touches_digit(match: re.Match[str], name: str) -> bool:
    start, end = match.span(1)
    return name[start - 1 : start].isdigit() or name[end : end + 1].isdigit()
