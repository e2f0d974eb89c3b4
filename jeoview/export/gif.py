"""One frame a date: a series as an animated GIF."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jeoview.describe import describe
from jeoview.errors import ParameterError
from jeoview.export import files
from jeoview.export.array import gather
from jeoview.export.blocks import has_data
from jeoview.export.days import of_day
from jeoview.export.frames import frame
from jeoview.export.provenance import mark
from jeoview.export.request import Request, across, request
from jeoview.graph import parameter
from jeoview.image import Image
from jeoview.operators.colour import legend as described
from jeoview.progress import Bar, job
from jeoview.projection import WEB_MERCATOR
from jeoview.quantities import short
from jeoview.raster import Kind
from jeoview.recipes import as_image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_FPS = 50
# Name of the parameter that goes through the dates of a series.
FRAME = "frame-of-the-animation"


@dataclass(frozen=True)
class Animation:
    """What an animation holds.

    Parameters
    ----------
    path : Path
        The file.
    dates : tuple of str
        Day of each frame.
    skipped : tuple of str
        Days without a valid pixel in the bounds: they have no frame.
    width, height : int
        Pixels of a frame.
    """

    path: Path
    dates: tuple[str, ...]
    skipped: tuple[str, ...]
    width: int
    height: int


def to_gif(  # noqa: PLR0913 - what a user writes (design 8)
    self: Any,
    path: str | PathLike[str],
    image_to_image: Callable[[Image], Image],
    bounds: object = None,
    *,
    width: int = 800,
    fps: float = 2,
    label: bool = True,
    legend: bool = False,
    parameters: Mapping[str, Any] | None = None,
    progress: bool = True,
    overwrite: bool = True,
) -> Animation:
    """Write an animated GIF with one frame a day, in the order of the collection, in Web Mercator.

    Scenes of the same day (UTC) are one frame: the first of the collection's order lies on top. A displacement series has a
    frame for each of its dates. Where the chain ends
    in a colour map the pixels are exact: one palette serves all frames, and what is not covered by data is white (black
    under a pale palette). A GIF has at most 256 colours: frames of `rgb` or `blend` are reduced to the 254 colours
    that suit each best.

    Parameters
    ----------
    path : path
        Ends in ``.gif``.
    image_to_image : callable
        From the image of one day to what is shown, for instance
        ``lambda image: image.ndvi().colormap("RdYlGn", vmin=-0.2, vmax=0.9)``.
    bounds : (west, south, east, north), optional
        Degrees; the extent of the collection by default.
    width : int
        Pixels across; the height follows.
    fps : float
        Frames a second, at most 50.
    label : bool
        Write the day into each frame.
    legend : bool
        Draw the legend below; only of a colour map.
    parameters : mapping, optional
        Positions of the sliders by name.
    progress : bool
        Show a bar where it takes longer than two seconds.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    Animation
        Which days have a frame, and which had no valid pixel.

    Raises
    ------
    ParameterError
        If a value makes no sense, the collection is no series, ``image_to_image`` does not give colour, or no day has
        a valid pixel.
    LimitError, CancelledByUser, JeoviewError
        As `to_geotiff`; after any of them no part of a file is left.
    """
    place = files.target(path, (".gif",), overwrite=overwrite)
    if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps <= MAX_FPS:
        raise ParameterError(f"fps is {fps!r}; expected a number above 0, at most {MAX_FPS}")
    series = as_image(self)
    if describe(series.node).kind is not Kind.SERIES:
        raise ParameterError("to_gif needs many dates: call it on the collection, before .median() or the like")
    if describe(series.node).pairs:
        raise ParameterError("to_gif shows dates, and a stack of pairs has none; .invert() it first")
    area, resolution = across(bounds, describe(series.node), width)
    wanted = request(series, area, crs=WEB_MERCATOR, resolution=resolution)
    days = _days(wanted)
    if not days:
        raise ParameterError("no scene of the collection lies in the bounds")
    if not callable(image_to_image):
        raise ParameterError(
            f"to_gif: image_to_image is {short(image_to_image)}; expected a function from an image to what is shown, "
            'such as lambda image: image.ndvi().colormap("RdYlGn", vmin=-0.2, vmax=0.9)'
        )
    look = _Look(image_to_image, parameters or {}, label, legend)
    made: list[tuple[str, bool]] = []
    with job(place.name, len(days), "frames", progress=progress) as bar, files.replacing(place) as unfinished:
        frames = _frames(wanted, days, look, bar, made)
        first = next(frames, None)
        if first is None:
            raise ParameterError(f"none of the {len(days)} dates has a valid pixel in the bounds")
        _save(first, frames, unfinished, fps)
    shown, skipped = (tuple(day for day, valid in made if valid is wanted_kind) for wanted_kind in (True, False))
    return Animation(place, shown, skipped, first.width, first.height)


@dataclass(frozen=True)
class _Look:
    """How a frame is made of a day's image."""

    image_to_image: Callable[[Image], Image]
    parameters: Mapping[str, Any]
    label: bool
    legend: bool

    def of(self, day: str, image: Image) -> Image:
        shown = self.image_to_image(image)
        if not isinstance(shown, Image) or shown.kind is not Kind.COLOUR:
            got = shown.kind.value if isinstance(shown, Image) else type(shown).__name__
            raise ParameterError(
                f"image_to_image gave {got} for {day}; expected colour: end it with .colormap(...) or .rgb(...)"
            )
        return shown


def _days(wanted: Request) -> dict[str, Image]:
    """The image of each day near the bounds, days in the order of the series."""
    if not wanted.axis:
        # A parameter, so that a series is computed once for all frames, as for a slider.
        days = tuple(dict.fromkeys(map(_day, wanted.dates)))
        if not days:
            return {}
        return dict.fromkeys(days, Image(wanted.node).at_date(date=parameter(FRAME, days[0], choices=days)))
    scenes: dict[str, set[tuple[str, str]]] = {}
    for layer in wanted.axis:
        scenes.setdefault(_day(layer.date), set()).add((layer.item.collection, layer.item.id))
    return {day: of_day(wanted.engine, wanted.node, frozenset(chosen)) for day, chosen in scenes.items()}


def _day(date: str) -> str:
    return date[: len("2018-01-06")]


def _frames(
    wanted: Request, days: Mapping[str, Image], look: _Look, bar: Bar, made: list[tuple[str, bool]]
) -> Iterator[Picture]:
    """Pictures of the days that have a valid pixel; ``made`` notes which have."""
    west, south, east, north = wanted.grid.bounds
    note = mark(wanted.engine, wanted.node)
    for day, image in days.items():
        shown = look.of(day, image)
        asked = request(
            shown,
            (west, south, east, north),
            crs=wanted.grid.crs,
            resolution=wanted.grid.lattice.resolution,
            parameters={**look.parameters, **({FRAME: day} if FRAME in shown.parameters else {})},
        )
        raster = gather(asked, day, progress=False, warn=False)
        valid = has_data(raster)
        made.append((day, valid))
        if valid:
            yield frame(raster, f"{day}{note}" if look.label else "", described(asked.node) if look.legend else None)
        bar.update(1)


def _save(first: Picture, frames: Iterator[Picture], path: Path, fps: float) -> None:
    """Frame by frame, so that memory does not grow with their number; the time of a GIF counts hundredths."""
    duration = max(round(100 / fps), 2) * 10
    with path.open("wb") as file:
        first.save(
            file, "GIF", save_all=True, append_images=frames, duration=duration, loop=0, optimize=False, disposal=1
        )
