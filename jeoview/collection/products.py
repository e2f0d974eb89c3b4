"""Products of interferometry as collections and images: stacks and their geometry, series, single results."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from jeoview.catalog import Item, Query
from jeoview.collection import files
from jeoview.collection.files import as_path, matches, register
from jeoview.collection.frames import join_frames
from jeoview.collection.frozen import freeze, freeze_pairs, user_catalog
from jeoview.collection.network import dates_of, subsets
from jeoview.collection.opening import check_places, check_values
from jeoview.collection.said import warn_of_gaps
from jeoview.collection.stack import originals
from jeoview.errors import CollectionError, ParameterError, SourceError, warn
from jeoview.graph import digest
from jeoview.image import Image, apply
from jeoview.io.etag import file_etag
from jeoview.io.products import exported, licsbas, opera
from jeoview.io.products.interferograms import PairOptions, check_baselines, pair_items
from jeoview.io.products.results import result_of
from jeoview.io.products.stacks import LOS, SUFFIX, Result, Stack
from jeoview.io.write import BandText, CogProfile, write_cog
from jeoview.settings import settings

ANGLES = ("incidence", "azimuth")


def register_stack(folder: str | Path, name: str | None, read: Callable[[Path, str], Stack], **options: object) -> str:
    """Put the pairs of a product, their frames joined, and their geometry into the catalogue; returns the collection's name.

    Parameters
    ----------
    folder : str or Path
        Where the product is.
    name : str, optional
        Name of the collection; that of the folder, or of the file, by default.
    read : callable
        The product's ``stack`` function.
    **options
        More of it.

    Raises
    ------
    SourceError
        If there is no such folder, or no such product in it, or its frames cannot be joined.
    """
    root = as_path(folder, "the folder of a product").absolute()
    if not root.exists():
        raise SourceError(f"there is no folder {root.name!r} at the path given")
    title = name or (root.stem if root.is_file() else root.name)
    stack, catalog = read(root, title, **options), user_catalog()
    known = catalog.search(Query(title)) if title in catalog.collections() else []
    pairs = join_frames(stack.pairs, {item.id: item for item in known}, title)
    check_places(pairs, title)
    register(title, f"Interferograms {title}", pairs)
    if stack.geometry or title + SUFFIX in catalog.collections():
        register(title + SUFFIX, f"Geometry of {title}", list(stack.geometry))
    return title


def register_pairs(name: str, unwrapped: Sequence[Path], coherence: Sequence[Path], options: PairOptions) -> str:
    """Put pairs of plain files into the catalogue; returns the collection's name.

    Raises
    ------
    SourceError
        As `pair_items`.
    ParameterError
        As `check_values`, or if there are baselines of other pairs.
    """
    check_baselines(options.baselines, unwrapped)
    items = pair_items(name, unwrapped, coherence, options)
    without = [item.id for item in items if "coherence" not in item.bands]
    if coherence and without:
        warn(
            f"from_files: {len(without)} of {len(items)} pairs have no file of coherence, the first {without[0]}: weights, "
            "masks and means of coherence leave them out",
        )
    check_values(items, "from_files")
    check_places(items, "from_files")
    register(name, f"Interferograms {name}", items)
    return name


# -- geometry ------------------------------------------------------------------------------------


def geometry_of(collection: str, height: Image | float = 0.0) -> Image:
    """Unit vectors from the ground to the satellite, as bands ``los_east``, ``los_north``, ``los_up``.

    Parameters
    ----------
    collection : str
        Of the interferograms.
    height : Image or float
        Metres of the ground above the ellipsoid; only a product whose geometry depends on it (ARIA) asks for it.

    Raises
    ------
    CollectionError
        If the product came without these layers.
    """
    items = _geometry_items(collection)
    item = items[0]
    if all(name in item.bands for name in LOS):
        return _geometry_image(items)[LOS]
    if all(name in item.bands for name in ANGLES):
        return _line_of_sight(_geometry_image(items)[ANGLES])
    heights = item.properties.get("jeoview:heights")
    if any(one.properties.get("jeoview:heights") != heights for one in items):
        raise CollectionError(
            f"the frames of {collection!r} have cubes of angles at different heights; open each in a folder of its own"
        )
    if not heights and "incidence" in item.bands:
        raise CollectionError(
            f"the interferograms {collection!r} came with the incidence alone, no unit vectors: its cosine is the share of vertical "
            f"motion along the line of sight, jeoview.ImageCollection({item.collection!r})['incidence']; motion east needs the "
            "azimuth too (HyP3's lv_phi)"
        )
    if not heights:
        raise CollectionError(
            f"the interferograms {collection!r} came without unit vectors or angles of the line of sight; the geometry "
            f"holds {sorted(item.bands)}"
        )
    # Coarse cubes: nearest pixels would show as squares of ten kilometres.
    cube = _geometry_image(items, "bilinear")
    angles = [_at_height(cube, name, heights, height) for name in ANGLES]
    return _line_of_sight(apply("join_bands", angles, {}))


def height_of(collection: str) -> Image:
    """Height of the ground in metres, as the product gives it.

    Raises
    ------
    CollectionError
        If the product came without it.
    """
    items = _geometry_items(collection)
    if "height" not in items[0].bands:
        raise CollectionError(f"the interferograms {collection!r} came without heights; open a height model")
    return apply("with_unit", (_geometry_image(items)["height"],), {"unit": "m"})


def _geometry_items(collection: str) -> list[Item]:
    """Those of the frames of a stack, in order; a copy has those of the stack that it was made of."""
    catalog = user_catalog()
    source, _ = originals(collection, catalog.search(Query(collection, limit=1)))
    name = source + SUFFIX
    items = catalog.search(Query(name)) if name in catalog.collections() else []
    if not items:
        raise CollectionError(
            f"the interferograms {collection!r} came without geometry layers (E, N, U or incidence and azimuth); lay "
            "them beside and open the stack again"
        )
    return items


def _geometry_image(items: Sequence[Item], resampling: str = "nearest") -> Image:
    info = user_catalog().collection(items[0].collection)
    return apply("mosaic", (freeze(info, items, resampling),), {})


def _line_of_sight(angles: Image) -> Image:
    return apply("line_of_sight", (angles,), {})


def _at_height(cube: Image, name: str, heights: Sequence[float], height: Image | float) -> Image:
    """One band of a cube at a height: linear between levels, constant above and below them."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    bands = [cube[f"{name}_{i + 1}"].rename(bands=(name,)) for i in order]
    levels = [heights[i] for i in order]
    value = bands[0]
    for (low, high), (below, above) in zip(pairwise(levels), pairwise(bands), strict=True):
        value = value + (above - below) * _share(height, low, high)
    return value


