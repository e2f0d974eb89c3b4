"""What the catalogue says of the simulated interferograms, and the files behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog import Band, BandInfo, CollectionInfo, Item
from jeoview.demo.orbits import TRACKS, WAVELENGTH, Acquisition, Track
from jeoview.demo.shapes import box, polygon
from jeoview.demo.stack import COHERENCE_STEP, PHASE_STEP, Interferogram, Stack, interferogram
from jeoview.demo.truth import FOLDER, VELOCITIES
from jeoview.grid import Grid
from jeoview.io.write import BandText, CogProfile, write_cog

HOME = "demo-insar"
TRUTH = "demo-insar-truth"
GEOMETRY = ("los_east", "los_north", "los_up", "incidence", "height")
_UNITS = {"incidence": "deg", "height": "m"}
_NOTE = "Simulated by jeoview: not an observation, invented ground and motion"
# Nominal looks; 1.94 samples overlap in one resolution cell.
LOOKS = 39


def collection_name(track: Track) -> str:
    """Such as ``demo-insar-asc``."""
    return f"{HOME}-{track.name}"


def geometry_name(track: Track) -> str:
    """Such as ``demo-insar-asc-geometry``."""
    return f"{HOME}-{track.name}-geometry"


def _collections() -> Iterator[CollectionInfo]:
    for track in TRACKS:
        yield CollectionInfo(
            collection_name(track),
            title=f"Simulated interferograms, {track.direction} (demo)",
            description="Simulated, not observed: unwrapped interferograms and coherence of an invented volcano and a "
            "sinking town at the place of Tepic, 2021 to 2023, with air, decorrelation and a few unwrapping errors. "
            "The motion is known, see demo-insar-truth and docs/demo.md.",
            simulated=True,
            bands=(BandInfo("unwrapped", unit="rad"), BandInfo("coherence")),
        )
        yield CollectionInfo(
            geometry_name(track),
            title=f"Line of sight of the simulated interferograms, {track.direction} (demo)",
            description="Simulated: unit vector from the ground to the satellite (east, north, up), incidence angle and "
            "elevation of every pixel of the stack.",
            simulated=True,
            bands=tuple(BandInfo(name, unit=_UNITS.get(name, "")) for name in GEOMETRY),
        )
    yield CollectionInfo(
        TRUTH,
        title="True velocity of the simulated interferograms (demo)",
        description="Simulated, not measured: the motion that the interferograms of demo-insar-asc and demo-insar-desc "
        "were made from, mm a year; along a line of sight positive towards the satellite.",
        simulated=True,
        bands=tuple(BandInfo(name, unit="mm/yr") for name in _velocity_names()),
    )


def _velocity_names() -> tuple[str, ...]:
    return (*VELOCITIES, *(f"velocity_{track.name}" for track in TRACKS))


COLLECTIONS = tuple(_collections())


def write_pair(folder: Path, stack: Stack, pair: int) -> Item:
    """Write the two files of a pair and return its item; paths are relative to the folder."""
    name, made = stack.name(pair), interferogram(stack, pair)
    place = f"{stack.track.name}/{name}"
    (folder / place).mkdir(parents=True)
    phase = Band("unwrapped", f"{place}/{name}.unw.tif", scale=PHASE_STEP, nodata=0, unit="rad", data_type="int16")
    correlation = Band("coherence", f"{place}/{name}.cc.tif", scale=COHERENCE_STEP, nodata=0, data_type="uint8")
    bands = {}
    for band, array in ((phase, made.phase), (correlation, made.coherence)):
        bands[band.name] = _write(folder, band, array, stack.grid, f"{stack.track.direction} {name}")
    end = stack.passes[stack.network[pair][1]]
    return _item(
        collection_name(stack.track), name, _time(end), stack.grid,
        bands, _pair_properties(stack, pair, made),
    )  # fmt: skip


def _pair_properties(stack: Stack, pair: int, made: Interferogram) -> dict[str, Any]:
    start, end = (stack.passes[i] for i in stack.network[pair])
    return {
        **_track_properties(stack.track),
        "start_datetime": _time(start),
        "end_datetime": _time(end),
        "jeoview:wavelength": WAVELENGTH,
        "jeoview:bperp": stack.baseline(pair),
        "jeoview:sign": "positive phase means motion away",
        "jeoview:looks": LOOKS,
        "jeoview:mean_coherence": round(float(made.coherence.mean()) * COHERENCE_STEP, 4),
    }


def _track_properties(track: Track) -> dict[str, Any]:
    return {
        "jeoview:track": track.label,
        "jeoview:heading": track.heading,
        "sat:orbit_state": track.direction,
        "view:incidence_angle": track.incidence,
    }


def write_geometry(folder: Path, stack: Stack) -> Item:
    """Write the line of sight and the elevation of a stack and return their item."""
    sight, name = stack.look, geometry_name(stack.track)
    arrays = (sight.east, sight.north, sight.up, sight.incidence, stack.height)
    href = f"{stack.track.name}/geometry.tif"
    bands = [Band(each, href, i + 1, unit=_UNITS.get(each, ""), data_type="float32") for i, each in enumerate(GEOMETRY)]
    written = _write_layers(folder, bands, np.stack(arrays), stack.grid, f"line of sight {stack.track.direction}")
    first = _time(stack.passes[0])
    return _item(name, name, first, stack.grid, written, _track_properties(stack.track))


def write_velocity(folder: Path, grid: Grid, known: dict[str, NDArray[np.float32]]) -> Item:
    """Write the true velocities, by name of the band, and return their item."""
    href = f"{FOLDER}/velocity.tif"
    bands = [Band(name, href, i + 1, unit="mm/yr", data_type="float32") for i, name in enumerate(known)]
    written = _write_layers(folder, bands, np.stack(list(known.values())), grid, "true velocity")
    return _item(TRUTH, TRUTH, "2021-01-06T00:00:00Z", grid, written, {})


def _write_layers(
    folder: Path, bands: list[Band], arrays: NDArray[np.float32], grid: Grid, what: str
) -> dict[str, Band]:
    texts = tuple(BandText(band.name, unit=band.unit) for band in bands)
    write_cog(folder / bands[0].href, arrays, CogProfile(grid, texts, "float32", tags=tags(what)))
    return {band.name: _placed(band, grid) for band in bands}


def _write(folder: Path, band: Band, array: NDArray[Any], grid: Grid, what: str) -> Band:
    text = BandText(band.name, band.scale, unit=band.unit)
    write_cog(folder / band.href, array, CogProfile(grid, (text,), band.data_type, 0, tags=tags(what), level=1))
    return _placed(band, grid)


def tags(what: str) -> dict[str, str]:
    """The label of a file."""
    return {"JEOVIEW_SIMULATED": "yes", "TIFFTAG_IMAGEDESCRIPTION": f"{_NOTE}; {what}"}


def _placed(band: Band, grid: Grid) -> Band:
    return replace(band, shape=grid.shape, transform=grid.transform)


def _time(each: Acquisition) -> str:
    return f"{each.when:%Y-%m-%dT%H:%M:%SZ}"


def _item(
    collection: str, name: str, when: str, grid: Grid, bands: dict[str, Band], properties: dict[str, Any]
) -> Item:
    place = {"proj:code": grid.crs, "proj:shape": list(grid.shape), "proj:transform": list(grid.transform)}
    geometry = polygon(box(*grid.bounds), grid.crs)
    return Item(collection, name, when, grid.bbox, geometry, {"jeoview:simulated": True, **properties, **place}, bands)
