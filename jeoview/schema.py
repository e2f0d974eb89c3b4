"""What is known of an image before any pixel is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jeoview.errors import BandError, choices
from jeoview.grid import Frame
from jeoview.projection import Bounds
from jeoview.quantities import Dates, short
from jeoview.raster import Kind

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """What is known of a node's result before any pixel is read.

    Parameters
    ----------
    kind : Kind
        Bands, series, table or colour.
    bands : tuple of str
        Band names.
    common_names : dict
        Common name (``red``) to band name (``B04``).
    quality : dict
        Quality band to its scheme.
    bbox : (west, south, east, north), optional
        Degrees; where there is data.
    unit : str
        Unit of the values, empty where they have none.
    dates : Dates, optional
        The layers of a series, where they are known.
    frame : Frame, optional
        The sensor's own pixels, where the result can be computed at them.
    is_complex : bool
        Whether the values are complex numbers, as far as the chain says.
    table : str
        The operator that fitted a table: what stands in it.
    pairs : bool, optional
        Whether the layers of a series are pairs of dates, or single dates.
    quantity : str
        What numbers without a unit are, where the chain says it: ``"coherence"``.
    """

    kind: Kind
    bands: Names
    common_names: Mapping[str, str] = field(default_factory=dict)
    quality: Mapping[str, str] = field(default_factory=dict)
    bbox: Bounds | None = None
    unit: str = ""
    dates: Dates | None = None
    frame: Frame | None = None
    is_complex: bool = False
    table: str = ""
    pairs: bool | None = None
    quantity: str = ""

    def band(self, name: str, where: str) -> str:
        """The band of a name or common name.

        Raises
        ------
        BandError
            If there is none; the message names those that exist.
        """
        if name in self.bands:
            return name
        if self.common_names.get(name) in self.bands:
            return self.common_names[name]
        common = [alias for alias, band in self.common_names.items() if band in self.bands]
        raise BandError(f"{where}: no band {short(name)}; {choices(str(name)[:64], [*self.bands, *common])}")


@dataclass(frozen=True, slots=True)
class KeptUnit:
    """A unit rule: that of the first input, whose numbers stay what they are.

    Parameters
    ----------
    check : function, optional
        Raises where the operator cannot take a unit.
    """

    check: Callable[[str], None] | None = None

    def __call__(self, _: Mapping[str, Any], inputs: tuple[Schema, ...]) -> str:
        """The unit."""
        if self.check is not None:
            self.check(inputs[0].unit)
        return inputs[0].unit


same_unit = KeptUnit()
