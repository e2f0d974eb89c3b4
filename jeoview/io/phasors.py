"""Files of wrapped phase read as phasors, so that what lies between 3 and -3 rad is pi and not 0."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.io.blocks import BlockSource, Level
from jeoview.io.items import BandLike
from jeoview.io.sources import Opened
from jeoview.kernels.angles import phasors_of
from jeoview.quantities import WRAPPED
from jeoview.warp import Placement

Array = NDArray[Any]
Calibration = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class PhasorSource:
    """A source of wrapped phase as exp(j phase); NaN where there is no data.

    Parameters
    ----------
    inner : BlockSource
        Numbers as the file holds them.
    calibration : (has nodata, nodata, scale, offset)
        Of the one band that is read.
    """

    inner: BlockSource
    calibration: Calibration

    @property
    def placement(self) -> Placement:
        """Where the pixels of full resolution lie."""
        return self.inner.placement

    @property
    def levels(self) -> tuple[Level, ...]:
        """Full resolution first, then the file's own overviews."""
        return self.inner.levels

    @property
    def bands(self) -> int:
        """Number of bands in the file."""
        return self.inner.bands

    @property
    def dtype(self) -> np.dtype[Any]:
        """complex64."""
        return np.dtype(np.complex64)

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:
        """Decode a block.

        Raises
        ------
        SourceError
            As the file's own source.
        """
        stored = self.inner.load(level, row, col, band)
        if stored is None:
            return None
        flag, nodata, scale, offset = self.calibration
        phase = (stored.astype(np.float64) * scale + offset).astype(np.float32)
        if flag:
            phase[stored == nodata] = np.nan
        return phasors_of(phase)


def is_phase(info: BandLike) -> bool:
    """Whether a band is wrapped phase in rad."""
    return info.unit == WRAPPED and info.role != "quality"


def as_phasors(opened: Opened, calibration: Calibration) -> Opened:
    """The same file with phasors in place of phases; its blocks are kept apart from those of the plain file."""
    if opened.source.dtype.kind == "c":
        return opened
    return replace(opened, source=PhasorSource(opened.source, calibration), name=f"{opened.name}\0phasors{calibration}")
