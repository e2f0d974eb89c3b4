"""Complex images in a folder: which of them are a stack, and the line of Python that opens them where they are none."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from jeoview.catalog.items import Item
from jeoview.errors import RefusedError, SourceError
from jeoview.io.products.common import read_text, safe_file
from jeoview.io.products.description import described
from jeoview.io.products.interferograms import pair_of
from jeoview.io.products.slc import (
    SlcOptions,
    cslc_scenes,
    file_scenes,
    slc_items,
    zarr_arrays,
    zarr_places,
    zarr_scenes,
)
from jeoview.io.products.slc_places import Variable, header
from jeoview.settings import settings

_CSLC = re.compile(r"OPERA_L2_CSLC-S1_(T\d{3}-\d{6}-IW\d)_.*_([VH]{2})_v[\d.]+\.h5", re.ASCII)


def cslc_burst(path: Path) -> tuple[str, str] | None:
    """Burst and polarisation of an OPERA CSLC-S1 granule, None where a file is none."""
    match = _CSLC.fullmatch(path.name)
    return (match[1], match[2]) if match else None


def cslc_items(paths: Sequence[Path], root: Path, polarisation: str, collection: str) -> list[Item]:
    """The items of the granules of one burst.

    Raises
    ------
    SourceError, RefusedError
        If one is broken, or a link that leaves the folder ``root``.
    """
    options = SlcOptions(nodata=0.0, properties={"jeoview:product": "OPERA_L2_CSLC-S1"})
    files = [safe_file(path, root) for path in paths]
    return slc_items(collection, cslc_scenes(files, polarisation), None, options)


def is_description(path: Path) -> bool:
    """Whether a JSON or TOML file describes a stack of complex images: it has an entry ``files``."""
    loads = {".json": json.loads, ".toml": tomllib.loads}.get(path.suffix.lower())
    if loads is None:
        return False
    try:
        said = loads(read_text(path, path.resolve().parent))
    except (ValueError, SourceError, RefusedError):
        return False
    return isinstance(said, dict) and isinstance(said.get("files"), str)


def described_items(path: Path) -> list[Item]:
    """The items of a described stack, under its own name or that of the description.

    Raises
    ------
    ParameterError, SourceError, RefusedError
        As `described`; or its files are no stack.
    """
    found = described(path, settings().roots)
    return slc_items(found.name or path.stem, found.scenes, found.places, found.options)


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr group or array."""
    return any((folder / name).is_file() for name in (".zgroup", ".zarray", "zarr.json"))


def is_complex_group(group: Path) -> bool:
    """Whether a Zarr group holds complex numbers, or real and imaginary parts.

    Raises
    ------
    SourceError
        If it is broken.
    """
    arrays = zarr_arrays(group)
    return any(kind.startswith("c") or name.startswith(("i_", "real")) for name, (_, kind) in arrays.items())


def zarr_items(groups: Sequence[Path], collection: str) -> list[Item]:
    """The items of a stack of Zarr groups.

    Raises
    ------
    SourceError
        If they are no stack.
    """
    options = SlcOptions()
    scenes = zarr_scenes(groups, options, None)
    return slc_items(collection, scenes, zarr_places(groups, header(scenes[0].parts[0]).shape), options)


def is_complex(path: Path) -> bool:
    """Whether a raster holds complex numbers of one date; those of two dates are an interferogram."""
    try:
        return pair_of(path) is None and header(Variable(path)).is_complex
    except (SourceError, RefusedError):
        return False


def places_beside(paths: Sequence[Path]) -> tuple[Path, Path] | None:
    """Rasters of longitude and latitude among files, by their names: ``lon*`` and ``lat*``."""
    lon, lat = (next((path for path in paths if path.name.lower().startswith(word)), None) for word in ("lon", "lat"))
    return None if lon is None or lat is None else (lon, lat)


def file_items(paths: Sequence[Path], places: tuple[Path, Path] | None, date: str | None, name: str) -> list[Item]:
    """The items of complex files and, where they are given, the rasters of their places.

    Raises
    ------
    SourceError
        If they have no place or no date, or are not coregistered.
    """
    options = SlcOptions(date=date if date and "%" in date else None)
    given = None if places is None else (Variable(places[0]), Variable(places[1]))
    return slc_items(name, file_scenes(paths, options), given, options)
