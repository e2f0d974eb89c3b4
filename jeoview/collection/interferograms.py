"""Stacks of interferograms: their network, and the way from pairs to displacement and velocity."""

from __future__ import annotations

import datetime as dt
import glob
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jeoview.catalog import Item, Query
from jeoview.catalog.times import parse_time
from jeoview.collection.files import register
from jeoview.collection.frozen import freeze, user_catalog
from jeoview.errors import CollectionError, ParameterError, SourceError, choices
from jeoview.graph import digest
from jeoview.image import Image, apply
from jeoview.io.inspect import inspect
from jeoview.io.products.interferograms import SENTINEL_1, Pair, PairOptions, Sign, pair_items, read_baselines
from jeoview.projection import Bounds, is_geographic

if TYPE_CHECKING:
    import pandas as pd

METRES_PER_DEGREE = 111_319.49


@dataclass(frozen=True, eq=False, repr=False)
class InterferogramCollection:
    """Unwrapped interferograms of one track; filters give new collections and read no pixel.

    Parameters
    ----------
    name : str
        Name in the catalogue.
    ids : tuple of str, optional
        The pairs chosen, such as ``20180106_20180130``; all by default.
    place : (west, south, east, north), optional
        Reference area in degrees, see `reference`.

    Raises
    ------
    CollectionError
        If the catalogue has no such collection, or it holds no interferograms.
    """

    name: str
    ids: tuple[str, ...] | None = None
    place: Bounds | None = None

    def __post_init__(self) -> None:
        if self.ids is None:
            items = user_catalog().search(Query(self.name))
            if not items or any("jeoview:wavelength" not in item.properties for item in items):
                raise CollectionError(
                    f"{self.name!r} holds no interferograms; make it with from_files, from_licsar ..."
                )
            ordered = sorted(items, key=lambda item: item.id)
            object.__setattr__(self, "ids", tuple(item.id for item in ordered))

    # -- readers ---------------------------------------------------------------------------------

    @classmethod
    def from_files(
        cls,
        unwrapped: str,
        coherence: str | None = None,
        *,
        wavelength: float = SENTINEL_1,
        sign: Sign = "away",
        name: str | None = None,
        nodata: float | None = 0.0,
        coherence_scale: float = 1.0,
        baselines: Mapping[Pair, float] | None = None,
    ) -> InterferogramCollection:
        """A stack of georeferenced files with both dates in their names or folders.

        Parameters
        ----------
        unwrapped, coherence : str
            Patterns such as ``"stack/*_unw.tif"``; ``**`` goes into subfolders.
        wavelength : float
            Metres.
        sign : {"away", "towards"}
            Motion that positive phase means between the earlier and the later date.
        name : str, optional
            Name of the collection; made from the pattern by default.
        nodata : float, optional
            Stored phase that means "no data".
        coherence_scale : float
            1 where coherence is 0 to 1, ``1 / 255`` for bytes.
        baselines : mapping of (date, date) to float, optional
            Perpendicular baselines in metres.

        Raises
        ------
        SourceError
            If no file matches, a name has no two dates, or a file is broken.
        """
        options = PairOptions(wavelength, sign, nodata, None, coherence_scale, baselines or {})
        title = name or f"interferograms-{digest(str(Path(unwrapped).absolute()))[:12]}"
        return _registered(title, _matches(unwrapped), _matches(coherence) if coherence else [], options)

    @classmethod
    def from_pyrate(cls, folder: str | Path, name: str | None = None) -> InterferogramCollection:
        """GAMMA products as PyRate takes them: ``*_unw.tif`` and ``*_cc.tif`` below a folder.

        Phase is positive away from the satellite, 0 is no data; the wavelength is that of the files' tags.
        Perpendicular baselines are taken from ``index.csv`` where there is one.
        """
        root = Path(folder)
        unwrapped = _matches(str(root / "**" / "*_unw.tif"))
        wavelength = _tag(unwrapped[0], "WAVELENGTH_METRES", SENTINEL_1)
        options = PairOptions(wavelength=wavelength, baselines=read_baselines(root / "index.csv"))
        return _registered(name or root.name, unwrapped, _find(root, "**/*_cc.tif"), options)

    @classmethod
    def from_licsar(cls, folder: str | Path, name: str | None = None) -> InterferogramCollection:
        """A LiCSAR frame: ``GEOC/D1_D2/D1_D2.geo.unw.tif`` and ``.geo.cc.tif`` (bytes, or 0 to 1 in older ones).

        Phase is positive away from the satellite, 0 is no data.
        """
        root = Path(folder)
        unwrapped, coherence = _matches(str(root / "**" / "*.geo.unw.tif")), _find(root, "**/*.geo.cc.tif")
        scale = 1.0 / 255.0 if coherence and _is_byte(coherence[0]) else 1.0
        frame = re.search(r"\d{3}[AD]_\d{5}_\d{6}", str(root.absolute()))
        properties = {"jeoview:track": frame[0][:4]} if frame else {}
        options = PairOptions(coherence_scale=scale, properties=properties)
        return _registered(name or (frame[0] if frame else root.name), unwrapped, coherence, options)

    @classmethod
    def from_hyp3(cls, folder: str | Path, name: str | None = None) -> InterferogramCollection:
        """HyP3 products (GAMMA and ISCE burst): ``*_unw_phase.tif`` and ``*_corr.tif`` below a folder.

        Phase is positive away from the satellite.
        """
        root = Path(folder)
        return _registered(
            name or root.name,
            _matches(str(root / "**" / "*_unw_phase.tif")),
            _find(root, "**/*_corr.tif"),
            PairOptions(),
        )

    @classmethod
    def from_flatsim(cls, folder: str | Path, name: str | None = None) -> InterferogramCollection:
        """FLATSIM products: ``CNES_InU_*.tif*`` and ``CNES_Coh_*.tif*`` below a folder; phase is positive away."""
        root = Path(folder)
        return _registered(
            name or root.name,
            _matches(str(root / "**" / "CNES_InU_*.tif*")),
            _find(root, "**/CNES_Coh_*.tif*"),
            PairOptions(),
        )

    # -- network ---------------------------------------------------------------------------------

    @property
    def items(self) -> list[Item]:
        """The pairs as items of the catalogue, in order."""
        return user_catalog().items(self.name, list(self.ids or ()))

    @property
    def wavelength(self) -> float:
        """Metres."""
        return float(self.items[0].properties["jeoview:wavelength"])

    @property
    def dates(self) -> tuple[str, ...]:
        """Acquisition days, in order."""
        return tuple(sorted({str(day) for pair in self._pairs() for day in pair}))

    def pairs(self) -> pd.DataFrame:
        """The pairs as a table: id, earlier, later, days, bperp (m, where it is known)."""
        import pandas as pd

        rows = [
            {
                "id": item.id,
                "earlier": one,
                "later": other,
                "days": (other - one).days,
                "bperp": item.properties.get("jeoview:bperp"),
            }
            for item, (one, other) in zip(self.items, self._pairs(), strict=True)
        ]
        return pd.DataFrame(rows)

    def subsets(self) -> list[tuple[str, ...]]:
        """Days that pairs connect, one tuple a subset; more than one means a gap that no pair bridges."""
        groups: list[set[dt.date]] = []
        for pair in self._pairs():
            joined = [group for group in groups if group & set(pair)]
            groups = [group for group in groups if group not in joined] + [set(pair).union(*joined)]
        return sorted(tuple(sorted(str(day) for day in group)) for group in groups)

    def filter_pairs(
        self,
        *,
        max_days: float | None = None,
        min_days: float | None = None,
        max_bperp: float | None = None,
        nearest: int | None = None,
        drop: Iterable[str] = (),
    ) -> InterferogramCollection:
        """Choose pairs by their dates and baselines.

        Parameters
        ----------
        max_days, min_days : float, optional
            Time between the two dates.
        max_bperp : float, optional
            Largest perpendicular baseline, in metres, either sign.
        nearest : int, optional
            Each date only with its ``nearest`` next dates.
        drop : iterable of str
            Pairs to leave out, such as ``"20180307_20180319"``.

        Raises
        ------
        ParameterError
            If a pair to drop is not there, or baselines are not known.
        CollectionError
            If no pair is left.
        """
        dropped = set(drop)
        for pair_id in sorted(dropped - set(self.ids or ())):
            raise ParameterError(f"drop: no pair {pair_id!r}; {choices(pair_id, self.ids or ())}")
        items, position = self.items, {parse_time(day).date(): i for i, day in enumerate(self.dates)}
        baselines = [item.properties.get("jeoview:bperp") for item in items]
        if max_bperp is not None and None in baselines:
            raise ParameterError("max_bperp: the perpendicular baselines of this stack are not known")
        kept = tuple(
            item.id
            for item, (earlier, later), baseline in zip(items, self._pairs(), baselines, strict=True)
            if item.id not in dropped
            and (min_days or 0) <= (later - earlier).days <= (math.inf if max_days is None else max_days)
            and (max_bperp is None or abs(float(baseline or 0)) <= max_bperp)
            and (nearest is None or position[later] - position[earlier] <= nearest)
        )
        if not kept:
            raise CollectionError(f"filter_pairs leaves none of the {len(items)} pairs of {self.name!r}")
        return replace(self, ids=kept)

    def _pairs(self) -> list[tuple[dt.date, dt.date]]:
        return [
            (parse_time(item.properties["start_datetime"]).date(), parse_time(item.properties["end_datetime"]).date())
            for item in self.items
        ]

    def __len__(self) -> int:
        return len(self.ids or ())

    def __repr__(self) -> str:
        where = (
            "no reference yet" if self.place is None else "reference {:.5f}, {:.5f}".format(*self._centre(self.place))
        )
        return f"<jeoview.InterferogramCollection {self.name!r}: {len(self)} pairs, {len(self.dates)} dates, {where}>"

    # -- pixels ----------------------------------------------------------------------------------

    def reference(
        self, lon: float | None = None, lat: float | None = None, *, pixels: int = 7, bounds: Bounds | None = None
    ) -> InterferogramCollection:
        """Say where the ground does not move: each pair's median over this area is subtracted from it.

        Parameters
        ----------
        lon, lat : float
            Degrees; the area is a square of ``pixels`` pixels of the stack around it.
        pixels : int
            Side of the square.
        bounds : (west, south, east, north), optional
            The area itself, in degrees.

        Raises
        ------
        ParameterError
            If neither a point nor an area is given, or it lies outside the stack.
        """
        if bounds is None:
            if lon is None or lat is None:
                raise ParameterError("reference: give lon= and lat=, or bounds=(west, south, east, north)")
            half = pixels / 2 * self._spacing() / METRES_PER_DEGREE
            wide = half / max(math.cos(math.radians(lat)), 0.01)
            bounds = (lon - wide, lat - half, lon + wide, lat + half)
        west, south, east, north = self.items[0].bbox
        x, y = self._centre(bounds)
        if not (west <= x <= east and south <= y <= north):
            raise ParameterError(
                f"reference {x:.5f}, {y:.5f} lies outside the stack ({west:.3f}, {south:.3f}, {east:.3f}, {north:.3f})"
            )
        return replace(self, place=bounds)

    @staticmethod
    def _centre(box: Bounds) -> tuple[float, float]:
        return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2

    def _spacing(self) -> float:
        """Ground metres of a pixel, north to south."""
        properties = self.items[0].properties
        step = abs(float(properties["proj:transform"][4]))
        code = properties.get("proj:code")
        return step * METRES_PER_DEGREE if code and is_geographic(code) else step

    def image(self) -> Image:
        """The pairs as one image, a series of bands ``unwrapped`` (rad, positive away) and ``coherence``; referenced."""
        stack = freeze(user_catalog().collection(self.name), self.items, stack="pairs")
        if self.place is None:
            return stack
        latitude = self._centre(self.place)[1]
        ground = 40_075_016.7 * math.cos(math.radians(latitude)) / 256
        zoom = min(max(math.ceil(math.log2(ground / self._spacing())), 0), 20)
        table = apply("reference_phase", (stack["unwrapped"],), {"region": self.place, "zoom": zoom})
        return apply("referenced", (stack, table), {})

    def invert(self, method: str = "sbas", weight: str = "none", **options: Any) -> Image:
        """Displacement at every date, from the pairs by least squares, pixel by pixel.

        Parameters
        ----------
        method : {"sbas", "nsbas"}
            NSBAS bridges subsets that no pair connects by a steady velocity; SBAS leaves them NaN.
        weight : {"none", "coherence", "fisher", "variance"}
            How a pair counts.
        **options
            More of the operator ``invert``, for instance ``min_coherence``; slider parameters may stand there.

        Returns
        -------
        Image
            Series of one band ``displacement``, metres, positive towards the satellite, 0 at the first date; NaN
            where a date is not connected to the first one.

        Raises
        ------
        ParameterError
            If no reference was chosen: an interferogram keeps an arbitrary constant.
        """
        values = {"wavelength": self.wavelength, **self._weighting(method, weight, options)}
        return apply("invert", (self._referenced("invert"),), values)

    def quality(self, method: str = "sbas", weight: str = "none", **options: Any) -> Image:
        """How well the pairs of a pixel agree with `invert` of the same options: the operator ``inversion_quality``."""
        return apply("inversion_quality", (self._referenced("quality"),), self._weighting(method, weight, options))

    def _weighting(self, method: str, weight: str, options: Mapping[str, Any]) -> dict[str, Any]:
        looks = self.items[0].properties.get("jeoview:looks")
        known = {} if looks is None or weight not in ("fisher", "variance") else {"looks": float(looks)}
        return {"method": method, "weight": weight, **known, **options}

    def _referenced(self, what: str) -> Image:
        if self.place is None:
            raise ParameterError(
                f"{what}: choose a reference first, .reference(lon=, lat=): every pair keeps an arbitrary constant"
            )
        return self.image()


def _matches(pattern: str) -> list[Path]:
    found = [Path(match).absolute() for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207 - absolute
    if not found:
        raise SourceError(f"no file matches {Path(pattern).name!r} there")
    return found


def _find(root: Path, pattern: str) -> list[Path]:
    return [path.absolute() for path in sorted(root.glob(pattern))]


def _registered(
    name: str, unwrapped: Sequence[Path], coherence: Sequence[Path], options: PairOptions
) -> InterferogramCollection:
    items = pair_items(name, unwrapped, coherence, options)
    register(name, f"Interferograms {name}", items)
    return InterferogramCollection(name)


def _tag(path: Path, name: str, otherwise: float) -> float:
    return float(inspect(path).tags.get(name, otherwise))


def _is_byte(path: Path) -> bool:
    return inspect(path).bands[0].data_type == "uint8"
