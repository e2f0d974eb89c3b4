"""Where the ground is taken not to move: given as a point, a box or a polygon, or found."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from jeoview.catalog.pixels import grids_of, union
from jeoview.collection.areas import read_area
from jeoview.collection.corrections import looked_at, needs_all_pairs
from jeoview.collection.measures import Reading
from jeoview.collection.pixels import square
from jeoview.engine import Engine
from jeoview.errors import CollectionError, ParameterError, StoreError
from jeoview.graph import digest
from jeoview.progress import job
from jeoview.projection import WGS84, Bounds, transform
from jeoview.quantities import cos_latitude, number, short, square_around
from jeoview.region import check_bounds

if TYPE_CHECKING:
    from jeoview.collection.interferograms import InterferogramCollection

Doubles = NDArray[np.float64]
# Places whose mean coherence is the same to two digits are told apart by their loops.
DIGITS = 2


def reference(
    self: InterferogramCollection,
    lon: float | Literal["auto"] | None = None,
    lat: float | None = None,
    *,
    pixels: int = 7,
    bounds: Bounds | None = None,
    polygon: Mapping[str, Any] | None = None,
    region: Any = None,
    progress: bool = True,
) -> InterferogramCollection:
    """Say where the ground does not move: each pair's median over this area is subtracted from it.

    Without a place (or with ``"auto"``) the best one is looked for on the grid of `measures`: among the pixels that the
    most pairs have phase at, and that move as the middle half of them do (by the mean rate of the pairs, each less its
    median), the highest mean coherence, to two digits, and of these the least closure error; of equal ones the first, row
    by row from the north-west. The same stack has the same reference everywhere; it says so in ``repr`` and `report`. That
    the ground as a whole does not move is not known: compare the velocities with a place that you know.

    Of a corrected stack the pairs are looked at as their corrections leave them, and what is subtracted from each pair is
    measured after them: on what is inverted. Turns that `correct_unwrapping` gives are counted from the new place.

    Parameters
    ----------
    lon, lat : float
        Degrees; the area is a square of ``pixels`` by ``pixels`` pixels around the one that holds the place: of the
        files, as they are stored. Where the files do not share their pixels it is as large, and read on the map's at the
        zoom of their size.
    pixels : int
        Side of the square.
    bounds : (west, south, east, north), optional
        The area itself, in degrees.
    polygon : GeoJSON geometry or feature, optional
        The area itself, in degrees, of any shape.
    region : (west, south, east, north), GeoJSON or a map, optional
        Where the best place is looked for.
    progress : bool
        Show a bar where that takes longer than two seconds.

    Raises
    ------
    ParameterError
        If the area lies outside the stack, or not exactly one is given.
    CollectionError
        If the best place is asked for and no pair has phase anywhere.
    """
    if number(pixels, "reference: pixels", 1, 10_000) != int(pixels):
        raise ParameterError(f"reference: pixels is {short(pixels)}; expected a whole number")
    pixels = int(pixels)
    automatic = lon == "auto" or (lon is None and lat is None)
    if (bounds is not None) + (polygon is not None) + (lon == "auto" or lat is not None or lon is not None) > 1:
        raise ParameterError("reference: give one of lon= and lat=, bounds=, polygon=, 'auto'")
    if polygon is not None:
        shape = read_area(polygon)
        if not isinstance(shape, dict):
            raise ParameterError("reference: polygon is a GeoJSON geometry; a box is bounds=(west, south, east, north)")
        if not shapely.geometry.shape(shape).area:
            raise ParameterError(
                f"reference: polygon is a {shape.get('type')}, which has no area; expected a Polygon or MultiPolygon. A point is "
                "lon= and lat="
            )
        west, south, east, north = shapely.geometry.shape(shape).bounds
        return _placed(self, (west, south, east, north), polygon=shape)
    if bounds is not None:
        return _placed(self, check_bounds(bounds))
    if automatic:
        return _best(self, pixels, region, progress)
    if not isinstance(lat, (int, float)) or not isinstance(lon, (int, float)):
        raise ParameterError("reference: give lon= and lat=, bounds=(west, south, east, north), or polygon=GeoJSON")
    number(lon, "reference: lon", -180, 180)
    number(lat, "reference: lat", -90, 90)
    return _placed(self, _square(self, lon, lat, pixels), side=pixels)


def centre_of(box: Bounds) -> tuple[float, float]:
    """Longitude and latitude."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _square(stack: InterferogramCollection, lon: float, lat: float, pixels: int) -> Bounds:
    grid = union(grids_of(stack.items))
    if grid is None:
        return square_around(lon, lat, pixels * stack.spacing)
    return square(grid, lon, lat, pixels).bbox


