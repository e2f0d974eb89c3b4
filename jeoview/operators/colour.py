"""Style: values to colours, at the tail of a chain, so that a recolour reads nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, is_color_like, to_rgba
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from jeoview.describe import describe, input_nodes, input_schemas, options_of
from jeoview.errors import ParameterError, choices
from jeoview.graph import Node
from jeoview.kernels import colour
from jeoview.operator import BandsInput, ColourInput, Mode, Names, Options, Schema, all_demand, constant_unit, operator
from jeoview.raster import Kind, Raster

Palette = NDArray[np.uint8]
CYCLIC = "cyclic"
RGBA_BANDS = ("red", "green", "blue", "alpha")


class ColourClass(BaseModel):
    """One class of a discrete colour map."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    value: float
    label: str
    colour: str


def _one_band(options: Options, inputs: tuple[Schema, ...]) -> Names:
    for schema in inputs:
        if len(schema.bands) != 1:
            raise ParameterError(
                f"the image has bands {list(schema.bands)}; colour shows one: choose it with image['name']"
            )
    return RGBA_BANDS


def _checked(options: Options, inputs: tuple[Schema, ...]) -> Names:
    if not options["classes"]:
        _gradient(options["palette"])
        _check_range(options["vmin"], options["vmax"])
    elif len(options["classes"]) > 255:
        raise ParameterError("colormap: at most 255 classes")
    for entry in options["classes"]:
        _colour_bytes(entry.colour)
    return _one_band(options, inputs)


def _check_range(vmin: Any, vmax: Any) -> None:
    if vmin is None or vmax is None:
        raise ParameterError("colormap: give vmin= and vmax=, the values at the two ends of the colours")
    if not vmin < vmax:
        raise ParameterError(f"colormap: vmin {vmin} is not below vmax {vmax}")


@operator(mode=Mode.PIXEL, nodata="any", bands=_checked, demand=all_demand, unit=constant_unit(""))
def colormap(
    image: BandsInput,
    *,
    palette: str | Annotated[tuple[str, ...], Field(min_length=2, max_length=255)] = "viridis",
    vmin: float | None = None,
    vmax: float | None = None,
    unit: str | None = None,
    classes: tuple[ColourClass, ...] = (),
) -> ColourInput:
    """Colours for one band; NaN is transparent. The legend is drawn from this same node.

    Parameters
    ----------
    palette : str or tuple of str
        A matplotlib name (``"RdYlGn"``, ``"viridis_r"``), ``"cyclic"`` (values wrap around, for phase), or colours
        from low to high (``("white", "#004488")``).
    vmin, vmax : float
        Values at the two ends; beyond them the end colour is used.
    unit : str, optional
        Shown in the legend; the image's own unit by default.
    classes : tuple of {value, label, colour}
        Discrete classes instead of a gradient; a value that is none of them is transparent.

    Raises
    ------
    ParameterError
        If a palette or colour is not known, or vmin is not below vmax.
    """
    values = image.array[0]
    if classes:
        # Rounded as the pixels are: 0.1 is not 0.1 in float32.
        wanted = np.array([entry.value for entry in classes], dtype=np.float32).astype(np.float64)
        index = colour.class_index(values, wanted)
        table = _class_palette(classes)
    else:
        _check_range(vmin, vmax)
        index = colour.gradient_index(values, float(vmin or 0), float(vmax or 0), palette == CYCLIC)
        table = _gradient(palette)
    return Raster(index[None], image.grid, Kind.COLOUR, RGBA_BANDS, palette=table)


@lru_cache(maxsize=128)
def _gradient(palette: str | tuple[str, ...]) -> Palette:
    """(256, 4) colours; index 0 is transparent, 1..255 run from low to high."""
    if isinstance(palette, tuple):
        stops = [tuple(part / 255 for part in _colour_bytes(name)) for name in palette]
        found: Any = LinearSegmentedColormap.from_list("own", stops, N=255)
    else:
        name = "twilight" if palette == CYCLIC else palette
        if name not in colormaps:
            raise ParameterError(f"no palette {palette!r}; {choices(palette, [CYCLIC, *_PLAIN])}")
        found = colormaps[name]
    table = np.zeros((256, 4), dtype=np.uint8)
    table[1:] = np.rint(found(np.linspace(0, 1, 255)) * 255)
    table.flags.writeable = False
    return table


_PLAIN = [name for name in colormaps if not name.endswith("_r")]


@lru_cache(maxsize=128)
def _class_palette(classes: tuple[ColourClass, ...]) -> Palette:
    table = np.zeros((256, 4), dtype=np.uint8)
    for index, entry in enumerate(classes, start=1):
        table[index] = _colour_bytes(entry.colour)
    return table


