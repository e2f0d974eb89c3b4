"""A legend as a picture: title, colours, ticks at round numbers, unit."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageColor, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

WIDTH = 288
_MARGIN = 12
_BAR_HEIGHT = 14
_ROW = 20
_SIZE = 13
_PAPER, _INK, _FRAME = (255, 255, 255, 232), (34, 34, 34, 255), (120, 120, 120, 255)


def draw(legend: Mapping[str, Any], title: str = "") -> bytes:
    """Draw what `jeoview.operators.colour.legend` says.

    Parameters
    ----------
    legend : mapping
        ``type`` is ``gradient``, ``classes``, ``rgb`` or ``none``.
    title : str
        First line.

    Returns
    -------
    bytes
        PNG, 288 pixels wide; the background lets a map shine through a little.
    """
    font = ImageFont.load_default(_SIZE)
    heading = _heading(legend, title)
    body = {"gradient": _BAR_HEIGHT + _ROW + 4, "classes": _ROW * len(legend.get("entries", ())), "rgb": 3 * _ROW}
    top = _MARGIN + (_ROW if heading else 0)
    image = Image.new("RGBA", (WIDTH, top + body.get(legend["type"], 0) + _MARGIN), _PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((_MARGIN, _MARGIN - 3), heading, fill=_INK, font=font)
    if legend["type"] == "gradient":
        _gradient(pen, legend, top, font)
    elif legend["type"] == "classes":
        _rows(pen, [(str(e["label"]), str(e["colour"])) for e in legend["entries"]], top, font)
    elif legend["type"] == "rgb":
        rows = zip(legend["bands"], ("#d02020", "#20a020", "#2040d0"), strict=False)
        _rows(pen, [(str(band), colour) for band, colour in rows], top, font)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten) from ``low`` to ``high``, at most ``most`` of them.

    Examples
    --------
    >>> ticks(-0.2, 0.9)
    [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or not low < high:
        return []
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [_rounded(index * step, step) for index in range(first, last + 1)]
    return [low, high]


def _rounded(value: float, step: float) -> float:
    """``value`` without the last bits of a multiplication, and without a minus before zero."""
    digits = max(0, 2 - math.floor(math.log10(step)))
    return round(value, digits) + 0.0


def tick_labels(values: Sequence[float]) -> list[str]:
    """The same number of decimals for all, as many as the finest step needs."""
    if any(abs(value) >= 1e6 for value in values) or (values and 0 < max(map(abs, values)) < 1e-4):
        return [f"{value:.3g}" for value in values]
    places = max((len(f"{value:.6f}".rstrip("0").partition(".")[2]) for value in values), default=0)
    return [f"{value:.{places}f}" for value in values]


def _heading(legend: Mapping[str, Any], title: str) -> str:
    unit = legend.get("unit") or ""
    name = title or str(legend.get("band") or "")
    return f"{name} [{unit}]" if name and unit else name or unit


def _gradient(pen: ImageDraw.ImageDraw, legend: Mapping[str, Any], top: int, font: Font) -> None:
    width = WIDTH - 2 * _MARGIN
    colours = [_rgb(text) for text in legend["colours"]]
    for x in range(width):
        position = x / (width - 1) * (len(colours) - 1)
        index = min(int(position), len(colours) - 2)
        part = position - index
        colour = tuple(round(a + (b - a) * part) for a, b in zip(colours[index], colours[index + 1], strict=True))
        pen.line((_MARGIN + x, top, _MARGIN + x, top + _BAR_HEIGHT), fill=(*colour, 255))
    pen.rectangle((_MARGIN, top, _MARGIN + width - 1, top + _BAR_HEIGHT), outline=_FRAME)
    low, high = float(legend["vmin"]), float(legend["vmax"])
    values = ticks(low, high)
    for value, label in zip(values, tick_labels(values), strict=True):
        x = _MARGIN + round((value - low) / (high - low) * (width - 1))
        pen.line((x, top + _BAR_HEIGHT, x, top + _BAR_HEIGHT + 4), fill=_INK)
        half = font.getlength(label) / 2
        pen.text((min(max(x - half, 2), WIDTH - 2 - 2 * half), top + _BAR_HEIGHT + 5), label, fill=_INK, font=font)


def _rows(pen: ImageDraw.ImageDraw, rows: Sequence[tuple[str, str]], top: int, font: Font) -> None:
    for index, (label, colour) in enumerate(rows):
        y = top + index * _ROW
        pen.rectangle((_MARGIN, y + 2, _MARGIN + 22, y + _ROW - 4), fill=(*_rgb(colour), 255), outline=_FRAME)
        pen.text((_MARGIN + 30, y + 1), _cut(label, font, WIDTH - 2 * _MARGIN - 30), fill=_INK, font=font)


def _cut(label: str, font: Font, width: int) -> str:
    if font.getlength(label) <= width:
        return label
    while label and font.getlength(label + "...") > width:
        label = label[:-1]
    return label + "..."


def _rgb(colour: str) -> tuple[int, int, int]:
    """Colour names are matplotlib's; those that Pillow does not know are grey."""
    try:
        red, green, blue = ImageColor.getrgb(colour)[:3]
    except ValueError:
        return 128, 128, 128
    return red, green, blue
