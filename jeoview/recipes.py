"""Short names for what users ask most: a recipe is a few operators, and makes no node of its own."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from jeoview.errors import BandError, ParameterError
from jeoview.graph import Parameter
from jeoview.image import Image, Operand, apply, bound
from jeoview.motion import relative_to, spatial_filter
from jeoview.operator import Schema
from jeoview.operators.colour import CYCLIC
from jeoview.operators.index import names_in
from jeoview.projection import Bounds
from jeoview.quantities import WRAPPED, geometry, is_wrapped, short
from jeoview.words import readable

P = ParamSpec("P")
T = TypeVar("T")
# STAC renamed the shortwave infrared bands; both vocabularies are in use.
SAME_BAND = {"swir1": ("swir16", "swir1"), "swir2": ("swir22", "swir2")}

DIFFERENCES = {
    "ndvi": ("nir", "red", "vegetation (Rouse et al. 1974)"),
    "ndwi": ("green", "nir", "open water (McFeeters 1996)"),
    "mndwi": ("green", "swir1", "open water, built-up suppressed (Xu 2006)"),
    "ndmi": ("nir", "swir1", "moisture of vegetation (Gao 1996)"),
    "ndbi": ("swir1", "nir", "built-up areas (Zha et al. 2003)"),
    "nbr": ("nir", "swir2", "burnt areas (Key and Benson 2006)"),
    "nbr2": ("swir1", "swir2", "recovery after fire (USGS)"),
    "ndsi": ("green", "swir1", "snow (Hall et al. 1995)"),
}
FORMULAS = {
    "evi": ("2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)", "vegetation (Huete et al. 2002)"),
    "savi": ("1.5 * (nir - red) / (nir + red + 0.5)", "vegetation over soil, L = 0.5 (Huete 1988)"),
    "msavi2": (
        "(2 * nir + 1 - sqrt((2 * nir + 1) ** 2 - 8 * (nir - red))) / 2",
        "vegetation over soil (Qi et al. 1994)",
    ),
    "bsi": ("((swir1 + red) - (nir + blue)) / ((swir1 + red) + (nir + blue))", "bare soil (Rikimaru et al. 2002)"),
    "wri": ("(green + red) / (nir + swir1)", "water ratio, above 1 is water (Shen and Li 2010)"),
}


COMMON = {name for a, b, _ in DIFFERENCES.values() for name in (a, b)} | {"blue"}


def as_image(value: Any) -> Image:
    """The image itself, or that of a collection.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    if isinstance(value, Image):
        return value
    image = value.image() if callable(getattr(value, "image", None)) else None
    if not isinstance(image, Image):
        raise ParameterError(f"got {short(value)}; expected an image or a collection")
    return image


def find_band(schema: Schema, name: str, where: str) -> str:
    """The band of a common name, in either vocabulary.

    Raises
    ------
    BandError
        If the image has no such band.
    """
    if not isinstance(name, str):
        raise ParameterError(f"{where}: band {short(name)}; expected the name of a band, one of {list(schema.bands)}")
    for candidate in SAME_BAND.get(name, (name,)):
        if candidate in schema.bands or schema.common_names.get(candidate) in schema.bands:
            return schema.band(candidate, where)
    try:
        return schema.band(name, where)
    except BandError as error:
        if schema.common_names or name not in COMMON:
            raise
        raise BandError(
            f"{error}. It is not known which band is {name}: say so where the file is opened, "
            f"common_names={{'BAND': {name!r}, ...}} with BAND one of {', '.join(schema.bands[:12])}; or give the bands names "
            "with .rename([...])"
        ) from None


def _difference(name: str) -> Callable[[Any], Image]:
    a, b, purpose = DIFFERENCES[name]

    def recipe(self: Any) -> Image:
        image = as_image(self)
        bands = {"a": find_band(image.schema, a, name), "b": find_band(image.schema, b, name)}
        return apply("rename", (apply("normalized_difference", (image,), bands),), {"bands": (name,)})

    return _named(recipe, name, f"({a} - {b}) / ({a} + {b}): {purpose}; one band, -1 to 1.")


def _formula(name: str) -> Callable[[Any], Image]:
    formula, purpose = FORMULAS[name]

    def recipe(self: Any) -> Image:
        return expression(self, formula, name=name)

    return _named(recipe, name, f"{formula}: {purpose}; reflectance expected.")


def _named(recipe: Callable[[Any], Image], name: str, text: str) -> Callable[[Any], Image]:
    recipe.__name__, recipe.__qualname__ = name, f"Image.{name}"
    recipe.__doc__ = (
        f"{text}\n\nRaises\n------\nBandError\n    If a band is missing; the message names those that exist.\n"
    )
    return recipe


