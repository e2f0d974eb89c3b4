"""What a folder holds that is no collection, and the line of Python that opens it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from pathlib import Path

from jeoview.io.hdf5 import is_hdf5
from jeoview.io.products.egms import is_points
from jeoview.io.products.interferograms import pair_of
from jeoview.io.products.licsbas import RAW_SUFFIXES

Shown = Callable[[Path], str]
_UNWRAPPED = re.compile(r"(?<![a-z])unw(rapped|rap|)(?![a-z])", re.IGNORECASE)
_COHERENCE = re.compile(r"(?<![a-z])(cc|coh|cor|corr|coherence)(?![a-z])", re.IGNORECASE)
VECTORS = {".gpkg", ".geojson", ".shp", ".kml", ".fgb"}
_COMPLEX = {".slc", ".rslc", ".cslc"}
_BINARY = {".unw", ".int", ".cor", ".cc", ".diff", ".flat", ".smcc"}


def hint(path: Path, shown: Shown) -> str | None:
    """Why a file is left out and what opens it; None for a raster that may be read, and for what holds no data."""
    ending = path.suffix.lower()
    if is_points(path):
        return f'points are no raster; jeoview.open_points("{shown(path)}") opens them'
    if ending in _COMPLEX:
        return (
            "a plain binary complex image does not say its size; describe it in a small file (docs/products.md) for "
            "jeoview.SlcCollection.from_description"
        )
    if ending in _BINARY:
        return (
            "a plain binary file of GAMMA, ISCE or LiCSBAS does not say its size; write it as GeoTIFF (GDAL's "
            "gdal_translate) for jeoview.InterferogramCollection.from_files"
        )
    if path.parent.name == "results" and ending in RAW_SUFFIXES and is_hdf5(path.parent.parent / "cum.h5"):
        return f'a map of LiCSBAS without a header; jeoview.open("{shown(path.parent)}/...") opens it by its name'
    return None


def part_of_pair(path: Path) -> bool:
    """Whether a raster's name says unwrapped phase or coherence of two dates."""
    if pair_of(path) is None:
        return False
    return bool(_UNWRAPPED.search(path.stem) or _COHERENCE.search(path.stem))


def pair_hints(paths: Iterable[Path], shown: Shown) -> list[tuple[list[Path], str]]:
    """Files of pairs of no known layout, by folder: those of each, and why they are left out.

    Sign and wavelength are not in such files, so that only the user can open them.
    """
    by_home: dict[Path, list[Path]] = {}
    for path in paths:
        in_pairs = pair_of(Path(path.parent.name)) is not None
        by_home.setdefault(path.parent.parent / "*" if in_pairs else path.parent, []).append(path)
    return [(files, _pair_hint(home, files, shown)) for home, files in by_home.items()]


def _pair_hint(home: Path, files: Sequence[Path], shown: Shown) -> str:
    phases = [path for path in files if _UNWRAPPED.search(path.stem)]
    others = [path for path in files if path not in phases]
    if not phases:
        return "coherence of pairs without unwrapped phase beside it; jeoview.open(path) shows one"
    more = f', coherence="{shown(home / pattern_of(others))}"' if others else ""
    call = f'jeoview.InterferogramCollection.from_files("{shown(home / pattern_of(phases))}"{more}, wavelength=, sign=)'
    return f"interferograms of no known layout, which say neither wavelength nor sign; open them with {call}"


def pattern_of(paths: Sequence[Path]) -> str:
    """A pattern that the names of files share: a star and their common ending."""
    if len(paths) == 1:
        return paths[0].name
    letters = takewhile(lambda here: len({*here}) == 1, zip(*(path.name[::-1] for path in paths), strict=False))
    ending = "".join(letter for letter, *_ in letters)[::-1]
    # The digits of a date belong to the star.
    return "*" + ending.lstrip("0123456789")
