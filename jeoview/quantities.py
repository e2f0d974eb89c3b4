"""What the parameters of operators may be: bands, boxes, lengths on the screen and on the ground."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jeoview.errors import ParameterError
from jeoview.graph import Parameter, digest
from jeoview.grid import Grid, Lattice
from jeoview.projection import canonical_crs, ground_scale, is_geographic, metres_per_unit


class BandReference:
    """Marks a text parameter that names a band of the first input, by its own or its common name."""


class Later:
    """Marks a parameter that an operator got after chains had been made with it, and whose default is as before.

    At its default it is left out of the chain, so that those chains and their keys stay as they are.
    """


BandName = Annotated[str, BandReference()]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Box = tuple[Longitude, Latitude, Longitude, Latitude]


class Metres(BaseModel):
    """A length on the ground; Web Mercator stretches with 1 / cos(latitude), and this accounts for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    metres: float = Field(gt=0, le=1e6)

    def pixels(self, grid: Grid, y: float) -> int:
        """Whole pixels of the grid at the height ``y`` of the map, rounded, at least 0."""
        dx = grid.lattice.resolution[0] * metres_per_unit(grid.crs)
        scale = cos_latitude(y) if is_geographic(grid.crs) else ground_scale(grid.crs, y)
        return int(self.metres / (dx * scale) + 0.5)

    def widths(self, grid: Grid, y: float) -> tuple[float, float]:
        """Rows and columns of the grid at the height ``y`` of the map, not rounded: those of degrees are not alike."""
        (dx, dy), unit = grid.lattice.resolution, metres_per_unit(grid.crs)
        if is_geographic(grid.crs):
            return self.metres / (dy * unit), self.metres / (dx * unit * cos_latitude(y))
        scale = unit * ground_scale(grid.crs, y)
        return self.metres / (dy * scale), self.metres / (dx * scale)


Size = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Window(BaseModel):
    """Whole pixels of a file's own lattice: an area that is read pixel by pixel as it was stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    crs: str = Field(max_length=20_000)
    resolution: tuple[Size, Size]
    corner: tuple[float, float]
    shape: tuple[Count, Count]

    @classmethod
    def of(cls, grid: Grid) -> Window:
        """The pixels of a grid."""
        left, _, _, top = grid.bounds
        return cls(crs=grid.crs, resolution=grid.lattice.resolution, corner=(left, top), shape=grid.shape)

    @property
    def grid(self) -> Grid:
        """The pixels; the first one is (0, 0)."""
        lattice = Lattice(canonical_crs(self.crs), self.resolution, *self.corner)
        return Grid(lattice, 0, 0, *self.shape)


# Of the equator of WGS 84.
METRES_PER_DEGREE = 111_319.49


def cos_latitude(degrees: float) -> float:
    """Cosine of a latitude, at least 0.01 so that lengths stay finite at the poles."""
    return max(math.cos(math.radians(degrees)), 0.01)


def square_around(lon: float, lat: float, metres: float) -> tuple[float, float, float, float]:
    """Bounds in degrees (west, south, east, north) of a square of so many metres a side."""
    half = metres / 2 / METRES_PER_DEGREE
    wide = half / cos_latitude(lat)
    return lon - wide, lat - half, lon + wide, lat + half


def metres(length: float | Parameter) -> Metres | dict[str, Parameter]:
    """A length in ground metres, for operators that take pixels or metres.

    Parameters
    ----------
    length : float or slider parameter
        Metres on the ground.

    Raises
    ------
    ParameterError
        If it is not a positive number up to 1,000 km.
    """
    if isinstance(length, Parameter):
        return {"metres": length}
    try:
        return Metres(metres=plain(length))
    except ValidationError:
        raise ParameterError(f"metres got {short(length)}; expected a positive number up to 1e6") from None


class Dates(BaseModel):
    """The layers of a series over time: two series can be joined date by date where these are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    count: int = Field(ge=1)
    first: str
    last: str
    digest: str = Field(pattern="^[0-9a-f]{16}$")

    @classmethod
    def of(cls, layers: Sequence[str]) -> Dates:
        """What identifies layers: their times (two with a slash for a pair), in order.

        Parameters
        ----------
        layers : sequence of str
            RFC 3339; at least one.
        """
        days = [layer[:10] for layer in layers]
        text = "\n".join(layers)
        return cls(count=len(layers), first=min(days), last=max(days), digest=digest(text)[:16])

    def __str__(self) -> str:
        return f"{self.count} of {self.first} to {self.last}" if self.count > 1 else self.first


Pixels = Annotated[int, Field(ge=0, le=4096, json_schema_extra={"unit": "pixels"})]
Length = Pixels | Metres


_SAME_UNIT = {
    **dict.fromkeys(("metre", "metres", "meter", "meters"), "m"),
    **dict.fromkeys(("radian", "radians"), "rad"),
    **dict.fromkeys(("degree", "degrees", "deg"), "°"),
    **dict.fromkeys(("mm/year", "mm/a", "mm/y", "mm yr-1"), "mm/yr"),
    **dict.fromkeys(("mm/yr2", "mm/yr**2", "mm/yr²", "mm/year2", "mm/year^2", "mm/a2", "mm yr-2"), "mm/yr^2"),
    **dict.fromkeys(("m/year", "m/a", "m/y", "m yr-1"), "m/yr"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("year", "years"), "yr"),
    **dict.fromkeys(("decibel", "decibels", "db"), "dB"),
    **dict.fromkeys(("kelvin",), "K"),
    **dict.fromkeys(("percent",), "%"),
}


def same_word(unit: str) -> str:
    """The word for a unit that files write in several ways: ``m`` for ``metres``."""
    return _SAME_UNIT.get(unit.strip().lower(), unit.strip())


Zoom = Annotated[int, Field(ge=0, le=24)]


def short(value: object) -> str:
    """A value as it is shown in a message, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def number(value: Any, what: str, least: float = -math.inf, most: float = math.inf) -> float:
    """Return a finite number of a range.

    Raises
    ------
    ParameterError
        If it is none.
    """
    found = plain(value)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        raise ParameterError(f"{what} is {short(value)}; expected a number")
    if not least <= found <= most:
        ends = f"from {least:g}" + (f" to {most:g}" if most < math.inf else "")
        raise ParameterError(f"{what} is {short(value)}; expected a number {ends}")
    return found


def geometry(area: Any) -> dict[str, Any] | None:
    """The GeoJSON of a dict, or of anything with ``__geo_interface__`` (shapely in degrees, geopandas in any CRS)."""
    if isinstance(area, Mapping):
        return dict(area)
    if hasattr(area, "to_crs") and getattr(area, "crs", None) is not None:
        area = area.to_crs("EPSG:4326")
    shape = getattr(area, "__geo_interface__", None)
    return dict(shape) if isinstance(shape, Mapping) else None


def plain(value: Any) -> Any:
    """Lists as tuples, numpy scalars as Python's and shapes as GeoJSON, which strict validation asks for."""
    if isinstance(value, (list, tuple)):
        return tuple(plain(item) for item in value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if hasattr(value, "__geo_interface__"):
        return plain(geometry(value))
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    return value


# A value of which only the part within a cycle is known; averages of such numbers mean nothing. The mark stands in
# the unit, so that it travels with the values into files and back.
WRAPPED_MARK = " (wrapped)"
WRAPPED = f"rad{WRAPPED_MARK}"


def is_wrapped(unit: str) -> bool:
    """Whether values of a unit are known but for whole cycles."""
    return unit.endswith(WRAPPED_MARK)
