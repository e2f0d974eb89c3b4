"""Up and east from several tracks."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from jeoview.errors import ParameterError
from jeoview.kernels.decompose import up_and_east
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, all_demand, operator
from jeoview.quantities import same_word
from jeoview.region import apart

DIRECTIONS = ("up", "east", "condition_number")


def _directions(options: Options, inputs: tuple[Schema, ...]) -> Names:
    if len(inputs) % 3 or len(inputs) < 6:
        raise ParameterError(
            f"decompose: got {len(inputs)} images; expected velocity, east and up component of the unit vector for "
            "each of two or more tracks"
        )
    for position, schema in enumerate(inputs):
        if len(schema.bands) != 1:
            raise ParameterError(f"decompose: image {position + 1} has {len(schema.bands)} bands; choose one")
    _check_overlap(inputs)
    return DIRECTIONS


def _check_overlap(inputs: tuple[Schema, ...]) -> None:
    """Refuse tracks of which no two cover the same ground."""
    boxes = [schema.bbox for schema in inputs[::3]]
    known = [box for box in boxes if box is not None]
    if len(known) == len(boxes) and all(apart(one, other) for one, other in combinations(known, 2)):
        shown = " and ".join("({:.3f}, {:.3f}, {:.3f}, {:.3f})".format(*box) for box in known)
        raise ParameterError(
            f"decompose: no two of the tracks overlap: {shown}, west, south, east, north in degrees; the result would be empty"
        )


def _units(options: Options, inputs: tuple[Schema, ...]) -> dict[str, str]:
    """Those of up and east are that of the velocities; components of unit vectors have none."""
    for position, schema in enumerate(inputs):
        if position % 3 and schema.unit not in ("", "1"):
            what = "east" if position % 3 == 1 else "up"
            raise ParameterError(
                f"decompose: image {position + 1} is in {schema.unit}; expected the {what} component of the unit vector, -1 to "
                "1, as .geometry() gives"
            )
    units = list(dict.fromkeys(same_word(schema.unit) for schema in inputs[::3] if schema.unit))
    if len(units) > 1:
        raise ParameterError(f"decompose: the tracks are in {' and '.join(units)}; expected one unit")
    return dict.fromkeys(DIRECTIONS[:2], units[0]) if units else {}


@operator(mode=Mode.PIXEL, nodata="own", bands=_directions, demand=all_demand, unit=_units)
def decompose(*images: BandsInput) -> BandsInput:
    """Motion up and east from lines of sight of two or more tracks; motion north is taken as none.

    Least squares of v_k = e_k E + u_k U, pixel by pixel (Wright et al. 2004; north, which polar orbits hardly
    see, is ignored).

    Parameters
    ----------
    images : bands
        For each track three images of one band: velocity or displacement along the line of sight (positive towards
        the satellite), and the east and up components of the unit vector from the ground to the satellite.

    Returns
    -------
    bands
        ``up`` and ``east`` in the unit of the velocities, positive upwards and eastwards, and ``condition_number`` of
        the matrix of e_k and u_k, from 1 on: how much errors may grow. A track that is NaN at a pixel is left out; NaN
        with fewer than two tracks, and where they look in the same direction.

    Raises
    ------
    ParameterError
        If there are fewer than two tracks, no two of them overlap, they are in different units, or a component has one.
    """
    tracks = np.stack([image.array.reshape(-1) for image in images]).reshape(len(images) // 3, 3, -1)
    array = up_and_east(np.ascontiguousarray(tracks, dtype=np.float32)).reshape(3, *images[0].grid.shape)
    return replace(images[0], array=array, bands=DIRECTIONS)
