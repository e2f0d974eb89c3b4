"""The chain as a PNG picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jeoview.describe import describe
from jeoview.errors import ParameterError
from jeoview.export import files
from jeoview.export.array import gather
from jeoview.export.provenance import mark
from jeoview.export.request import Resolution, across, check_colour, request
from jeoview.io import legend as drawing
from jeoview.io.encode import encode_png
from jeoview.make import bind
from jeoview.operators.colour import legend as described
from jeoview.projection import WEB_MERCATOR, WGS84
from jeoview.recipes import as_image

_PAPER, _INK = (255, 255, 255, 255), (34, 34, 34, 255)
_TITLE = 16


def to_png(  # noqa: PLR0913 - what a user writes (design 8)
    self: Any,
    path: str | PathLike[str],
    *,
    bounds: object = None,
    crs: str = WGS84,
    zoom: int | None = None,
    resolution: Resolution | None = None,
    width: int | None = None,
    legend: bool = False,
    parameters: Mapping[str, Any] | None = None,
    max_pixels: float | None = None,
    progress: bool = True,
    overwrite: bool = True,
) -> Path:
    """Write a PNG of an image that ends in colour; transparent where there is no data.

    Parameters
    ----------
    path : path
        Ends in ``.png``.
    bounds, crs, zoom, resolution, parameters, max_pixels, progress, overwrite
        As `to_geotiff`.
    width : int, optional
        Pixels across, in the place of zoom and resolution; the picture is in Web Mercator, bounds are degrees.
    legend : bool
        Draw the legend below.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ParameterError, LimitError, CancelledByUser, JeoviewError
        As `to_geotiff`; ParameterError also where the image is no colour.
    """
    place = files.target(path, (".png",), overwrite=overwrite, images=[self])
    node = bind(as_image(self).node, parameters)
    check_colour(node)
    if width is not None:
        if zoom is not None or resolution is not None or crs != WGS84:
            raise ParameterError("width= stands in the place of zoom= and resolution=, with bounds in degrees")
        bounds, resolution = across(bounds, describe(node), width)
        crs = WEB_MERCATOR
    wanted = request(
        self, bounds, crs=crs, zoom=zoom, resolution=resolution, parameters=parameters, max_pixels=max_pixels
    )
    raster = gather(wanted, place.name, max_values=np.inf, progress=progress)
    data = encode_png(raster)
    if legend:
        about = described(node)
        note = mark(wanted.engine, node)
        title = f"{about.get('band', '')}{note}".strip() if note else ""
        picture = Image.fromarray(np.ascontiguousarray(raster.rgba().transpose(1, 2, 0)))
        data = as_png(framed(picture, drawing.draw(about, title)))
    with files.replacing(place) as unfinished:
        unfinished.write_bytes(data)
    return place


def framed(picture: Image.Image, legend: bytes, title: str = "") -> Image.Image:
    """A picture with its legend below and perhaps a title above, both on white; its own pixels are not touched.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGBA.
    legend : bytes
        PNG, as `jeoview.io.legend.draw` makes it.
    title : str
        One line.
    """
    drawn = Image.open(io.BytesIO(legend))
    font = ImageFont.load_default(_TITLE)
    top = 2 * _TITLE if title else 0
    width = max(picture.width, drawn.width, int(font.getlength(title)) + _TITLE if title else 0)
    whole = Image.new("RGBA", (width, top + picture.height + drawn.height), _PAPER)
    ImageDraw.Draw(whole).text((_TITLE // 2, _TITLE // 2), title, fill=_INK, font=font)
    whole.paste((*_PAPER[:3], 0), (0, top, width, top + picture.height))
    whole.paste(picture, (0, top))
    whole.alpha_composite(drawn, (0, top + picture.height))
    return whole


def as_png(picture: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
