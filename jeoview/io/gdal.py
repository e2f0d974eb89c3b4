"""Every other raster format, through rasterio, from a list of drivers that read local files only."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from jeoview.errors import ParameterError, RefusedError, SourceError
from jeoview.io import access
from jeoview.io.blocks import Level
from jeoview.io.decode import decoded_dtype
from jeoview.projection import canonical_crs, sensor_crs
from jeoview.warp import Placement

Array = NDArray[Any]
DRIVERS = (
    "GTiff",
    "COG",
    "JP2OpenJPEG",
    "netCDF",
    "HDF5",
    "HDF5Image",
    "SRTMHGT",
    "ENVI",
    "PNG",
    "JPEG",
    "WEBP",
    "AAIGrid",
    "ERS",
    "Zarr",
    "HFA",
    "EHdr",
    "DTED",
    "GRIB",
    "ROI_PAC",
    "ISCE",
)
VIRTUAL = ("VRT",)
# The libraries below these are not safe in two threads at once, whatever the handles.
ONE_AT_A_TIME = {"netCDF", "HDF5", "HDF5Image", "Zarr", "GRIB"}
BLOCK_SIDE = 256
# Of a file that has no place on the Earth: it can be read by row and column only.
UNPLACED = sensor_crs("unplaced")
ENVIRONMENT = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
}
_one_at_a_time = threading.RLock()
_opening = threading.Lock()


class Handles:
    """Open GDAL handles; one is used by one thread at a time, idle ones are kept up to ``capacity``."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._idle: OrderedDict[int, tuple[Any, Any]] = OrderedDict()

    @contextmanager
    def borrow(self, key: Any, opener: Callable[[], Any]) -> Iterator[Any]:
        """Hand out an idle handle of ``key`` or a new one; it is kept unless its use fails."""
        with self._lock:
            number = next((n for n, (name, _) in reversed(self._idle.items()) if name == key), None)
            handle = None if number is None else self._idle.pop(number)[1]
        handle = opener() if handle is None else handle
        try:
            yield handle
        except BaseException:
            handle.close()
            raise
        self._give_back(key, handle)

    def _give_back(self, key: Any, handle: Any) -> None:
        with self._lock:
            self._idle[id(handle)] = (key, handle)
            surplus = [self._idle.popitem(last=False)[1][1] for _ in range(len(self._idle) - self._capacity)]
        for old in surplus:
            old.close()

    def close(self) -> None:
        """Close all idle handles."""
        with self._lock:
            idle, self._idle = list(self._idle.values()), OrderedDict()
        for _, handle in idle:
            handle.close()


@dataclass(frozen=True)
class GdalRaster:
    """A `BlockSource` read through GDAL, band by band."""

    version: access.Version
    placement: Placement
    levels: tuple[Level, ...]
    bands: int
    dtype: np.dtype[Any]
    name: str
    driver: str
    masked: bool
    drivers: tuple[str, ...]
    handles: Handles = field(repr=False, compare=False)

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:
        """Decode a block: see `BlockSource`."""
        shape = self.levels[level]
        top, left = row * shape.block_height, col * shape.block_width
        height, width = min(shape.block_height, shape.height - top), min(shape.block_width, shape.width - left)
        window = Window(left, top, width, height)
        block = np.zeros((shape.block_height, shape.block_width), self.dtype)
        with _translated(), _lock_of(self.driver), self.handles.borrow(self._key(level), self._opener(level)) as handle:
            block[:height, :width] = handle.read(band + 1, window=window, out_dtype=self.dtype.name)
            if self.masked:
                block[:height, :width][handle.read_masks(band + 1, window=window) == 0] = np.nan
        return block

    def _key(self, level: int) -> tuple[str, str, int]:
        return self.name, self.version.etag, level

    def _opener(self, level: int) -> Callable[[], Any]:
        return lambda: _open(self.name, self.drivers, None if level == 0 else level - 1)


def _lock_of(driver: str) -> Any:
    return _one_at_a_time if driver in ONE_AT_A_TIME else nullcontext()


@contextmanager
def _translated() -> Iterator[None]:
    """GDAL's messages name the file; ours do not."""
    try:
        yield
    except (RasterioError, CPLE_BaseError) as error:
        raise SourceError("the file is corrupt or truncated: GDAL cannot decode it") from error


