"""Stacks of interferograms: their network, and the way from pairs to displacement and velocity."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jeoview.catalog import Item
from jeoview.catalog.pixels import grids_of, union
from jeoview.collection import corrections, inversion, network, noise, plots, reference, selection, stack
from jeoview.collection.areas import Geometry
from jeoview.collection.corrections import Correction
from jeoview.collection.empty import reference_note
from jeoview.collection.files import as_path, matches
from jeoview.collection.frozen import freeze_pairs, ids_of, user_catalog
from jeoview.collection.pixels import square, window
from jeoview.collection.products import geometry_of, height_of, register_pairs, register_stack
from jeoview.collection.reference import centre_of
from jeoview.engine import Engine
from jeoview.errors import ParameterError
from jeoview.graph import digest
from jeoview.image import Image, apply
from jeoview.io.products import aria, flatsim, hyp3, licsar, mintpy, opera, pyrate
from jeoview.io.products.interferograms import SENTINEL_1, PairOptions, Sign
from jeoview.progress import Watch
from jeoview.projection import Bounds, is_geographic
from jeoview.quantities import METRES_PER_DEGREE, Window
from jeoview.region import zoom_for

if TYPE_CHECKING:
    import pandas as pd

# A large area of reference is read on larger pixels: its median needs no more.
REFERENCE_PIXELS = 512


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
    polygon : GeoJSON geometry, optional
        Its shape, where it is no box.
    side : int, optional
        Pixels of the files that it is wide and high, where it is a square around a place.
    chosen : str
        Why this place, where it was found and not given.
    steps : tuple of str
        What filters removed.
    corrected : tuple of Correction
        Steps before the inversion.

    Raises
    ------
    CollectionError
        If the catalogue has no such collection, or it holds no interferograms.
    """

    name: str
    ids: tuple[str, ...] | None = None
    place: Bounds | None = None
    polygon: Geometry | None = None
    side: int | None = None
    chosen: str = ""
    steps: tuple[str, ...] = ()
    corrected: tuple[Correction, ...] = ()

    def __post_init__(self) -> None:
        if self.ids is None:
            makers = "interferograms; make it with from_files, from_licsar ..."
            object.__setattr__(self, "ids", ids_of(self.name, "jeoview:wavelength", makers, lambda item: item.id))

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
        baselines: Mapping[Any, float] | None = None,
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
            What stored coherence is multiplied by: 1 where it is 0 to 1, ``1 / 255`` for bytes.
        baselines : mapping of pair to float, optional
            Perpendicular baselines in metres; a pair is (date, date), dates or text, or its name ``"20180106_20180130"``.

        Raises
        ------
        SourceError
            If no file matches, a name has no two dates, or a file is broken.
        ParameterError
            If coherence is not 0 to 1 at this scale (a sample of the pixels is read), or a baseline is of no pair.

        Warns
        -----
        UserWarning
            If pairs have no coherence though a pattern is given, phase looks wrapped, or files do not share their pixels.
        """
        options = PairOptions(wavelength, sign, nodata, None, coherence_scale, baselines or {})
        asked = as_path(unwrapped, "from_files")
        title = name or f"interferograms-{digest(str(asked.absolute()))[:12]}"
        return cls(register_pairs(title, matches(unwrapped), matches(coherence) if coherence else [], options))

    @classmethod
    def from_pyrate(cls, folder: str | Path, name: str | None = None) -> InterferogramCollection:
        """GAMMA products as PyRate takes them: ``*_unw.tif`` and ``*_cc.tif`` below a folder.

        Phase is positive away from the satellite, 0 is no data; the wavelength is that of the files' tags.
        Perpendicular baselines are taken from ``index.csv`` where there is one, unit vectors from ``derived/{E,N,U}.tif``.
        """
        return cls(register_stack(folder, name, pyrate.stack))

    @classmethod
    def from_licsar(cls, folder: str | Path, name: str | None = None) -> InterferogramCollection:
        """A LiCSAR frame: ``GEOC/D1_D2/D1_D2.geo.unw.tif`` and ``.geo.cc.tif`` (bytes, or 0 to 1 in older ones).

        ``FRAME.geo.{E,N,U,hgt}.tif``, ``baselines`` and ``metadata.txt`` are read where they lie below the folder.
        """
        return cls(register_stack(folder, name or licsar.frame_of(as_path(folder, "from_licsar")), licsar.stack))

    @classmethod
    def from_hyp3(cls, folder: str | Path, name: str | None = None) -> InterferogramCollection:
        """HyP3 products (GAMMA and ISCE burst): ``*_unw_phase.tif``, ``*_corr.tif``, ``*_lv_theta.tif`` below a folder.

        Bursts or scenes of one pair are joined, as the frames of `from_aria` are; all must lie in one UTM zone.
        """
        return cls(register_stack(folder, name, hyp3.stack))

    @classmethod
    def from_flatsim(cls, folder: str | Path, name: str | None = None) -> InterferogramCollection:
        """FLATSIM products: ``CNES_InU_*.tif*``, ``CNES_Coh_*``, ``CNES_CosENU_*`` below a folder."""
        return cls(register_stack(folder, name, flatsim.stack))

    @classmethod
    def from_aria(cls, folder: str | Path, name: str | None = None, *, height: float = 0.0) -> InterferogramCollection:
        """ARIA S1-GUNW files of one track; baselines are those at ``height`` metres above the ellipsoid.

        Frames of one pair are joined where they overlap: each gets the constant, and each connected component the whole
        cycles, that make its phase continue; of a pixel of several frames the first is shown. What was added, and how
        well it fits, stands in the item's ``jeoview:frames`` and ``jeoview:seams``; opening measures it once. Warnings name
        pairs that lack frames, and frames that overlap no other of their pair (left out) or do not fit them.

        Raises
        ------
        SourceError
            If files are of several tracks, a frame stands twice, or frames have unlike pixels or no overlap.
        """
        return cls(register_stack(folder, name, aria.stack, height=height))

    @classmethod
    def from_mintpy(cls, path: str | Path, name: str | None = None) -> InterferogramCollection:
        """MintPy's geocoded ``ifgramStack.h5``, or a folder with it; the pairs that ``dropIfgram`` keeps."""
        return cls(register_stack(path, name, mintpy.stack))

    @classmethod
    def from_opera(cls, folder: str | Path, name: str | None = None) -> InterferogramCollection:
        """OPERA DISP-S1 files of one frame, displacement read as phase; there is none where ``recommended_mask`` is 0."""
        return cls(register_stack(folder, name, opera.stack))

    def geometry(self, height: Image | float = 0.0) -> Image:
        """Bands ``los_east``, ``los_north``, ``los_up`` from ground to satellite; ``height`` (m) is asked by ARIA only."""
        return geometry_of(self.name, height)

    def height(self) -> Image:
        """Height of the ground in metres, where the product brings it."""
        return height_of(self.name)

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
        return network.subsets(self._pairs())

    filter_pairs = selection.filter_pairs
    measures = selection.measures
    loops = selection.loops
    date_measures = selection.date_measures
    plot_network = plots.plot_network
    plot_coherence_matrix = plots.plot_coherence_matrix
    plot_loop_rms = plots.plot_loop_rms
    plot_loops = plots.plot_loops
    correct_unwrapping = corrections.correct_unwrapping
    deramp = corrections.deramp
    correct_height = corrections.correct_height
    noise_indices = noise.noise_indices
    noise_mask = noise.noise_mask
    noise_report = noise.noise_report
    invert = inversion.invert
    quality = inversion.quality

    def _pairs(self) -> list[network.Pair]:
        return [network.dates_of(item) for item in self.items]

    def report(self) -> str:
        """What was chosen, what each filter removed, which subsets of dates there are, and the reference.

        The reference is read, to say how many pairs have no data there.
        """
        return "\n".join([repr(self), *selection.story(self), *reference_note(self)])

    def __len__(self) -> int:
        return len(self.ids or ())

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Refused, with the way to what an image can do."""
            if name in ("velocity", "relative_to", "annual_steps", "temporal_filter", "to_csv"):
                hint = f"; displacement comes first: stack.invert().{name}(...)"
            else:
                hint = f"; images have it: stack.image().{name}(...)" if hasattr(Image, name) else ""
            raise AttributeError(f"InterferogramCollection has no attribute {name!r}{hint}", name=name, obj=self)

    def __repr__(self) -> str:
        parts = selection.subset_note(self.subsets())
        return (
            f"<jeoview.InterferogramCollection {self.name!r}: {len(self)} pairs, {len(self.dates)} dates, {parts}, "
            f"{self._where()}>"
        )

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in selection.story(self))
        return f"<div>{html.escape(repr(self)[1:-1])}<ul>{lines}</ul></div>"

    def _where(self) -> str:
        if self.place is None:
            return "no reference yet"
        why = f" ({self.chosen})" if self.chosen else ""
        return "reference {:.5f}, {:.5f}".format(*centre_of(self.place)) + why

    # -- pixels ----------------------------------------------------------------------------------

    reference = reference.reference

    @property
    def spacing(self) -> float:
        """Ground metres of a pixel, north to south."""
        properties = self.items[0].properties
        step = abs(float(properties["proj:transform"][4]))
        code = properties.get("proj:code")
        return step * METRES_PER_DEGREE if code and is_geographic(code) else step

    def zoom_at(self, latitude: float) -> int:
        """The zoom whose pixels are no larger than the stack's."""
        ground = 40_075_016.7 * math.cos(math.radians(latitude)) / 256
        return min(max(math.ceil(math.log2(ground / self.spacing)), 0), 20)

    def image(self) -> Image:
        """The pairs as one image, a series of bands ``unwrapped`` (rad, positive away) and ``coherence``; referenced."""
        return corrections.applied(self, self._stack())

    def cache_stack(
        self, folder: str | Path | None = None, *, lossless: bool = False, progress: bool | Watch = True
    ) -> InterferogramCollection:
        """Copy the stack so that all pairs of a place lie side by side, with overviews: a tile is then one read.

        The copy is a folder of Zarr version 3 that other programs read too, a group for each band. Phase is stored in steps of
        1/500 rad (error up to 0.001 rad, 4 micrometres of Sentinel-1; twice that in overviews) where it fits within 65 rad,
        else as float32; coherence in steps of 1/254. Overviews are means of the valid pixels. Where a file has changed since,
        the copy is not used, and a warning says so. A copy that is stopped is gone on with by the next call; of one that was
        damaged, which every read finds, the next call makes the damaged part anew.

        Parameters
        ----------
        folder : str or Path, optional
            Where to; ``stacks`` in the user's cache folder by default.
        lossless : bool
            Keep every number as it is, at twice the size.
        progress : bool or function
            Show a bar; or a function of its name and total that gives one.

        Returns
        -------
        InterferogramCollection
            The same pairs and reference, read from the copy. It has keys of its own: its pixels differ by the
            rounding, and at low zooms by the overviews.

        Raises
        ------
        CollectionError
            If the files do not lie on one lattice of pixels.
        PendingError
            If another process makes the same copy.
        JeoviewError
            If the disk is full, the folder locked or a file unreadable; what is written is kept for the next call.
        CancelledByUser
            If it was stopped; what is written is kept.
        """
        name, items = stack.current(self.name, self.items, tell=False)
        if stack.is_copy(items):
            return self
        plan = stack.CopyPlan(name, items, stack.pair_packings(items, lossless=lossless))
        return replace(self, name=stack.copy_stack(plan, folder, progress=progress))

    def reference_phase(self) -> dict[str, float]:
        """Phase of each pair at the reference in rad, by id, before any correction; NaN where a pair has no valid pixel there."""
        table = Engine.default().table(self.reference_table(self._stack()).node)
        return dict(zip(self.ids or (), table.values["unwrapped"].tolist(), strict=True))

    def _stack(self) -> Image:
        name, items = stack.current(self.name, self.items)
        return freeze_pairs(user_catalog().collection(name), items)

    def reference_table(self, stack: Image) -> Image:
        """The table ``reference_phase`` of a stack of these pairs at the chosen place."""
        place = self._chosen_place("reference_phase")
        phase = stack["unwrapped"]
        if self.polygon is not None:
            phase = apply("mask_polygon", (phase,), {"polygon": self.polygon, "inside": True})
        return apply("reference_phase", (phase,), self._reference_region(place))

    def _reference_region(self, place: Bounds) -> dict[str, Any]:
        """Pixels of the files, where all share them; else those of the map at the zoom of their size."""
        grid = union(grids_of(self.items))
        if grid is not None:
            pixels = square(grid, *centre_of(place), self.side) if self.side else window(grid, place, REFERENCE_PIXELS)
            return {"region": Window.of(pixels).model_dump()}
        zoom = min(self.zoom_at(centre_of(place)[1]), zoom_for(place, REFERENCE_PIXELS))
        return {"region": place, "zoom": zoom}

    def referenced(self, what: str) -> Image:
        """The pairs relative to their reference, for ``what`` needs one.

        Raises
        ------
        ParameterError
            If no reference was chosen.
        """
        self._chosen_place(what)
        return self.image()

    def _chosen_place(self, what: str) -> Bounds:
        if self.place is None:
            raise ParameterError(
                f"{what}: choose a reference first, .reference(lon=, lat=), or .reference() for the most coherent place: every pair "
                "keeps an arbitrary constant"
            )
        return self.place
