"""GAMMA interferograms as GeoTIFFs, as PyRate takes them: ``*_unw.tif`` and ``*_cc.tif`` below a folder.

Phase is positive away from the satellite, 0 is no data. The tag INCIDENCE_DEGREES is that of the whole scene's centre
and is left aside; unit vectors are read where a folder ``derived`` has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.catalog.times import parse_time
from jeoview.errors import SourceError
from jeoview.io.inspect import inspect
from jeoview.io.products.common import BandFile
from jeoview.io.products.interferograms import SENTINEL_1, PairOptions, pair_items, read_baselines
from jeoview.io.products.stacks import Stack, geometry_item, vector_files

TITLE = "PyRate/GAMMA interferograms"
COLLECTIONS: Mapping[str, CollectionInfo] = {}


def recognise(folder: Path) -> list[Item] | None:
    """Return the items of a folder with ``geotiffs/*_unw.tif``, or None where there are none."""
    return stack(folder, folder.name).items if any(folder.glob("geotiffs/*_unw.tif")) else None


def stack(folder: Path, collection: str) -> Stack:
    """Return the pairs below a folder; the wavelength is that of the tags, baselines those of ``index.csv``.

    Raises
    ------
    SourceError
        If no file matches, or one is broken.
    """
    phases = sorted(path for path in folder.rglob("*_unw.tif") if path.is_file())
    if not phases:
        raise SourceError(f"{folder.name}: no interferogram such as 20180106-20180130_unw.tif below it")
    wavelengths = sorted({float(inspect(path).tags.get("WAVELENGTH_METRES", SENTINEL_1)) for path in phases})
    if len(wavelengths) > 1:
        raise SourceError(f"{folder.name} holds wavelengths {wavelengths} m; put each in a folder of its own")
    options = PairOptions(wavelength=wavelengths[0], baselines=read_baselines(folder / "index.csv"))
    pairs = pair_items(collection, phases, sorted(folder.rglob("*_cc.tif")), options)
    vectors = [folder / "derived" / f"{letter}.tif" for letter in "ENU"]
    files = vector_files(vectors) if all(path.is_file() for path in vectors) else []
    files += [BandFile(Band("height", "", unit="m"), path) for path in sorted(folder.rglob("*_dem.tif"))[:1]]
    text = "unit vector from ground to satellite"
    return Stack(pairs, geometry_item(collection, files, parse_time(pairs[0].datetime), text))
