"""The chain as a cloud-optimised GeoTIFF."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from jeoview.errors import ParameterError
from jeoview.export import blocks, files, provenance
from jeoview.export.dates import labels
from jeoview.export.empty import warn_empty
from jeoview.export.request import Request, Resolution, request
from jeoview.image import Image
from jeoview.io.cog import CogStream
from jeoview.io.products import exported
from jeoview.io.write import BandText, CogProfile, Content
from jeoview.operator import Schema
from jeoview.progress import job
from jeoview.projection import WGS84
from jeoview.quantities import WRAPPED, is_wrapped
from jeoview.raster import Array, Kind, Raster

SUFFIXES = (".tif", ".tiff")
DATE = "{date}"


def to_geotiff(  # noqa: PLR0913 - what a user writes (design 8)
    self: Any,
    path: str | PathLike[str],
    *,
    bounds: object = None,
    crs: str = WGS84,
    zoom: int | None = None,
    resolution: Resolution | None = None,
    parameters: Mapping[str, Any] | None = None,
    max_pixels: float | None = None,
    progress: bool = True,
    overwrite: bool = True,
) -> Path | list[Path]:
    """Write a cloud-optimised GeoTIFF, block by block: memory does not grow with the area.

    Values are float32 (complex64) with NaN as nodata, colours uint8: a palette where the chain ends in a
    colour map without half-transparent colours, else red, green, blue and alpha. The file holds band names, unit
    and the chain itself: `jeoview.open_chain` makes it a live image again.

    Parameters
    ----------
    path : path
        Ends in ``.tif``. A series becomes one band for each date and band, described ``date band``; with ``{date}``
        in the name, one file for each date, whose bands have their own names. `jeoview.open_series` opens a series of
        displacement again. Scenes within 5 minutes, which are one pass of a satellite, are one
        date: the first of the collection's order lies on top.
    bounds : (west, south, east, north), optional
        In units of ``crs``; by default the extent of the image, grown to multiples of the resolution.
    crs : str
        Reference system of the bounds and, with ``resolution``, of the file.
    zoom : int, optional
        Web Mercator zoom level: the file has the pixels of the map's tiles.
    resolution : float or (float, float), optional
        Pixel size in units of ``crs``. With neither zoom nor resolution the file has the own pixels of the files that
        the chain reads, in their system, where they share them: those of the stack, of one scene, of one zone.
    parameters : mapping, optional
        Positions of the sliders by name; defaults for the others.
    max_pixels : float, optional
        Largest number of pixels; ``JEOVIEW_MAX_EXPORT_PIXELS`` by default.
    progress : bool
        Show a bar where it takes longer than two seconds.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    Path or list of Path
        The file; the files with ``{date}``.

    Raises
    ------
    ParameterError
        If a value makes no sense, the chain ends in a table, or neither zoom nor resolution is given and the files do not
        share their pixels (or have those of a sensor).
    LimitError
        If the area has more pixels than the limit, or a full-extent operator would work on too many.
    CancelledByUser
        If the kernel was interrupted. As after any error, no part of a file is left.
    JeoviewError
        If a source cannot be read, or the disk is full.
    """
    place = files.target(path, SUFFIXES, overwrite=overwrite, images=[self])
    wanted = request(
        self, bounds, crs=crs, zoom=zoom, resolution=resolution, parameters=parameters, max_pixels=max_pixels
    )
    dated = DATE in place.name
    if dated and wanted.schema.kind is not Kind.SERIES:
        raise ParameterError(f"path is {place.name!r}, with {DATE}; this image has no dates")
    if wanted.schema.kind is Kind.SERIES and not wanted.dates:
        raise ParameterError("no scene of the series lies in the bounds")
    places = _places(place, wanted, overwrite=overwrite) if dated else [place]
    with job(place.name, wanted.grid.height * wanted.grid.width, "px", progress=progress) as bar, ExitStack() as stack:
        writer = _Writer(wanted, places, stack, dated=dated)
        valid = blocks.render(wanted, writer.write, bar)
    if not valid:
        warn_empty(wanted, place.name)
    return places if dated else place


def _places(place: Path, wanted: Request, *, overwrite: bool) -> list[Path]:
    image = Image(wanted.node)
    names = [place.name.replace(DATE, label.replace(":", "").replace("/", "_")) for label in _labels(wanted)]
    return [files.target(place.with_name(name), SUFFIXES, overwrite=overwrite, images=[image]) for name in names]


def _labels(wanted: Request) -> list[str]:
    """What the dates of the file are called."""
    return labels(wanted.dates)


class _Writer:
    """Hands blocks to one file, or each date to its own; opened when the first block says the type.

    Parameters
    ----------
    wanted : Request
        What is exported.
    places : list of Path
        One, or one for each date.
    stack : ExitStack
        Closes the files: whole after success, not at all after an error.
    dated : bool
        Whether each date has its file.
    """

    def __init__(self, wanted: Request, places: list[Path], stack: ExitStack, *, dated: bool) -> None:
        self._wanted = wanted
        self._places = places
        self._stack = stack
        self._dated = dated
        self._files: list[CogStream] = []
        self._indexed = False

    def write(self, raster: Raster) -> None:
        """Store one block."""
        if not self._files:
            self._open(raster)
        layers = np.array_split(self._layers(raster), len(self._files))
        for file, part in zip(self._files, layers, strict=True):
            file.write(raster.grid, part)

    def _open(self, raster: Raster) -> None:
        self._indexed = raster.palette is not None and bool((raster.palette[1:, 3] == 255).all())
        palette = raster.palette if self._indexed else None
        parts = np.array_split(np.arange(len(self._layers(raster))), len(self._places))
        texts = _texts(self._wanted, indexed=self._indexed, dated=self._dated)
        for number, (place, part) in enumerate(zip(self._places, parts, strict=True)):
            tags = self._tags(number)
            profile = _profile(self._wanted, raster, tuple(texts[i] for i in part), tags, indexed=self._indexed)
            file = CogStream(place, profile, palette=palette, threads=blocks.threads())
            self._files.append(self._stack.enter_context(file))

    def _tags(self, number: int) -> dict[str, str]:
        wanted = self._wanted
        dates = [wanted.dates[number]] if self._dated else wanted.dates
        tags = provenance.tags(wanted.engine, wanted.node, dates)
        return tags | {exported.SIGN: exported.TOWARDS} if exported.BAND in wanted.schema.bands and dates else tags

    def _layers(self, raster: Raster) -> Array:
        values = raster.rgba() if raster.kind is Kind.COLOUR and not self._indexed else raster.array
        return values.reshape(-1, *raster.grid.shape)


def _texts(wanted: Request, *, indexed: bool, dated: bool) -> list[BandText]:
    schema = wanted.schema
    if indexed:
        return [BandText("colour")]
    if schema.kind is not Kind.SERIES:
        return [_text(schema, band, band) for band in schema.bands]
    heads = ["" if dated else f"{label} " for label in _labels(wanted)]
    return [_text(schema, band, f"{head}{band}") for head in heads for band in schema.bands]


def _text(schema: Schema, band: str, name: str) -> BandText:
    return BandText(name, unit=schema.units[band], content=_content(schema, band))


def _profile(
    wanted: Request, raster: Raster, texts: tuple[BandText, ...], tags: dict[str, str], *, indexed: bool
) -> CogProfile:
    colour = raster.kind is Kind.COLOUR
    return CogProfile(
        wanted.grid,
        texts,
        raster.array.dtype.name,
        nodata=0 if indexed else None if colour else float("nan"),
        tags=tags,
        photometric="RGB" if colour and not indexed else None,
    )


def _content(schema: Schema, band: str) -> Content:
    """Numbers that name something must not be averaged in overviews."""
    unit = schema.units[band]
    if unit == WRAPPED:
        return "angles"
    return "classes" if unit == "label" or is_wrapped(unit) or band in schema.quality else "continuous"
