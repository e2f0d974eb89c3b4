"""Landsat 4 to 9: Collection 1 and 2, Level 1 and Level 2, as the USGS delivers them.

Level 2: surface reflectance = DN * 2.75e-5 - 0.2, surface temperature = DN * 0.00341802 + 149 K.
Level 1 of Landsat 8 and 9: top-of-atmosphere reflectance = (DN * 2e-5 - 0.1) / sin(sun elevation); the
division needs the scene's MTL file. OLI and TM name the same wavelengths by different numbers, so
they are collections of their own.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.errors import SourceError
from jeoview.io.products.common import BandFile, make_item, read_text, safe_file

_OLI = {"1": "coastal", "2": "blue", "3": "green", "4": "red", "5": "nir", "6": "swir16", "7": "swir22"}
_OLI_ALL = {**_OLI, "8": "pan", "9": "cirrus", "10": "lwir11", "11": "lwir12"}
_TM = {"1": "blue", "2": "green", "3": "red", "4": "nir", "5": "swir16", "7": "swir22"}
_TM_ALL = {**_TM, "6": "lwir", "6_VCID_1": "lwir", "6_VCID_2": None, "8": "pan"}
# Band 6 is thermal on TM and ETM+, shortwave infrared on OLI.
_THERMAL = {"oli": ("10", "11"), "tm": ("6", "6_VCID_1", "6_VCID_2")}
_SENSORS = {"LC": "oli", "LO": "oli", "LE": "tm", "LT": "tm"}
_SENSOR_NAMES = {"oli": "Landsat 8-9", "tm": "Landsat 4-7"}
_INSTRUMENTS = {"LC": ["oli", "tirs"], "LO": ["oli"], "LE": ["etm+"], "LT": ["tm"]}
_SCHEMES = {1: "landsat-c1-bqa", 2: "landsat-c2-qa"}
_LEVELS = {1: "top-of-atmosphere reflectance", 2: "surface reflectance and temperature"}
TITLE = "Landsat"
COLLECTIONS: Mapping[str, CollectionInfo] = {
    f"landsat-{sensor}-c{collection}-l{level}": CollectionInfo(
        f"landsat-{sensor}-c{collection}-l{level}",
        f"{_SENSOR_NAMES[sensor]} Collection {collection} Level {level}",
        f"{_SENSOR_NAMES[sensor]}, {_LEVELS[level]}, with the pixel quality band",
        quality=_SCHEMES[collection],
    )
    for sensor in _SENSOR_NAMES
    for collection, level in ((1, 1), (2, 1), (2, 2))
}
_BAND = r"(?:SR_B\d|ST_B\d\d?|B\d\d?|B6_VCID_[12])"
_FILE = re.compile(
    r"(?P<sensor>L[COET]0[4-9])_(?P<level>L[12][A-Z]{2})_(?P<place>\d{6})_(?P<day>\d{8})"
    rf"(?P<made>_\d{{8}}_0(?P<collection>[12])_(?:RT|T1|T2))?_(?P<band>{_BAND}|BQA|QA_PIXEL|MTL)\.(?:TIF|tif|txt)",
    re.ASCII,
)
_PRODUCT = re.compile(r"L[COET]0[4-9]_L[12][A-Z]{2}_\d{6}_\d{8}_\d{8}_0([12])_(?:RT|T1|T2)", re.ASCII)
_SURFACE = (2.75e-5, -0.2)
_TEMPERATURE = (0.00341802, 149.0)
_TOP_OF_ATMOSPHERE = (2.0e-5, -0.1)
_RADIANCE = (3.342e-4, 0.1)
_RADIANCE_UNIT = "W m-2 sr-1 um-1"

Groups = Mapping[str, Mapping[str, str]]
Pair = tuple[float, float]  # scale, offset
_UNSCALED: tuple[Pair, str] = ((1.0, 0.0), "DN")


@dataclass(frozen=True, slots=True)
class _Scene:
    """The files of one scene by band, and what its name says."""

    name: str
    sensor: str
    level: int
    place: str
    day: str
    collection: int
    files: Mapping[str, Path]

    @property
    def family(self) -> str:
        return _SENSORS[self.sensor[:2]]


def recognise(folder: Path) -> list[Item] | None:
    """Return the items of the Landsat scenes whose band files lie in the folder, else None."""
    groups: dict[str, dict[str, re.Match[str]]] = {}
    for path in sorted(folder.iterdir()):
        if match := _FILE.fullmatch(path.name):
            groups.setdefault(path.name.removesuffix(f"_{match['band']}{path.suffix}"), {})[match["band"]] = match
    scenes = [_scene(folder, prefix, found) for prefix, found in groups.items() if set(found) - {"MTL"}]
    return [_item(folder, scene) for scene in scenes] or None


def _scene(folder: Path, prefix: str, found: Mapping[str, re.Match[str]]) -> _Scene:
    first = next(iter(found.values()))
    product = _PRODUCT.fullmatch(folder.name)
    named = (
        product if product and folder.name.startswith(f"{first['sensor']}_{first['level']}_{first['place']}") else None
    )
    collection = first["collection"] or (named[1] if named else None) or ("1" if "BQA" in found else "2")
    return _Scene(
        name=folder.name if named and not first["made"] else prefix,
        sensor=first["sensor"],
        level=int(first["level"][1]),
        place=first["place"],
        day=first["day"],
        collection=int(collection),
        files={band: safe_file(folder / match.string, folder) for band, match in found.items()},
    )


def _item(folder: Path, scene: _Scene) -> Item:
    if scene.collection == 1 and scene.level == 2:
        raise SourceError(f"{scene.name}: Landsat Collection 1 Level 2 is not supported; the USGS replaced it in 2020")
    metadata = parse_mtl(read_text(scene.files["MTL"], folder)) if "MTL" in scene.files else {}
    header = {**metadata.get("PRODUCT_METADATA", {}), **metadata.get("IMAGE_ATTRIBUTES", {})}
    files = [BandFile(_band(scene, name, metadata), scene.files[name]) for name in _order(scene) if name in scene.files]
    properties: dict[str, Any] = {
        "platform": f"landsat-{int(scene.sensor[2:])}",
        "constellation": "landsat",
        "instruments": _INSTRUMENTS[scene.sensor[:2]],
        "landsat:wrs_path": scene.place[:3],
        "landsat:wrs_row": scene.place[3:],
        "landsat:collection_number": f"0{scene.collection}",
        **_sky(header),
    }
    if scene.level == 1:
        properties["jeoview:sun_corrected"] = "view:sun_elevation" in properties
    collection = f"landsat-{scene.family}-c{scene.collection}-l{scene.level}"
    return make_item(collection, scene.name, _time(scene.day, header), files, properties)


def _sky(header: Mapping[str, str]) -> dict[str, float]:
    names = {"eo:cloud_cover": "CLOUD_COVER", "view:sun_elevation": "SUN_ELEVATION", "view:sun_azimuth": "SUN_AZIMUTH"}
    values = {name: _number(header[key], key) for name, key in names.items() if key in header}
    if values.get("eo:cloud_cover", 0.0) < 0.0:  # -1: not assessed
        del values["eo:cloud_cover"]
    return values


def _order(scene: _Scene) -> list[str]:
    numbers = _OLI_ALL if scene.family == "oli" else _TM_ALL
    prefixes = ("SR_B", "ST_B") if scene.level == 2 else ("B",)
    return [f"{prefix}{number}" for prefix in prefixes for number in numbers] + ["QA_PIXEL", "BQA"]


def _band(scene: _Scene, name: str, metadata: Groups) -> Band:
    if name in ("QA_PIXEL", "BQA"):
        # Bit 0 is fill, in both collections.
        return Band(name, "", nodata=1.0, role="quality", quality=_SCHEMES[scene.collection])
    number = name.rpartition("B")[2]
    common = (_OLI_ALL if scene.family == "oli" else _TM_ALL)[number]
    (scale, offset), unit = _level_2(name, number, metadata) if scene.level == 2 else _level_1(scene, number, metadata)
    return Band(name, "", common_name=common, scale=scale, offset=offset, nodata=0.0, unit=unit)


def _level_2(name: str, number: str, metadata: Groups) -> tuple[Pair, str]:
    # An MTL file of Level 2 holds Level 1's numbers under the same names in another group.
    if name.startswith("ST"):
        group = metadata.get("LEVEL2_SURFACE_TEMPERATURE_PARAMETERS", {})
        return _pair(group, "TEMPERATURE", f"ST_B{number}") or _TEMPERATURE, "K"
    group = metadata.get("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", {})
    return _pair(group, "REFLECTANCE", number) or _SURFACE, ""


def _level_1(scene: _Scene, number: str, metadata: Groups) -> tuple[Pair, str]:
    """Without metadata the numbers of OLI and TIRS are known, those of TM and ETM+ differ by scene."""
    group = metadata.get("LEVEL1_RADIOMETRIC_RESCALING") or metadata.get("RADIOMETRIC_RESCALING") or {}
    oli = scene.family == "oli"
    if number in _THERMAL[scene.family]:
        radiance = _pair(group, "RADIANCE", number) or (_RADIANCE if oli else None)
        return (radiance, _RADIANCE_UNIT) if radiance else _UNSCALED
    reflectance = _pair(group, "REFLECTANCE", number) or (_TOP_OF_ATMOSPHERE if oli else None)
    if reflectance is None:
        return _UNSCALED
    sun = metadata.get("IMAGE_ATTRIBUTES", {}).get("SUN_ELEVATION", "90")
    sine = math.sin(math.radians(_number(sun, "SUN_ELEVATION")))
    if sine <= 0.0:
        raise SourceError(f"{scene.name}: the sun is below the horizon, so there is no reflectance")
    return (reflectance[0] / sine, reflectance[1] / sine), ""


def _pair(group: Mapping[str, str], quantity: str, band: str) -> Pair | None:
    """Scale and offset of a band in the metadata."""
    keys = f"{quantity}_MULT_BAND_{band}", f"{quantity}_ADD_BAND_{band}"
    return (_number(group[keys[0]], keys[0]), _number(group[keys[1]], keys[1])) if set(keys) <= set(group) else None


def parse_mtl(text: str) -> dict[str, dict[str, str]]:
    """Return the groups of an MTL text file, each with its entries as text.

    Groups are kept apart: a Level-2 file has Level 1's scale under the same key in another group.
    """
    groups: dict[str, dict[str, str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            current.append(value)
        elif key == "END_GROUP" and current:
            current.pop()
        elif equals and current:
            groups.setdefault(current[-1], {})[key] = value.strip('"')
    return groups


def _number(text: str, key: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SourceError(f"the MTL file has {key} = {text!r}, which is no number") from error


def _time(day: str, metadata: Mapping[str, str]) -> dt.datetime:
    start = dt.datetime.strptime(day, "%Y%m%d").replace(tzinfo=dt.UTC)
    clock = re.match(r"(\d\d):(\d\d):(\d\d)", metadata.get("SCENE_CENTER_TIME", ""))
    return start.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3])) if clock else start
