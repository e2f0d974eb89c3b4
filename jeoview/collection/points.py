"""Points with a displacement series each, such as those of the European Ground Motion Service."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog import Band
from jeoview.catalog.times import format_time
from jeoview.collection import files
from jeoview.collection.files import as_path
from jeoview.collection.frozen import freeze, user_catalog
from jeoview.errors import BandError, CollectionError, ParameterError, choices
from jeoview.grid import Grid, Lattice
from jeoview.image import Image
from jeoview.io.products.common import BandFile, make_item
from jeoview.io.products.egms import UNITS, PointTable, Unit, read_points
from jeoview.io.products.stacks import midnight
from jeoview.io.write import BandText, CogProfile, write_cog
from jeoview.operators.velocity import velocity
from jeoview.projection import WGS84, Bounds, transform
from jeoview.raster import Kind, Raster
from jeoview.settings import settings

if TYPE_CHECKING:
    import pandas as pd

MAX_CELLS = 100_000_000
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class PointCollection:
    """Points on the ground, each with its attributes and its displacement at every date; held in memory.

    Parameters
    ----------
    table : PointTable
        What was read, see `open_points`.
    """

    table: PointTable

    def __len__(self) -> int:
        return len(self.table.attributes)

    def __repr__(self) -> str:
        dates = f"{len(self.dates)} dates {self.dates[0]} .. {self.dates[-1]}" if self.dates else "no series"
        return f"<jeoview.PointCollection {self.table.name!r}: {len(self):,} points, {dates}>"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the attributes; EGMS's older names are given as the newer ones.

        ``easting`` and ``northing`` are metres of EPSG:3035, outside of Europe of a UTM zone.
        """
        return tuple(map(str, self.table.attributes.columns))

    @property
    def dates(self) -> tuple[str, ...]:
        """Days of the series, in order."""
        return tuple(map(str, self.table.dates))

    @property
    def bounds(self) -> Bounds:
        """(west, south, east, north) in degrees."""
        lon, lat = self._degrees()
        return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())

    def __getitem__(self, column: str) -> NDArray[Any]:
        """The values of an attribute, one a point, in the file's unit (velocity in mm/yr, positive towards).

        Raises
        ------
        BandError
            If there is no such attribute.
        """
        if column not in self.columns:
            raise BandError(f"the points have no column {column!r}; {choices(str(column), self.columns)}")
        return np.asarray(self.table.attributes[column].to_numpy())

    def filter_bounds(self, bounds: Bounds) -> PointCollection:
        """The points within (west, south, east, north) degrees.

        Raises
        ------
        CollectionError
            If there is none.
        """
        lon, lat = self._degrees()
        west, south, east, north = bounds
        inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        if not inside.any():
            raise CollectionError(f"none of the {len(self):,} points lies within {tuple(bounds)}")
        attributes = self.table.attributes[inside].reset_index(drop=True)
        return PointCollection(replace(self.table, attributes=attributes, displacement=self.table.displacement[inside]))

    def series(self, pid: str) -> pd.Series[float]:
        """Displacement of one point in metres by date; positive towards the satellite (L3: up or east).

        Raises
        ------
        ParameterError
            If there is no such point.
        """
        import pandas as pd

        found = np.flatnonzero(self.table.attributes["pid"].to_numpy() == str(pid))
        if not len(found):
            some = ", ".join(self.table.attributes["pid"].iloc[:3])
            raise ParameterError(f"no point {pid!r}; the {len(self):,} points are named such as {some}")
        values = self.table.displacement[found[0]].astype(np.float64)
        return pd.Series(values, index=pd.DatetimeIndex(self.dates, name="date"), name=str(pid))

    def velocity(self, **options: Any) -> pd.DataFrame:
        """Fit every series anew, by the operator of the same name: one row a point.

        Parameters
        ----------
        **options
            ``model`` (here ``"annual"`` by default, as EGMS fits), ``degree``, ``steps``, ``robust``, ``min_dates``,
            ``min_span``.

        Returns
        -------
        DataFrame
            ``pid``, ``velocity`` and ``std`` (mm/yr), ``rmse`` (mm) and what else the model has. EGMS's mean_velocity and
            its std are those of degree 1, its acceleration that of degree 2, its seasonality (amplitude) and rmse those
            of degree 3.

        Raises
        ------
        CollectionError
            If the points have no series.
        ParameterError
            If there is no such option or value.
        """
        import pandas as pd

        if not self.dates:
            raise CollectionError(f"the points {self.table.name!r} have no displacement series")
        values = validated({"model": "annual", **options})
        result = velocity(self._series_raster(), **values)
        columns = dict(zip(result.bands, result.array[:, 0], strict=True))
        return pd.DataFrame({"pid": self["pid"], **columns})

    def to_geodataframe(self, *, series: bool = False) -> Any:
        """All points as a geopandas GeoDataFrame in degrees of EPSG:4326.

        Parameters
        ----------
        series : bool
            Whether a column a date (``20200103``, metres) is there too.
        """
        import pandas as pd

        from jeoview.io.vector import point_frame

        frame = self.table.attributes
        if series:
            names = [f"{day:%Y%m%d}" for day in self.table.dates]
            frame = pd.concat([frame, pd.DataFrame(self.table.displacement, columns=names)], axis=1)
        return point_frame(frame, *self._degrees())

    def image(
        self, value: str | Sequence[str] = "mean_velocity", *, cell: float = 100.0, folder: str | Path | None = None
    ) -> Image:
        """The mean of the points in every cell of a grid, as an image like any other.

        Parameters
        ----------
        value : str or list of str
            Attributes, one band each.
        cell : float
            Metres; cells lie on multiples of it in EPSG:3035 (outside of Europe in the UTM zone of the points), so that images
            of several tracks coincide.
        folder : str or Path, optional
            Where the raster is kept (a cloud-optimised GeoTIFF); beside the store by default.

        Returns
        -------
        Image
            Bands by the names of the attributes, in the file's units; NaN where no point lies.

        Raises
        ------
        BandError
            If there is no such attribute.
        ParameterError
            If it is no number, or the cells are too many or not positive.
        """
        names = (value,) if isinstance(value, str) else tuple(value)
        columns = [self._numbers(name) for name in names]
        array, grid = self._means(np.stack(columns), cell)
        path = _home(folder) / f"{self.table.name}-{_key(array, names, grid)}.tif"
        _write(path, array, grid, tuple(BandText(name, unit=UNITS.get(name, "")) for name in names))
        return files.opened(path.absolute(), self.table.name, {})

    def displacement(self, *, cell: float = 100.0, folder: str | Path | None = None) -> Image:
        """The mean displacement of the points in every cell of a grid at every date: what an inspector shows at a click.

        Parameters
        ----------
        cell : float
            Metres, as in `image`, whose cells these are.
        folder : str or Path, optional
            Where the rasters, one a date, are kept; beside the store by default.

        Returns
        -------
        Image
            Series of one band ``displacement``, metres, positive towards the satellite (L3: up or east); NaN where no point
            lies.

        Raises
        ------
        CollectionError
            If the points have no series.
        ParameterError
            If the cells are too many or not positive.
        """
        if not self.dates:
            raise CollectionError(f"the points {self.table.name!r} have no displacement series")
        array, grid = self._means(self.table.displacement.T, cell)
        key = _key(array, self.dates, grid)
        known = dict(self.table.properties)
        name, home = f"series-{key}", _home(folder) / f"{self.table.name}-{key}"
        items = []
        # A file a date: one with all dates would be read whole for each of them.
        for day, layer in zip(self.dates, array, strict=True):
            path = home / f"{day}.tif"
            _write(path, layer[None], grid, (BandText("displacement", unit="m"),))
            when = midnight(dt.date.fromisoformat(day))
            items.append(make_item(name, day, when, [BandFile(Band("displacement", "", unit="m"), path)], known))
        files.register(name, self.table.name, items)
        return freeze(user_catalog().collection(name), items)

    def _means(self, values: NDArray[Any], cell: float) -> tuple[Floats, Grid]:
        """The mean of each row of values in the cells, (row, y, x), and where they lie."""
        grid, where = self._cells(cell)
        if len(values) * grid.height * grid.width > MAX_CELLS:
            raise ParameterError(
                f"{len(values)} layers of {grid.height} x {grid.width} cells are more than {MAX_CELLS:,} values; choose a "
                "larger cell, or cut the points with filter_bounds"
            )
        return np.stack([_mean(row, where, grid) for row in values]), grid

    def _numbers(self, name: str) -> NDArray[np.float64]:
        column = self[name]
        if column.dtype.kind not in "fiu":
            raise ParameterError(f"the column {name!r} holds no numbers, so it has no mean")
        return column.astype(np.float64)

    def _cells(self, cell: float) -> tuple[Grid, NDArray[np.int64]]:
        """The grid that holds all points, and each point's cell in it."""
        if not (isinstance(cell, (int, float)) and 0.1 <= cell <= 1e6):
            raise ParameterError(f"cell is {cell!r}; expected metres between 0.1 and 1,000,000")
        cols, rows = (np.floor(axis / cell).astype(np.int64) for axis in (self["easting"], -self["northing"]))
        top, left = int(rows.min()), int(cols.min())
        grid = Grid(
            Lattice(self.table.crs, (cell, cell), 0.0, 0.0),
            top,
            left,
            int(rows.max()) - top + 1,
            int(cols.max()) - left + 1,
        )
        if grid.height * grid.width > MAX_CELLS:
            raise ParameterError(
                f"cell {cell} m makes {grid.height} x {grid.width} cells, more than {MAX_CELLS:,}; choose a larger one, or "
                "cut the points with filter_bounds"
            )
        return grid, (rows - top) * grid.width + cols - left

    def _series_raster(self) -> Raster:
        array = np.ascontiguousarray(self.table.displacement.T)[:, None, None, :]
        grid = Grid(Lattice(self.table.crs, (1.0, 1.0), 0.0, 0.0), 0, 0, 1, len(self))
        days = tuple(format_time(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)) for day in self.table.dates)
        return Raster(array, grid, Kind.SERIES, ("displacement",), days)

    def _degrees(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if {"longitude", "latitude"} <= set(self.columns):
            return self["longitude"].astype(np.float64), self["latitude"].astype(np.float64)
        return transform(self.table.crs, WGS84, self["easting"], self["northing"])


def validated(options: dict[str, Any]) -> dict[str, Any]:
    """Options of the operator ``velocity`` with its defaults filled in."""
    from jeoview.operator import find

    return dict(find("velocity").validate(options))


def _write(path: Path, array: Floats, grid: Grid, texts: tuple[BandText, ...]) -> None:
    """Keep the cells; what is there already holds the same, for its name does."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_cog(path, array, CogProfile(grid, texts, "float32", nodata=float("nan")))


def _mean(values: NDArray[np.float64], where: NDArray[np.int64], grid: Grid) -> Floats:
    valid = np.isfinite(values)
    size = grid.height * grid.width
    total = np.bincount(where[valid], weights=values[valid], minlength=size)
    count = np.bincount(where[valid], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total / count).astype(np.float32).reshape(grid.shape)


def _home(folder: str | Path | None) -> Path:
    return settings().home / "points" if folder is None else Path(folder).expanduser().absolute()


def _key(array: Floats, names: Sequence[str], grid: Grid) -> str:
    digest = hashlib.sha256(repr((names, grid)).encode())
    digest.update(array.tobytes())
    return digest.hexdigest()[:12]


def open_points(path: str | Path, *, unit: Unit | None = None) -> PointCollection:
    """Open a file of measurement points: EGMS L2a, L2b or L3, a CSV file or the zip file that it came in.

    Any other CSV file with the columns ``longitude`` and ``latitude`` (``lon``, ``lat``) is opened too, for instance one of
    `Image.to_csv`. L3 GeoTIFFs are opened by `jeoview.open`.

    Parameters
    ----------
    path : str or Path
        The file.
    unit : {"mm", "m"}, optional
        Of the displacement in columns named by dates (``20200103``). Without it they are mm where there is a column
        ``mean_velocity``, as in EGMS, and plain attributes in other tables.

    Raises
    ------
    SourceError
        If it does not exist, is broken, or no such table; the message says what is missing.
    ParameterError
        If the unit is another one.
    """
    return PointCollection(read_points(as_path(path, "open_points"), unit))
