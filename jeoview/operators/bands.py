"""Choosing, naming and joining bands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jeoview.errors import ParameterError
from jeoview.operator import BandsInput, KeptUnit, Mode, Names, Options, Schema, operator
from jeoview.quantities import BandName


def _selected(options: Options, inputs: tuple[Schema, ...]) -> Names:
    names: Names = options["bands"]
    if not names or len(set(names)) < len(names):
        raise ParameterError(f"select: bands are {list(names)}; expected at least one band, each once")
    return names


def _wanted_only(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    return (wanted,)


def _own_names(options: Options, inputs: tuple[Schema, ...]) -> Names:
    return tuple(inputs[0].band(band, "select") for band in options["bands"])


@operator(
    mode=Mode.PIXEL,
    nodata="own",
    bands=_selected,
    demand=_wanted_only,
    unit=KeptUnit(of=_own_names),
    complex_numbers="kept",
)
def select(image: BandsInput, *, bands: tuple[BandName, ...]) -> BandsInput:
    """Choose bands by name or common name, in the order given; the others are never read.

    NaN stays NaN.

    Parameters
    ----------
    bands : tuple of str
        For instance ``("red", "nir")`` or ``("B04", "B08")``.
    """
    return image


def _renamed(options: Options, inputs: tuple[Schema, ...]) -> Names:
    names: Names = options["bands"]
    if len(names) != len(inputs[0].bands) or len(set(names)) < len(names):
        known = inputs[0].bands
        raise ParameterError(
            f"rename: got {list(names)}; expected {len(known)} different names, for bands {list(known)}"
        )
    return names


def _by_position(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    names = options["bands"]
    return (tuple(inputs[0].bands[names.index(band)] for band in wanted),)


@operator(mode=Mode.PIXEL, nodata="own", bands=_renamed, demand=_by_position, complex_numbers="kept")
def rename(image: BandsInput, *, bands: tuple[str, ...]) -> BandsInput:
    """Give every band a new name; NaN stays NaN.

    Parameters
    ----------
    bands : tuple of str
        As many names as the image has bands.
    """
    # Of some bands only, the executor knows the new names.
    return replace(image, bands=bands) if len(bands) == len(image.bands) else image


def _joined(options: Options, inputs: tuple[Schema, ...]) -> Names:
    names = tuple(band for schema in inputs for band in schema.bands)
    if len({schema.is_complex for schema in inputs}) > 1:
        raise ParameterError(
            "join_bands: some images are complex and some are not; join their .phase() or .amplitude()"
        )
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ParameterError(f"join_bands: {double} stand in more than one image; give them other names with .rename()")
    return names


def _own_bands(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    # An input of which no band is wanted still gives its grid; one band of it costs least.
    return tuple(tuple(band for band in schema.bands if band in wanted) or schema.bands[:1] for schema in inputs)


def _all_units(options: Options, inputs: tuple[Schema, ...]) -> Names:
    return tuple(unit for schema in inputs for unit in schema.units.values())


@operator(mode=Mode.PIXEL, nodata="own", bands=_joined, demand=_own_bands, unit=_all_units, complex_numbers="kept")
def join_bands(*images: BandsInput) -> BandsInput:
    """All bands of all images in one, in the order given; NaN stays NaN in its band."""
    array = np.concatenate([image.array for image in images])
    return replace(images[0], array=array, bands=tuple(band for image in images for band in image.bands))
