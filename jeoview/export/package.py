"""Several products of one area in one archive, as FLATSIM gives them: data, preview, legend, metadata."""

from __future__ import annotations

import datetime as dt
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from jeoview import chain
from jeoview.describe import describe
from jeoview.errors import ParameterError
from jeoview.export import files
from jeoview.export.array import to_numpy
from jeoview.export.dates import labels
from jeoview.export.geotiff import to_geotiff
from jeoview.export.picture import to_png
from jeoview.export.provenance import is_simulated, mark
from jeoview.export.request import Request, Resolution, extent, request
from jeoview.image import Image, apply
from jeoview.io import legend as drawing
from jeoview.operators.colour import legend as described
from jeoview.projection import WGS84, canonical_crs
from jeoview.raster import Array, Kind
from jeoview.recipes import as_image

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
PREVIEW = 1024
SAMPLE = 512
SIGN = "displacement and velocity along the line of sight are positive towards the satellite; phase is positive away"


@dataclass(frozen=True)
class Product:
    """One image of a package."""

    name: str
    wanted: Request


def export_package(  # noqa: PLR0913 - what a user writes (design 8)
    path: str | PathLike[str],
    products: Mapping[str, Any],
    *,
    bounds: object = None,
    crs: str = WGS84,
    zoom: int | None = None,
    resolution: Resolution | None = None,
    title: str = "",
    parameters: Mapping[str, Any] | None = None,
    max_pixels: float | None = None,
    progress: bool = True,
    overwrite: bool = True,
) -> Path:
    """Write products of one area into one archive, each with a preview, a legend and its metadata.

    Parameters
    ----------
    path : path
        Ends in ``.zip``.
    products : mapping of str to Image
        For instance ``{"MV-LOS": velocity, "DTs": series, "Net": quality}``; the names become those of the files.
        Values, not colours: previews are coloured from the 2nd to the 98th percentile of the first band, of a series at
        its last date.
    bounds, crs, zoom, resolution, parameters, max_pixels, progress, overwrite
        As `to_geotiff`; the same for all products. The bounds and the pixels of the first product by default.
    title : str
        What the archive is called in its metadata.

    Returns
    -------
    Path
        The archive: ``NAME.tif`` (a COG with its chain), ``NAME_preview.png``, ``NAME_legend.png`` for each product, and
        ``metadata.json`` with area, signs, units, dates, sources and chains. It appears whole or not at all.

    Raises
    ------
    ParameterError
        If there is no product, a name cannot be one of a file, or a chain ends in colour or a table.
    LimitError, CancelledByUser, JeoviewError
        As `to_geotiff`.
    """
    images = _images(products)
    place = files.target(path, (".zip",), overwrite=overwrite, images=images.values())
    where = _where(next(iter(images.values())), bounds, crs, zoom, resolution, max_pixels)
    wanted = [_product(name, image, where, parameters) for name, image in images.items()]
    with files.replacing(place) as unfinished:
        entries = [_write(product, unfinished.parent, where, progress=progress) for product in wanted]
        about = unfinished.parent / "metadata.json"
        about.write_text(json.dumps(_metadata(title or place.stem, wanted[0].wanted, entries), indent=2) + "\n")
        with zipfile.ZipFile(unfinished, "w") as archive:
            for file in sorted(unfinished.parent.iterdir()):
                if file != unfinished:
                    archive.write(file, file.name, zipfile.ZIP_DEFLATED if file.suffix == ".json" else None)
    return place


def _images(products: Mapping[str, Any]) -> dict[str, Image]:
    if not isinstance(products, Mapping) or not products:
        raise ParameterError('products: expected at least one image by name, for instance {"MV-LOS": velocity}')
    for name in products:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ParameterError(f"products: {name!r} is no name of a file; use letters, digits, - and _")
    return {name: as_image(given) for name, given in products.items()}


