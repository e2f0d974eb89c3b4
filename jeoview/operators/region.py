"""Full extent: a pixel may depend on every other one of the area."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from jeoview.operator import BandsInput, Mode, constant_unit, operator


@operator(mode=Mode.FULL, nodata="own", unit=constant_unit("label"))
def label(image: BandsInput, *, connectivity: Literal[4, 8] = 4) -> BandsInput:
    """Number the connected components of pixels that are not 0 and not NaN, row by row from the top.

    Works on the viewed area, or on a fixed ``region`` at a ``zoom`` (then the numbers are stable).

    Parameters
    ----------
    connectivity : {4, 8}
        Whether diagonal neighbours are connected.

    Returns
    -------
    bands
        Component number from 1; NaN outside components.
    """
    from scipy import ndimage  # a quarter of a second that no other chain should wait for

    structure = ndimage.generate_binary_structure(2, 1 if connectivity == 4 else 2)
    out = np.empty(image.array.shape, dtype=np.float32)
    for band, pixels in enumerate(image.array):
        numbered, _ = ndimage.label((pixels != 0) & ~np.isnan(pixels), structure)
        out[band] = np.where(numbered > 0, numbered, np.nan)
    return replace(image, array=out)
