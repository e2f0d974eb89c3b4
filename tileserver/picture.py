"""An error as a tile that can be read on any base map."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from tileserver.failures import Failure

SIZE = 256
_MARGIN = 12
_TITLE, _TEXT = 14, 13
_LINE = 17
_PAPER, _INK, _EDGE = (255, 255, 255, 216), (40, 40, 40, 255), (176, 32, 32, 255)
_HATCH, _APART = (176, 32, 32, 120), 16  # a part of 256, so that it goes on in the next tile


def draw(failure: Failure, *, brief: bool = False) -> bytes:
    """A PNG of 256 x 256 pixels: hatched, with the code and the message.

    Parameters
    ----------
    failure : Failure
        Of what is under way the picture is clear, so that what lies below stays in view.
    brief : bool
        Whether the code alone is written.
    """
    if failure.code == "Pending":
        return _clear()
    return _draw(failure.code, "" if brief else failure.message, brief=brief)


def has_words(x: int, y: int) -> bool:
    """Whether a tile of a map full of one error is one of those that say it in words: one of six, so that a view has one."""
    return x % 3 == 1 and y % 2 == 0


@lru_cache(maxsize=1)
def _clear() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0)).save(out, "PNG")
    return out.getvalue()


@lru_cache(maxsize=256)
def _draw(code: str, message: str, *, brief: bool) -> bytes:
    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    for start in range(-SIZE, SIZE, _APART):
        pen.line((start, 0, start + SIZE, SIZE), fill=_HATCH)
    if brief:
        _tag(pen, code)
    else:
        _card(pen, code, message)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()


def _tag(pen: ImageDraw.ImageDraw, code: str) -> None:
    """The code in the middle."""
    font = ImageFont.load_default(_TEXT)
    half = font.getlength(code) / 2 + 6
    middle = SIZE / 2
    pen.rectangle((middle - half, middle - 10, middle + half, middle + 10), fill=_PAPER)
    pen.text((middle, middle), code, fill=_EDGE, font=font, anchor="mm")


def _card(pen: ImageDraw.ImageDraw, code: str, message: str) -> None:
    """The code and the message in a frame."""
    title, text = ImageFont.load_default(_TITLE), ImageFont.load_default(_TEXT)
    room = (SIZE - 2 * _MARGIN) // _LINE - 2
    lines = wrap(message, text, SIZE - 2 * _MARGIN, room)
    bottom = 2 * _MARGIN + _LINE * (len(lines) + 1) + 4
    pen.rectangle((4, 4, SIZE - 5, bottom), fill=_PAPER, outline=_EDGE, width=2)
    pen.text((_MARGIN, _MARGIN - 2), code, fill=_EDGE, font=title)
    for index, line in enumerate(lines):
        pen.text((_MARGIN, _MARGIN + 4 + _LINE * (index + 1)), line, fill=_INK, font=text)


def wrap(message: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int, room: int) -> list[str]:
    """Break a message into lines of at most ``width`` pixels; what exceeds ``room`` lines ends in dots."""
    lines: list[str] = []
    line = ""
    for word in message.split():
        joined = f"{line} {word}".strip()
        if font.getlength(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, font, width)
        lines.extend(full)
    lines.append(line)
    if len(lines) <= room:
        return lines
    last = lines[room - 1]
    while last and font.getlength(last + "...") > width:
        last = last[:-1]
    return [*lines[: room - 1], last + "..."]


def _pieces(word: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """A word cut where it is wider than a line."""
    pieces = [""]
    for letter in word:
        if font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
