"""What is really there in the simulated interferograms, on disk and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog import Band, Item
from jeoview.demo import motion, volcano
from jeoview.demo.items import at_home
from jeoview.demo.noise import Field
from jeoview.demo.orbits import Look, years
from jeoview.demo.stack import Stack, interferogram
from jeoview.errors import SourceError
from jeoview.grid import Grid, Lattice
from jeoview.io.reader import Reader
from jeoview.io.write import BandText, CogProfile, write_cog
from jeoview.projection import WGS84

FOLDER = "truth"
# Displacement is stored in steps of 0.01 mm.
_FINE = 1e-5
_EMPTY = -32768
VELOCITIES = ("velocity_up", "velocity_east", "velocity_north")


@dataclass(frozen=True, slots=True, eq=False)
class TrackTruth:
    """What is true of one track.

    Parameters
    ----------
    dates : tuple of str
        RFC 3339, in order.
    velocity : (y, x) float32
        Least-squares slope of the true displacement over the dates along the line of sight, mm a year of 365.25 days,
        positive towards the satellite.
    displacement : (date, y, x) float32
        Metres, positive towards the satellite, 0 at the first date.
    constants : mapping of str to float
        Radians that were added to each pair, such as ``20210106_20210118``.
    cycles : mapping of str to (y, x) int8
        Only pairs with a mistake of unwrapping: turns of 2 pi that were added.
    """

    dates: tuple[str, ...]
    velocity: Field
    displacement: Field
    constants: Mapping[str, float]
    cycles: Mapping[str, NDArray[np.int8]]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true of the simulated stacks.

    Parameters
    ----------
    grid : Grid
        The pixels of both stacks, EPSG:4326.
    up, east, north : (y, x) float32
        Least-squares slope over the dates of both tracks, mm a year of 365.25 days.
    tracks : mapping of str to TrackTruth
        ``asc`` and ``desc``.
    """

    grid: Grid
    up: Field
    east: Field
    north: Field
    tracks: Mapping[str, TrackTruth]


# -- writing -------------------------------------------------------------------------------------


def velocities(stacks: Sequence[Stack]) -> dict[str, Field]:
    """True velocities in mm a year: `VELOCITIES` over all dates, ``velocity_asc`` and so on over those of the track."""
    sources = motion.patterns(volcano.plane(stacks[0].grid))
    days = np.array(sorted(each.day for stack in stacks for each in stack.passes))
    east, north, up = np.einsum("s,scyx->cyx", motion.slopes(days), sources)
    found = dict(zip(VELOCITIES, (up, east, north), strict=True))
    for stack in stacks:
        found[f"velocity_{stack.track.name}"] = _along(stack.look, sources, stack)
    return {name: np.asarray(1000 * field, dtype=np.float32) for name, field in found.items()}


def _along(sight: Look, sources: NDArray[np.float64], stack: Stack) -> NDArray[np.float64]:
    days = years(stack.passes) * 365.25
    return np.asarray(np.einsum("s,syx->yx", motion.slopes(days), motion.line_of_sight(sources, sight)))


def write_track(folder: Path, stack: Stack, tags: Mapping[str, str]) -> None:
    """Write displacement, mistakes and constants of a track into ``truth`` below a folder."""
    name, dates = stack.track.name, [f"{each.when:%Y-%m-%dT%H:%M:%SZ}" for each in stack.passes]
    stored = np.rint(stack.displacement / _FINE).astype(np.int16)
    texts = tuple(BandText(f"displacement {date}", _FINE, 0.0, "m") for date in dates)
    _write(folder / _displacement(name), stored, CogProfile(stack.grid, texts, "int16", _EMPTY, tags=tags))
    wrong = [mistake.pair for mistake in stack.mistakes]
    cycles = np.stack([interferogram(stack, pair).cycles for pair in wrong]).astype(np.int16)
    texts = tuple(BandText(f"wrong cycles {stack.name(pair)}") for pair in wrong)
    _write(folder / _cycles(name), cycles, CogProfile(stack.grid, texts, "int16", _EMPTY, tags=tags, content="classes"))
    document = {
        "simulated": True,
        "grid": [*stack.grid.transform, *stack.grid.shape],
        "dates": dates,
        "constants": {stack.name(pair): float(value) for pair, value in enumerate(stack.constants)},
        "unwrapping_errors": [
            {"pair": stack.name(each.pair), "cycles": each.cycles, "pixels": int(np.count_nonzero(layer))}
            for each, layer in zip(stack.mistakes, cycles, strict=True)
        ],
    }
    (folder / _notes(name)).write_text(json.dumps(document, indent=1))


def _write(path: Path, array: NDArray[Any], profile: CogProfile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_cog(path, array, profile)


def _displacement(track: str) -> str:
    return f"{FOLDER}/displacement-{track}.tif"


def _cycles(track: str) -> str:
    return f"{FOLDER}/unwrapping-errors-{track}.tif"


def _notes(track: str) -> str:
    return f"{FOLDER}/{track}.json"


# -- reading -------------------------------------------------------------------------------------


def read_truth(folder: Path, tracks: Sequence[str]) -> Truth:
    """Read what `write_track` and the writer of the velocities have left.

    Raises
    ------
    SourceError
        If the stacks have not been prepared.
    """
    try:
        notes = {track: json.loads((folder / _notes(track)).read_text()) for track in tracks}
    except (OSError, ValueError):
        raise SourceError("the simulated interferograms are not there; run `python -m jeoview.demo`") from None
    grid = _grid(notes[tracks[0]]["grid"])
    names = [*VELOCITIES, *(f"velocity_{track}" for track in tracks)]
    fields = dict(zip(names, _read(folder, f"{FOLDER}/velocity.tif", grid, len(names)), strict=True))
    found = {track: _track(folder, track, grid, notes[track], fields[f"velocity_{track}"]) for track in tracks}
    return Truth(grid, fields["velocity_up"], fields["velocity_east"], fields["velocity_north"], found)


def _track(folder: Path, track: str, grid: Grid, notes: Mapping[str, Any], velocity: Field) -> TrackTruth:
    errors, dates = notes["unwrapping_errors"], tuple(notes["dates"])
    moved = _read(folder, _displacement(track), grid, len(dates), _FINE)
    layers = _read(folder, _cycles(track), grid, len(errors)).astype(np.int8)
    cycles = {error["pair"]: layer for error, layer in zip(errors, layers, strict=True)}
    return TrackTruth(dates, velocity, moved, notes["constants"], cycles)


def _grid(numbers: Sequence[float]) -> Grid:
    dx, _, left, _, dy, top, height, width = numbers
    return Grid(Lattice(WGS84, (dx, -dy), left, top), 0, 0, int(height), int(width))


def _read(folder: Path, href: str, grid: Grid, count: int, scale: float = 1.0) -> Field:
    """All bands of a file on its own grid."""
    bands = {str(i): Band(str(i), href, i, scale=scale) for i in range(1, count + 1)}
    item = at_home(Item("truth", href, "", grid.bbox, {}, {}, bands), folder)
    return np.asarray(Reader(cache_bytes=1 << 24).read(item, list(bands), grid, "nearest"), dtype=np.float32)
