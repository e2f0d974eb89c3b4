"""Points of the European Ground Motion Service: CSV files of L2a, L2b and L3, plain or zipped; tables of their kind too.

Both generations of column names are read under those of the newer one, comma or semicolon alike. Displacement
and velocity along the line of sight are positive towards the satellite, those of L3 upwards or eastwards.
Source: EGMS "Product description document" and "End user interface manual", Copernicus Land Monitoring Service.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog.items import Band
from jeoview.errors import ParameterError, RefusedError, SourceError
from jeoview.io.products.common import BandFile, make_item
from jeoview.io.products.point_places import ALIASES, CRS, DEGREES, METRES, has_places, placed
from jeoview.io.products.stacks import Result, midnight
from jeoview.quantities import short

if TYPE_CHECKING:
    import pandas as pd

RENAMED = {"height": "height_ortho", "height_wgs84": "height_ellipse", "rmse": "rmse_ts"}
UNITS = {
    "mean_velocity": "mm/yr",
    "mean_velocity_std": "mm/yr",
    "gnss_velocity": "mm/yr",
    "acceleration": "mm/yr^2",
    "acceleration_std": "mm/yr^2",
    "seasonality": "mm",
    "seasonality_std": "mm",
    "rmse_ts": "mm",
    "height_ortho": "m",
    "height_ellipse": "m",
    "incidence_angle": "deg",
    "track_angle": "deg",
}
VELOCITY = "mean_velocity"
Unit = Literal["mm", "m"]
_METRES = {"mm": 1000.0, "m": 1.0}
MAX_BYTES = 8 << 30
_DAY = re.compile(r"\d{8}", re.ASCII)
_ORTHO = re.compile(r"EGMS_L3_.*_([UE])(?:_\d{4})?_(\d{4})_\d+\.tiff?", re.ASCII)
_COMPONENTS = {"U": "upwards", "E": "eastwards"}
_NAME = re.compile(r"EGMS_(L2a|L2b|L3)_", re.ASCII)
# Track, burst and swath, polarisation; release.
_BURST = re.compile(r"EGMS_L2[ab]_(\d{3})_(\d{4})_(IW\d)_([VH]{2})(?:_(\d{4})_(\d{4})(?:_(\d+))?)?", re.ASCII)
_COMPONENT = re.compile(r"EGMS_L3_\w*?_([UE])(?:_|$)", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class PointTable:
    """What a file of points holds.

    Parameters
    ----------
    name : str
        Of the file, without its ending.
    level : str
        ``L2a``, ``L2b``, ``L3``, or empty where the name does not say it.
    attributes : DataFrame
        One row a point; the columns of the file but for the dates, under their newer names. ``pid`` is the row where the
        file has none, ``easting`` and ``northing`` are metres of ``crs``.
    dates : tuple of date
        In order.
    displacement : (point, date) float32
        Metres; NaN where there is none.
    crs : str
        EPSG:3035 in Europe, else a UTM zone.
    properties : mapping
        What the file's name says: sign and unit as the file has them, level, track, burst, orbit.
    """

    name: str
    level: str
    attributes: pd.DataFrame
    dates: tuple[dt.date, ...]
    displacement: NDArray[np.float32]
    crs: str = CRS
    properties: Mapping[str, Any] = field(default_factory=dict)


def is_points(path: Path) -> bool:
    """Whether a file's name says that it holds EGMS points."""
    return bool(_NAME.match(path.name)) and path.suffix.lower() in (".csv", ".zip")