def _open(name: str, drivers: tuple[str, ...], overview: int | None = None) -> Any:
    options = {} if overview is None else {"overview_level": overview}
    # Filters of warnings belong to the process, hence the lock.
    with _opening, warnings.catch_warnings(), rasterio.Env(**ENVIRONMENT):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # Unlike rasterio.open, this takes a list of drivers.
        return DatasetReader(name, driver=list(drivers), sharing=False, **options)


def dataset_name(path: Path, subdataset: str | None) -> str:
    """Return the name that GDAL opens a variable of a netCDF, HDF5 or Zarr file by.

    Raises
    ------
    RefusedError
        If the variable's name could be read as something else.
    """
    if subdataset is None:
        return str(path)
    if '"' in subdataset or '"' in str(path) or "\0" in subdataset:
        raise RefusedError("the name of the variable holds a quotation mark")
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5", ".he5"):
        return f'HDF5:"{path}"://{subdataset.lstrip("/")}'
    if suffix == ".zarr" or path.is_dir():
        return f'ZARR:"{path}":/{subdataset.lstrip("/")}'
    return f'NETCDF:"{path}":{subdataset}'


def open_gdal(
    version: access.Version, subdataset: str | None, handles: Handles, *, virtual: bool = False
) -> GdalRaster:
    """Open a raster of any allowed format.

    Parameters
    ----------
    version : Version
        The file.
    subdataset : str, optional
        Variable of a file that holds many.
    handles : Handles
        Where open handles are kept.
    virtual : bool
        Whether a VRT, which may name any file or address, is opened too.

    Raises
    ------
    RefusedError
        If it is a VRT and ``virtual`` is False.
    SourceError
        If GDAL cannot read it, or it has no place on the Earth.
    """
    if not virtual and _is_virtual(version.path):
        raise RefusedError("it is a VRT, which may point to any other file; use the files themselves")
    name = dataset_name(version.path, subdataset)
    drivers = DRIVERS + VIRTUAL if virtual else DRIVERS
    try:
        handle = _open(name, drivers)
    except (RasterioError, CPLE_BaseError) as error:
        raise SourceError("the file is corrupt, truncated or of no known raster format") from error
    with _translated(), handle, _lock_of(handle.driver):
        masked = MaskFlags.per_dataset in handle.mask_flag_enums[0]
        return GdalRaster(
            version=version,
            placement=_placement(handle),
            levels=(_level(handle), *_overviews(name, drivers, len(handle.overviews(1)))),
            bands=handle.count,
            dtype=_dtype(handle, masked),
            name=name,
            driver=handle.driver,
            masked=masked,
            drivers=drivers,
            handles=handles,
        )


def _overviews(name: str, drivers: tuple[str, ...], count: int) -> Iterator[Level]:
    for i in range(count):
        with _open(name, drivers, i) as handle:
            yield _level(handle)


def _dtype(handle: Any, masked: bool) -> np.dtype[Any]:
    names = {"complex_int16": "complex64", "float16": "float32"}
    found = np.result_type(*(np.dtype(names.get(name, name)) for name in handle.dtypes))
    dtype = decoded_dtype(found)
    if not masked or dtype.kind in "fc":
        return dtype
    # NaN marks what the mask excludes.
    return np.dtype("f4")


def _placement(handle: Any) -> Placement:
    if handle.crs is None or handle.transform.is_identity:
        return Placement(UNPLACED, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), handle.height, handle.width)
    try:
        crs = canonical_crs(handle.crs.to_wkt())
    except ParameterError as error:
        raise SourceError("the file has a coordinate reference system that PROJ does not know") from error
    a, b, c, d, e, f = tuple(handle.transform)[:6]
    return Placement(crs, (a, b, c, d, e, f), handle.height, handle.width)


def _level(handle: Any) -> Level:
    height, width = handle.block_shapes[0]
    width = min(handle.width, width * max(1, BLOCK_SIDE // width))
    rows = max(BLOCK_SIDE, BLOCK_SIDE * BLOCK_SIDE * 4 // width) if width == handle.width else BLOCK_SIDE
    height = min(handle.height, height * max(1, rows // height))
    return Level(handle.height, handle.width, height, width, 1, width, 1, 0)


def _is_virtual(path: Path) -> bool:
    if path.is_dir():
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise SourceError(access.gone(error)) from error
    return path.suffix.lower() == ".vrt" or b"<VRTDataset" in head
