"""What the catalogue says of the simulated collections, and the files behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog import Band, BandInfo, CollectionInfo, Item
from jeoview.demo import dem, sky
from jeoview.demo.sentinel2 import NODATA, OFFSET, SCALE, Pass, Scene, Tile, coarser, footprint
from jeoview.demo.shapes import polygon
from jeoview.grid import Grid
from jeoview.io.etag import file_etag
from jeoview.io.write import BandText, CogProfile, write_cog
from jeoview.projection import Bounds

SENTINEL2, DEM = "demo-sentinel-2", "demo-dem"
COMMON_NAMES = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16", "B12": "swir22"}
QUALITY = "sentinel2-scl"
# Half the time of level 6 for files that are 0.7 percent larger.
LEVEL = 4
SIMULATED = "Simulated by jeoview: not an observation, invented ground"
_LABEL = {"jeoview:simulated": True}

COLLECTIONS = (
    CollectionInfo(
        SENTINEL2,
        title="Simulated Sentinel-2 Level-2A (demo)",
        description="Simulated, not observed: surface reflectance of an invented landscape around Montebelluna on 14 "
        "days of 2023, two overlapping tiles in UTM zones 32 and 33, with scene classification. A forest fire on "
        "2023-07-18. See docs/demo.md.",
        quality=QUALITY,
        simulated=True,
        bands=(
            *(BandInfo(name, common) for name, common in COMMON_NAMES.items()),
            BandInfo("SCL", role="quality", quality=QUALITY),
        ),
    ),
    CollectionInfo(
        DEM,
        title="Simulated elevation model (demo)",
        description="Simulated, not measured: the relief that shades the scenes of demo-sentinel-2, metres above the "
        "sea, one arc second. See docs/demo.md.",
        simulated=True,
        bands=(BandInfo("elevation", unit="m"),),
    ),
)


def write_scene(folder: Path, tile: Tile, overflight: Pass, scene: Scene) -> Item:
    """Write the files of one scene into a folder and return its item; its paths are relative to the folder."""
    when = overflight.when.strftime("%Y-%m-%dT%H:%M:%SZ")
    name = f"demo-s2_{tile.name}_{overflight.when:%Y%m%d}"
    bands = {}
    arrays: dict[str, NDArray[Any]] = {**scene.bands, "SCL": scene.scl}
    for band, array in arrays.items():
        href = f"sentinel-2/{name}/{band}.tif"
        (folder / href).parent.mkdir(parents=True, exist_ok=True)
        grid = coarser(tile.grid, tile.grid.width // array.shape[1])
        _write_band(folder / href, band, array, grid, when)
        bands[band] = _band(band, href, grid)
    geometry = polygon(footprint(tile, overflight.orbit), digits=6)
    properties = {**_LABEL, **_scene_properties(overflight, scene), **_projection(tile.grid)}
    return Item(SENTINEL2, name, when, _bbox(geometry), geometry, properties, bands)


def write_dem(folder: Path, bbox: Bounds) -> Item:
    """Write the elevation model of a bbox and return its item."""
    grid, href = dem.dem_grid(bbox), "dem/dem.tif"
    (folder / "dem").mkdir()
    text = BandText("elevation", unit="m")
    write_cog(folder / href, dem.elevation(grid), CogProfile(grid, (text,), "float32", dem.NODATA, tags=_tags("DEM")))
    band = Band(
        "elevation", href, nodata=dem.NODATA, unit="m", data_type="float32", shape=grid.shape, transform=grid.transform
    )
    west, south, east, north = grid.bounds
    ring = np.array([(west, south), (east, south), (east, north), (west, north)])
    geometry = polygon(ring, grid.crs, digits=6)
    properties = {**_LABEL, "gsd": 30, **_projection(grid)}
    return Item(DEM, "demo-dem", "2023-01-01T00:00:00Z", _bbox(geometry), geometry, properties, {"elevation": band})


def at_home(item: Item, folder: Path) -> Item:
    """The item with the absolute paths and etags of its files under a folder.

    Raises
    ------
    OSError
        If a file is missing.
    """
    bands = {}
    for name, band in item.bands.items():
        path = folder / band.href
        bands[name] = replace(band, href=str(path), etag=file_etag(path))
    return replace(item, bands=bands)


def _write_band(path: Path, band: str, array: NDArray[Any], grid: Grid, when: str) -> None:
    tags = _tags(when)
    if band == "SCL":
        profile = CogProfile(grid, (BandText("SCL"),), "uint8", NODATA, tags=tags, content="classes", level=LEVEL)
    else:
        profile = CogProfile(grid, (BandText(band, SCALE, OFFSET),), "uint16", NODATA, tags=tags, level=LEVEL)
    write_cog(path, array, profile)


def _tags(what: str) -> dict[str, str]:
    return {"JEOVIEW_SIMULATED": "yes", "TIFFTAG_IMAGEDESCRIPTION": f"{SIMULATED}; {what}"}


def _band(name: str, href: str, grid: Grid) -> Band:
    band = Band(name, href, nodata=NODATA, shape=grid.shape, transform=grid.transform)
    if name == "SCL":
        return replace(band, role="quality", quality=QUALITY, data_type="uint8")
    return replace(band, common_name=COMMON_NAMES[name], scale=SCALE, offset=OFFSET, data_type="uint16")


def _scene_properties(overflight: Pass, scene: Scene) -> dict[str, Any]:
    where = sky.sun(overflight.day, overflight.when.hour + overflight.when.minute / 60)
    return {
        "platform": overflight.platform,
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": 10,
        "eo:cloud_cover": scene.cloud_cover,
        "eo:snow_cover": scene.snow_cover,
        "s2:nodata_pixel_percentage": scene.nodata,
        "sat:orbit_state": "descending",
        "sat:relative_orbit": overflight.orbit,
        "view:sun_azimuth": round(float(np.degrees(where.azimuth)), 2),
        "view:sun_elevation": round(float(np.degrees(where.elevation)), 2),
    }


def _projection(grid: Grid) -> dict[str, Any]:
    return {"proj:code": grid.crs, "proj:shape": list(grid.shape), "proj:transform": list(grid.transform)}


def _bbox(geometry: dict[str, Any]) -> Bounds:
    lon, lat = np.array(geometry["coordinates"][0]).T
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())
