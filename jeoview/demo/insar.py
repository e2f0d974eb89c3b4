"""Prepare the simulated interferograms: two tracks over one area, and the truth behind them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jeoview.catalog import Item
from jeoview.demo import decorrelation, volcano
from jeoview.demo.build import Size
from jeoview.demo.folder import Demo
from jeoview.demo.insar_items import COLLECTIONS, HOME, tags, write_geometry, write_pair, write_velocity
from jeoview.demo.orbits import TRACKS, Track, acquisitions, pairs
from jeoview.demo.stack import Stack, simulate
from jeoview.demo.truth import Truth, read_truth, velocities, write_track
from jeoview.grid import Grid
from jeoview.settings import settings

VERSION = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is simulated.

    Parameters
    ----------
    first : int
        Row and column of the upper left pixel in the whole area.
    pixels : int
        Pixels a side.
    slots : tuple of int
        Passes of the 12-day cycle.
    """

    first: int
    pixels: int
    slots: tuple[int, ...]

    @property
    def grid(self) -> Grid:
        """The pixels, EPSG:4326."""
        return volcano.stack_grid(self.first, self.first, self.pixels)

    @property
    def steps(self) -> int:
        """Pieces of work: batches of pixels and pairs of all tracks."""
        batches = len(list(decorrelation.batches(self.pixels**2)))
        return sum(batches + len(pairs(acquisitions(track, self.slots))) for track in TRACKS)


PLANS = {
    "full": Plan(0, volcano.PIXELS, tuple(range(66))),
    # Two seasons that only pairs of a year join.
    "small": Plan(120, 160, (*range(13), *range(30, 43))),
}


def prepare_insar(home: Path | None = None, size: Size = "full", progress: bool = True) -> Path:
    """Simulate the interferograms, unless they are there, and put them into the catalogue.

    Parameters
    ----------
    home : Path, optional
        The folder of the user's cache, as in `jeoview.demo.prepare`. The files go to ``demo-insar`` below it.
    size : str
        ``"full"``: two tracks of 61 dates and 194 pairs of 400 x 400 pixels. ``"small"``: 24 dates, some 65 pairs,
        160 x 160 pixels of the same ground. Where the full one is there already, it serves for both.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Path
        The folder of the files.

    Raises
    ------
    ParameterError
        If ``size`` is neither of the two.
    JeoviewError
        If a file cannot be written.
    """
    return DEMO.prepare(home, size, progress)


def truth(home: Path | None = None) -> Truth:
    """What is really there in the simulated interferograms of a home.

    Raises
    ------
    SourceError
        If they have not been prepared.
    """
    return read_truth((home or settings().home) / HOME, [track.name for track in TRACKS])


# -- simulation ----------------------------------------------------------------------------------


def _write(folder: Path, plan: Plan, progress: bool) -> list[Item]:
    with tqdm(total=plan.steps, desc="Simulating the interferograms", unit="step", disable=not progress) as bar:
        made = [_one_track(folder, track, plan, bar) for track in TRACKS]
    known = velocities([stack for stack, _ in made])
    return [*(item for _, items in made for item in items), write_velocity(folder, plan.grid, known)]


def _one_track(folder: Path, track: Track, plan: Plan, bar: Any) -> tuple[Stack, list[Item]]:
    """Write all of a track; the stack that is returned has lost its noise, which takes most of the memory."""
    stack = simulate(track, plan.grid, plan.slots, bar.update)
    items = [*_write_pairs(folder, stack, bar), write_geometry(folder, stack)]
    write_track(folder, stack, tags(f"truth {track.direction}"))
    return stack.without_pairs(), items


def _write_pairs(folder: Path, stack: Stack, bar: Any) -> list[Item]:
    pool = ThreadPoolExecutor(2, thread_name_prefix="demo-insar")

    def one(pair: int) -> Item:
        item = write_pair(folder, stack, pair)
        bar.update()
        return item

    try:
        return list(pool.map(one, range(len(stack.network))))
    finally:
        # After an error or Ctrl-C the pairs that wait are not begun.
        pool.shutdown(wait=True, cancel_futures=True)


DEMO = Demo(HOME, VERSION, PLANS, COLLECTIONS, _write)
