"""Sentinel-2: SAFE folders as the Copernicus programme delivers them, and archives of COG files.

Reflectance is ``(DN + offset) / 10000``. From processing baseline 04.00 on the offset is -1000; it is
decided by the product's metadata, else by the baseline in its name, never by the date.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jeoview.catalog.items import Band, CollectionInfo, Item
from jeoview.errors import SourceError
from jeoview.io.products.common import BandFile, make_item, read_text, safe_file

TITLE = "Sentinel-2"
COLLECTIONS: Mapping[str, CollectionInfo] = {
    "sentinel-2-l2a": CollectionInfo(
        "sentinel-2-l2a",
        "Sentinel-2 Level-2A",
        "Surface reflectance, with the scene classification SCL as quality band",
        quality="sentinel2-scl",
    ),
    "sentinel-2-l1c": CollectionInfo("sentinel-2-l1c", "Sentinel-2 Level-1C", "Top-of-atmosphere reflectance"),
}
# in the order of the metadata's band_id
BANDS = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge071",
    "B06": "rededge075",
    "B07": "rededge078",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B10": "cirrus",
    "B11": "swir16",
    "B12": "swir22",
}
OFFSET_BASELINE = 400
OFFSET = -1000.0
QUANTIFICATION = 10_000.0
_SAFE = re.compile(
    r"(S2[A-D])_MSI(L1C|L2A)_(\d{8}T\d{6})_N(\d{4})_R(\d{3})_T(\d{2}[A-Z]{3})_(\d{8}T\d{6})(?:\.SAFE)?", re.ASCII
)
_COG = re.compile(r"(S2[A-D])_T?(\d{2}[A-Z]{3})_(\d{8})(T\d{6})?_(?:\d+_)?L2A", re.ASCII)
_BAND_FILE = re.compile(r"_(B\d[\dA]|SCL)(?:_(\d\d)m)?\.jp2", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Radiometry:
    """Reflectance = (DN + offset of the band) / quantification."""

    quantification: float
    offsets: Mapping[str, float]

    def band(self, name: str) -> Band:
        if name == "SCL":
            return Band("SCL", "", nodata=0.0, role="quality", quality="sentinel2-scl")
        offset = self.offsets.get(name, 0.0) / self.quantification
        return Band(name, "", common_name=BANDS[name], scale=1.0 / self.quantification, offset=offset, nodata=0.0)


def recognise(folder: Path) -> list[Item] | None:
    """Return the item of a SAFE folder or of a folder of an element84-like COG archive, else None."""
    if match := _SAFE.fullmatch(folder.name):
        return [_safe_item(folder, match)]
    if (match := _COG.fullmatch(folder.name)) and (folder / "B04.tif").exists():
        return [_cog_item(folder, match)]
    return None


# -- SAFE ----------------------------------------------------------------------------------------


def _safe_item(folder: Path, match: re.Match[str]) -> Item:
    platform, level, sensed, baseline, orbit, tile, _ = match.groups()
    metadata = _metadata(folder, level)
    radiometry = _safe_radiometry(metadata, int(baseline))
    files = [BandFile(radiometry.band(name), path) for name, path in _jp2_files(folder).items()]
    properties: dict[str, Any] = {
        **_common(platform, tile),
        "s2:processing_baseline": f"{baseline[:2]}.{baseline[2:]}",
        "sat:relative_orbit": int(orbit),
        "s2:product_type": f"S2MSI{level[1:]}",
        "jeoview:boa_offset": radiometry.offsets.get("B04", 0.0),
    }
    cloud = None if metadata is None else metadata.findtext(".//Cloud_Coverage_Assessment")
    if cloud is not None:
        properties["eo:cloud_cover"] = float(cloud)
    return make_item(f"sentinel-2-{level.lower()}", match[0].removesuffix(".SAFE"), _time(sensed), files, properties)


def _jp2_files(folder: Path) -> dict[str, Path]:
    """The finest file of each band, in the order of the bands."""
    found: dict[str, tuple[int, Path]] = {}
    for path in sorted(folder.glob("GRANULE/*/IMG_DATA/**/*.jp2")):
        if match := _BAND_FILE.search(path.name):
            name, metres = match[1], int(match[2] or 0)
            if name not in found or metres < found[name][0]:
                found[name] = (metres, safe_file(path, folder))
    return {name: found[name][1] for name in (*BANDS, "SCL") if name in found}


def _metadata(folder: Path, level: str) -> ET.Element | None:
    path = folder / f"MTD_MSI{level}.xml"
    if not path.exists():
        return None
    try:
        return ET.fromstring(read_text(path, folder))
    except ET.ParseError as error:
        raise SourceError(f"{path.name} is not XML") from error


def _safe_radiometry(metadata: ET.Element | None, baseline: int) -> _Radiometry:
    by_name = OFFSET if baseline >= OFFSET_BASELINE else 0.0
    if metadata is None:
        return _Radiometry(QUANTIFICATION, dict.fromkeys(BANDS, by_name))
    text = metadata.findtext(".//BOA_QUANTIFICATION_VALUE") or metadata.findtext(".//QUANTIFICATION_VALUE")
    listed = [*metadata.iter("BOA_ADD_OFFSET"), *metadata.iter("RADIO_ADD_OFFSET")]
    try:
        names = list(BANDS)
        offsets = {names[int(entry.attrib["band_id"])]: float(entry.text or "") for entry in listed}
        return _Radiometry(float(text or QUANTIFICATION), offsets or dict.fromkeys(BANDS, by_name))
    except (KeyError, IndexError, ValueError) as error:
        raise SourceError("the product's metadata has an offset or quantification that is no number") from error


# -- COG archives --------------------------------------------------------------------------------


def _cog_item(folder: Path, match: re.Match[str]) -> Item:
    platform, tile, day, clock = match.groups()
    sidecar = _sidecar(folder)
    offset = _cog_offset(sidecar, collection_one=clock is not None)
    radiometry = _Radiometry(QUANTIFICATION, dict.fromkeys(BANDS, offset))
    paths = {name: folder / f"{name}.tif" for name in (*BANDS, "SCL")}
    files = [BandFile(radiometry.band(name), safe_file(path, folder)) for name, path in paths.items() if path.is_file()]
    kept = ("eo:cloud_cover", "s2:processing_baseline", "view:sun_elevation", "view:sun_azimuth")
    properties = {**_common(platform, tile), "jeoview:boa_offset": offset}
    properties.update({name: sidecar[name] for name in kept if sidecar.get(name) is not None})
    time = sidecar.get("datetime") or _time(f"{day}{clock or 'T000000'}").isoformat()
    return make_item("sentinel-2-l2a", folder.name, _iso(time), files, properties)


def _sidecar(folder: Path) -> dict[str, Any]:
    """Properties of the STAC item that such archives put beside the files."""
    path = folder / f"{folder.name}.json"
    if not path.exists():
        return {}
    try:
        return dict(json.loads(read_text(path, folder))["properties"])
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path.name} is not a STAC item") from error


def _cog_offset(sidecar: Mapping[str, Any], *, collection_one: bool) -> float:
    """The archive's own flag decides; without one, only its Collection-1 branch still has the offset in it.

    The first archive (``S2A_32TPS_20220612_0_L2A``) removes the offset, Collection 1
    (``S2A_T32TPS_20220612T101548_L2A``) keeps it. The flag is known to be wrong for a few scenes of
    the first archive; ``jeoview:boa_offset`` tells what was taken.
    """
    baseline = str(sidecar.get("s2:processing_baseline", "05.00" if collection_one else "00.00")).replace(".", "")
    applied = sidecar.get("earthsearch:boa_offset_applied", not collection_one)
    return 0.0 if applied or not baseline.isdecimal() or int(baseline) < OFFSET_BASELINE else OFFSET


# -- shared --------------------------------------------------------------------------------------


def _common(platform: str, tile: str) -> dict[str, Any]:
    return {
        "platform": f"sentinel-2{platform[-1].lower()}",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "grid:code": f"MGRS-{tile}",
    }


def _time(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)


def _iso(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise SourceError(f"the STAC item beside the files has the time {text!r}, which is none") from error
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