def expression(
    self: Any, formula: str, name: str = "expression", variables: Mapping[str, float | Parameter] | None = None
) -> Image:
    """A formula over bands, parsed to a whitelisted syntax tree and never evaluated as Python.

    Parameters
    ----------
    formula : str
        For instance ``"(nir - red) / (nir + red)"``: band names or common names, ``variables``,
        ``+ - * / **``, comparisons, ``& |``, and abs, sqrt, exp, ln, log10, min, max, where.
    name : str
        Name of the resulting band.
    variables : mapping, optional
        Numbers or slider parameters by name.

    Returns
    -------
    Image
        One band; NaN where a band is NaN (of ``where``, the condition or the value chosen) or the formula has
        no finite value.

    Raises
    ------
    ParameterError, BandError
        If the formula has anything else, or names a band that the image does not have.
    """
    if variables is not None and not isinstance(variables, Mapping):
        raise ParameterError(f"expression: variables are {short(variables)}; expected {{name: number or slider}}")
    image, given = as_image(self), dict(variables or {})
    bands = {item: find_band(image.schema, item, "expression") for item in names_in(formula) if item not in given}
    return apply("expression", (image,), {"formula": formula, "bands": bands, "variables": given, "name": name})


def mask_clouds(self: Any, snow: bool | Parameter = False) -> Image:
    """NaN where the product's own quality band says cloud, shadow or cirrus (and snow, if asked).

    Raises
    ------
    BandError
        If the image has no quality band that is known; mask with a condition then.
    """
    image = as_image(self)
    if not image.schema.quality:
        raise BandError(
            f"mask_clouds: no quality band is known among {list(image.bands)}; say which one it is where the files are opened, "
            'for instance quality={"SCL": "sentinel2-scl"}, or mask with a condition, .mask(condition)'
        )
    band, scheme = next(iter(image.schema.quality.items()))
    return apply("mask_clouds", (image,), {"band": band, "scheme": scheme, "snow": snow})


def mask(self: Any, condition: Any) -> Image:
    """Keep the pixels where a condition holds, or that lie in an area; NaN elsewhere.

    Parameters
    ----------
    condition : Image, dict or shape
        An image that is true (not 0) where pixels stay, or an area: GeoJSON in degrees of EPSG:4326, or anything
        with ``__geo_interface__`` (shapely, geopandas).
    """
    area = geometry(condition)
    if area is not None:
        return apply("mask_polygon", (self,), {"polygon": area})
    return apply("mask", (self, condition), {})


def stretch(
    self: Any,
    percentiles: Sequence[float] | None = None,
    range: Sequence[float | Parameter] | None = None,  # noqa: A002 - the word of operators.md and of users
    region: Bounds | None = None,
    zoom: int | None = None,
) -> Image:
    """Map values to 0..1 for display, by percentiles of a declared region or by a fixed range.

    Parameters
    ----------
    percentiles : (low, high), optional
        From 0 to 100; (2, 98) by default. Fitted once over the region, band by band, never per tile.
    range : (low, high), optional
        Values that become 0 and 1.
    region : (west, south, east, north), optional
        Degrees; the extent of the image by default.
    zoom : int, optional
        Zoom at which the region is read; about 1,000 pixels across by default.
    """
    if range is not None:
        if percentiles is not None or not isinstance(range, (tuple, list)) or len(range) != 2:
            raise ParameterError("stretch: give percentiles=(low, high) or range=(low, high), one of them")
        return apply("linear_scale_range", (self,), {"input_min": range[0], "input_max": range[1]})
    low, high = _pair(percentiles if percentiles is not None else (2, 98))
    table = apply("quantiles", (self,), {"q": (low / 100, high / 100), "region": region, "zoom": zoom})
    return apply("stretch_by", (self, table), {})


def _pair(values: Sequence[float]) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in values)
    except (TypeError, ValueError):
        raise ParameterError(f"stretch: percentiles are {values!r}; expected two numbers such as (2, 98)") from None
    if not 0 <= low < high <= 100:
        raise ParameterError(f"stretch: percentiles are {values!r}; expected 0 <= low < high <= 100")
    return low, high


def rgb(
    self: Any,
    red: Any = "red",
    green: Any = "green",
    blue: Any = "blue",
    vmin: Any = 0.0,
    vmax: Any = 1.0,
    gamma: Any = 1.0,
) -> Image:
    """Three bands of this image as red, green and blue; `jeoview.rgb` takes three different images.

    Transparent where any of the three has no data.

    Parameters
    ----------
    red, green, blue : str
        Bands by name or common name.
    vmin, vmax : float
        Values shown as black and as full colour.
    gamma : float
        Above 1 brightens the dark.
    """
    image = as_image(self)
    channels = [
        part if isinstance(part, Image) else image[find_band(image.schema, part, "rgb")] for part in (red, green, blue)
    ]
    return rgb_of(channels[0], channels[1], channels[2], vmin=vmin, vmax=vmax, gamma=gamma)


