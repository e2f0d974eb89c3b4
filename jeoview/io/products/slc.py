"""Coregistered complex radar images as items: one item a date, at the sensor's own pixels.

A stack is geocoded (GeoTIFF, OPERA's CSLC-S1) or in radar geometry; then its place is in the files' control points
or in rasters of longitude and latitude, or in a look-up table.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jeoview.catalog.items import Item
from jeoview.catalog.times import format_time
from jeoview.errors import SourceError, choices
from jeoview.io.products.common import date_in_name
from jeoview.io.products.generic import guess_date
from jeoview.io.products.interferograms import SENTINEL_1, check_wavelength
from jeoview.io.products.slc_places import Ground, Places, Variable, ground_of, header

MAX_TEXT = 1 << 20


@dataclass(frozen=True, slots=True)
class SlcOptions:
    """What the files do not say of themselves.

    Parameters
    ----------
    wavelength : float
        Metres; Sentinel-1 has 0.0554658.
    date : str, optional
        Format of the date in names, as in `datetime.strptime`.
    nodata : float, optional
        Stored complex number that means "no data".
    properties : mapping
        More of every item.
    """

    wavelength: float = SENTINEL_1
    date: str | None = None
    nodata: float | None = 0.0
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_wavelength(self.wavelength)


@dataclass(frozen=True, slots=True)
class Scene:
    """A date of a stack and its variables: one complex, or a real and an imaginary part."""

    time: dt.datetime
    id: str
    parts: tuple[Variable, ...]


# -- the three sources ---------------------------------------------------------------------------


def file_scenes(paths: Sequence[Path], options: SlcOptions) -> list[Scene]:
    """Complex files, the date in each name.

    Raises
    ------
    SourceError
        If a name holds no date, or two are of one time.
    """
    return unique([Scene(dated(path.name, options), path.stem, (Variable(path),)) for path in paths])


def zarr_scenes(groups: Sequence[Path], options: SlcOptions, choose: str | None) -> list[Scene]:
    """Zarr groups with variables ``i_*`` and ``q_*`` (as SNAP writes them), ``real*`` and ``imag*``, or a complex one.

    The date stands in the name of the group or the variable.

    Parameters
    ----------
    groups : sequence of Path
        Folders.
    options : SlcOptions
        Format of the date.
    choose : str, optional
        Text that the names of the variables hold, such as ``"VV"``.

    Raises
    ------
    SourceError
        If a group holds no or several complex images, or a name no date.
    """
    scenes = []
    for group in groups:
        arrays = {name: about for name, about in zarr_arrays(group).items() if choose is None or choose in name}
        pairs = [(name, other) for name in arrays if (other := _imaginary(name)) in arrays]
        whole = [(name,) for name, (_, kind) in arrays.items() if kind.startswith("c")]
        found = [*pairs, *whole]
        if len(found) != 1:
            shown = choices(choose or "i_", zarr_arrays(group))
            raise SourceError(
                f"{group.name} holds {len(found)} complex images; expected one: i_... with q_..., real with imag, or of a complex type; "
                f"polarisation= chooses among several. {shown}"
            )
        parts = tuple(Variable(group, name) for name in found[0])
        scenes.append(Scene(dated(f"{group.name} {found[0][0]}", options), group.name.partition(".")[0], parts))
    return unique(scenes)


def _imaginary(name: str) -> str | None:
    """What the imaginary part of a real one is called: ``q_VV`` of ``i_VV``, ``imag`` of ``real``."""
    for real, imaginary in (("i_", "q_"), ("real", "imag")):
        if name.startswith(real):
            return imaginary + name.removeprefix(real)
    return None


def zarr_arrays(group: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of each array of a Zarr group (version 2 or 3) by name."""
    found = {}
    for folder in sorted(group.iterdir()) if group.is_dir() else []:
        text = next((folder / name for name in (".zarray", "zarr.json") if (folder / name).is_file()), None)
        if text is None or text.stat().st_size > MAX_TEXT:
            continue
        try:
            about = json.loads(text.read_text(encoding="utf-8"))
            kind = about.get("dtype") or about.get("data_type")
            if "shape" in about and isinstance(kind, str):
                # "complex64" and "<c8" begin alike once the order of bytes is left out.
                found[folder.name] = (tuple(int(size) for size in about["shape"]), kind.lstrip("<>|="))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SourceError(f"{group.name}: the description of {folder.name} cannot be read") from error
    return found


