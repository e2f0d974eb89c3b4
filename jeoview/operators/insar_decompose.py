"""Up and east from several tracks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jeoview.errors import ParameterError
from jeoview.kernels.decompose import up_and_east
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, all_demand, operator

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
    return DIRECTIONS


@operator(mode=Mode.PIXEL, nodata="own", bands=_directions, demand=all_demand)
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
    """
    tracks = np.stack([image.array.reshape(-1) for image in images]).reshape(len(images) // 3, 3, -1)
    array = up_and_east(np.ascontiguousarray(tracks, dtype=np.float32)).reshape(3, *images[0].grid.shape)
    return replace(images[0], array=array, bands=DIRECTIONS)
