"""From coregistered complex radar images: interferogram, looks, coherence, phase and amplitude.

All of it at the sensor's own pixels, and brought onto the map as complex numbers afterwards. A complex pixel's phase
is -4 pi / wavelength times its distance, so that a product earlier * conj(later) has a positive phase where the
ground moved away from the satellite.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from jeoview.errors import ParameterError
from jeoview.grid import Grid
from jeoview.kernels import slc as kernel
from jeoview.kernels.angles import angles_of
from jeoview.kernels.slc_blocks import block_means
from jeoview.operator import (
    BandRule,
    BandsInput,
    Mode,
    Names,
    Options,
    Schema,
    SeriesInput,
    constant_unit,
    operator,
    same_demand,
)
from jeoview.operators.algebra import first_named, joint_bands
from jeoview.operators.phase import called, check_phase, linear_unit
from jeoview.operators.source import ItemsKey
from jeoview.quantities import WRAPPED, BandName, Box, Dates, same_word
from jeoview.raster import Array, Raster

Looks = Annotated[int, Field(ge=1, le=512)]
Side = Annotated[int, Field(ge=1, le=129)]
Pixels = Annotated[int, Field(ge=1, le=1_000_000)]
Degrees = Annotated[float, Field(ge=-400, le=400)]
Number = Annotated[float, Field(ge=-1e12, le=1e12)]
Six = tuple[Number, Number, Number, Number, Number, Number]


def _with_an_area(transform: Six) -> Six:
    a, b, _, d, e, _ = transform
    if abs(a * e - b * d) < 1e-24:
        raise ValueError("pixels of the transform have no area")
    return transform


FrameName = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


@operator(mode=Mode.SOURCE, nodata="own")
def load_slc(  # noqa: PLR0913 - a source says all about its pixels
    *,
    items: ItemsKey,
    bands: tuple[str, ...],
    frame: FrameName,
    shape: tuple[Pixels, Pixels],
    crs: str | None = None,
    transform: Annotated[Six, AfterValidator(_with_an_area)] | None = None,
    points: tuple[tuple[Number, Number, Degrees, Degrees], ...] = (),
    bbox: Box | None = None,
    resampling: Literal["nearest", "bilinear"] = "nearest",
    unit: str = "",
    dates: Dates | None = None,
) -> SeriesInput:
    """The frozen scenes of a coregistered complex stack, at the sensor's own pixels.

    Where these lie is said by ``crs`` and ``transform``, by ``points``, or by bands of the first scene: ``longitude`` and
    ``latitude``, or a look-up table.

    Parameters
    ----------
    items : str
        Key of the frozen item list; the catalogue alone knows where the files are.
    bands : tuple of str
        Bands to offer.
    frame : str
        Equal for stacks whose pixels lie alike.
    shape : (int, int)
        Rows and columns of every scene.
    crs : str, optional
        Reference system of a geocoded stack.
    transform : six floats, optional
        (a, b, c, d, e, f) of a geocoded stack: x = a col + b row + c, y = d col + e row + f, at pixel corners.
    points : tuple of (row, col, lon, lat)
        Control points of a stack in radar geometry; the centre of the first pixel is (0.5, 0.5).
    bbox : (west, south, east, north), optional
        Degrees; the extent of the stack.
    resampling : {"nearest", "bilinear"}
        How results are brought onto the map where its pixels are finer; complex ones as complex numbers.
    unit : str
        Unit of the values.
    dates : Dates, optional
        Of the items.

    Returns
    -------
    series
        (time, band, y, x) complex64, NaN where there is no data.
    """
    raise NotImplementedError("the engine reads sources")


@operator(
    mode=Mode.PIXEL,
    nodata="any",
    bands=("slc",),
    demand=lambda options, *_: ((options["i"], options["q"]),),
    unit=lambda options, inputs: inputs[0].units[inputs[0].band(options["i"], "from_iq")],
    complex_numbers="made",
)
def from_iq(image: BandsInput, *, i: BandName = "i", q: BandName = "q") -> BandsInput:
    """Complex numbers from two bands, real and imaginary part; 0 + 0j, which no echo has, becomes NaN.

    Parameters
    ----------
    i, q : str
        Bands of the real and the imaginary part.

    Returns
    -------
    bands
        One band ``slc``, complex64.
    """
    real, imaginary = image.array[image.bands.index(i)], image.array[image.bands.index(q)]
    joined = (real + np.complex64(1j) * imaginary).astype(np.complex64)
    joined[(joined == 0) | np.isnan(joined)] = np.complex64(complex(np.nan, np.nan))
    return replace(image, array=joined[None], bands=("slc",))


def _named(name: str) -> BandRule:
    """Bands called after what they are; where there are several, with the band they are of."""

    def rule(options: Options, inputs: tuple[Schema, ...]) -> Names:
        bands = joint_bands(options, inputs)
        return (name,) if len(bands) == 1 else tuple(f"{name}_{band}" for band in bands)

    return rule


def _by_position(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    """Band by band; a single band serves all."""
    several = joint_bands(options, inputs)
    names = tuple(band.partition("_")[2] for band in wanted) if len(several) > 1 else several
    return same_demand(options, names, inputs)


def _pairs(a: Raster, b: Raster) -> list[tuple[Array, Array]]:
    """The layers of two images that belong together, complex64."""
    if len(a.array) != len(b.array) and 1 not in (len(a.array), len(b.array)):
        raise ParameterError(f"the images have {len(a.array)} and {len(b.array)} bands")
    one, other = (np.asarray(image.array, dtype=np.complex64) for image in (a, b))
    return [(one[i % len(one)], other[i % len(other)]) for i in range(max(len(one), len(other)))]


@operator(
    mode=Mode.PIXEL,
    nodata="any",
    bands=_named("interferogram"),
    demand=_by_position,
    native=True,
    complex_numbers="made",
)
def interferogram(a: BandsInput, b: BandsInput) -> BandsInput:
    """Product a conj(b) of two coregistered complex images whose flat-earth and topographic phase was removed.

    With the earlier date first, a positive phase is motion away from the satellite.

    Returns
    -------
    bands
        ``interferogram``, complex64: its argument is the wrapped phase, its size the product of the amplitudes. Seen
        from afar it is the mean of the product, as looks are taken.
    """
    pairs = _pairs(a, b)
    out = np.empty((len(pairs), *a.array.shape[-2:]), dtype=np.complex64)
    for (one, other), layer in zip(pairs, out, strict=True):
        kernel.interfere(one, other, layer)
    return replace(first_named(a, b), array=out)


@operator(
    mode=Mode.BLOCK,
    nodata="own",
    looks=lambda options: (options["azimuth"], options["range"]),
    unit=linear_unit("multilook", ".multilook() of the interferogram, and .phase() after it"),
    native=True,
    complex_numbers="kept",
)
def multilook(image: BandsInput, *, azimuth: Looks = 1, range: Looks = 1) -> BandsInput:  # noqa: A002
    """Mean of the pixels of each block, of complex numbers as such; blocks count from the sensor's first pixel.

    NaN is left out; a block without a valid pixel is NaN. What comes after it works on the blocks as its pixels.

    Parameters
    ----------
    azimuth, range : int
        Lines and samples (rows and columns of the file) of a block.
    """
    grid = image.grid.coarser(azimuth, range)
    rows, cols = grid.row * azimuth - image.grid.row, grid.col * range - image.grid.col
    whole = image.array[..., rows : rows + grid.height * azimuth, cols : cols + grid.width * range]
    return replace(image, array=block_means(whole, azimuth, range), grid=grid)


def _box_radius(options: Options, grid: Grid) -> int:
    return int(max(options["window"])) // 2


def _coherence_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    if options["window"][0] * options["window"][1] < 4:
        raise ParameterError(
            f"coherence(window={options['window']}): fewer than 4 pixels look alike by chance; 3 x 13 is usual"
        )
    return _named("coherence")(options, inputs)


@operator(
    mode=Mode.NEIGHBOURHOOD,
    nodata="centre",
    bands=_coherence_bands,
    demand=_by_position,
    radius=_box_radius,
    unit=constant_unit(""),
    native=True,
    complex_numbers="used",
    quantity="coherence",
)
def coherence(a: BandsInput, b: BandsInput, *, window: tuple[Side, Side] = (3, 13)) -> BandsInput:
    """How alike two coregistered complex images are in a box of pixels.

    |sum a conj(b)| / sqrt(sum |a|**2 sum |b|**2) over the pixels of the box that both images have; small boxes are
    biased upwards. Equals that of the interferogram's phase only if topography was removed before.

    Parameters
    ----------
    window : (int, int)
        Lines and samples (rows and columns of the file) of the box; an even one reaches one more up or left.

    Returns
    -------
    bands
        ``coherence``, 0 to 1, float32; NaN also where the pixel is alone in its box.
    """
    pairs = _pairs(a, b)
    out = np.empty((len(pairs), *a.array.shape[-2:]), dtype=np.float32)
    for (one, other), layer in zip(pairs, out, strict=True):
        kernel.coherence(one, other, window, (a.grid.row, a.grid.col), layer)
    return replace(first_named(a, b), array=out)


def _wrapped_unit(options: Options, inputs: tuple[Schema, ...]) -> str:
    if inputs[0].is_complex:
        return WRAPPED
    for band, unit in inputs[0].units.items():
        what = called(inputs[0], band)
        if same_word(unit) in ("rad", WRAPPED):
            raise ParameterError(f"phase: {what} is phase already, in {unit}; leave .phase() out")
        if unit:
            raise ParameterError(f"phase: {what} is in {unit}; expected complex numbers, as .interferogram() gives")
    check_phase("phase", inputs[0], "complex numbers, as .interferogram() gives")
    return WRAPPED


@operator(mode=Mode.PIXEL, nodata="any", unit=_wrapped_unit, complex_numbers="used")
def phase(image: BandsInput) -> BandsInput:
    """Argument of complex numbers, above -pi and up to pi rad; a band that is not complex counts as real.

    Taken last, after everything was averaged as complex numbers; the colour map ``cyclic`` shows it.

    Raises
    ------
    ParameterError
        If the image is known to be real numbers of something: it has a unit, or is coherence or amplitude.
    """
    return replace(image, array=angles_of(np.asarray(image.array, dtype=np.complex64)))


@operator(mode=Mode.PIXEL, nodata="any", native=True, complex_numbers="used", quantity="amplitude")
def amplitude(image: BandsInput) -> BandsInput:
    """Size of complex numbers; seen from afar the mean of the sizes, not the size of the mean."""
    array = np.ascontiguousarray(image.array, dtype=np.complex64)
    out = np.empty(array.shape, dtype=np.float32)
    kernel.sizes(array.ravel(), out.ravel())
    return replace(image, array=out)
