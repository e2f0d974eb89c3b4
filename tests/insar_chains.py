"""Random InSAR chains, from pairs or complex images to a picture, and a stack of pairs that is a function of the place."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from hypothesis import strategies as st
from numpy.typing import NDArray

from jeoview.collection import InterferogramCollection
from jeoview.graph import Node
from jeoview.grid import Grid, Lattice
from jeoview.image import Image
from jeoview.operator import Names
from jeoview.projection import WGS84, Bounds
from jeoview.raster import Kind, Raster
from tests.chains import Draw, Place, length, nearby
from tests.synthetic import SyntheticReader, scrambled, source, unit

WAVELENGTH = 0.0555
HEIGHT = source("2")["B08"].median() * 900.0
DAYS = ("2021-10-02", "2021-11-07", "2021-12-25", "2022-03-01", "2022-05-12", "2022-07-11", "2022-12-02", "2023-02-24")
STACKS = ("unwrapped", "coherence")
# Degrees of a pixel of the files.
STEP = 0.0004


def _pairs(*groups: tuple[int, ...], reach: int) -> tuple[tuple[int, int], ...]:
    """Every date of a group with the next ones."""
    return tuple(
        (dates[one], dates[other])
        for dates in groups
        for one in range(len(dates))
        for other in range(one + 1, min(one + 1 + reach, len(dates)))
    )


# Loops in plenty, none at all, a gap that no pair bridges, and two networks that are interleaved.
NETWORKS = (
    _pairs(tuple(range(8)), reach=3),
    _pairs(tuple(range(8)), reach=1),
    _pairs((0, 1, 2, 3), (4, 5, 6, 7), reach=2),
    _pairs((0, 2, 4, 6), (1, 3, 5, 7), reach=3),
)


def pairs_of(seed: int) -> tuple[tuple[int, int], ...]:
    """The network of a stack, by its seed."""
    return NETWORKS[seed % len(NETWORKS)]


def stack_of(number: int) -> Image:
    """A stack of pairs; the number tells its network and its pixels."""
    return source(f"{number:08x}", STACKS, stack="pairs", unit={"unwrapped": "rad"})


@dataclass
class PairReader:
    """Gives what `SyntheticReader` does, and stacks of pairs of their own networks."""

    others: SyntheticReader = field(default_factory=SyntheticReader)

    def __call__(self, node: Node, grid: Grid, bands: Names) -> Raster:
        if node.arguments.get("stack") != "pairs":
            return self.others(node, grid, bands)
        seed = int(str(node.arguments["items"])[-8:], 16)
        names = tuple(f"{DAYS[one]}T05:00:00Z/{DAYS[other]}T05:00:07Z" for one, other in pairs_of(seed))
        layers = [pair_pixels(grid, seed, *pair) for pair in pairs_of(seed)]
        array = np.stack([[layer[STACKS.index(band)] for band in bands] for layer in layers])
        return Raster(array, grid, Kind.SERIES, bands, names)


def pair_pixels(grid: Grid, seed: int, one: int, other: int) -> NDArray[np.float32]:
    """Phase (rad) and coherence of a pair: bowls that sink, air, mistakes of whole turns, incoherent patches and holes."""
    rows, cols = np.arange(grid.row, grid.row + grid.height)[:, None], np.arange(grid.col, grid.col + grid.width)[None]
    patch = scrambled(seed, 100 * one + other, rows // 17, cols // 13)
    noise = scrambled(seed, 100 * one + other, rows, cols)
    # Additions and multiplications alone: what a library makes of an angle may hang on where in an array it stands.
    bowl = (np.abs(rows % 50 - 25) / 25.0) * (np.abs(cols % 44 - 22) / 22.0)
    air = [unit(scrambled(seed, day, rows // 9, cols // 9)) for day in (one, other)]
    coherence = np.clip(1.2 * unit(patch) + 0.3 * unit(noise) - 0.2, 0.0, 1.0)
    phase = (other - one) * 2.0 * bowl + 1.5 * (air[1] - air[0]) + (0.004 * one - 0.003 * other) * (rows % 1000)
    phase += 7.0 * unit(scrambled(seed, one, other)) + (1.05 - coherence) * (unit(noise) - 0.5)
    phase += 2 * np.pi * (patch % np.uint64(11) == 3)
    hole = (patch % np.uint64(7) == 1) | (scrambled(seed, rows // 21, cols // 19) % np.uint64(6) == 0)
    found = np.stack([np.where(hole, np.nan, phase), np.where(noise % np.uint64(41) == 0, np.nan, coherence)])
    return found.astype(np.float32)


def write_pairs(folder: Path, seed: int) -> Path:
    """A stack as georeferenced files, ``.unw.tif`` and ``.cc.tif`` of each pair; 0 is no data."""
    grid = Grid(Lattice(WGS84, (STEP, STEP), 9.99, 44.01), 0, 0, 170, 150)
    profile = {"driver": "GTiff", "height": grid.height, "width": grid.width, "count": 1, "dtype": "float32"}
    place = rasterio.transform.from_origin(grid.lattice.left, grid.lattice.top, STEP, STEP)
    for pair in pairs_of(seed):
        name = "_".join(DAYS[date].replace("-", "") for date in pair)
        for kind, values in zip(("unw", "cc"), pair_pixels(grid, seed, *pair), strict=True):
            with rasterio.open(folder / f"{name}.{kind}.tif", "w", crs=WGS84, transform=place, **profile) as file:
                file.write(np.nan_to_num(values), 1)
    return folder


# ---------------------------------------------------------------- from pairs


@st.composite
def pair_chains(draw: Draw, place: Place) -> Image:
    """A reference, perhaps corrections and filters, an inversion, what is made of it, and perhaps colours."""
    stack = stack_of(draw(st.integers(0, 40)))
    stack = filtered_phase(draw, stack, place) if draw(st.integers(0, 5)) == 0 else referenced(draw, stack, place)
    for _ in range(draw(st.integers(0, 2))):
        stack = corrected(draw, stack, place)
    return painted(draw, product(draw, stack, place))


def area(draw: Draw, place: Place, share: tuple[float, float]) -> Bounds:
    """A box inside the place, of a share of its sides."""
    west, south, east, north = place.bbox
    wide, high = (size * draw(st.floats(*share)) for size in (east - west, north - south))
    left = west + draw(st.floats(0, 1)) * (east - west - wide)
    bottom = south + draw(st.floats(0, 1)) * (north - south - high)
    return left, bottom, left + wide, bottom + high


def ring(box: Bounds) -> dict[str, Any]:
    west, south, east, north = box
    corners = [[west, south], [east, (south + north) / 2], [(west + east) / 2, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}


def referenced(draw: Draw, stack: Image, place: Place) -> Image:
    """To a square of some pixels, as a point and the automatic choice are, or to a polygon."""
    if draw(st.booleans()):
        box, phase = area(draw, place, (0.05, 0.2)), stack["unwrapped"]
    else:
        box = area(draw, place, (0.3, 0.8))
        phase = stack["unwrapped"].mask_polygon(ring(box))
    return stack.referenced(phase.reference_phase(region=box, zoom=nearby(draw, place)))


def corrected(draw: Draw, stack: Image, place: Place) -> Image:
    kind = draw(st.sampled_from(("loops", "ramp", "height")))
    if kind == "loops" or "coherence" not in stack.bands:
        return stack.correct_unwrapping(min_coherence=draw(st.sampled_from((0.0, 0.3))))
    where: dict[str, Any] = {"region": place.region(draw), "zoom": nearby(draw, place)}
    if kind == "ramp":
        return stack.deramped(stack.ramps(degree=draw(st.sampled_from((1, 2))), **where))
    table = stack.height_correlation(HEIGHT, **where)
    return stack.height_corrected(HEIGHT, table, min_correlation=draw(st.sampled_from((0.0, 0.3))))


def filtered_phase(draw: Draw, stack: Image, place: Place) -> Image:
    """Wrapped phase, filtered and unwrapped again over a region; without coherence from there on."""
    wrapped = stack["unwrapped"].wrap()
    if draw(st.booleans()):
        wrapped = wrapped.goldstein(draw(st.sampled_from((0.5, 1.0))), draw(st.sampled_from((8, 16))))
    return wrapped.unwrap(region=place.region(draw), zoom=nearby(draw, place))


def weighting(draw: Draw, stack: Image) -> dict[str, Any]:
    """Options that an inversion and its quality share."""
    coherent = "coherence" in stack.bands
    weight = draw(st.sampled_from(("none", "coherence", "fisher", "variance"))) if coherent else "none"
    looks = {"looks": draw(st.sampled_from((1.0, 20.0)))} if weight in ("fisher", "variance") else {}
    least = draw(st.sampled_from((0.0, 0.35))) if coherent else 0.0
    return {"method": draw(st.sampled_from(("sbas", "nsbas"))), "weight": weight, "min_coherence": least, **looks}


def series_of(draw: Draw, stack: Image, place: Place, options: dict[str, Any]) -> Image:
    """Displacement, perhaps filtered in time and space and relative to something else."""
    series = stack.invert(wavelength=WAVELENGTH, **options)
    step = draw(st.sampled_from(("as it is", "as it is", "air", "time", "space", "date", "place")))
    if step == "air":
        high = series.temporal_filter(days=draw(st.sampled_from((None, 70.0))), keep="high")
        series = series - high.spatial_filter(length(draw, place))
    elif step == "time":
        series = series.temporal_filter(days=40.0, keep=draw(st.sampled_from(("low", "high"))))
    elif step == "space":
        series = series.spatial_filter(length(draw, place), keep=draw(st.sampled_from(("low", "high"))))
    elif step == "date":
        series = series.relative_to_date(draw(st.sampled_from(DAYS)))
    elif step == "place":
        held = series.series_reference(region=area(draw, place, (0.05, 0.6)), zoom=nearby(draw, place))
        series = series.series_referenced(held)
    return series


def velocity(draw: Draw, series: Image) -> Image:
    model = draw(st.sampled_from(("linear", "annual", "semiannual")))
    steps = draw(st.sampled_from(((), ("2022-06-01",), ("2022-01-10", "2022-08-05"))))
    # Eight dates do not determine nine parameters, and the line says so.
    whole = model == "semiannual" and len(steps) == 2
    return series.velocity(
        model=model,
        degree=1 if whole else draw(st.sampled_from((1, 2))),
        steps=steps,
        robust=draw(st.booleans()),
        min_dates=draw(st.sampled_from((2, 5))),
        min_span=draw(st.sampled_from((None, 0.0))),
    )


def product(draw: Draw, stack: Image, place: Place) -> Image:
    """What is looked at in the end."""
    options = weighting(draw, stack)
    series = series_of(draw, stack, place, options)
    kinds = ("series", "velocity", "velocity", "masked", "indices", "qualities", "loops", "years", "lines", "tracks")
    kind = draw(st.sampled_from(kinds))
    if kind in ("velocity", "masked", "lines", "tracks"):
        return moving(draw, kind, velocity(draw, series), indices(stack, series, options))
    made: dict[str, Callable[[], Image]] = {
        "series": lambda: series,
        "years": lambda: series.annual_steps(first=2021, last=2023),
        "indices": lambda: indices(stack, series, options),
        "qualities": lambda: qualities(stack, series, options),
        "loops": draw(st.sampled_from((stack.loop_closure, stack.closure_integers, stack.unwrapping_errors))),
    }
    return made[kind]()


def moving(draw: Draw, kind: str, found: Image, noise: Image) -> Image:
    """Of a velocity: itself, where it can be trusted, its isolines, or up and east together with another track."""
    rate = found["velocity"]
    if kind == "masked":
        return rate.mask((noise["rms_misclosure"] < draw(st.floats(0.2, 2.0))) & (noise["stc"] < 9.0))
    if kind == "lines":
        return rate.spatial_filter(2).isoline_pixels(draw(st.sampled_from((2.0, 11.0)))).unmask(0.0)
    if kind == "tracks":
        east, up = source("3")["B08"].mean(), source("4")["B04"].mean() + 0.5
        return rate.decompose(east, up, rate * 1.1, east * -1.0, up)
    return found


def qualities(stack: Image, series: Image, options: dict[str, Any]) -> Image:
    agreed = stack.series_quality(series, WAVELENGTH).rename(("agreement", "misfit"))
    return stack.inversion_quality(**options).join_bands(stack.triplet_quality(), agreed)


@st.composite
def collection_chains(draw: Draw, stack: InterferogramCollection, place: Place) -> Image:
    """The same through the methods of a collection, with the reference that is found automatically and noise masks."""
    ways: tuple[dict[str, Any], ...] = (
        {},
        {"polygon": ring((9.995, 43.96, 10.04, 44.005))},
        {"lon": 10.005, "lat": 43.99},  # two pairs of the first stack have no data there
    )
    stack = stack.reference(**draw(st.sampled_from(ways)), progress=False)
    # No product's heights: anything of the place will do.
    height = stack.image()["coherence"].mean() * 900.0
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(("loops", "ramp", "height")))
        if kind == "loops":
            stack = stack.correct_unwrapping()
        else:
            stack = stack.deramp(draw(st.sampled_from((1, 2)))) if kind == "ramp" else stack.correct_height(height)
    with warnings.catch_warnings():
        # Of subsets that no pair connects: here that is meant.
        warnings.simplefilter("ignore", UserWarning)
        options = {
            "method": draw(st.sampled_from(("sbas", "nsbas"))),
            "weight": draw(st.sampled_from(("none", "coherence"))),
        }
        rate = velocity(draw, stack.invert(**options))["velocity"]
        kind = draw(st.sampled_from(("rate", "masked", "indices", "filtered")))
        if kind == "masked":
            return painted(draw, rate.mask(stack.noise_mask(maxTlen=0.5, resid_rms=20.0, stc=30.0, n_unw=3)))
        if kind == "indices":
            return painted(draw, stack.noise_indices(**options))
    return painted(draw, rate.spatial_filter(length(draw, place)) if kind == "filtered" else rate)


def indices(stack: Image, series: Image, options: dict[str, Any]) -> Image:
    """LiCSBAS's noise indices, as `InterferogramCollection.noise_indices` joins them."""
    loops, network = stack.loop_closure(), stack.network_statistics()
    return network.join_bands(
        series.velocity_bootstrap(),
        series.spatiotemporal_consistency(),
        loops["pairs_without_loop"],
        loops["loop_errors"],
        stack.inversion_quality(**options)["rms_misclosure"],
    )