def _share(height: Image | float, low: float, high: float) -> Image | float:
    """How far a height lies from the lower level to the upper one: 0 to 1."""
    if isinstance(height, Image):
        return apply(
            "clip",
            (apply("with_unit", (height,), {"unit": ""}) * (1 / (high - low)) - low / (high - low),),
            {"min": 0.0, "max": 1.0},
        )
    return min(max((height - low) / (high - low), 0.0), 1.0)


# -- results -------------------------------------------------------------------------------------


def open_series(path: str | Path) -> Image:
    """Open a displacement series that another program computed, or that `to_geotiff` wrote.

    Parameters
    ----------
    path : str or Path
        MintPy's ``timeseries*.h5``, LiCSBAS's ``cum*.h5``, FLATSIM's ``CNES_DTs_*.tif``, or a folder of OPERA DISP-S1
        files of one frame, which are inverted as the network of pairs that they are. Of our own, the GeoTIFF of a series, or a
        pattern of files of a date each, such as ``"d_{date}.tif"`` or ``"d_*.tif"``.

    Returns
    -------
    Image
        Series of one band ``displacement``, metres, positive towards the satellite; NaN where there is none.

    Raises
    ------
    SourceError
        If it does not exist, is none of these, or is broken.

    Warns
    -----
    UserWarning
        If the files of OPERA DISP-S1 do not connect all dates: those that are not connected to the first are NaN.
    """
    file = as_path(path, "open_series").absolute()
    pattern = str(file).replace("{date}", "*")
    if not file.exists() and glob.has_magic(pattern):
        name = f"series-{digest(pattern)[:12]}"
        return _registered(file.name, name, exported.of_files(matches(pattern), name))
    if not file.exists():
        raise SourceError(f"there is no file {file.name!r} at the path given")
    if file.is_dir():
        return _opera_series(file)
    name = f"series-{digest(str(file))[:12]}"
    found = result_of(file, name, series=True)
    if found is None or not found.series:
        raise SourceError(
            f"{file.name} is no displacement series; expected MintPy's timeseries.h5, LiCSBAS's cum.h5, FLATSIM's "
            "CNES_DTs_*.tif, a folder of OPERA DISP-S1 files, or what to_geotiff() of a series wrote (files of a date "
            'each as "name_{date}.tif")' + ("; open it with jeoview.open" if found else "")
        )
    return _registered(file.name, name, found)


