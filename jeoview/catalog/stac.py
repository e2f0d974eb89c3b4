"""Items as STAC 1.1 item JSON and back; STAC 1.0 (``eo:bands``, ``raster:bands``) is read as well."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

from jeoview.catalog.items import Band, Classes, Item, Json, Part
from jeoview.errors import SourceError

VERSION = "1.1.0"
EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
]
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def to_stac(item: Item) -> Json:
    """Return the item as STAC item JSON; one asset a file, one entry of ``bands`` a band."""
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": EXTENSIONS,
        "id": item.id,
        "collection": item.collection,
        "geometry": item.geometry,
        "bbox": list(item.bbox),
        "properties": {**item.properties, "datetime": item.datetime},
        # STAC asks for this link where a collection is named.
        "links": [{"rel": "collection", "href": "./collection.json", "type": "application/json"}],
        "assets": _assets(item.bands),
    }


def from_stac(document: Mapping[str, Any]) -> Item:
    """Return the item of a STAC item JSON.

    Raises
    ------
    SourceError
        If a member that jeoview needs is missing.
    """
    try:
        return Item(
            collection=document["collection"],
            id=document["id"],
            datetime=document["properties"]["datetime"],
            bbox=tuple(document["bbox"]),
            geometry=document["geometry"],
            properties={key: value for key, value in document["properties"].items() if key != "datetime"},
            bands={band.name: band for key, asset in document["assets"].items() for band in _read_asset(key, asset)},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"this is not a STAC item that jeoview can read: {error!r} is missing or wrong") from error


def _assets(bands: Mapping[str, Band]) -> Json:
    files: dict[tuple[str, str | None], list[Band]] = {}
    for band in bands.values():
        files.setdefault((band.href, band.subdataset), []).append(band)
    assets: Json = {}
    for members in files.values():
        key = members[0].name if len(members) == 1 else "data"
        assets[key if key not in assets else f"{key}-{len(assets)}"] = _asset(members)
    return assets


def _asset(bands: list[Band]) -> Json:
    first = bands[0]
    asset: Json = {"href": first.href, "roles": sorted({_stac_role(band) for band in bands})}
    asset["bands"] = [_band(band) for band in bands]
    if first.shape:
        asset["proj:shape"] = list(first.shape)
    if first.transform:
        asset["proj:transform"] = list(first.transform)
    asset["jeoview:etag"] = first.etag
    if first.subdataset:
        asset["jeoview:subdataset"] = first.subdataset
    return asset


def _stac_role(band: Band) -> str:
    return "data-mask" if band.role == "quality" else "data"


def _band(band: Band) -> Json:
    entry: Json = {"name": band.name, "jeoview:index": band.index}
    optional = {
        "eo:common_name": band.common_name,
        "data_type": band.data_type,
        "unit": band.unit,
        "jeoview:quality": band.quality,
        "raster:scale": band.scale if band.scale != 1.0 else None,
        "raster:offset": band.offset or None,
        "jeoview:role": band.role if band.role != "data" else None,
    }
    entry.update({key: value for key, value in optional.items() if value})
    if band.nodata is not None:
        entry["nodata"] = _word(band.nodata)
    if band.parts:
        entry["jeoview:parts"] = [{**asdict(part), "nodata": _word(part.nodata)} for part in band.parts]
    return entry


def _word(nodata: float | None) -> float | str | None:
    return nodata if nodata is None or math.isfinite(nodata) else str(nodata)


def _read_asset(key: str, asset: Mapping[str, Any]) -> Iterator[Band]:
    for position, entry in enumerate(_entries(asset), start=1):
        yield Band(
            name=entry.get("name") or key,
            href=asset["href"],
            index=entry.get("jeoview:index", position),
            common_name=entry.get("eo:common_name") or entry.get("common_name"),
            scale=float(entry.get("raster:scale", entry.get("scale", 1.0))),
            offset=float(entry.get("raster:offset", entry.get("offset", 0.0))),
            nodata=_number(entry.get("nodata", asset.get("nodata"))),
            unit=entry.get("unit", ""),
            role=entry.get("jeoview:role", "data"),
            etag=asset.get("jeoview:etag", ""),
            subdataset=asset.get("jeoview:subdataset"),
            quality=entry.get("jeoview:quality"),
            data_type=entry.get("data_type", ""),
            shape=tuple(asset["proj:shape"]) if "proj:shape" in asset else None,
            transform=tuple(asset["proj:transform"]) if "proj:transform" in asset else None,
            parts=tuple(_read_part(part) for part in entry.get("jeoview:parts", ())),
        )


def _read_part(entry: Mapping[str, Any]) -> Part:
    classes = entry["classes"]
    if classes is not None:
        classes = Classes(**{**classes, "offsets": tuple((int(name), value) for name, value in classes["offsets"])})
    return Part(**{**entry, "nodata": _number(entry["nodata"]), "classes": classes})


def _entries(asset: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Bands of STAC 1.1, or the two parallel lists of STAC 1.0 put together."""
    if "bands" in asset:
        return list(asset["bands"])
    names, values = asset.get("eo:bands", []), asset.get("raster:bands", [])
    empty: Json = {}
    return [{**value, **name} for name, value in zip_longest(names, values, fillvalue=empty)]


def _number(value: object) -> float | None:
    return None if value is None else float(_WORDS.get(str(value), value))  # type: ignore[arg-type]
