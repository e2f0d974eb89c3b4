"""Any GDAL raster as an item: bands from the file's own descriptions, date from the name."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType

from jeoview.catalog.items import QUALITY_SCHEMES, Band, Item
from jeoview.catalog.times import format_time, parse_time
from jeoview.errors import BandError, ParameterError, SourceError, choices
from jeoview.io.etag import file_etag
from jeoview.io.inspect import FileBand, FileInfo, inspect
from jeoview.io.products import sentinel2
from jeoview.io.products.common import date_in_name, place
from jeoview.quantities import WRAPPED, short

COMMON_NAMES = {
    *sentinel2.BANDS.values(),
    *("yellow", "pan", "rededge", "lwir", "lwir11", "lwir12", "swir16", "swir22"),
}
_SENTINEL2 = {name: common for band, common in sentinel2.BANDS.items() for name in (band, re.sub("^B0", "B", band))}
_OLI = ("coastal", "blue", "green", "red", "nir", "swir16", "swir22", "pan", "cirrus", "lwir11", "lwir12")
_TM = ("blue", "green", "red", "nir", "swir16", "lwir", "swir22", "pan")
SENSORS: Mapping[str, Mapping[str, str]] = {
    "sentinel-2": _SENTINEL2,
    "landsat-oli": {name: common for i, common in enumerate(_OLI, 1) for name in (f"B{i}", f"SR_B{i}")},
    "landsat-tm": {name: common for i, common in enumerate(_TM, 1) for name in (f"B{i}", f"SR_B{i}")},
}
# Only whole days that stand alone: a wrong guess is worse than none.
GUESSED_DATES = ("%Y%m%dT%H%M%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d_%H%M%S", "%Y%m%d", "%Y-%m-%d", "%Y_%m_%d", "%Y.%m.%d")
# LiCSAR, HyP3, FLATSIM.
_WRAPPED_FILE = re.compile(
    r".*\.geo\.diff_(unfiltered_)?pha\.tif|S1.*_wrapped_phase\.tif|CNES_InWF?_.*\.tiff?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What the caller knows better than the file.

    Parameters
    ----------
    bands : tuple of str
        Names of all bands in file order; empty takes the file's descriptions.
    common_names : dict or str
        Band to common name, or a sensor: ``sentinel-2``, ``landsat-oli``, ``landsat-tm``.
    scale, offset, nodata : float, optional
        Of the data bands, in place of the file's own.
    quality : dict
        Quality band to its scheme, for instance ``{"SCL": "sentinel2-scl"}``.
    unit : str, optional
        Unit of the data bands' values.
    wrapped : bool or tuple of str
        Whether the data bands, or which of them, are wrapped phase in rad: it is then resampled as phasors, and what
        averages numbers refuses it. Files that LiCSAR, HyP3 or FLATSIM name so are, unless a unit is given.
    """

    bands: tuple[str, ...] = ()
    common_names: Mapping[str, str] | str = field(default_factory=dict)
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    quality: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    wrapped: bool | tuple[str, ...] = False

    def __post_init__(self) -> None:
        if not isinstance(self.bands, tuple) or not all(isinstance(name, str) and name for name in self.bands):
            raise ParameterError(f"bands is {short(self.bands)}; expected a list of names such as ['red', 'nir']")
        self._check_common_names()
        self._check_quality()
        self._check_numbers()
        if not isinstance(self.unit, (str, NoneType)) or len(self.unit or "") > 32:
            raise ParameterError(f"unit is {short(self.unit)}; expected a short text such as 'm'")
        if not isinstance(self.wrapped, (bool, tuple)):
            raise ParameterError(f"wrapped is {self.wrapped!r}; expected True, False or a list of bands")
        if self.wrapped and self.unit not in (None, "", "rad", WRAPPED):
            raise ParameterError(f"unit is {self.unit!r}; wrapped phase is in rad")

    def _check_common_names(self) -> None:
        given = self.common_names
        if isinstance(given, str):
            if given not in SENSORS:
                raise ParameterError(f"no sensor {given!r} is known; {choices(given, SENSORS)}")
        elif not _is_text_to_text(given):
            example = "{'B1': 'blue', 'B2': 'green'}"
            sensors = ", ".join(map(repr, SENSORS))
            raise ParameterError(f"common_names is {short(given)}; expected {example}, or a sensor: {sensors}")

    def _check_quality(self) -> None:
        if not _is_text_to_text(self.quality):
            band = self.quality if isinstance(self.quality, str) else "SCL"
            raise ParameterError(
                f"quality is {short(self.quality)}; expected the band and how it is read, such as "
                f"{{{band!r}: 'sentinel2-scl'}}; {choices('', QUALITY_SCHEMES)}"
            )
        for name, scheme in self.quality.items():
            if scheme not in QUALITY_SCHEMES:
                raise ParameterError(f"quality of {name!r} is {scheme!r}; {choices(str(scheme), QUALITY_SCHEMES)}")

    def _check_numbers(self) -> None:
        for name in ("scale", "offset", "nodata"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
                raise ParameterError(f"{name} is {short(value)}; expected a number")
        if self.offset is not None and not math.isfinite(self.offset):
            raise ParameterError(f"offset is {self.offset!r}; expected a finite number")
        if self.scale is not None and (not math.isfinite(self.scale) or self.scale == 0):
            raise ParameterError(f"scale is {self.scale!r}; expected a number that is not zero")


def _is_text_to_text(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)


def file_item(path: Path, collection: str, item_id: str, time: dt.datetime, options: FileOptions) -> Item:
    """Return the item of one file.

    Raises
    ------
    SourceError, RefusedError
        If the file is broken, not georeferenced or of a refused format.
    ParameterError, BandError
        If the options name other bands than the file has.
    """
    header = inspect(path)
    names = band_names(header.bands, options.bands)
    phases = () if isinstance(options.wrapped, bool) else options.wrapped
    for name in (
        *phases,
        *options.quality,
        *(options.common_names if isinstance(options.common_names, Mapping) else ()),
    ):
        if name not in names:
            raise BandError(f"{path.name} has no band {name!r}; {choices(str(name), names)}")
    etag, href = file_etag(path), str(path)
    bands = {
        name: _band(name, band, header, options, (href, etag)) for name, band in zip(names, header.bands, strict=True)
    }
    return Item(collection, item_id, format_time(time), header.bbox, header.geometry, place(header), bands)


def _band(name: str, stored: FileBand, header: FileInfo, options: FileOptions, file: tuple[str, str]) -> Band:
    quality = options.quality.get(name)
    known = SENSORS[options.common_names] if isinstance(options.common_names, str) else options.common_names
    own = quality is None
    return Band(
        name=name,
        href=file[0],
        index=stored.index,
        common_name=known.get(name) or (name if name in COMMON_NAMES else None),
        scale=(stored.scale if options.scale is None else float(options.scale)) if own else 1.0,
        offset=(stored.offset if options.offset is None else float(options.offset)) if own else 0.0,
        nodata=_nodata(stored, options, file[0]) if own else stored.nodata,
        unit=_unit(name, stored, options, file[0]) if own else "",
        role="data" if own else "quality",
        etag=file[1],
        quality=quality,
        data_type=stored.data_type,
        shape=header.shape,
        transform=header.transform,
    )


def _unit(name: str, stored: FileBand, options: FileOptions, file: str) -> str:
    if options.wrapped if isinstance(options.wrapped, bool) else name in options.wrapped:
        return WRAPPED
    if options.unit is None and _is_wrapped(stored, file):
        return WRAPPED
    return stored.unit if options.unit is None else options.unit


def _nodata(stored: FileBand, options: FileOptions, file: str) -> float | None:
    if options.nodata is not None:
        return float(options.nodata)
    return 0.0 if stored.nodata is None and options.unit is None and _is_wrapped(stored, file) else stored.nodata


def _is_wrapped(stored: FileBand, file: str) -> bool:
    """Whether a product names a file so that its first band is wrapped phase, 0 where there is none."""
    return stored.index == 1 and bool(_WRAPPED_FILE.fullmatch(Path(file).name))


def band_names(bands: Sequence[FileBand], given: Sequence[str] = ()) -> list[str]:
    """Return a name for each band: given, else its description, else its colour, else ``B1``, ``B2`` ...

    Raises
    ------
    ParameterError
        If other than all bands are named, or two alike.
    """
    if given:
        if len(given) != len(bands) or len(set(given)) != len(given):
            raise ParameterError(
                f"bands names {len(given)} bands, {list(given)}; the file has {len(bands)}, each with its own name"
            )
        return list(given)
    names: list[str] = []
    for band in bands:
        name = band.description or (band.colour if band.colour else f"B{band.index}")
        names.append(name if name not in names else f"{name}_{band.index}")
    return names


def file_time(path: Path) -> dt.datetime:
    """Return the time of a file that is opened alone: from its name, its TIFF date, else when it was written."""
    if found := guess_date(path.name):
        return found
    stamp = str(inspect(path).tags.get("TIFFTAG_DATETIME", ""))
    try:
        return dt.datetime.strptime(stamp, "%Y:%m:%d %H:%M:%S").replace(tzinfo=dt.UTC)
    except ValueError:
        return dt.datetime.fromtimestamp(int(path.stat().st_mtime), tz=dt.UTC)


def guess_date(name: str) -> dt.datetime | None:
    """Return a whole date that stands in a name in one of the usual ways, in UTC."""
    for pattern in GUESSED_DATES:
        found = date_in_name(name, pattern)
        if found and 1900 <= found.year <= 2100:
            return found
    return None


def dates_of(paths: Iterable[Path], pattern: str | None, option: str = "date=") -> dict[Path, dt.datetime]:
    """Return the date of each file: in its name, or the one that is given for all.

    Parameters
    ----------
    paths : iterable of Path
        The files.
    pattern : str, optional
        Format of the date in the names, as in `datetime.strptime`; or a date such as ``"2011-02-11"``, for files that
        say none in their names. The usual formats are found without.
    option : str
        How the caller's user writes the pattern.

    Raises
    ------
    SourceError
        If there is none in some names; they are listed.
    ParameterError
        If the format is not one.
    """
    if pattern is not None and not isinstance(pattern, str):
        raise ParameterError(f"{option.strip('-=')} is {short(pattern)}; expected a format such as '%Y%m%d', or a date")
    fixed = one_date(pattern) if pattern else None
    if fixed is not None:
        return {path: guess_date(path.name) or fixed for path in paths}
    found = {path: date_in_name(path.name, pattern) if pattern else guess_date(path.name) for path in paths}
    without = [path.name for path, date in found.items() if date is None]
    if without:
        shown = ", ".join(without[:8]) + (f" and {len(without) - 8} more" if len(without) > 8 else "")
        expected = repr(pattern) if pattern else "such as 20170501 or 2017-05-01"
        raise SourceError(
            f"no date {expected} in the name of {len(without)} of {len(found)} files: {shown}. An item has a time (STAC): "
            f"give the format of the names, {option}%Y%m%d, or one date for all of them, {option}2011-02-11"
        )
    return {path: date for path, date in found.items() if date is not None}


def one_date(text: str) -> dt.datetime | None:
    """Return the date that a text is, None where it is a format."""
    if "%" in text:
        return None
    try:
        return parse_time(text)
    except ParameterError:
        return None