def _registered(title: str, name: str, found: Result) -> Image:
    register(name, title, found.items)
    series = freeze(user_catalog().collection(name), found.items)
    if not found.zeros_are_empty:
        return series
    moved = apply("max", (apply("absolute", (series,), {}),), {})
    return apply("mask", (series, moved), {})


def _opera_series(folder: Path) -> Image:
    name = register_stack(folder, f"series-{digest(str(folder))[:12]}", opera.stack)
    items = user_catalog().search(Query(name))
    warn_of_gaps(subsets(dates_of(item) for item in items), "open_series")
    stack = freeze_pairs(user_catalog().collection(name), items)
    return apply("invert", (stack,), {"wavelength": items[0].properties["jeoview:wavelength"]})


def open_file(path: str | Path, **options: Any) -> Image:
    """Open one raster file as an image.

    Results of interferometry come in our sign and units: MintPy's ``velocity.h5`` and masks, LiCSBAS's ``cum.h5``
    (its velocity) and the maps of ``results/``, FLATSIM's ``MV-LOS``, ``Net`` and ``TCoh``, HyP3's ``los_disp``, one file of OPERA DISP-S1. Velocity is in
    mm/yr, displacement in metres, both positive towards the satellite. With options a file is read as it is.

    Parameters
    ----------
    path : str or Path
        Any raster that GDAL reads and that is georeferenced, or one of the files above.
    **options
        As `ImageCollection.from_files`.

    Raises
    ------
    SourceError
        If it does not exist, is broken, or has no place on the earth.
    ParameterError
        If it holds a displacement series, which `open_series` opens.
    """
    file = as_path(path, "open").absolute()
    known = None if options or not file.is_file() else _open_result(file)
    return files.open_file(path, **options) if known is None else known


def _open_result(file: Path) -> Image | None:
    """The bands of a single result file, in our sign and units; None where it is none that is known."""
    if (raw := licsbas.raw_map(file)) is not None:
        return _raw_image(file, raw)
    name = f"result-{digest(str(file))[:12]}"
    found = result_of(file, name, series=False)
    if found is None:
        return None
    if found.series:
        raise ParameterError(f"{file.name} holds a displacement series; open it with jeoview.open_series")
    register(name, file.name, found.items)
    return apply("mosaic", (freeze(user_catalog().collection(name), found.items),), {})


def _raw_image(file: Path, raw: licsbas.RawMap) -> Image:
    """A copy with a header, as no driver knows where the pixels of a bare file lie."""
    copy = settings().home / "maps" / f"{raw.name}-{digest(f'{file} {file_etag(file)}')[:12]}.tif"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        profile = CogProfile(raw.grid, (BandText(raw.name, unit=raw.unit),), "float32", nodata=float("nan"))
        write_cog(copy, raw.array, profile)
    return files.open_file(copy)
