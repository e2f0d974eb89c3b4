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
from jeoview.errors import ParameterError
from jeoview.export import files
from jeoview.export.array import gather
from jeoview.export.provenance import is_simulated
from jeoview.export.request import Request, request
from jeoview.grid import check_bounds
from jeoview.io import legend as drawing
from jeoview.io.encode import encode_png
from jeoview.make import bind
from jeoview.operators.colour import legend as described
from jeoview.projection import WGS84
from jeoview.raster import Kind
from jeoview.recipes import as_image

KML = "http://www.opengis.net/kml/2.2"
# Viewers hold the whole picture in the memory of the graphics card.
LARGEST = 8192


def to_kmz(
    self: Any,
    path: str | PathLike[str],
    *,
    bounds: object = None,
    width: int = 2048,
    name: str | None = None,
    parameters: Mapping[str, Any] | None = None,
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
    width : int
        Pixels across, 16 to 8192; as many degrees a pixel down.
    name : str, optional
        Shown in the viewer's list; the name of the file by default. Simulated data are called so.
    parameters, progress, overwrite
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
    LimitError, CancelledByUser, JeoviewError
        As `to_geotiff`.
    """
    place = files.target(path, (".kmz",), overwrite=overwrite)
    node = bind(as_image(self).node, parameters)
    if describe(node).kind is not Kind.COLOUR:
        raise ParameterError(
            f"a picture shows colour, this chain ends in {describe(node).kind.value}; add .colormap(...) or .rgb(...)"
        )
    if isinstance(width, bool) or not isinstance(width, int) or not 16 <= width <= LARGEST:
        raise ParameterError(f"width is {width!r}; expected a whole number of pixels from 16 to {LARGEST}")
    wanted = request(self, bounds, crs=WGS84, resolution=_step(self, bounds, width), parameters=parameters)
    raster = gather(wanted, place.name, max_values=np.inf, progress=progress)
    simulated = is_simulated(wanted.engine, node)
    title = f"{name or place.stem}{' (simulated)' if simulated else ''}"
    about = described(node)
    legend = drawing.draw(about, f"{about.get('band', '')}{' (simulated)' if simulated else ''}".strip())
    with files.replacing(place) as unfinished, zipfile.ZipFile(unfinished, "w") as archive:
        archive.writestr("doc.kml", _document(title, wanted), zipfile.ZIP_DEFLATED)
        archive.writestr("picture.png", encode_png(raster))
        archive.writestr("legend.png", legend)
    return place


def _step(image: Any, bounds: object, width: int) -> float:
    """Degrees a pixel."""
    area = describe(as_image(image).node).bbox if bounds is None else bounds
    if area is None:
        raise ParameterError("the image says no extent; give bounds=(west, south, east, north)")
    west, _, east, _ = check_bounds(area)
    return (east - west) / width


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
