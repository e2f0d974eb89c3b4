"""Where the points of a table lie: metres of EGMS, or degrees, whatever else the columns are called."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import SourceError
from jeoview.projection import WGS84, transform

if TYPE_CHECKING:
    import pandas as pd

CRS = "EPSG:3035"
METRES, DEGREES = ("easting", "northing"), ("longitude", "latitude")
ALIASES = {"lon": "longitude", "long": "longitude", "lng": "longitude", "lat": "latitude"}
# EGMS, islands of the Atlantic included, in EPSG:3035 and in degrees; eastings of UTM are smaller.
_EUROPE_METRES = ((880_000.0, 7_500_000.0), (800_000.0, 7_500_000.0))
_EUROPE_DEGREES = ((-32.0, 46.0), (26.0, 73.0))
_EARTH = ((-180.0, 360.0), (-90.0, 90.0))
# Degrees of EGMS are good to a metre or two; another reference system is a thousand times that away.
_SAME_PLACE = 1000.0
_SAMPLE = 500


def has_places(columns: list[str]) -> bool:
    """Whether columns say where points lie."""
    return any(set(names) <= set(columns) for names in (METRES, DEGREES))


def placed(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, str]:
    """The table with ``easting`` and ``northing`` in metres of a reference system, and that system.

    It is EPSG:3035 in Europe, as EGMS has it, else the UTM zone of the middle of the points. Columns of the file that are
    of another system are called ``file_easting`` and ``file_northing``.

    Parameters
    ----------
    table : DataFrame
        With both columns of metres, or of degrees, or all four.
    name : str
        Of the file, for errors.

    Raises
    ------
    SourceError
        If a place is no number, or there are metres alone and they lie outside of Europe.
    """
    given = [names for names in (METRES, DEGREES) if set(names) <= set(table.columns)]
    for names in given:
        _check_numbers(table, names, name)
    if METRES in given and _is_egms(table, degrees=DEGREES in given):
        return table, CRS
    if DEGREES not in given:
        raise SourceError(
            f"{name}: easting and northing lie outside of Europe in {CRS}, as EGMS has them; expected columns longitude and "
            "latitude for metres of another system"
        )
    lon, lat = (table[column].to_numpy(np.float64) for column in DEGREES)
    if not (_within(lon, _EARTH[0]) and _within(lat, _EARTH[1])):
        raise SourceError(f"{name}: longitude and latitude are no degrees")
    crs = _metric_crs(lon, lat)
    x, y = transform(WGS84, crs, lon, lat)
    kept = table.rename(columns={column: f"file_{column}" for column in METRES})
    return kept.assign(easting=x, northing=y), crs


def _check_numbers(table: pd.DataFrame, names: tuple[str, str], name: str) -> None:
    columns = [column for column in names if not np.issubdtype(table[column].to_numpy().dtype, np.number)]
    if columns or not np.isfinite(table[list(names)].to_numpy(np.float64)).all():
        raise SourceError(f"{name}: {', '.join(columns or names)} holds something that is no number")


def _is_egms(table: pd.DataFrame, *, degrees: bool) -> bool:
    """Whether metres are those of EPSG:3035: where the degrees say so, else where they lie in Europe."""
    some = table.iloc[:: max(len(table) // _SAMPLE, 1)]
    x, y = (some[column].to_numpy(np.float64) for column in METRES)
    if not degrees:
        return _within(x, _EUROPE_METRES[0]) and _within(y, _EUROPE_METRES[1])
    lon, lat = (some[column].to_numpy(np.float64) for column in DEGREES)
    if not (_within(lon, _EARTH[0]) and _within(lat, _EARTH[1])):
        return False
    at_x, at_y = transform(WGS84, CRS, lon, lat)
    return bool(np.median(np.hypot(at_x - x, at_y - y)) < _SAME_PLACE)


def _metric_crs(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> str:
    if _within(lon, _EUROPE_DEGREES[0]) and _within(lat, _EUROPE_DEGREES[1]):
        return CRS
    east, north = (float(axis.min() + axis.max()) / 2 for axis in (lon, lat))
    zone = math.floor((east + 180.0) / 6.0) % 60 + 1
    return f"EPSG:{(32600 if north >= 0 else 32700) + zone}"


def _within(values: NDArray[np.float64], limits: tuple[float, float]) -> bool:
    return bool(values.min() >= limits[0] and values.max() <= limits[1])
