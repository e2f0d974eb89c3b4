"""Prepare the demo collections once: all of them or nothing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from jeoview.catalog import Item
from jeoview.demo.dem import dem_grid
from jeoview.demo.folder import Demo
from jeoview.demo.items import COLLECTIONS, write_dem, write_scene
from jeoview.demo.sentinel2 import PASSES, Pass, Stage, Tile, scene, stage, tiles
from jeoview.demo.terrain import GROUND, relief
from jeoview.demo.vectors import layers
from jeoview.io.vector import write_vector
from jeoview.projection import Bounds, transform_bounds
from jeoview.settings import settings

VERSION = 1
VECTORS = "demo-vectors.gpkg"
Size = Literal["full", "small"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is simulated.

    Parameters
    ----------
    pixels : int
        Pixels of 10 m a side of a tile.
    centre : (float, float)
        Place between the two tiles, metres of the ground.
    apart : float
        Metres between their centres.
    days : tuple of int
        Days of 2023.
    """

    pixels: int
    centre: tuple[float, float]
    apart: float
    days: tuple[int, ...]

    @property
    def tiles(self) -> tuple[Tile, Tile]:
        """The two tiles."""
        return tiles(self.pixels, self.centre, self.apart)

    @property
    def passes(self) -> list[Pass]:
        """The overflights of the days."""
        return [overflight for overflight in PASSES if overflight.day in self.days]


PLANS = {
    "full": Plan(1536, (0.0, 1500.0), 9600.0, tuple(overflight.day for overflight in PASSES)),
    "small": Plan(512, (-1600.0, 1600.0), 2600.0, (34, 102, 141, 186, 206, 289)),
}


def prepare(home: Path | None = None, size: Size = "full", progress: bool = True) -> Path:
    """Simulate the demo collections, unless they are there, and put them into the catalogue.

    Parameters
    ----------
    home : Path, optional
        The folder of the user's cache; ``settings().home`` where it is left out. The files go to
        ``demo`` below it, the items into the settings' catalogue (``catalog.sqlite`` below a home
        that was given).
    size : str
        ``"full"``: two tiles of 1536 pixels, 14 days. ``"small"``: two of 512, 6 days, the same
        ground. Where the full one is there already, it serves for both.
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


def vectors_path(home: Path | None = None) -> Path:
    """The GeoPackage with districts, parcels, protected areas, the fire's perimeter and towns."""
    return (home or settings().home) / DEMO.folder / VECTORS


# -- simulation ----------------------------------------------------------------------------------


def _write(folder: Path, plan: Plan, progress: bool) -> list[Item]:
    items = [*_write_scenes(folder, plan, progress), write_dem(folder, _bbox(plan))]
    write_vector(folder / VECTORS, layers(_area(plan), _area(plan)), written="2023-12-31T00:00:00Z")
    return items


def _write_scenes(folder: Path, plan: Plan, progress: bool) -> list[Item]:
    """All scenes, two at a time; every tile's ground is built first."""
    jobs = len(plan.tiles) * (1 + len(plan.passes))
    # Both tiles lie on it: it is built before two threads ask for it at the same time.
    relief()
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, 3), thread_name_prefix="demo")
    try:
        with tqdm(total=jobs, desc="Simulating the demo collections", unit="scene", disable=not progress) as bar:
            stages = []
            for built in pool.map(stage, plan.tiles):
                stages.append(built)
                bar.update()
            futures = [pool.submit(_one, folder, here, each) for each in plan.passes for here in stages]
            items = []
            for future in as_completed(futures):
                items.append(future.result())
                bar.update()
    finally:
        # After an error or Ctrl-C the scenes that wait are not begun.
        pool.shutdown(wait=True, cancel_futures=True)
    return items


def _one(folder: Path, here: Stage, overflight: Pass) -> Item:
    return write_scene(folder, here.tile, overflight, scene(here, overflight))


def _area(plan: Plan) -> Bounds:
    """Bounds of both tiles on the ground, metres."""
    west, south, east, north = zip(
        *(transform_bounds(t.grid.crs, GROUND, t.grid.bounds) for t in plan.tiles), strict=True
    )
    return min(west), min(south), max(east), max(north)


def _bbox(plan: Plan) -> Bounds:
    """Bbox of both tiles with a margin of 60 arc seconds."""
    west, south, east, north = zip(*(tile.grid.bbox for tile in plan.tiles), strict=True)
    margin = 1 / 60
    return dem_grid((min(west) - margin, min(south) - margin, max(east) + margin, max(north) + margin)).bounds


DEMO = Demo("demo", VERSION, PLANS, COLLECTIONS, _write)