def painted(draw: Draw, image: Image) -> Image:
    if draw(st.integers(0, 3)) or image.kind is Kind.SERIES:
        return image
    palette = draw(st.sampled_from(("RdBu", "cyclic", ("white", "#123456", "k"))))
    return image[draw(st.sampled_from(image.bands))].colormap(palette, vmin=-40.0, vmax=25.0, unit="")


# ---------------------------------------------------------------- from complex images


@st.composite
def slc_chains(draw: Draw, series: Image, other: Image, place: Place) -> Image:
    """Pairs and stacks of complex images at the pixels of a sensor, and what is done on the map afterwards."""
    return painted(draw, draw(st.sampled_from(RADAR))(draw, series, other, place))


def window(draw: Draw) -> tuple[int, int]:
    found: tuple[int, int] = draw(st.sampled_from(((3, 13), (2, 8), (5, 5), (1, 4))))
    return found


def fringes(draw: Draw, a: Image, b: Image) -> Image:
    """An interferogram, perhaps multilooked and filtered, complex."""
    product = a.interferogram(b)
    if draw(st.booleans()):
        product = product.multilook(draw(st.integers(1, 4)), draw(st.integers(1, 6)))
    if draw(st.booleans()):
        product = product.goldstein(draw(st.sampled_from((0.5, 1.0))), draw(st.sampled_from((8, 16))))
    return product