def read_points(path: Path, unit: Unit | None = None) -> PointTable:
    """Read a CSV file of points, or the only one in a zip file.

    Parameters
    ----------
    path : Path
        The file.
    unit : {"mm", "m"}, optional
        Of the columns named by dates. Without it they are mm where there is a column ``mean_velocity``, as EGMS has it, and
        plain attributes in other tables.

    Raises
    ------
    SourceError
        If it does not exist, is broken, or lacks a column; the message says which and what there is.
    RefusedError
        If a zip file unpacks to more than 8 GB.
    """
    if unit not in (None, *_METRES):
        raise ParameterError(f"unit is {short(unit)}; expected 'mm' or 'm', that of the displacement at each date")
    if not path.is_file():
        raise SourceError(f"there is no file {path.name!r} at the path given")
    try:
        with _text(path) as stream:
            table = _parsed(stream, path.name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise SourceError(f"{path.name} is a broken zip file") from error
    except ValueError as error:
        raise SourceError(f"{path.name} is no table of points: expected the columns of an EGMS CSV file") from error
    return _table(path, table, unit)


def result(path: Path, collection: str, series: bool) -> Result | None:  # noqa: ARG001 - every family is asked alike
    """Return the band ``velocity`` (mm/yr, up or east) of an L3 GeoTIFF, or None where it is none."""
    match = _ORTHO.fullmatch(path.name)
    if match is None:
        return None
    known = {"jeoview:sign": f"velocity positive {_COMPONENTS[match[1]]} (EGMS L3)"}
    files = [BandFile(Band("velocity", "", unit="mm/yr"), path)]
    # The name ends with the years of the release.
    time = midnight(dt.date(int(match[2]), 1, 1))
    return Result([make_item(collection, path.stem, time, files, known)], series=False)


@contextmanager
def _text(path: Path) -> Iterator[IO[bytes]]:
    if not zipfile.is_zipfile(path):
        if path.suffix.lower() == ".zip":
            raise SourceError(f"{path.name} is a broken zip file")
        with path.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(path) as files:
        members = [member for member in files.infolist() if member.filename.lower().endswith(".csv")]
        if len(members) != 1:
            raise SourceError(f"{path.name} holds {len(members)} CSV files; expected one")
        if members[0].file_size > MAX_BYTES:
            raise RefusedError(f"{path.name} unpacks to more than {MAX_BYTES >> 30} GB")
        with files.open(members[0]) as stream:
            yield stream


def _parsed(stream: IO[bytes], name: str) -> pd.DataFrame:
    import pandas as pd

    head = stream.readline(1 << 20).decode("utf-8-sig")
    separator = ";" if head.count(";") > head.count(",") else ","
    columns = [column.strip().strip('"') for column in head.strip().split(separator)]
    found = [RENAMED.get(column) or _place_name(column) for column in columns]
    if not has_places(found):
        raise SourceError(
            f"{name} is no table of points: expected the columns longitude and latitude (degrees), or easting and northing "
            f"({CRS}, as EGMS has them); it has {', '.join(found[:40])}"
        )
    if len(set(found)) != len(found):
        raise SourceError(f"{name}: a column stands twice")
    types: dict[str, Any] = {column: str for column in ("pid", "mp_type") if column in found}
    types |= {column: "float32" for column in found if _DAY.fullmatch(column)}
    table = pd.read_csv(stream, sep=separator, header=None, names=found, dtype=types, encoding="utf-8", index_col=False)
    if table.empty:
        raise SourceError(f"{name} holds no point")
    return table


def _place_name(column: str) -> str:
    """The name of a column of places, however its letters are written; other columns keep theirs."""
    word = ALIASES.get(column.lower(), column.lower())
    return word if word in (*METRES, *DEGREES) else column


def _table(path: Path, table: pd.DataFrame, unit: Unit | None) -> PointTable:
    is_series = unit is not None or VELOCITY in table.columns
    days = sorted(column for column in table.columns if is_series and _DAY.fullmatch(column))
    try:
        dates = tuple(dt.datetime.strptime(day, "%Y%m%d").replace(tzinfo=dt.UTC).date() for day in days)
    except ValueError as error:
        raise SourceError(f"{path.name}: a column is named like a date and is none") from error
    attributes, crs = placed(table.drop(columns=days), path.name)
    if VELOCITY in attributes and not np.issubdtype(attributes[VELOCITY].to_numpy().dtype, np.number):
        raise SourceError(f"{path.name}: {VELOCITY} holds something that is no number")
    if "pid" not in attributes:
        attributes = attributes.assign(pid=[str(row) for row in range(1, len(attributes) + 1)])
    metres = (table[days].to_numpy(np.float32) / np.float32(_METRES[unit or "mm"])).astype(np.float32, copy=False)
    level = _NAME.match(path.name)
    known = _properties(path.stem, attributes, unit or "mm")
    return PointTable(path.stem, level[1] if level else "", attributes, dates, metres, crs, known)


def _properties(name: str, attributes: pd.DataFrame, unit: Unit) -> dict[str, Any]:
    """What the name of a file says of all its points, and how its numbers are meant."""
    level, component = _NAME.match(name), _COMPONENT.match(name)
    if level is None:
        return {"jeoview:sign": f"displacement in {unit}, sign as in the file {name}"}
    way = _COMPONENTS[component[1]] if component else "towards"
    known: dict[str, Any] = {
        "constellation": "sentinel-1",
        "jeoview:level": level[1],
        "jeoview:sign": f"displacement in {unit}, positive {way} (EGMS {level[1]})",
    }
    if burst := _BURST.match(name):
        track, number, swath, polarisation, *release = burst.groups()
        known |= {
            "jeoview:track": track,
            "jeoview:burst": f"{track}_{number}_{swath}",
            "sar:polarizations": [polarisation],
        }
        if all(release):
            known["jeoview:release"] = "{}-{} v{}".format(*release)
        if "los_east" in attributes:
            # The satellite looks to its right: from an ascending orbit to the east, so that it stands in the west.
            known["sat:orbit_state"] = "ascending" if attributes["los_east"].mean() < 0 else "descending"
    return known
