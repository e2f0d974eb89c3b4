"""Unwrapping: whole cycles put back, over a whole area."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from jeoview.errors import ParameterError
from jeoview.kernels.unwrap import unwrap_by_reliability
from jeoview.kernels.unwrap_snaphu import Settings, unwrap_by_cost
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, all_demand, operator
from jeoview.operators.phase import angle_unit, phase_of
from jeoview.raster import Array

BANDS = ("unwrapped", "component")
# Where nothing is known of the coherence, all pixels count alike.
MIDDLING = 0.5
Looks = Annotated[float, Field(ge=1, le=10_000)]
Fraction = Annotated[float, Field(ge=0, le=1)]


def _checked(options: Options, inputs: tuple[Schema, ...]) -> Names:
    for schema, what in zip(inputs, ("the image", "the coherence"), strict=False):
        if len(schema.bands) != 1:
            raise ParameterError(f"unwrap: {what} has bands {list(schema.bands)}; choose one with image['name']")
    _check_coherence(len(inputs) > 1 and inputs[1].is_complex)
    if len(inputs) > 1 and inputs[1].unit not in ("", "1"):
        raise ParameterError(f"unwrap: the coherence is in {inputs[1].unit}; expected 0 to 1, which has no unit")
    if options["min_coherence"] > 0 and len(inputs) == 1:
        raise ParameterError("unwrap: min_coherence= needs the coherence as well, .unwrap(coherence, ...)")
    return BANDS


def _check_coherence(is_complex: bool) -> None:
    if is_complex:
        raise ParameterError("unwrap: the coherence holds complex numbers; expected 0 to 1, as .coherence() gives")


# Bytes for each pixel, measured up to 1536 x 1536: of snaphu's program, its files in memory included, and of our kernel.
SCRATCH = {"mcf": 450, "mst": 300, "reliability": 80}


def _scratch(options: Options) -> int:
    return SCRATCH[options["init"] if options["method"] == "snaphu" else "reliability"]


@operator(
    mode=Mode.FULL,
    version=2,
    nodata="own",
    bands=_checked,
    demand=all_demand,
    scratch=_scratch,
    unit=angle_unit("unwrap", {"unwrapped": "rad"}),
    complex_numbers="used",
    upgrades={1: dict},
)
def unwrap(
    image: BandsInput,
    coherence: BandsInput | None = None,
    *,
    method: Literal["reliability", "snaphu"] = "reliability",
    min_coherence: Fraction = 0.0,
    looks: Looks = 1.0,
    cost: Literal["smooth", "defo"] = "smooth",
    init: Literal["mcf", "mst"] = "mcf",
) -> BandsInput:
    """Put whole cycles back into wrapped phase, over the viewed area or a fixed region.

    A phase that is unwrapped differs from the wrapped one by whole cycles. An arbitrary constant stays: only
    differences inside one component mean something; set a reference before you compare.

    Parameters
    ----------
    image : bands
        One band of wrapped phase in rad, or of complex values.
    coherence : bands, optional
        One band, 0 to 1. A pixel without it is left out.
    method : {"reliability", "snaphu"}
        ``reliability``: the most reliable neighbours first (Herraez et al. 2002), a fraction of a second for a view;
        good for a first look and for clear fringes; of the coherence it looks at ``min_coherence`` alone. ``snaphu``: statistical
        costs and network flow (Chen and Zebker 2001), weighted by the coherence; seconds for a view. It is an extra,
        ``pip install 'jeoview[snaphu]'``, because its solver CS2 is licensed for strictly noncommercial purposes.
    min_coherence : float
        Pixels below it are left out.
    looks : float
        Of ``snaphu``: number of independent looks behind the coherence.
    cost : {"smooth", "defo"}
        Of ``snaphu``: a smooth surface, or motion that may jump, as in an earthquake.
    init : {"mcf", "mst"}
        Of ``snaphu``: first guess by minimum cost flow, or by a minimum spanning tree, up to ten times as quick.

    Returns
    -------
    bands
        ``unwrapped`` in rad, sign as the image's; ``component``, the number from 1 of the connected part, 0 where
        ``snaphu`` vouches for none. Both NaN where the image is, or the coherence is missing or too low. Of
        ``reliability`` every component has its median within half a cycle of 0.

    Raises
    ------
    ParameterError
        If the image has another unit than rad, is coherence or amplitude, or has more than one band; if the coherence has a unit; or (when pixels are computed) if snaphu is asked
        for and not installed.
    """
    values = image.array[0]
    valid = ~np.isnan(values)
    if coherence is not None:
        _check_coherence(np.iscomplexobj(coherence.array))
        valid &= coherence.array[0] >= min_coherence
    if method == "reliability":
        bands = unwrap_by_reliability(phase_of(values), valid)
    else:
        weight = np.full(values.shape, MIDDLING, dtype=np.float32) if coherence is None else coherence.array[0]
        bands = unwrap_by_cost(_phasors(values), weight, valid, Settings(looks, cost, init))
    return replace(image, array=np.stack(bands), bands=BANDS)


def _phasors(values: Array) -> Array:
    return values if np.iscomplexobj(values) else np.exp(1j * values)
