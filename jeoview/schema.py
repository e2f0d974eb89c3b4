"""What is known of an image before any pixel is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jeoview.errors import BandError, choices
from jeoview.grid import Frame
from jeoview.projection import Bounds
from jeoview.quantities import Dates, same_word, short
from jeoview.raster import Kind

Names = tuple[str, ...]
# What a unit rule says: one unit for all bands, one for each in their order, or those of the bands that have one by name.
Units = str | Names | Mapping[str, str]


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
    units : dict
        Band to the unit of its values, empty where they have none.
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
    units: Mapping[str, str] = field(default_factory=dict)
    dates: Dates | None = None
    frame: Frame | None = None
    is_complex: bool = False
    table: str = ""
    pairs: bool | None = None
    quantity: str = ""

    @property
    def unit(self) -> str:
        """The unit of all bands but the quality bands, empty where they have none or different ones."""
        units = [unit for band, unit in self.units.items() if band not in self.quality] or [*self.units.values()]
        return units[0] if len(set(map(same_word, units))) == 1 else ""

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


def units_of(bands: Names, units: Units) -> dict[str, str]:
    """Band to unit, of what a unit rule says.

    Raises
    ------
    ValueError
        If a rule is wrong: it gives as many units as there are no bands.
    """
    if isinstance(units, str):
        return dict.fromkeys(bands, units)
    if isinstance(units, tuple):
        return dict(zip(bands, units * len(bands) if len(units) == 1 else units, strict=True))
    return {band: units.get(band, "") for band in bands}


@dataclass(frozen=True, slots=True)
class KeptUnit:
    """A unit rule: that of the first input, band by band, whose numbers stay what they are.

    Parameters
    ----------
    check : function, optional
        Raises where the operator cannot take an image with these units.
    of : rule, optional
        Which bands of it there are; all of them by default.
    """

    check: Callable[[Schema], None] | None = None
    of: Callable[[Mapping[str, Any], tuple[Schema, ...]], Names] | None = None

    def __call__(self, options: Mapping[str, Any], inputs: tuple[Schema, ...]) -> str | Names:
        """The units."""
        if self.check is not None:
            self.check(inputs[0])
        known = inputs[0].units
        units = tuple(known.values()) if self.of is None else tuple(known[band] for band in self.of(options, inputs))
        return units[0] if len(set(units)) == 1 else units


same_unit = KeptUnit()
