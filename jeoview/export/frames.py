"""Pictures of at most 256 colours, with date and legend written in colours of the palette."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from jeoview.io.legend import tick_labels, ticks
from jeoview.raster import Raster

Bytes = NDArray[np.uint8]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
# Contrast at which text is easy to read (Web Content Accessibility Guidelines 2.2, 1.4.3).
READABLE = 4.5
COLOURS = 254
STRIP = 46


def frame(raster: Raster, label: str, legend: Mapping[str, Any] | None) -> Image.Image:
    """A picture with a palette.

    Parameters
    ----------
    raster : Raster
        Colour. Indices of a palette stay as they are.
    label : str
        Written into the upper left corner; empty for none.
    legend : mapping, optional
        As `jeoview.operators.colour.legend` gives it; drawn below where it is a gradient or classes and the raster
        has a palette.

    Returns
    -------
    PIL.Image.Image
        Mode ``P``.
    """
    if raster.palette is None:
        picture, ink, paper = _quantised(raster.array)
    else:
        colours, ink, paper = on_paper(raster.palette.tobytes())
        picture = Image.fromarray(np.ascontiguousarray(raster.array[0]))
        picture.putpalette(colours)
        if legend is not None and legend["type"] in ("gradient", "classes"):
            picture = _with_legend(picture, legend, ink, paper)
    if label:
        _write(picture, label, ink, paper)
    return picture


@lru_cache(maxsize=32)
def on_paper(palette: bytes) -> tuple[bytes, int, int]:
    """The palette as it looks on paper, and which entries are ink and paper.

    Index 0 (no data) is the paper: white, or black where nothing in the palette can be read on white. The ink
    is an entry that no value uses, made black or white, else the colour that stands out most.

    Parameters
    ----------
    palette : bytes
        256 x red, green, blue, alpha.

    Returns
    -------
    (256 x red, green, blue; ink; paper)
    """
    rgba = np.frombuffer(palette, np.uint8).reshape(256, 4)
    unused = np.flatnonzero(rgba[1:, 3] == 0) + 1
    white, black = (_blended(rgba, paper) for paper in (WHITE, BLACK))
    if unused.size:
        white[unused[-1]] = BLACK
        return white.tobytes(), int(unused[-1]), 0
    for colours in (white, black):
        contrast = _contrast(colours)
        if contrast.max() >= READABLE:
            return colours.tobytes(), int(contrast.argmax()), 0
    return white.tobytes(), int(_contrast(white).argmax()), 0


def _blended(rgba: Bytes, paper: tuple[int, int, int]) -> Bytes:
    alpha = rgba[:, 3:].astype(np.float64) / 255
    return np.rint(rgba[:, :3] * alpha + np.array(paper) * (1 - alpha)).astype(np.uint8)


def _contrast(colours: Bytes) -> NDArray[np.float64]:
    """Contrast ratio of every colour with the first one (WCAG 2.2)."""
    linear = np.where(colours <= 10, colours / 255 / 12.92, ((colours / 255 + 0.055) / 1.055) ** 2.4)
    light = linear @ np.array([0.2126, 0.7152, 0.0722]) + 0.05
    return np.asarray(np.maximum(light / light[0], light[0] / light))


def _quantised(rgba: Bytes) -> tuple[Image.Image, int, int]:
    """True colour on white in the 254 colours that suit it best; the last two entries are ink and paper."""
    whole = Image.new("RGBA", (rgba.shape[2], rgba.shape[1]), (*WHITE, 255))
    whole.alpha_composite(Image.fromarray(np.ascontiguousarray(rgba.transpose(1, 2, 0))))
    picture = whole.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colours = (picture.getpalette() or [])[: 3 * COLOURS]
    picture.putpalette([*colours, *[0] * (3 * COLOURS - len(colours)), *BLACK, *WHITE])
    return picture, COLOURS, COLOURS + 1


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _pen(picture: Image.Image) -> ImageDraw.ImageDraw:
    pen = ImageDraw.Draw(picture)
    # Smooth edges would need colours between ink and paper, which the palette does not have.
    pen.fontmode = "1"
    return pen


def _write(picture: Image.Image, label: str, ink: int, paper: int) -> None:
    """The label on a piece of paper in the upper left corner."""
    size = max(11, min(picture.width // 32, 28))
    pen, font = _pen(picture), _font(size)
    left, top, right, bottom = pen.textbbox((0, 0), label, font=font)
    space = size // 2
    pen.rectangle((0, 0, right - left + 2 * space, bottom - top + 2 * space), fill=paper)
    pen.text((space - left, space - top), label, fill=ink, font=font)


def _with_legend(picture: Image.Image, legend: Mapping[str, Any], ink: int, paper: int) -> Image.Image:
    whole = Image.new("P", (picture.width, picture.height + STRIP), paper)
    whole.putpalette(picture.getpalette() or [])
    whole.paste(picture, (0, 0))
    draw = _gradient if legend["type"] == "gradient" else _classes
    draw(whole, legend, picture.height, ink)
    return whole


def _gradient(picture: Image.Image, legend: Mapping[str, Any], top: int, ink: int) -> None:
    """A bar of all 255 colours, round numbers below it, the unit at its end."""
    pen, font = _pen(picture), _font(13)
    unit = str(legend.get("unit") or legend.get("band") or "")
    start, end = 12, picture.width - 24 - int(font.getlength(unit))
    for x in range(start, end):
        pen.line((x, top + 6, x, top + 20), fill=1 + round((x - start) / max(end - start - 1, 1) * 254))
    pen.text((end + 8, top + 5), unit, fill=ink, font=font)
    low, high = float(legend["vmin"]), float(legend["vmax"])
    values = ticks(low, high)
    for value, text in zip(values, tick_labels(values), strict=True):
        place = start + (value - low) / (high - low) * (end - start - 1)
        half = font.getlength(text) / 2
        pen.line((place, top + 20, place, top + 24), fill=ink)
        pen.text((min(max(place - half, 2), picture.width - 2 * half - 2), top + 25), text, fill=ink, font=font)


def _classes(picture: Image.Image, legend: Mapping[str, Any], top: int, ink: int) -> None:
    """A box of each colour with its label, as many as fit."""
    pen, font = _pen(picture), _font(13)
    x = 12
    for index, entry in enumerate(legend["entries"], start=1):
        label = str(entry["label"])
        end = x + 24 + int(font.getlength(label)) + 16
        if end > picture.width:
            break
        pen.rectangle((x, top + 15, x + 16, top + 31), fill=index, outline=ink)
        pen.text((x + 24, top + 15), label, fill=ink, font=font)
        x = end