def rgb_of(red: Any, green: Any, blue: Any, vmin: Any = 0.0, vmax: Any = 1.0, gamma: Any = 1.0) -> Image:
    """Three images of one band each as red, green and blue; transparent where any has no data.

    Parameters
    ----------
    vmin, vmax : float
        Values shown as black and as full colour.
    gamma : float
        Above 1 brightens the dark.
    """
    return apply("rgb", (red, green, blue), {"vmin": vmin, "vmax": vmax, "gamma": gamma})


def colormap(
    self: Any,
    palette: str | Sequence[str] | Parameter | None = None,
    vmin: float | Parameter | None = None,
    vmax: float | Parameter | None = None,
    unit: str | None = None,
    classes: Mapping[int, Sequence[str]] | Mapping[float, Sequence[str]] | None = None,
) -> Image:
    """Colours for one band; NaN is transparent. The legend is drawn from this same step.

    Parameters
    ----------
    palette : str, sequence of str or slider parameter, optional
        A matplotlib name (``"RdYlGn"``, ``"viridis_r"``), ``"cyclic"`` (values wrap around, for phase), or colours
        from low to high. By default ``"cyclic"`` for wrapped phase, else ``"viridis"``.
    vmin, vmax : float or slider parameter
        Values at the two ends; beyond them the end colour is used. By default -pi and pi for wrapped phase in cyclic
        colours.
    unit : str, optional
        Shown in the legend; the image's own unit by default.
    classes : mapping of float to (label, colour), optional
        Discrete classes instead of a gradient.
    """
    values: dict[str, Any] = {"unit": unit}
    image_unit = as_image(self).unit
    if palette is None:
        palette = CYCLIC if is_wrapped(image_unit) else "viridis"
    if isinstance(palette, str) and palette == CYCLIC and image_unit == WRAPPED and vmin is None and vmax is None:
        vmin, vmax = -math.pi, math.pi
    values["palette"] = tuple(palette) if isinstance(palette, (list, tuple)) else palette
    values |= {name: value for name, value in (("vmin", vmin), ("vmax", vmax)) if value is not None}
    if classes is not None:
        values["classes"] = tuple(_colour_class(value, entry) for value, entry in _classes(classes))
    return apply("colormap", (self,), values)


def _classes(classes: Any) -> Any:
    if not isinstance(classes, Mapping) or not classes:
        raise ParameterError(f"colormap: classes are {classes!r}; expected {{value: (label, colour), ...}}")
    return classes.items()


def _colour_class(value: Any, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, (tuple, list)) or len(entry) != 2:
        raise ParameterError(f"colormap: class {value!r} is {entry!r}; expected (label, colour)")
    return {"value": value, "label": str(entry[0]), "colour": str(entry[1])}


def dnbr(self: Any, after: Any) -> Image:
    """NBR before (this image) minus NBR after: positive = burnt (Key and Benson 2006).

    Parameters
    ----------
    after : Image
        The scene after the fire.
    """
    before_index, after_index = (as_image(image).nbr() for image in (self, after))
    return apply("rename", (apply("subtract", (before_index, after_index), {}),), {"bands": ("dnbr",)})


def clip_to(self: Any, polygon: Any) -> Image:
    """Keep what lies in an area, given as for ``mask(polygon)``."""
    if geometry(polygon) is None:
        raise ParameterError(f"clip_to: got {short(polygon)}; expected GeoJSON, or a shape of shapely or geopandas")
    return mask(self, polygon)


def where(condition: Any, x: Operand, y: Operand) -> Image:
    """Choose x where the condition is true (not 0), y where it is 0; no data where the condition has none."""
    return apply("where", (condition, x, y), {})


RECIPES: dict[str, Callable[..., Image]] = {
    **{name: _difference(name) for name in DIFFERENCES},
    **{name: _formula(name) for name in FORMULAS},
    "clip_to": clip_to,
    "colormap": colormap,
    "dnbr": dnbr,
    "expression": expression,
    "mask": mask,
    "mask_clouds": mask_clouds,
    "relative_to": relative_to,
    "rgb": rgb,
    "spatial_filter": spatial_filter,
    "stretch": stretch,
}


def attach_recipes(cls: type) -> None:
    """Give a class every recipe as a method; a recipe stands before the operator of the same name."""
    for name, recipe in RECIPES.items():
        setattr(cls, name, with_advice(name, recipe))


def with_advice(name: str, recipe: Callable[P, T]) -> Callable[P, T]:
    """The same function, which answers a wrong call with what it takes, as operators do."""
    signature = inspect.signature(recipe)

    @wraps(recipe)
    def method(*args: P.args, **kwargs: P.kwargs) -> T:
        bound(name, signature, args, kwargs)
        return recipe(*args, **kwargs)

    method.__signature__ = readable(signature)  # type: ignore[attr-defined]
    return method


attach_recipes(Image)
__all__ = ["RECIPES", "attach_recipes", "rgb_of", "where", "with_advice"]
