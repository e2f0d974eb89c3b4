"""What a raster file says of itself besides its pixels."""

from __future__ import annotations

import rasterio
from rasterio.errors import RasterioError

from jeoview.errors import SourceError
from jeoview.io.access import local_path


def read_tags(path: str) -> dict[str, str]:
    """The metadata of a local raster file.

    Raises
    ------
    RefusedError
        If the path is a network address or a virtual file system.
    SourceError
        If the file is not there or is no raster.
    """
    try:
        with rasterio.open(local_path(path)) as file:
            return dict(file.tags())
    except RasterioError as error:
        raise SourceError("the file cannot be read: it is missing, or no raster that GDAL knows") from error
