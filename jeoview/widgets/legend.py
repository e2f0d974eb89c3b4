"""The legend of a layer as HTML, drawn from the node that colours it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

BAR = 168  # pixels
MAX_CLASSES = 16
# The name of one file with an ending that rasters have.
FILE = re.compile(
    r"(?P<stem>[^/\\*?]+?)\.(?:tiff?|geotiff|vrt|img|jp2|png|jpe?g|nc4?|h5|he5|hdf5?|zarr|zip|grd|asc|bil|dat|bin|raw)(?:\.gz)?",
    re.I,
)


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """As many round numbers (1, 2 or 5 times a power of ten apart) from low to high as there is room for.

    Examples
    --------
    >>> round_ticks(-0.2, 0.9)
    [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8]
    """
    magnitude = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        step = factor * magnitude
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    # Adding 0.0 makes zero of a negative zero.
    return [round(index * step, 12) + 0.0 for index in range(first, last + 1)]


def tick_label(value: float, step: float) -> str:
    """A tick with as many decimals as the step needs, with a real minus sign."""
    if value and not 1e-4 <= abs(value) < 1e6:
        text = f"{value:.3g}"
    else:
        text = f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
    return text.replace("-", "\u2212")


def legend_html(title: str, described: Mapping[str, Any], note: str = "") -> str:
    """Legend of one layer.

    Parameters
    ----------
    title : str
        Name of the layer.
    described : mapping
        As `jeoview.operators.colour.legend` gives it; ``ticks`` may hold pairs of position (0 to 1) and label.
    note : str
        What was chosen for the user, in a small line below.
    """
    draw = _BODIES.get(described["type"])
    body = draw(described) if draw else ""
    unit = str(described.get("unit") or "")
    head = f'<span class="jv-legend-title">{escape(title)}</span>'
    if unit:
        head += f'<span class="jv-unit">{escape(unit)}</span>'
    return f'<div class="jv-legend-part"><div class="jv-legend-head">{head}</div>{body}{_small(note)}</div>'


def legends_html(parts: Sequence[str], sources: Iterable[str]) -> str:
    """The card in the corner of the map: a part for each layer that is seen, and where the data come from."""
    if not parts:
        return ""
    return f'<div class="jv-legend">{"".join(parts)}{_note(sources_html(sources, readable))}</div>'


def sources_html(sources: Iterable[str], shown: Callable[[str], str] = str) -> str:
    """The first source and how many more there are, all of them where the mouse points at it; nothing where there is none.

    Parameters
    ----------
    sources : iterable of str
        Their full names.
    shown : function
        How a name is shown; pointed at, it is always the full one.
    """
    first, *others = [*dict.fromkeys(filter(None, sources))] or [""]
    text = shown(first) + (f" and {len(others)} more" if others else "")
    if text == first:
        return escape(first)
    every = escape("\n".join([first, *others]))
    return f'<span class="jv-more" title="{every}">{escape(text)}</span>'


def readable(source: str) -> str:
    """The title of a file as people write it: without its ending, words apart; any other title as it is.

    Examples
    --------
    >>> readable("coh_vv.tif")
    'coh vv'
    >>> readable("Interferograms pyrate-cropa-mexico")
    'Interferograms pyrate-cropa-mexico'
    """
    stem = FILE.fullmatch(source)
    return stem["stem"].replace("_", " ").strip() or source if stem else source


def _small(text: str) -> str:
    return _note(escape(text))


def _note(html: str) -> str:
    return f'<div class="jv-note">{html}</div>' if html else ""


def _gradient(described: Mapping[str, Any]) -> str:
    low, high = float(described["vmin"]), float(described["vmax"])
    ticks = described.get("ticks") or _value_ticks(low, high)
    marks = "".join(_tick(position, label) for position, label in ticks)
    colours = ",".join(_colour(colour) for colour in described["colours"])
    return (
        f'<div class="jv-scale" style="width:{BAR}px">'
        f'<div class="jv-bar" style="background:linear-gradient(to right,{colours})"></div>'
        f'<div class="jv-ticks">{marks}</div></div>'
    )


def _value_ticks(low: float, high: float) -> list[tuple[float, str]]:
    values = round_ticks(low, high)
    step = values[1] - values[0] if len(values) > 1 else high - low
    return [((value - low) / (high - low), tick_label(value, step)) for value in values]


def _tick(position: float, label: str) -> str:
    return f'<span class="jv-tick" style="left:{position:.2%}"><i></i>{escape(label)}</span>'


def _classes(described: Mapping[str, Any]) -> str:
    entries: Sequence[Mapping[str, Any]] = described["entries"]
    rows = "".join(_swatch(entry["colour"], entry["label"]) for entry in entries[:MAX_CLASSES])
    more = f'<div class="jv-note">and {len(entries) - MAX_CLASSES} more</div>' if len(entries) > MAX_CLASSES else ""
    return f'<div class="jv-classes">{rows}</div>{more}'


def _rgb(described: Mapping[str, Any]) -> str:
    names = zip(("#d7301f", "#31a354", "#2b8cbe"), described["bands"], strict=True)
    return '<div class="jv-channels">' + "".join(_swatch(colour, band) for colour, band in names) + "</div>"


def _swatch(colour: str, label: str) -> str:
    return f'<div class="jv-class"><i style="background:{_colour(colour)}"></i>{escape(str(label))}</div>'


def _colour(colour: str) -> str:
    # A colour comes from a chain, and a chain may come from anybody: it must not leave its style attribute.
    return escape("".join(sign for sign in str(colour) if sign.isalnum() or sign in "#(),.% "))


_BODIES = {"gradient": _gradient, "classes": _classes, "rgb": _rgb}