def _colour_bytes(name: str) -> tuple[int, int, int, int]:
    if not is_color_like(name):
        raise ParameterError(f"{name!r} is no colour; give a name ('white') or '#rrggbb'")
    red, green, blue, alpha = (round(part * 255) for part in to_rgba(name))
    return red, green, blue, alpha


def _rgb_checked(options: Options, inputs: tuple[Schema, ...]) -> Names:
    if not options["vmin"] < options["vmax"]:
        raise ParameterError(f"rgb: vmin {options['vmin']} is not below vmax {options['vmax']}")
    return _one_band(options, inputs)


@operator(mode=Mode.PIXEL, nodata="any", bands=_rgb_checked, demand=all_demand, unit=constant_unit(""))
def rgb(
    red: BandsInput,
    green: BandsInput,
    blue: BandsInput,
    *,
    vmin: float = 0.0,
    vmax: float = 1.0,
    gamma: Annotated[float, Field(gt=0, le=10)] = 1.0,
) -> ColourInput:
    """Three images of one band each as red, green and blue; transparent where any is NaN.

    Parameters
    ----------
    vmin, vmax : float
        Values shown as black and as full colour; 0 and 1 suit reflectance and stretched bands.
    gamma : float
        Above 1 brightens the dark: value ** (1 / gamma).
    """
    bands = np.stack([image.array[0] for image in (red, green, blue)])
    hidden = np.isnan(bands).any(axis=0)
    scaled = np.clip((np.where(hidden, np.float32(vmin), bands) - np.float32(vmin)) / np.float32(vmax - vmin), 0, 1)
    shown = scaled if gamma == 1.0 else np.power(scaled, np.float32(1.0 / gamma))
    out = np.empty((4, *hidden.shape), dtype=np.uint8)
    out[:3] = np.rint(shown * 255)
    out[:3, hidden] = 0
    out[3] = np.where(hidden, 0, 255)
    return Raster(out, red.grid, Kind.COLOUR, RGBA_BANDS)


def _rgba_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    return RGBA_BANDS


@operator(mode=Mode.PIXEL, nodata="own", bands=_rgba_bands, demand=all_demand, unit=constant_unit(""))
def blend(base: ColourInput, top: ColourInput, *, alpha: Annotated[float, Field(ge=0, le=1)] = 0.5) -> ColourInput:
    """Lay one coloured image over another (Porter and Duff 1984, "over").

    Parameters
    ----------
    alpha : float
        Opacity of the top image, multiplied with its own; where it is transparent the base shows.
    """
    below, above = base.rgba().astype(np.float32) / 255, top.rgba().astype(np.float32) / 255
    over = above[3] * np.float32(alpha)
    under = below[3] * (1 - over)
    total = over + under
    mixed = (above[:3] * over + below[:3] * under) / np.where(total > 0, total, 1)
    out = np.rint(np.concatenate([mixed, total[None]]) * 255).astype(np.uint8)
    return replace(base, array=out, palette=None)


def legend(root: Node) -> dict[str, Any]:
    """What the legend of a chain shows, from the node that colours it.

    Returns
    -------
    dict
        ``type`` is ``"gradient"`` (``vmin, vmax, unit, colours`` from low to high, ``cyclic``), ``"classes"``
        (``entries`` of value, label, colour), ``"rgb"`` (``bands, vmin, vmax``) or ``"none"``.
    """
    node = root
    while node.operator == "blend":
        node = input_nodes(node)[1]
    options = options_of(node)
    if node.operator == "rgb":
        bands = [schema.bands[0] for schema in input_schemas(node)]
        return {"type": "rgb", "bands": bands, "vmin": options["vmin"], "vmax": options["vmax"]}
    if node.operator != "colormap":
        return {"type": "none"}
    unit = describe(input_nodes(node)[0]).unit if options["unit"] is None else options["unit"]
    if options["classes"]:
        return {"type": "classes", "unit": unit, "entries": [entry.model_dump() for entry in options["classes"]]}
    table = _gradient(options["palette"])[1:]
    colours = ["#{:02x}{:02x}{:02x}".format(*row[:3]) for row in table[np.rint(np.linspace(0, 254, 32)).astype(int)]]
    return {
        "type": "gradient",
        "vmin": options["vmin"],
        "vmax": options["vmax"],
        "unit": unit,
        "colours": colours,
        "cyclic": options["palette"] == CYCLIC,
        "band": input_schemas(node)[0].bands[0],
    }