def fringe_phase(draw: Draw, series: Image, other: Image, place: Place) -> Image:
    a, b = series.first(), other.last()
    phase = fringes(draw, a, b).phase()
    if draw(st.booleans()):
        phase = phase.mask(a.coherence(b, window(draw)) > draw(st.sampled_from((0.3, 0.7))))
    return phase.goldstein(0.7, 8) if draw(st.booleans()) else phase


def unwrapped(draw: Draw, series: Image, other: Image, place: Place) -> Image:
    a, b = series.first(), other.first()
    coherence = a.coherence(b, window(draw))
    where: dict[str, Any] = {"region": place.region(draw), "zoom": nearby(draw, place)}
    return fringes(draw, a, b).phase().unwrap(coherence, min_coherence=draw(st.sampled_from((0.0, 0.3))), **where)


def coherences(draw: Draw, series: Image, other: Image, place: Place) -> Image:
    return series.coherence(other.first(), window(draw)).mean()


def phases_over_time(draw: Draw, series: Image, other: Image, place: Place) -> Image:
    found = fringes(draw, series, other.first())
    return found.mean_phase() if draw(st.booleans()) else found.phase_stability()


def scatterers(draw: Draw, series: Image, other: Image, place: Place) -> Image:
    kind = draw(st.sampled_from(("dispersion", "candidates", "velocity", "velocity", "masked")))
    if kind == "dispersion":
        return series.amplitude_dispersion()
    if kind == "candidates":
        return series.ps_candidates(threshold=draw(st.sampled_from((0.25, 0.6))))
    if draw(st.booleans()):
        held = series.ps_reference(region=area(draw, place, (0.1, 0.5)), zoom=nearby(draw, place))
        series = series.ps_referenced(held)
    found = series.ps_velocity(WAVELENGTH, limit=draw(st.sampled_from((20.0, 90.0))), min_dates=2)
    return found.mask(series.amplitude_dispersion() < 0.6) if kind == "masked" else found


def amplitudes(draw: Draw, series: Image, other: Image, place: Place) -> Image:
    a, b = series.first().amplitude(), other.first().amplitude()
    return a.log_ratio(b, length(draw, place)) if draw(st.booleans()) else a.focal_mean(2) + b


RADAR = (fringe_phase, unwrapped, coherences, phases_over_time, scatterers, amplitudes)
