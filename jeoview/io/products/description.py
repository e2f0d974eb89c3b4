"""A small JSON or TOML file that describes a stack of complex images: ISCE, DORIS, SNAP, GAMMA, or any plain binary files."""

from __future__ import annotations

import glob
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config

from jeoview.errors import ParameterError, RefusedError, SourceError, choices
from jeoview.io import access
from jeoview.io.products.common import read_text
from jeoview.io.products.interferograms import SENTINEL_1
from jeoview.io.products.slc import Scene, SlcOptions, dated, scene_time, unique
from jeoview.io.products.slc_places import Lookup, Places, Variable
from jeoview.io.raw import RawLayout

Looks = Annotated[int, Field(ge=1, le=1000, strict=True)]
_STRICT = ConfigDict(extra="forbid")


@with_config(_STRICT)
@dataclass(frozen=True)
class RasterFile:
    """A raster that the description names: a file that GDAL reads, or a plain binary one with its layout."""

    file: str
    raw: RawLayout | None = None


def _named_only(given: Any) -> Any:
    return {"file": given} if isinstance(given, str) else given


Rasters = Annotated[RasterFile, BeforeValidator(_named_only)]


@with_config(_STRICT)
@dataclass(frozen=True)
class Description:
    """What a description may say.

    Parameters
    ----------
    files : str
        Pattern of the images, such as ``"*/slave_rsmp.raw"``. Of ``i_*.img`` (SNAP) the imaginary part is ``q_*.img`` beside it.
    wavelength : float
        Metres.
    name : str, optional
        Of the collection.
    date : str, optional
        Format of the date in a path below the description, as in `datetime.strptime`.
    nodata : float, optional
        Stored number that means "no data".
    raw : RawLayout, optional
        How plain binary images lie in their files.
    longitude, latitude : str or {"file", "raw"}, optional
        Rasters of the degrees of every pixel.
    lookup : str or {"file", "raw"}, optional
        Or a look-up table on a map.
    looks : (int, int)
        Lines and samples of the images in one of the table.
    """

    files: str
    wavelength: float = SENTINEL_1
    name: str | None = None
    date: str | None = None
    nodata: float | None = 0.0
    raw: RawLayout | None = None
    longitude: Rasters | None = None
    latitude: Rasters | None = None
    lookup: Rasters | None = None
    looks: tuple[Looks, Looks] = (1, 1)


@dataclass(frozen=True, slots=True)
class Described:
    """A stack as it was described and found."""

    name: str | None
    options: SlcOptions
    scenes: list[Scene]
    places: Places


_PARTS: Mapping[str, type[RawLayout] | type[RasterFile]] = {
    "raw": RawLayout,
    "longitude": RasterFile,
    "latitude": RasterFile,
    "lookup": RasterFile,
}
_DESCRIPTION = TypeAdapter(Description)


def described(path: Path, roots: tuple[Path, ...]) -> Described:
    """The stack that a file describes.

    Parameters
    ----------
    path : Path
        Of the description, ``.json`` or ``.toml``.
    roots : tuple of Path
        Folders below which absolute paths may lie; none means anywhere.

    Raises
    ------
    ParameterError
        If it is not well formed.
    RefusedError
        If a path leaves the folder of the description, or is absolute and outside of the roots.
    SourceError
        If a file is missing, or a path holds no date.
    """
    said, folder = _read(path), path.parent
    options = SlcOptions(said.wavelength, said.date, said.nodata)
    found = [_inside(match, said.files, folder, roots) for match in _glob(said.files, folder, path.name)]
    return Described(said.name, options, _scenes(found, said, options, folder), _places(said, folder, roots, path.name))


def _read(path: Path) -> Description:
    if not path.is_file():
        raise SourceError(f"{path.name}: there is no such description")
    loads = {".json": json.loads, ".toml": tomllib.loads}.get(path.suffix.lower())
    if loads is None:
        raise ParameterError(f"{path.name}: a description is a .json or a .toml file")
    try:
        return _DESCRIPTION.validate_python(loads(read_text(path, path.resolve().parent)))
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(f"{path.name} is no {path.suffix[1:].upper()}: {error}") from error
    except ValidationError as error:
        raise ParameterError(f"{path.name}: {_refusal(error)}") from error


def _refusal(error: ValidationError) -> str:
    """The first entry that does not fit, and what was expected."""
    # A name that does not exist says more than the one that is missing for it.
    first = min(error.errors(), key=lambda item: item["type"] not in ("extra_forbidden", "unexpected_keyword_argument"))
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        inner = str(first["loc"][-2]) if len(first["loc"]) > 1 else ""
        known = fields(_PARTS[inner]) if inner in _PARTS else fields(Description)
        return f"there is no entry {where!r}; {choices(str(first['loc'][-1]), [one.name for one in known])}"
    message = first["msg"].removeprefix("Value error, ")
    missing = first["type"] in ("missing", "missing_argument")
    return f"{where or 'the whole'}: {message}" + ("" if missing else f"; it is {str(first['input'])[:80]!r}")


def _glob(pattern: str, folder: Path, said_in: str) -> list[Path]:
    if ".." in Path(pattern).parts:
        raise RefusedError(f"{said_in}: the path {pattern!r} leaves the folder of the description")
    absolute = Path(pattern).is_absolute()
    matches = glob.glob(pattern, root_dir=None if absolute else folder, recursive=True)  # noqa: PTH207 - also absolute
    if not matches:
        raise SourceError(f"{said_in}: no file matches {Path(pattern).name if absolute else pattern!r}")
    return [folder / match for match in sorted(matches)]


def _inside(path: Path, given: str, folder: Path, roots: tuple[Path, ...]) -> Path:
    """The path, once it is known to lie where it may."""
    if Path(given).is_absolute():
        access.resolve(str(path), roots)
    elif not path.resolve().is_relative_to(folder.resolve()):
        raise RefusedError(f"{path.name} is a link that leaves the folder of the description; give its absolute path")
    return path


def _scenes(paths: Sequence[Path], said: Description, options: SlcOptions, folder: Path) -> list[Scene]:
    layout = None if said.raw is None else said.raw.variable
    scenes = []
    for path in paths:
        # The date may stand in the name of the folder, as DORIS and ISCE have it.
        inner = path.relative_to(folder) if path.is_relative_to(folder) else path
        time = scene_time(inner.name, options) or dated(str(inner), options)
        parts = [path]
        if path.name.startswith("i_"):
            parts.append(path.with_name("q_" + path.name.removeprefix("i_")))
        scenes.append(Scene(time, f"{time:%Y%m%d}", tuple(Variable(part, layout) for part in parts)))
    return unique(scenes)


def _places(said: Description, folder: Path, roots: tuple[Path, ...], name: str) -> Places:
    lon, lat, table = (
        None if raster is None else _variable(raster, folder, roots, name)
        for raster in (said.longitude, said.latitude, said.lookup)
    )
    if (lon is None) != (lat is None):
        raise ParameterError(f"{name}: give both longitude and latitude, or none")
    if table is not None and lon is not None:
        raise ParameterError(f"{name}: give longitude and latitude, or lookup; not both")
    if lon is not None and lat is not None:
        return lon, lat
    return None if table is None else Lookup(table, said.looks)


def _variable(raster: RasterFile, folder: Path, roots: tuple[Path, ...], name: str) -> Variable:
    (path,) = _glob(glob.escape(raster.file), folder, name)
    layout = None if raster.raw is None else raster.raw.variable
    return Variable(_inside(path, raster.file, folder, roots), layout)
