"""Stacks of coregistered complex radar images, at the sensor's own pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jeoview.catalog import Item
from jeoview.catalog.times import parse_time
from jeoview.collection import slc_stack, stack
from jeoview.collection.files import matches, register
from jeoview.collection.frozen import ids_of, user_catalog
from jeoview.collection.slc_files import places_of, series_image
from jeoview.engine import Engine
from jeoview.errors import BandError, CollectionError, ParameterError, SourceError, choices
from jeoview.graph import digest
from jeoview.image import Image, apply
from jeoview.io.products import description
from jeoview.io.products import slc as product
from jeoview.io.products.interferograms import SENTINEL_1
from jeoview.io.products.slc import Scene, SlcOptions
from jeoview.io.products.slc_places import Places, header
from jeoview.kernels.slc import coherence_matrix
from jeoview.projection import Bounds
from jeoview.quantities import METRES_PER_DEGREE, cos_latitude, square_around
from jeoview.settings import settings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class SlcCollection:
    """Coregistered complex images of one track, one a date; choosing gives new collections and reads no pixel.

    Parameters
    ----------
    name : str
        Name in the catalogue.
    ids : tuple of str, optional
        The images chosen; all by default.
    place : (west, south, east, north), optional
        Reference area in degrees, see `reference`.

    Raises
    ------
    CollectionError
        If the catalogue has no such collection, or it holds no complex images.
    """

    name: str
    ids: tuple[str, ...] | None = None
    place: Bounds | None = None

    def __post_init__(self) -> None:
        if self.ids is None:
            makers = "complex radar images; make it with from_files, from_description, from_zarr, from_cslc"
            object.__setattr__(self, "ids", ids_of(self.name, "jeoview:frame", makers, lambda item: item.datetime))

    # -- readers ---------------------------------------------------------------------------------

    @classmethod
    def from_files(  # noqa: PLR0913 - what files do not say of themselves
        cls,
        pattern: str,
        date: str | None = None,
        name: str | None = None,
        *,
        longitude: str | Path | None = None,
        latitude: str | Path | None = None,
        lookup: str | Path | None = None,
        lookup_looks: tuple[int, int] = (1, 1),
        wavelength: float = SENTINEL_1,
        nodata: float | None = 0.0,
    ) -> SlcCollection:
        """Complex files, one a date: geocoded, with control points, or with rasters of the places of their pixels.

        Parameters
        ----------
        pattern : str
            Such as ``"stack/*_slc.tif"``; ``**`` goes into subfolders.
        date : str, optional
            Format of the date in the names, as in `datetime.strptime`; the usual ones are found without.
        name : str, optional
            Name of the collection; made from the pattern by default.
        longitude, latitude : str or Path, optional
            Rasters of the degrees of every pixel, for images in radar geometry. Better than control points, as they
            know the terrain.
        lookup : str or Path, optional
            Or a look-up table on a map (GAMMA's, FLATSIM's ``LuT``): complex sample + i line, or samples and lines in two
            bands, from 0; both 0 where there is none. Read bilinearly at every pixel of the map.
        lookup_looks : (int, int)
            Rows and columns of the images in one line and sample of the table: its looks.
        wavelength : float
            Metres.
        nodata : float, optional
            Stored number that means "no data".

        Raises
        ------
        SourceError
            If no file matches, a name has no date, the images are not coregistered or not complex, or nothing says
            where they lie.
        """
        options = SlcOptions(wavelength, date, nodata)
        places = places_of(longitude, latitude, lookup, lookup_looks)
        return cls._registered(
            name, str(Path(pattern).absolute()), options, places, lambda: product.file_scenes(matches(pattern), options)
        )

    @classmethod
    def from_zarr(
        cls,
        path: str | Path,
        date: str | None = None,
        name: str | None = None,
        *,
        polarisation: str | None = None,
        wavelength: float = SENTINEL_1,
    ) -> SlcCollection:
        """Zarr groups, one a date.

        A group holds ``i_*`` and ``q_*`` (as SNAP writes them), ``real*`` and ``imag*``, or one complex variable; version 2
        or 3. Longitude and latitude of every pixel are taken from the group that has them (``lon*``, ``lat*`` of the images'
        shape).

        Parameters
        ----------
        path : str or Path
            A group, a folder of groups, or a pattern such as ``"stack/*.znap"``.
        date : str, optional
            Format of the date in the names of the groups or variables.
        name : str, optional
            Name of the collection.
        polarisation : str, optional
            Text that the names of the variables hold, such as ``"VV"``, where there are several images in a group.
        wavelength : float
            Metres.

        Raises
        ------
        SourceError
            As `from_files`.
        """
        root = Path(path)
        pattern = str(root / "*") if root.is_dir() and not product.zarr_arrays(root) else str(path)
        options = SlcOptions(wavelength, date)
        groups = [found for found in matches(pattern) if product.zarr_arrays(found)]
        if not groups:
            raise SourceError(f"{root.name!r} holds no Zarr group with arrays")
        scenes = product.zarr_scenes(groups, options, polarisation)
        places = product.zarr_places(groups, header(scenes[0].parts[0]).shape)
        return cls._registered(name, str(Path(pattern).absolute()), options, places, lambda: scenes)

    @classmethod
    def from_cslc(
        cls, pattern: str, name: str | None = None, *, polarisation: str = "VV", wavelength: float = SENTINEL_1
    ) -> SlcCollection:
        """OPERA CSLC-S1 granules (HDF5, geocoded; flat-earth and topographic phase are removed) of one burst.

        Parameters
        ----------
        pattern : str
            Such as ``"OPERA_L2_CSLC-S1_T064-135518-IW1_*.h5"``.
        name : str, optional
            Name of the collection.
        polarisation : str
            ``"VV"`` or ``"VH"``.
        wavelength : float
            Metres.

        Raises
        ------
        SourceError
            As `from_files`.
        """
        options = SlcOptions(wavelength, nodata=0.0, properties={"jeoview:product": "OPERA_L2_CSLC-S1"})
        return cls._registered(
            name,
            str(Path(pattern).absolute()),
            options,
            None,
            lambda: product.cslc_scenes(matches(pattern), polarisation),
        )

    @classmethod
    def from_description(cls, path: str | Path) -> SlcCollection:
        """Complex files as a small JSON or TOML file beside them describes them: plain binary ones, ISCE, DORIS, SNAP, GAMMA.

        ``docs/products.md`` says what may stand in it. Paths are relative to it and stay in its folder; absolute ones must lie
        below ``JEOVIEW_ROOTS`` where that is set.

        Parameters
        ----------
        path : str or Path
            The description.

        Raises
        ------
        ParameterError
            If it is not well formed; the message says which entry, and what is expected.
        RefusedError
            If a path leaves the folder.
        SourceError
            As `from_files`; or a plain binary file is not as long as its description says.
        """
        found = description.described(Path(path).absolute(), settings().roots)
        given = f"{Path(path).absolute()} {found.scenes!r}"
        return cls._registered(found.name, given, found.options, found.places, lambda: found.scenes)

    @classmethod
    def _registered(
        cls, name: str | None, given: str, options: SlcOptions, places: Places, scenes: Callable[[], list[Scene]]
    ) -> SlcCollection:
        title = name or f"slc-{digest(repr((given, options, places)))[:12]}"
        register(title, f"Complex images {title}", product.slc_items(title, scenes(), places, options))
        return cls(title)

    # -- metadata --------------------------------------------------------------------------------

    @property
    def items(self) -> list[Item]:
        """The images, in order of time."""
        return user_catalog().items(self.name, self.ids or ())

    @property
    def dates(self) -> tuple[str, ...]:
        """Days of the images, UTC."""
        return tuple(item.datetime[:10] for item in self.items)

    @property
    def wavelength(self) -> float:
        """Metres."""
        return float(self.items[0].properties["jeoview:wavelength"])

    def filter_date(self, start: str | None = None, end: str | None = None) -> SlcCollection:
        """Images from ``start`` on and before ``end``.

        Raises
        ------
        CollectionError
            If none is left.
        ParameterError
            If the start is not before the end.
        """
        first, last = (None if day is None else parse_time(day) for day in (start, end))
        if first is not None and last is not None and first >= last:
            raise ParameterError(f"filter_date: start {start!r} is not before end {end!r}; the end is not included")
        kept = tuple(
            item.id
            for item in self.items
            if (first is None or parse_time(item.datetime) >= first)
            and (last is None or parse_time(item.datetime) < last)
        )
        if not kept:
            raise CollectionError(f"filter_date leaves none of the {len(self)} images of {self.name!r}")
        return replace(self, ids=kept)

    def __len__(self) -> int:
        return len(self.ids or ())

    def __repr__(self) -> str:
        rows, cols = self.items[0].properties["proj:shape"]
        span = f"{self.dates[0]} to {self.dates[-1]}"
        return f"<jeoview.SlcCollection {self.name!r}: {len(self)} images of {rows} x {cols} pixels, {span}>"

    # -- pixels ----------------------------------------------------------------------------------

    def image(self, resampling: str = "nearest") -> Image:
        """The images as one series of a complex band ``slc``, relative to the reference; freezes the list of images.

        Parameters
        ----------
        resampling : {"nearest", "bilinear"}
            How results are brought onto the map where its pixels are finer than the sensor's.
        """
        name, items = stack.current(self.name, self.items)
        series = series_image(items, name, resampling)
        if self.place is None:
            return series
        table = apply("ps_reference", (series,), {"region": self.place, "zoom": self._zoom()})
        return apply("ps_referenced", (series, table), {})

    cache_stack = slc_stack.cache_stack

    def reference(
        self, lon: float | None = None, lat: float | None = None, *, metres: float = 200.0, bounds: Bounds | None = None
    ) -> SlcCollection:
        """Say where the ground does not move: the phase of every date there is taken from all of that date.

        Parameters
        ----------
        lon, lat : float
            Degrees; the area is a square of ``metres`` around it.
        metres : float
            Side of the square on the ground.
        bounds : (west, south, east, north), optional
            The area itself, in degrees.

        Raises
        ------
        ParameterError
            If neither a point nor an area is given, or it lies outside of the images.
        """
        if bounds is None:
            if lon is None or lat is None:
                raise ParameterError("reference: give lon= and lat=, or bounds=(west, south, east, north)")
            bounds = square_around(lon, lat, metres)
        west, south, east, north = self.items[0].bbox
        x, y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
        if not (west <= x <= east and south <= y <= north):
            shown = f"({west:.3f}, {south:.3f}, {east:.3f}, {north:.3f})"
            raise ParameterError(f"reference {x:.5f}, {y:.5f} lies outside of the images {shown}")
        return replace(self, place=bounds)

    def amplitude_dispersion(self) -> Image:
        """How unsteady the amplitude of each pixel is: the operator ``amplitude_dispersion``."""
        return apply("amplitude_dispersion", (self.image(),), {})

    def ps_candidates(self, threshold: Any = 0.25) -> Image:
        """Pixels of an amplitude steady enough for a persistent scatterer: the operator ``ps_candidates``."""
        return apply("ps_candidates", (self.image(),), {"threshold": threshold})

    def ps_velocity(self, **options: Any) -> Image:
        """Velocity of each pixel by the periodogram, mm/yr towards the satellite: the operator ``ps_velocity``.

        Parameters
        ----------
        **options
            ``limit``, ``min_dates``.

        Raises
        ------
        ParameterError
            If no reference was chosen: air and orbit turn every date as a whole.
        """
        if self.place is None:
            raise ParameterError(
                "ps_velocity: choose a reference first, .reference(lon=, lat=): air and orbit turn every date as a whole"
            )
        return apply("ps_velocity", (self.image(),), {"wavelength": self.wavelength, **options})

    def _zoom(self) -> int:
        """The zoom whose pixels are about as large as the sensor's larger side."""
        item = self.items[0]
        west, south, east, north = item.bbox
        rows, cols = item.properties["proj:shape"]
        shrink = cos_latitude((south + north) / 2)
        area = (east - west) * shrink * (north - south) * METRES_PER_DEGREE**2 / (rows * cols)
        ground = 40_075_016.7 * shrink / 256
        return min(max(math.ceil(math.log2(ground / math.sqrt(area))), 0), 20)

    def __getitem__(self, key: str) -> Image:
        """The image of a day (``"2023-03-31"``) or an id: one complex band ``slc``.

        Raises
        ------
        BandError
            If there is none; the message says what exists.
        """
        found = [item for item in self.items if key in (item.id, item.datetime[:10], item.datetime)]
        if not found:
            raise BandError(f"{self.name}: no day or image {key!r}; {choices(str(key), self.dates)}")
        name, items = stack.single(self.name, found[:1])
        return apply("mosaic", (series_image(items, name, "nearest"),), {})

    def coherence_matrix(self, lon: float, lat: float, window: tuple[int, int] = (7, 25)) -> pd.DataFrame:
        """Coherence of every pair of dates in a box of the sensor's pixels around a place.

        Parameters
        ----------
        lon, lat : float
            Degrees.
        window : (int, int)
            Lines and samples of the box.

        Returns
        -------
        DataFrame
            Dates by dates, 0 to 1, the diagonal 1; NaN where the two share fewer than two pixels.

        Raises
        ------
        ParameterError
            If the place lies outside of the images.
        """
        import pandas as pd  # half a second that only a table needs

        stack = Engine.default().at_sensor(self.image().node, lon, lat, window)
        values = coherence_matrix(np.ascontiguousarray(stack.array[:, 0]).reshape(len(self), -1))
        return pd.DataFrame(values, index=list(self.dates), columns=list(self.dates))
