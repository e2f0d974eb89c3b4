"""What the parameters of operators may be: bands, boxes, lengths on the screen and on the ground."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jeoview.errors import ParameterError
from jeoview.graph import Parameter
from jeoview.grid import Grid
from jeoview.projection import ground_scale, is_geographic, metres_per_unit


class BandReference:
    """Marks a text parameter that names a band of the first input, by its own or its common name."""


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


def cos_latitude(degrees: float) -> float:
    """Cosine of a latitude, at least 0.01 so that lengths stay finite at the poles."""
    return max(math.cos(math.radians(degrees)), 0.01)


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


Pixels = Annotated[int, Field(ge=0, le=4096, json_schema_extra={"unit": "pixels"})]
Length = Pixels | Metres


Zoom = Annotated[int, Field(ge=0, le=24)]


def short(value: object) -> str:
    """A value as it is shown in a message, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def plain(value: Any) -> Any:
    """Lists as tuples and numpy scalars as Python's, which strict validation asks for."""
    if isinstance(value, (list, tuple)):
        return tuple(plain(item) for item in value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    return value