def _where(
    first: Image, bounds: object, crs: str, zoom: int | None, resolution: Resolution | None, max_pixels: float | None
) -> dict[str, Any]:
    """Area and pixels of all products: where they are not said, those of the first one."""
    if zoom is None and resolution is None:
        grid = request(first, bounds, crs=crs, max_pixels=max_pixels).grid
        bounds, crs, resolution = grid.bounds, grid.crs, grid.lattice.resolution
    area = extent(describe(first.node), canonical_crs(crs)) if bounds is None else bounds
    return {"bounds": area, "crs": crs, "zoom": zoom, "resolution": resolution, "max_pixels": max_pixels}


def _product(name: str, image: Image, where: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> Product:
    own = {key: value for key, value in (parameters or {}).items() if key in image.parameters}
    wanted = request(image, parameters=own, **where)
    if wanted.schema.kind not in (Kind.BANDS, Kind.SERIES):
        raise ParameterError(f"products: {name} ends in {wanted.schema.kind.value}; give the values")
    return Product(name, wanted)


def _write(product: Product, folder: Path, where: Mapping[str, Any], *, progress: bool) -> dict[str, Any]:
    bound = Image(product.wanted.node)
    to_geotiff(bound, folder / f"{product.name}.tif", progress=progress, **where)
    band = bound[bound.bands[0]]
    coarse = _coarser(product.wanted, SAMPLE)
    sample = to_numpy(band, crs=coarse["crs"], bounds=coarse["bounds"], resolution=coarse["resolution"], progress=False)
    values = _last(np.asarray(sample))
    entry = _entry(product, values)
    if np.isfinite(values).any():
        picture = apply("colormap", (_still(band, product.wanted),), _colours(values))
        to_png(picture, folder / f"{product.name}_preview.png", progress=False, **_coarser(product.wanted, PREVIEW))
        date = f" {entry['dates'][-1]}" if entry["dates"] else ""
        title = f"{product.name}: {bound.bands[0]}{date}{mark(product.wanted.engine, product.wanted.node)}"
        (folder / f"{product.name}_legend.png").write_bytes(drawing.draw(described(picture.node), title))
        entry |= {"preview": f"{product.name}_preview.png", "legend": f"{product.name}_legend.png"}
    return entry


def _coarser(wanted: Request, most: int) -> dict[str, Any]:
    """The same area at so few pixels that the longer side has ``most``."""
    grid = wanted.grid
    factor = max(1, -(-max(grid.shape) // most))
    dx, dy = grid.lattice.resolution
    return {"bounds": grid.bounds, "crs": grid.crs, "resolution": (dx * factor, dy * factor)}


def _last(array: Array) -> Array:
    return np.asarray(array[-1, 0] if array.ndim == 4 else array[0])


def _still(band: Image, wanted: Request) -> Image:
    """One band; of a series its last date."""
    return apply("last", (band,), {}) if wanted.schema.kind is Kind.SERIES else band


def _colours(values: Array) -> dict[str, Any]:
    low, high = (float(value) for value in np.nanpercentile(values, (2, 98)))
    if low < 0 < high:
        # Zero is white.
        low, high = -max(-low, high), max(-low, high)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return {"palette": "RdBu" if low < 0 < high else "viridis", "vmin": low, "vmax": high}


def _entry(product: Product, values: Array) -> dict[str, Any]:
    wanted, valid = product.wanted, values[np.isfinite(values)]
    return {
        "name": product.name,
        "data": f"{product.name}.tif",
        "bands": list(wanted.schema.bands),
        "unit": wanted.schema.unit,
        "units": dict(wanted.schema.units),
        "dates": labels(wanted.dates),
        "valid_share": round(float(valid.size / values.size), 4),
        "range": [float(valid.min()), float(valid.max())] if valid.size else None,
        "simulated": is_simulated(wanted.engine, wanted.node),
        "sources": wanted.engine.credits(wanted.node),
        "chain": json.loads(chain.encode(wanted.node)),
    }


def _metadata(title: str, wanted: Request, entries: list[dict[str, Any]]) -> dict[str, Any]:
    grid = wanted.grid
    return {
        "title": title,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "software": f"jeoview {version('jeoview')}",
        "sign": SIGN,
        "crs": grid.crs,
        "bounds": list(grid.bounds),
        "bbox": list(grid.bbox),
        "resolution": list(grid.lattice.resolution),
        "shape": list(grid.shape),
        "products": entries,
    }