def _placed(stack: InterferogramCollection, place: Bounds, **more: Any) -> InterferogramCollection:
    west, south, east, north = stack.items[0].bbox
    x, y = centre_of(place)
    if not (west <= x <= east and south <= y <= north):
        raise ParameterError(
            f"reference {x:.5f}, {y:.5f} lies outside the stack ({west:.3f}, {south:.3f}, {east:.3f}, {north:.3f})"
        )
    return replace(stack, **{"place": place, "polygon": None, "side": None, "chosen": "", **more})


# ---------------------------------------------------------------- the best place


def _best(stack: InterferogramCollection, pixels: int, region: Any, progress: bool) -> InterferogramCollection:
    from jeoview.collection.selection import reading_of

    reading = reading_of(stack, region)
    if stack.corrected:
        source = replace(stack, name=reading.name)
        reading.correct, reading.together = lambda image: looked_at(source, image), needs_all_pairs(stack)
    centre = (reading.grid.bbox[1] + reading.grid.bbox[3]) / 2
    ground = reading.grid.lattice.resolution[0] * cos_latitude(centre)
    window = max(round(pixels * stack.spacing / ground), 1)
    key = f"measure:{digest(reading.key(*reading.items, more=('reference', 2, window)))}"
    found = _stored(key)
    if found is None:
        found = best_pixel(reading, window, progress)
        with suppress(StoreError):
            Engine.default().store.put(key, json.dumps(found).encode())
    lon, lat, coherence, error, rate = found
    about = [f"mean coherence {coherence:.2f}"] if coherence is not None else []
    about += [f"loop error {error:.2f} rad"] if error is not None else []
    return _placed(
        stack,
        _square(stack, lon, lat, pixels),
        side=pixels,
        chosen=", ".join(
            [
                "found automatically" + (" on the corrected pairs" if stack.corrected else ""),
                *about,
                f"{_speed(stack, rate):+.1f} mm/yr from the median of the ground",
            ]
        ),
    )


def _speed(stack: InterferogramCollection, rate: float) -> float:
    """Millimetres a year towards the satellite of a rate of phase in rad/yr."""
    # Rounded here, that nothing is said to move by -0.0.
    return round(-1000.0 * stack.wavelength / (4 * math.pi) * rate, 1) + 0.0


def _stored(key: str) -> Any:
    with suppress(StoreError):
        text = Engine.default().store.get(key)
        return None if text is None else json.loads(text)
    return None


def best_pixel(reading: Reading, window: int, progress: bool) -> tuple[float, float, float | None, float | None, float]:
    """Longitude, latitude, mean coherence, loop error (rad) and rate (rad/yr) of the best pixel; None where one is not known.

    All are means over a window of so many pixels; all of it must have phase.
    """
    with job("Looking for a reference", len(reading.items), "pair", progress=progress) as reading.bar:
        squares, closed = np.zeros(reading.grid.shape), np.zeros(reading.grid.shape)
        for _, closure in reading.closures(reading.loops()):
            seen = ~np.isnan(closure)
            if seen.any():
                squares[seen] += (closure[seen] - np.median(closure[seen])).astype(np.float64) ** 2
                closed += seen
        for name in reading.items:
            if name not in reading.seen:
                reading.read(name)
    coherent, phased = reading.counts
    if not phased.any():
        raise CollectionError("reference: no pair of the stack has phase there")
    allowed = _all_around(phased == phased.max(), window)
    coherence = _around(
        np.divide(reading.coherence, coherent, out=np.zeros(coherent.shape), where=coherent > 0), window
    )
    error = _around(np.sqrt(np.divide(squares, closed, out=np.full(closed.shape, 99.0), where=closed > 0)), window)
    rates = _around(reading.rates, window)
    allowed &= _usual(rates, allowed)
    rows, cols = np.nonzero(allowed)
    best = np.lexsort((cols, rows, error[allowed], -np.round(coherence[allowed], DIGITS)))[0]
    row, col = int(rows[best]), int(cols[best])
    lon, lat = transform(reading.grid.crs, WGS84, reading.grid.x[col], reading.grid.y[row])
    known = float(coherence[row, col]) if coherent.any() else None
    rate = float(rates[row, col] - np.median(rates[phased > 0]))
    return float(lon), float(lat), known, max(float(error[row, col]), 0.0) if closed[row, col] else None, rate


def _usual(values: Doubles, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where values lie in the middle half of some of them."""
    low, high = np.quantile(values[among], (0.25, 0.75))
    return np.asarray((values >= low) & (values <= high))


def _around(values: Doubles, window: int) -> Doubles:
    from scipy import ndimage

    return np.asarray(ndimage.uniform_filter(values, window, mode="nearest"))


def _all_around(flags: NDArray[np.bool_], window: int) -> NDArray[np.bool_]:
    """Where the whole window holds; where none does, the pixels that hold."""
    from scipy import ndimage

    whole = np.asarray(ndimage.minimum_filter(flags, window, mode="constant", cval=0))
    return whole if whole.any() else flags
