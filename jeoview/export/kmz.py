"""The chain as a picture that Google Earth and every GIS lays over the ground."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from jeoview.describe import describe
from jeoview.errors import LimitError, ParameterError
from jeoview.export import files
from jeoview.export.array import gather
from jeoview.export.provenance import mark
from jeoview.export.request import Request, Resolution, check_colour, check_width, extent, request
from jeoview.graph import Node
from jeoview.grid import EARTH_HALF, web_mercator
from jeoview.io import legend as drawing
from jeoview.io.encode import encode_png
from jeoview.make import bind
from jeoview.operators.colour import legend as described
from jeoview.projection import WGS84
from jeoview.recipes import as_image
from jeoview.region import check_bounds

KML = "http://www.opengis.net/kml/2.2"
# Viewers hold the whole picture in the memory of the graphics card.
LARGEST = 8192
WIDTH = 2048


def to_kmz(  # noqa: PLR0913 - what a user writes (design 8)
    self: Any,
    path: str | PathLike[str],
    *,
    bounds: object = None,
    zoom: int | None = None,
    resolution: Resolution | None = None,
    width: int | None = None,
    name: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    max_pixels: float | None = None,
    progress: bool = True,
    overwrite: bool = True,
) -> Path:
    """Write a KMZ: a picture in longitude and latitude, with its legend on the screen.

    Parameters
    ----------
    path : path
        Ends in ``.kmz``.
    bounds : (west, south, east, north), optional
        Degrees; the extent of the image by default.
    zoom : int, optional
        The picture's pixels are as many degrees wide as those of the map at this zoom level, and as high.
    resolution : float or (float, float), optional
        Degrees a pixel.
    width : int, optional
        Pixels across, 16 to 8192, in the place of zoom and resolution; 2048 where none of them is given.
    name : str, optional
        Shown in the viewer's list; the name of the file by default. Simulated data are called so.
    parameters, max_pixels, progress, overwrite
        As `to_geotiff`.

    Returns
    -------
    Path
        The file: ``doc.kml`` with a ground overlay, ``picture.png`` (transparent where there is no data) and
        ``legend.png``.

    Raises
    ------
    ParameterError
        If the image does not end in colour, or the area crosses the antimeridian.
    LimitError
        If the picture would be larger than 8192 pixels a side, which viewers do not show.
    CancelledByUser, JeoviewError
        As `to_geotiff`.
    """
    place = files.target(path, (".kmz",), overwrite=overwrite, images=[self])
    node = bind(as_image(self).node, parameters)
    check_colour(node)
    step = _step(node, bounds, zoom, resolution, width)
    wanted = request(self, bounds, resolution=step, parameters=parameters, max_pixels=max_pixels)
    if max(wanted.grid.shape) > LARGEST:
        raise LimitError(
            f"the picture has {wanted.grid.width} x {wanted.grid.height} pixels; viewers show at most {LARGEST} a side. "
            "Ask for a smaller area, a lower zoom or a coarser resolution"
        )
    raster = gather(wanted, place.name, max_values=np.inf, progress=progress)
    note, about = mark(wanted.engine, node), described(node)
    title = f"{name or place.stem}{note}"
    legend = drawing.draw(about, f"{about.get('band', '')}{note}".strip())
    with files.replacing(place) as unfinished, zipfile.ZipFile(unfinished, "w") as archive:
        archive.writestr("doc.kml", _document(title, wanted), zipfile.ZIP_DEFLATED)
        archive.writestr("picture.png", encode_png(raster))
        archive.writestr("legend.png", legend)
    return place


def _step(node: Node, bounds: object, zoom: int | None, resolution: Resolution | None, width: int | None) -> Resolution:
    """Degrees a pixel."""
    if sum(given is not None for given in (zoom, resolution, width)) > 1:
        raise ParameterError("give only one of zoom=, resolution= and width=")
    if resolution is not None:
        return resolution
    if zoom is not None:
        return 180.0 * web_mercator(zoom).resolution[0] / EARTH_HALF
    west, _, east, _ = extent(describe(node), WGS84) if bounds is None else check_bounds(bounds)
    return (east - west) / check_width(WIDTH if width is None else width, LARGEST)


def _document(title: str, wanted: Request) -> bytes:
    west, south, east, north = wanted.grid.bounds
    root = ET.Element("kml", xmlns=KML)
    document = ET.SubElement(root, "Document")
    _text(document, "name", title)
    _text(document, "description", f"Chain {wanted.node.key} of jeoview")
    ground = ET.SubElement(document, "GroundOverlay")
    _text(ground, "name", title)
    _text(ET.SubElement(ground, "Icon"), "href", "picture.png")
    box = ET.SubElement(ground, "LatLonBox")
    for side, value in (("north", north), ("south", south), ("east", east), ("west", west)):
        _text(box, side, repr(value))
    screen = ET.SubElement(document, "ScreenOverlay")
    _text(screen, "name", "Legend")
    _text(ET.SubElement(screen, "Icon"), "href", "legend.png")
    for corner, x, y in (("overlayXY", "0", "0"), ("screenXY", "0.02", "0.06")):
        ET.SubElement(screen, corner, x=x, y=y, xunits="fraction", yunits="fraction")
    out = io.BytesIO()
    ET.ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)
    return out.getvalue()


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text
