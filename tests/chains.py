"""Random chains: compositions of all kinds of operators, for properties that hold for every chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

import jeoview as jv
from jeoview.errors import ParameterError
from jeoview.grid import Grid
from jeoview.image import Image
from jeoview.projection import Bounds
from jeoview.quantities import cos_latitude

Draw = Callable[[st.SearchStrategy[Any]], Any]
REDUCERS = ("median", "mean", "std", "count", "min", "max", "first", "last", "mosaic")
FORMULAS = (
    "(nir - red) / (nir + red)",
    "where(green > 0.4, sqrt(abs(blue)), nir ** 2)",
    "ln(red + 1) * exp(0 - blue)",
    "(red > 0.2) & (nir < 0.7)",
)


@dataclass(frozen=True)
class Place:
    """Where a chain is looked at: fixed regions and lengths in metres are chosen to suit it."""

    area: Grid
    zoom: int
    extent: Bounds | None = None  # of the sources: a fixed region must meet it

    @property
    def bbox(self) -> Bounds:
        return self.area.bbox

    @property
    def pixel(self) -> float:
        """Ground metres of a pixel in the middle of the area."""
        south, north = self.bbox[1], self.bbox[3]
        return self.area.lattice.resolution[0] * cos_latitude((south + north) / 2)

    def region(self, draw: Draw) -> Bounds:
        """A region that meets the area without holding it, and the sources."""
        west, south, east, north = self._held
        dx, dy = east - west, north - south
        left, bottom = west + dx * draw(st.floats(-0.2, 0.4)), south + dy * draw(st.floats(-0.2, 0.4))
        right, top = left + dx * draw(st.floats(0.3, 0.9)), bottom + dy * draw(st.floats(0.3, 0.9))
        return max(left, -180.0), max(bottom, -85.0), min(right, 180.0), min(top, 85.0)

    @property
    def _held(self) -> Bounds:
        """The part of the area in which the sources lie; their own extent where there is none."""
        west, south, east, north = own = self.bbox
        if self.extent is None:
            return own
        left, bottom, right, top = self.extent
        part = max(west, left), max(south, bottom), min(east, right), min(north, top)
        return part if part[0] < part[2] and part[1] < part[3] else self.extent


@st.composite
def chains(draw: Draw, series: Image, other: Image, place: Place, colours: bool = True) -> Image:
    """A chain of 2 to 7 steps over two collections with the bands of `tests.synthetic`."""
    image = composite(draw, series)
    for _ in range(draw(st.integers(1, 5))):
        try:
            # Random steps do not ask whether decibels are added to dates.
            image = draw(st.sampled_from(STEPS))(draw, image, composite(draw, other), place).with_unit("")
        except ParameterError as error:
            # A place may lie beside the images, and a region there is refused.
            if "lies outside the image" not in str(error):
                raise
    return draw(st.sampled_from(STYLES))(draw, image, place) if colours else image


def composite(draw: Draw, series: Image) -> Image:
    step = draw(st.sampled_from(("plain", "clouds", "scaled", "smooth", "index")))
    if step == "clouds":
        series = series.mask_clouds(snow=draw(st.booleans()))
    elif step == "scaled":
        series = series * 1.5 - 0.1
    elif step == "smooth":
        series = series.focal_mean(draw(st.integers(1, 3)))
    if draw(st.booleans()):
        reduced: Image = getattr(series, draw(st.sampled_from(REDUCERS)))()
    else:
        reduced = series.quantile(draw(st.sampled_from((0.0, 0.25, 0.9, 1.0))))
    return reduced.with_unit("")


def one(draw: Draw, image: Image) -> Image:
    return image[draw(st.sampled_from(image.bands))]


def length(draw: Draw, place: Place) -> Any:
    """A radius in pixels, or in ground metres of up to about 9 pixels."""
    return draw(st.one_of(st.integers(0, 5), st.floats(0.3, 9.0).map(lambda r: jv.metres(r * place.pixel))))


def focal(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    return image.focal_mean(length(draw, place))


def smoothed(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    # Above 12 pixels the mean is computed on larger ones; near the poles they add up to more padding than is allowed.
    long = st.floats(13.0, 400.0).map(lambda r: jv.metres(min(r * place.pixel, 1e6)))
    far = max(map(abs, place.bbox[1::2])) > 70
    sigma = length(draw, place) if far or draw(st.booleans()) else draw(long)
    if draw(st.booleans()):
        return image.spatial_mean(sigma)
    return image.spatial_filter(sigma, keep=draw(st.sampled_from(("low", "high"))))


def log_ratio(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    return image.log_ratio(one(draw, other), length(draw, place))


def arithmetic(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    right = draw(st.sampled_from((2.0, -0.5, one(draw, other))))
    name = draw(st.sampled_from(("add", "subtract", "multiply", "divide", "power", "difference")))
    if name == "difference" and isinstance(right, float):
        return right - image
    result: Image = getattr(image, name)(right)
    return result


def function(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    result: Image = getattr(image, draw(st.sampled_from(("absolute", "sqrt", "exp", "ln", "log10"))))()
    return result


def choose(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    return (one(draw, image) > 0.3).where(other if len(other.bands) == len(image.bands) else 0.5, image)


def masked(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    return image.mask(one(draw, other) > draw(st.sampled_from((0.1, 0.5)))).unmask(draw(st.sampled_from((0.0, -1.0))))


def inside(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    west, south, east, north = place.region(draw)
    ring = [[west, south], [east, (south + north) / 2], [(west + east) / 2, north], [west, south]]
    return image.mask({"type": "Polygon", "coordinates": [ring]})


def formula(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    return other.expression(draw(st.sampled_from(FORMULAS))) + one(draw, image)


def index(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    result: Image = getattr(other, draw(st.sampled_from(("ndvi", "ndwi", "nbr", "evi", "bsi", "msavi2"))))()
    return result * one(draw, image)


def stretched(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    return image.stretch(percentiles=(5, 90), region=place.region(draw), zoom=nearby(draw, place))


def filtered(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    alpha, patch = draw(st.sampled_from((0.3, 1.0))), draw(st.sampled_from((8, 16)))
    return one(draw, image).goldstein(alpha, patch, draw(st.sampled_from((0.5, 0.75, 0.9))))


def lined(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    return image.isoline_pixels(draw(st.sampled_from((0.1, 0.35)))).unmask(0)


def labelled_view(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    return (one(draw, image) > 0.4).label(connectivity=draw(st.sampled_from((4, 8))))


def unwrapped(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    return (one(draw, image) * 9.0).wrap().unwrap(one(draw, other), min_coherence=draw(st.sampled_from((0.0, 0.4))))


def labelled_region(draw: Draw, image: Image, other: Image, place: Place) -> Image:
    label = (one(draw, image) > 0.4).label(region=place.region(draw), zoom=nearby(draw, place))
    return label.unmask(0).with_unit("") + image


def nearby(draw: Draw, place: Place) -> int:
    zoom: int = place.zoom + draw(st.integers(-1, 1))
    return zoom


STEPS = (
    focal,
    smoothed,
    log_ratio,
    arithmetic,
    function,
    choose,
    masked,
    inside,
    formula,
    index,
    stretched,
    filtered,
    lined,
    labelled_view,
    labelled_region,
    unwrapped,
)


def plain(draw: Draw, image: Image, place: Place) -> Image:
    return image


def coloured(draw: Draw, image: Image, place: Place) -> Image:
    palette = draw(st.sampled_from(("viridis", "RdYlGn_r", "cyclic", ("white", "#123456", "k"))))
    return one(draw, image).colormap(palette, vmin=-0.3, vmax=1.2)


def picture(draw: Draw, image: Image, place: Place) -> Image:
    return jv.rgb(one(draw, image), one(draw, image), one(draw, image), vmin=-0.5, vmax=2.0, gamma=1.7)


def blended(draw: Draw, image: Image, place: Place) -> Image:
    return picture(draw, image, place).blend(coloured(draw, image, place), alpha=0.4)


STYLES = (plain, plain, coloured, picture, blended)
