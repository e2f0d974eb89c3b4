"""Vector files: features in EPSG:4326 with attributes. The home of pyogrio and geopandas."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from jeoview.errors import JeoviewError, ParameterError, RefusedError, SourceError, choices
from jeoview.projection import WGS84, canonical_crs

Feature = dict[str, Any]
DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}


def vector_layers(path: Path) -> list[str]:
    """Names of the layers that hold geometries.

    Raises
    ------
    SourceError
        If the file is missing or no vector file.
    """
    _check_file(path)
    try:
        return [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
    except DataSourceError as error:
        raise _unreadable(path) from error


def read_vector(path: Path, layer: str | None = None, *, max_features: int = 1_000_000) -> list[Feature]:
    """Read the features of one layer.

    Parameters
    ----------
    path : Path
        A local file of any vector format of GDAL.
    layer : str, optional
        Name of the layer; may be left out where there is only one.
    max_features : int
        Largest number of features accepted.

    Returns
    -------
    list of dict
        GeoJSON features: ``geometry`` in EPSG:4326 (longitude, latitude), ``properties`` as JSON
        values (times as text, missing values None), ``id`` the position in the file. Features without
        a geometry are left out.

    Raises
    ------
    SourceError
        If the file is missing or no vector file.
    RefusedError
        If it only points to other files (OGR VRT).
    ParameterError
        If the layer does not exist or is not named where there are several, the file does not say
        its coordinate reference system, or it holds too many features.
    """
    layer = _choose(path, layer)
    try:
        frame = pyogrio.read_dataframe(path, layer=layer, max_features=max_features + 1)
    except (DataSourceError, DataLayerError) as error:
        raise _unreadable(path) from error
    if len(frame) > max_features:
        raise ParameterError(f"{path.name!r} holds more than {max_features:,} features; cut it to your area first")
    if frame.crs is None:
        raise ParameterError(f"{path.name!r} does not say its coordinate reference system; assign one with GDAL first")
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)].to_crs(WGS84)
    collection: dict[str, Any] = json.loads(frame.to_json(show_bbox=False, drop_id=False))
    return [_feature(feature) for feature in collection["features"]]


def write_vector(
    path: Path, layers: Mapping[str, Sequence[Feature]], *, crs: str = WGS84, written: str | None = None
) -> None:
    """Write features into a new file; a temporary file that is renamed at the end.

    Parameters
    ----------
    path : Path
        ``.gpkg``, ``.geojson``, ``.fgb`` or ``.shp``; only a GeoPackage holds more than one layer.
    layers : dict of str to list of dict
        GeoJSON features in EPSG:4326 of each layer.
    crs : str
        Reference system of the file; the coordinates are transformed.
    written : str, optional
        Time that a GeoPackage says it was written (RFC 3339, UTC); now, where it is left out. With
        a time, equal features give equal bytes.

    Raises
    ------
    ParameterError
        If the suffix is not known, the folder does not exist, there is nothing to write, or the
        format holds one layer only.
    JeoviewError
        If the file cannot be written.
    """
    driver = DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise ParameterError(f"{path.name!r} has the suffix {path.suffix!r}; {choices(path.suffix, DRIVERS)}")
    if not layers or not all(layers.values()):
        raise ParameterError(f"there is no feature to write to {path.name!r}")
    if len(layers) > 1 and driver != "GPKG":
        raise ParameterError(f"a {driver} file holds one layer, {len(layers)} were given; write a .gpkg")
    if not path.parent.is_dir():
        raise ParameterError(f"the folder of {path.name!r} does not exist; make it first")
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": written})
    try:
        for position, (name, features) in enumerate(layers.items()):
            frame = geopandas.GeoDataFrame.from_features(features, crs=WGS84).to_crs(canonical_crs(crs))
            pyogrio.write_dataframe(frame, folder / path.name, layer=name, driver=driver, append=position > 0)
        for part in folder.iterdir():
            part.replace(path.parent / part.name)
    except (DataSourceError, DataLayerError, OSError) as error:
        raise JeoviewError(
            f"the file {path.name!r} cannot be written: is the disk full, or the folder locked?"
        ) from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        shutil.rmtree(folder, ignore_errors=True)


def point_frame(table: Any, lon: Any, lat: Any) -> geopandas.GeoDataFrame:
    """A table with a point a row, in degrees of EPSG:4326."""
    return geopandas.GeoDataFrame(table, geometry=geopandas.points_from_xy(lon, lat), crs=WGS84)


def _choose(path: Path, layer: str | None) -> str:
    names = vector_layers(path)
    if not names:
        raise SourceError(f"{path.name!r} holds no layer with geometries")
    if layer is None and len(names) == 1:
        return names[0]
    if layer is None:
        raise ParameterError(f"{path.name!r} has {len(names)} layers, name one of them with layer=: {names}")
    if layer not in names:
        raise ParameterError(f"{path.name!r} has no layer {layer!r}: {choices(layer, names)}")
    return layer


def _check_file(path: Path) -> None:
    """Only what the file system knows (GDAL would open ``/vsicurl/`` and ``PG:`` names as well), and no pointer."""
    if not path.is_file():
        raise SourceError(f"there is no file {path.name!r}")
    with path.open("rb") as file:
        if b"<OGRVRT" in file.read(4096):
            raise RefusedError(f"{path.name!r} is a VRT that points to other files; open those themselves")


def _unreadable(path: Path) -> SourceError:
    return SourceError(f"{path.name!r} cannot be read as a vector file: it is corrupt or of an unknown format")


def _feature(feature: Feature) -> Feature:
    return {
        "type": "Feature",
        "id": int(feature["id"]),
        "geometry": feature["geometry"],
        "properties": feature["properties"],
    }