def zarr_places(groups: Sequence[Path], shape: tuple[int, int]) -> tuple[Variable, Variable] | None:
    """Longitude and latitude of every pixel, in whichever group they lie."""
    for group in groups:
        arrays = [name for name, (size, _) in zarr_arrays(group).items() if size == shape]
        lon, lat = ([n for n in arrays if n.lower().startswith(word)] for word in ("lon", "lat"))
        if lon and lat:
            return Variable(group, lon[0]), Variable(group, lat[0])
    return None


def cslc_scenes(paths: Sequence[Path], polarisation: str) -> list[Scene]:
    """OPERA CSLC-S1 granules: ``/data/VV`` of HDF5 files, the date of acquisition the first in the name."""
    options = SlcOptions(date=None)
    return unique(
        [Scene(dated(path.name, options), path.stem, (Variable(path, f"data/{polarisation}"),)) for path in paths]
    )


def scene_time(name: str, options: SlcOptions) -> dt.datetime | None:
    """The date in a name, by the format of the options or one of the usual ones; None where there is none."""
    return date_in_name(name, options.date) if options.date else guess_date(name) or date_in_name(name, "%d%b%Y")


def dated(name: str, options: SlcOptions) -> dt.datetime:
    """The date in a name.

    Raises
    ------
    SourceError
        If there is none.
    """
    found = scene_time(name, options)
    if found is None:
        raise SourceError(
            f"no date {options.date or 'such as 20230331'} in the name {name!r}; give its format as date="
        )
    return found


def unique(scenes: list[Scene]) -> list[Scene]:
    """Scenes in order of time.

    Raises
    ------
    SourceError
        If two are of one date.
    """
    times = [scene.time for scene in scenes]
    twice = [scene.id for scene in scenes if times.count(scene.time) > 1 or [s.id for s in scenes].count(scene.id) > 1]
    if twice:
        raise SourceError(f"several images of one date: {twice[:6]}; choose one polarisation and one swath")
    return sorted(scenes, key=lambda scene: scene.time)


# -- items ---------------------------------------------------------------------------------------


def slc_items(collection: str, scenes: Sequence[Scene], places: Places, options: SlcOptions) -> list[Item]:
    """One item for each date, in order.

    Parameters
    ----------
    collection : str
        Its name.
    scenes : sequence of Scene
        Dates and files.
    places : (Variable, Variable) or Lookup, optional
        Rasters of longitude and latitude of every pixel, degrees; or a table on a map.
    options : SlcOptions
        Wavelength, nodata.

    Raises
    ------
    SourceError
        If the scenes do not share their pixels, are not complex, or their place is not known.
    """
    headers = [[header(part) for part in scene.parts] for scene in scenes]
    first = headers[0][0]
    for scene, found in zip(scenes, headers, strict=True):
        if any(h.shape != first.shape or h.place != first.place for h in found):
            raise SourceError(
                f"{scene.id} has {found[0].shape} pixels at another place than {scenes[0].id} with {first.shape}: the "
                "stack is not coregistered; bring all images onto the pixels of one"
            )
        if len(found) == 1 and not found[0].is_complex:
            raise SourceError(f"{scene.id}: its pixels are no complex numbers")
    ground = ground_of(first, places, scenes[0].id)
    return [_item(collection, scene, ground, options) for scene in scenes]


def _item(collection: str, scene: Scene, ground: Ground, options: SlcOptions) -> Item:
    names = ("slc",) if len(scene.parts) == 1 else ("i", "q")
    # Of two parts one alone may be 0; the pair is looked at once it is joined.
    nodata = options.nodata if len(names) == 1 else None
    own = {name: part.band(name, nodata) for name, part in zip(names, scene.parts, strict=True)}
    properties = {
        "jeoview:wavelength": options.wavelength,
        "jeoview:sign": "the phase of a pixel is -4 pi / wavelength times its distance, as it was read",
        **ground.properties,
        **options.properties,
    }
    return Item(
        collection, scene.id, format_time(scene.time), ground.bbox, ground.geometry, properties, {**own, **ground.bands}
    )
