"""Operators against other libraries, against plain slow versions, and against published numbers of real scenes."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from rasterio.features import geometry_mask
from rasterio.transform import Affine
from rasterio.warp import transform_geom
from scipy import ndimage
from skimage import measure

import jeoview as jv
from jeoview.describe import options_of
from jeoview.grid import Grid, Lattice, web_mercator
from jeoview.image import Image
from jeoview.operator import find
from jeoview.quantities import Metres
from jeoview.raster import Array, Kind, Raster
from jeoview.region import region_grid
from tests.synthetic import grid_at, pixels, source

GRID = Grid(web_mercator(10), 300, 500, 31, 37)


def bands(array: Array, grid: Grid = GRID, kind: Kind = Kind.BANDS) -> Raster:
    names = tuple("abcdefg"[: array.shape[-3]])
    dates = tuple(f"2023-{month:02}-01T00:00:00Z" for month in range(1, 1 + len(array))) if kind is Kind.SERIES else ()
    return Raster(array, grid, kind, names, dates)


def run(name: str, *inputs: Any, **options: Any) -> Array:
    result = find(name).function(*inputs, **options)
    array: Array = result.array
    return array


# ---------------------------------------------------------------- reducers and numpy


def gappy(dates: int, seed: int, missing: float = 0.4) -> Array:
    random = np.random.default_rng(seed)
    stack = random.normal(0.3, 0.2, (dates, 2, *GRID.shape)).astype(np.float32)
    stack[random.random(stack.shape) < missing] = np.nan
    # Equal values, all dates, no date
    stack[:, :, 0, 0], stack[:, :, 0, 1] = 0.25, np.nan
    return stack


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dates", [1, 2, 3, 8, 33])
def test_reducers_are_numpys(dates: int) -> None:
    stack = gappy(dates, dates)
    series, doubles = bands(stack, kind=Kind.SERIES), stack.astype(np.float64)
    np.testing.assert_array_equal(run("min", series), np.nanmin(stack, axis=0))
    np.testing.assert_array_equal(run("max", series), np.nanmax(stack, axis=0))
    np.testing.assert_array_equal(run("count", series), (~np.isnan(stack)).sum(axis=0))
    np.testing.assert_allclose(run("mean", series), np.nanmean(doubles, axis=0), rtol=1e-6)
    np.testing.assert_allclose(run("std", series), np.nanstd(doubles, axis=0), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(run("median", series), np.nanmedian(doubles, axis=0), rtol=1e-6)
    for q in (0.0, 0.02, 0.25, 1 / 3, 0.9, 1.0):
        np.testing.assert_allclose(run("quantile", series, q=q), np.nanquantile(doubles, q, axis=0), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_reducers_of_large_values_do_not_lose_digits() -> None:
    """Heights or counts around a million with a spread of one: float32 sums would be off by more than that."""
    stack = (gappy(20, 7) + np.float32(1e6)).astype(np.float32)
    series, doubles = bands(stack, kind=Kind.SERIES), stack.astype(np.float64)
    np.testing.assert_allclose(run("mean", series), np.nanmean(doubles, axis=0), rtol=1e-7)
    np.testing.assert_allclose(run("std", series), np.nanstd(doubles, axis=0), rtol=1e-6, atol=1e-9)


def test_first_last_and_mosaic_pixel_by_pixel() -> None:
    stack = gappy(6, 3)
    series = bands(stack, kind=Kind.SERIES)
    first, last = np.full(stack.shape[1:], np.nan), np.full(stack.shape[1:], np.nan)
    for place in np.ndindex(*stack.shape[1:]):
        valid = [value for value in stack[(slice(None), *place)].tolist() if not math.isnan(value)]
        if valid:
            first[place], last[place] = valid[0], valid[-1]
    np.testing.assert_array_equal(run("first", series), first)
    np.testing.assert_array_equal(run("last", series), last)
    np.testing.assert_array_equal(run("mosaic", series), first)


@pytest.mark.parametrize("q", [(0.5,), (0.02, 0.98), (0.0, 0.1, 1.0)])
def test_quantiles_of_a_region_are_numpys(q: tuple[float, ...]) -> None:
    array = gappy(3, 5)[:, 0]
    table = find("quantiles").function(bands(array), q=q)
    for band, values in zip("abc", array.astype(np.float64), strict=True):
        np.testing.assert_array_equal(table.values[band], np.nanquantile(values, q))
    np.testing.assert_array_equal(table.values["quantile"], q)


# ---------------------------------------------------------------- neighbourhoods


def slow_mean(values: Array, radii: Array) -> Array:
    """Mean of the valid pixels of each window, one by one."""
    out = np.full(values.shape, np.nan)
    height, width = values.shape
    for y, x in np.ndindex(height, width):
        r = int(radii[y])
        window = values[max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1].astype(np.float64)
        if not np.isnan(values[y, x]):
            out[y, x] = np.nanmean(window)
    return out


@pytest.mark.parametrize("radius", [0, 1, 2, 5, 9])
def test_focal_mean_is_the_slow_one(radius: int) -> None:
    grid = grid_at(12, 9.0, 48.0, 40, 44)
    array = np.stack([pixels(grid, band, 1, 4) for band in ("B04", "B08")])
    ours = run("focal_mean", bands(array, grid), radius=radius)
    inner = np.s_[radius : grid.height - radius, radius : grid.width - radius]
    for band in range(2):
        expected = slow_mean(array[band], np.full(grid.height, radius))
        np.testing.assert_allclose(ours[band][inner], expected[inner], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("radius", [1, 4])
def test_focal_mean_is_scipys_where_nothing_is_missing(radius: int) -> None:
    array = np.random.default_rng(0).random((1, 60, 70)).astype(np.float32)
    grid = Grid(web_mercator(10), 1000, 2000, 60, 70)
    expected = ndimage.uniform_filter(array[0].astype(np.float64), 2 * radius + 1)
    inner = np.s_[radius : 60 - radius, radius : 70 - radius]
    np.testing.assert_allclose(
        run("focal_mean", bands(array, grid), radius=radius)[0][inner], expected[inner], rtol=1e-6
    )


@pytest.mark.parametrize("lat", [2.0, -41.0, 66.0, 79.0])
@pytest.mark.parametrize("zoom", [3, 8])
def test_focal_mean_in_metres_is_the_slow_one(lat: float, zoom: int) -> None:
    """The radius of each row from the plain formula: metres / (pixel * cos(latitude)), rounded."""
    grid = grid_at(zoom, 9.0, lat, 60, 33)
    y = (grid.row + np.arange(grid.height) + 0.5) / (256 << zoom)
    latitude = np.arctan(np.sinh(np.pi * (1 - 2 * y)))
    pixel = 2 * np.pi * 6_378_137.0 / (256 << zoom) * np.cos(latitude)
    metres = 4.3 * float(pixel.mean())
    radii = np.floor(metres / pixel + 0.5).astype(int)
    assert zoom > 3 or abs(lat) < 30 or len(set(radii)) > 1
    array = pixels(grid, "B04", 1, 4)[None]
    ours = run("focal_mean", bands(array, grid), radius=Metres(metres=metres))[0]
    margin = int(radii.max())
    inner = np.s_[margin : grid.height - margin, margin : grid.width - margin]
    np.testing.assert_allclose(ours[inner], slow_mean(array[0], radii)[inner], rtol=1e-6, atol=1e-7)


def test_focal_mean_across_the_equator() -> None:
    """Rows of one radius lie on both sides of rows with a smaller one."""
    grid = Grid(web_mercator(1), 150, 100, 212, 40)
    array = pixels(grid, "B04", 1, 4)[None]
    metres = 600_000.0
    y = (grid.row + np.arange(grid.height) + 0.5) / 512
    pixel = 2 * np.pi * 6_378_137.0 / 512 / np.cosh(np.pi * (1 - 2 * y))
    radii = np.floor(metres / pixel + 0.5).astype(int)
    assert radii[0] > radii[106] < radii[-1]
    ours = run("focal_mean", bands(array, grid), radius=Metres(metres=metres))[0]
    margin = int(radii.max())
    inner = np.s_[margin : grid.height - margin, margin : grid.width - margin]
    np.testing.assert_allclose(ours[inner], slow_mean(array[0], radii)[inner], rtol=1e-6, atol=1e-7)


def test_log_ratio_is_the_slow_one() -> None:
    random = np.random.default_rng(1)
    before, after = random.gamma(4.0, 0.1, (2, 1, 30, 30)).astype(np.float32)
    before[0, random.random((30, 30)) < 0.1] = np.nan
    grid = Grid(web_mercator(10), 10, 20, 30, 30)
    ours = run("log_ratio", bands(before, grid), bands(after, grid), radius=2)[0][2:-2, 2:-2]
    radii = np.full(30, 2)
    expected = 10 * np.log10(slow_mean(after[0], radii) / slow_mean(before[0], radii))
    np.testing.assert_allclose(ours, expected[2:-2, 2:-2], rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------- label and scikit-image


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9), st.sampled_from((4, 8)))
def test_label_makes_scikit_images_partition(seed: int, share: float, connectivity: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.random(GRID.shape) < share
    values = np.where(truth, random.choice([1.0, -2.0, 0.5], GRID.shape), 0.0).astype(np.float32)
    values[random.random(GRID.shape) < 0.1] = np.nan
    by_scikit: Any = measure.label
    expected = by_scikit((values != 0) & ~np.isnan(values), connectivity=1 if connectivity == 4 else 2)
    ours = run("label", bands(values[None]), connectivity=connectivity)[0]
    # Both count row by row from the top, so not only the parts but their numbers are the same.
    np.testing.assert_array_equal(np.nan_to_num(ours).astype(int), expected)
    assert np.isnan(ours[expected == 0]).all()


# ---------------------------------------------------------------- colours


PALETTES = ("viridis", "RdYlGn", "RdYlGn_r", "twilight", "tab20", "gray", "Spectral")


@pytest.mark.parametrize("name", PALETTES)
def test_colours_are_matplotlibs(name: str) -> None:
    """matplotlib with the same 255 steps, and its own continuous map, within a step of 8 bits."""
    values = np.linspace(-0.5, 1.5, GRID.height * GRID.width).reshape(1, *GRID.shape).astype(np.float32)
    values[0, 3, 4] = np.nan
    ours = find("colormap").function(bands(values), palette=name, vmin=-0.2, vmax=0.9).rgba()
    cmap, norm = mpl.colormaps[name], mpl.colors.Normalize(-0.2, 0.9, clip=True)
    stepped = cmap.resampled(255)(norm(values[0].astype(np.float64))) * 255
    smooth = cmap(norm(values[0].astype(np.float64))) * 255
    valid = ~np.isnan(values[0])
    error = np.abs(ours.transpose(1, 2, 0).astype(float) - stepped)[valid]
    if name != "tab20":
        assert np.abs(ours.transpose(1, 2, 0).astype(float) - smooth)[valid].max() <= 6
    # Where a value falls on the border of two steps, rounding decides.
    assert (error.max(axis=-1) <= 3).mean() > 0.99
    np.testing.assert_array_equal(ours[:, ~valid], 0)


def test_cyclic_colours_wrap() -> None:
    turn = 2 * np.pi
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, (1, *GRID.shape)).astype(np.float32)
    shown = [
        find("colormap").function(bands(phase + np.float32(k * turn)), palette="cyclic", vmin=-np.pi, vmax=np.pi).array
        for k in (0, 1, -3)
    ]
    for other in shown[1:]:
        steps = np.abs(shown[0].astype(int) - other.astype(int))
        assert np.minimum(steps, 255 - steps).max() <= 1
    ends = np.array([-np.pi, np.pi - 1e-6], dtype=np.float32).reshape(1, 1, 2)
    first, last = find("colormap").function(bands(ends), palette="cyclic", vmin=-np.pi, vmax=np.pi).rgba()[:3, 0].T
    assert np.abs(first.astype(int) - last.astype(int)).max() <= 6


def test_classes_have_their_colours() -> None:
    values = np.array([1, 2, 3, np.nan, 2.5, 1], dtype=np.float32).reshape(1, 2, 3)
    coloured = source("1")["red"].median().colormap(classes={1: ("water", "#0000ff"), 2: ("land", "lime")})
    shown = find("colormap").function(bands(values), **options_of(coloured.node)).rgba().reshape(4, 6).T
    blue, lime, none = (0, 0, 255, 255), (0, 255, 0, 255), (0, 0, 0, 0)
    np.testing.assert_array_equal(shown, [blue, lime, none, none, none, blue])
    tenths = np.full((1, 1, 1), 0.1, dtype=np.float32)
    coloured = source("1")["red"].median().colormap(classes={0.1: ("a tenth", "red")})
    assert find("colormap").function(bands(tenths), **options_of(coloured.node)).array[0, 0, 0] == 1


@pytest.mark.parametrize("alpha", [0.0, 0.35, 1.0])
def test_blending_is_pillows(alpha: float) -> None:
    random = np.random.default_rng(2)
    below, above = random.integers(0, 256, (2, 4, *GRID.shape)).astype(np.uint8)
    below[3, :5], above[3, :, :5] = 0, 0
    layers = [Raster(array, GRID, Kind.COLOUR, ("red", "green", "blue", "alpha")) for array in (below, above)]
    ours = run("blend", *layers, alpha=alpha).astype(int)
    faded = above.copy()
    faded[3] = np.rint(above[3] * alpha)
    base, top = (Picture.fromarray(np.ascontiguousarray(array.transpose(1, 2, 0))) for array in (below, faded))
    expected = np.asarray(Picture.alpha_composite(base, top)).transpose(2, 0, 1).astype(int)
    assert np.abs(ours[3] - expected[3]).max() <= 1
    # Under a faint alpha a step of it is many steps of colour.
    seen = expected[3] > 40
    assert np.abs(ours[:3] - expected[:3])[:, seen].max() <= 4
    assert np.abs(ours[:3] - expected[:3])[:, expected[3] > 200].max() <= 1


# ---------------------------------------------------------------- areas and GDAL's rasteriser


AREAS: tuple[dict[str, Any], ...] = (
    {"type": "Polygon", "coordinates": [[[11.0, 46.0], [11.7, 46.2], [11.5, 46.7], [11.1, 46.6], [11.0, 46.0]]]},
    {
        "type": "Polygon",
        "coordinates": [
            [[11.0, 46.0], [12.0, 46.0], [12.0, 47.0], [11.0, 47.0], [11.0, 46.0]],
            [[11.3, 46.3], [11.6, 46.3], [11.6, 46.6], [11.3, 46.6], [11.3, 46.3]],
        ],
    },
    {
        "type": "MultiPolygon",
        "coordinates": [
            [[[11.0, 46.0], [11.2, 46.0], [11.2, 46.2], [11.0, 46.0]]],
            [[[11.5, 46.5], [11.9, 46.5], [11.7, 46.9], [11.5, 46.5]]],
        ],
    },
)


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("where", [("EPSG:4326", 9), ("EPSG:4326", None), ("EPSG:32632", None)])
def test_areas_are_gdals(area: dict[str, Any], where: tuple[str, int | None]) -> None:
    """Pixels whose centre lies inside, in Web Mercator, degrees and UTM."""
    crs, zoom = where
    if zoom is not None:
        grid = region_grid((10.9, 45.9, 12.1, 47.1), zoom=zoom)
    elif crs == "EPSG:4326":
        grid = Grid(Lattice(crs, (0.00313, 0.00271), 10.9, 47.1), 0, 0, 430, 390)
    else:
        grid = Grid(Lattice(crs, (301.0, 287.0), 645_000.0, 5_215_000.0), 0, 0, 440, 330)
    ours = ~np.isnan(run("mask_polygon", bands(np.ones((1, *grid.shape), np.float32), grid), polygon=area)[0])
    # Long edges are straight in degrees; GDAL gets them in short pieces.
    bent = transform_geom("EPSG:4326", grid.crs, densified(area))
    expected = geometry_mask([bent], grid.shape, Affine(*grid.transform), all_touched=False, invert=True)
    assert expected.any()
    assert (ours != expected).sum() <= 2  # a centre on the edge itself


def densified(area: dict[str, Any]) -> dict[str, Any]:
    def finer(ring: list[list[float]]) -> list[list[float]]:
        points = [np.linspace(a, b, 60, endpoint=False) for a, b in pairwise(ring)]
        return [*np.concatenate(points).tolist(), ring[-1]]

    parts = area["coordinates"] if area["type"] == "MultiPolygon" else [area["coordinates"]]
    return {"type": "MultiPolygon", "coordinates": [[finer(ring) for ring in part] for part in parts]}


# ---------------------------------------------------------------- real scenes


def whole(image: Image, path: Path) -> Array:
    """The values of a chain at the file's own pixels."""
    with rasterio.open(path) as file:
        crs, bounds, step = file.crs.to_string(), tuple(file.bounds), (file.transform.a, -file.transform.e)
        shape = file.shape
    array = image.to_numpy(bounds, crs=crs, resolution=step, progress=False)
    assert isinstance(array, np.ndarray)
    assert array.shape[-2:] == shape
    return array


def test_sentinel_2_of_bolzano(data_dir: Path) -> None:
    """The statistics in the README of openeo-s2-bolzano."""
    path = data_dir / "openeo-s2-bolzano" / "S2_L2A_sample.tif"
    scene = jv.open(
        path,
        bands=("B04", "B03", "B02", "B08", "SCL"),
        common_names="sentinel-2",
        quality={"SCL": "sentinel2-scl"},
        scale=1e-4,
    )
    index = whole(scene.ndvi(), path)[0].astype(np.float64)
    valid = index[~np.isnan(index)]
    assert valid.size == 659_153
    np.testing.assert_allclose(valid.mean(), 0.68997, atol=5e-6)
    np.testing.assert_allclose(np.median(valid), 0.81255, atol=5e-6)
    np.testing.assert_allclose(np.percentile(valid, (5, 95)), (0.07259, 0.91933), atol=5e-6)
    classes, counts = np.unique(whole(scene["SCL"], path), return_counts=True)
    found = {int(code): int(count) for code, count in zip(classes, counts, strict=True) if not np.isnan(code)}
    assert found == {2: 1648, 4: 543274, 5: 110425, 6: 2280, 7: 1548}
    # Nothing there is cloud, so nothing goes.
    np.testing.assert_array_equal(whole(scene.mask_clouds().ndvi(), path)[0], index.astype(np.float32))


FIRES = {
    "5_INCIDENT_20240715": (0.980, 0.15997, 0.15778),
    "DOVE_20241019": (0.894, 0.16297, 0.18136),
    "HURST_20250107": (0.824, 0.38217, 0.33264),
    "KENNETH_20250109": (None, 0.30325, 0.38058),
}


@pytest.mark.parametrize("name", sorted(FIRES))
def test_wildfires_of_california(data_dir: Path, name: str) -> None:
    """NDVI before and after, and dNBR > 0.10 against the official perimeter."""
    folder = data_dir / "wildfire-s2-california"
    paths = [folder / f"{name}_{when}_fire.tif" for when in ("pre", "post")]
    names = {"B2": "blue", "B3": "green", "B4": "red", "B8": "nir", "B12": "swir22"}
    before, after = (jv.open(path, common_names=names) for path in paths)
    overlap, *greenness = FIRES[name]
    for image, expected in zip((before, after), greenness, strict=True):
        np.testing.assert_allclose(np.nanmean(whole(image.ndvi(), paths[0]).astype(np.float64)), expected, atol=5e-6)
    if overlap is not None:
        burnt = whole(before.dnbr(after) > 0.10, paths[0])[0] == 1
        with rasterio.open(folder / f"{name}_perimeter_mask.tif") as file:
            inside = file.read(1) == 1
        assert round(float((burnt & inside).sum() / (burnt | inside).sum()), 3) == overlap


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        ("014031_20180530", 0.4245),
        ("014031_20180903", 0.3683),
        ("014031_20181005", 0.3192),
        ("014031_20180106", 0.0718),
    ],
)
def test_landsat_of_new_york(data_dir: Path, scene: str, expected: float) -> None:
    """Mean NDVI from plain numbers, as the README of gdalcubes-l8ny18 gives it for a check of reading."""
    (folder,) = (data_dir / "gdalcubes-l8ny18" / "L8NY18").glob(f"LC08_L1TP_{scene}_*")
    red, nir = (folder / f"LC08_L1TP_{scene}_{band}.TIF" for band in ("B4", "B5"))
    image = jv.open(red, bands=["red"], nodata=0).join_bands(jv.open(nir, bands=["nir"], nodata=0))
    values = whole(image.ndvi(), red)[0].astype(np.float64)
    assert round(float(np.nanmean(values)), 4) == expected


def test_landsat_scenes_on_three_grids_mosaic_without_gaps(data_dir: Path) -> None:
    """Wherever one of three overlapping scenes has a pixel the mosaic has one, and it is one of theirs."""
    folder = data_dir / "gdalcubes-l8ny18" / "L8NY18"
    paths = [
        next(folder.glob(f"LC08_L1TP_{scene}_*/*_B5.TIF"))
        for scene in ("014031_20180903", "014032_20180903", "013032_20180827")
    ]
    images = [jv.open(path, bands=["nir"], nodata=0) for path in paths]
    boxes = np.array([image.bbox for image in images])
    bounds = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    parts = [image.to_numpy(bounds, zoom=7, progress=False) for image in images]
    stack = np.stack([np.asarray(part)[0] for part in parts])
    joined = images[0].unmask(-1)
    joined = (joined >= 0).where(joined, images[1].unmask(-1))
    joined = (joined >= 0).where(joined, images[2].unmask(-1))
    mosaic = np.asarray(joined.to_numpy(bounds, zoom=7, progress=False))[0]
    seen = ~np.isnan(stack).all(axis=0)
    assert 0.2 < seen.mean() < 1
    first = np.argmax(~np.isnan(stack), axis=0)
    np.testing.assert_array_equal(mosaic[seen], np.take_along_axis(stack, first[None], axis=0)[0][seen])
    assert (mosaic[~seen] == -1).all()
    # The three footprints overlap, so their union has no hole inside.
    assert not (ndimage.binary_fill_holes(seen) & ~seen).any()


def test_radar_amplitudes_of_the_high_atlas(data_dir: Path) -> None:
    """20 log10 of amplitudes is 10 log10 of intensities: mean and spread as in the README of eo-tools-morocco."""
    paths = [data_dir / "eo-tools-morocco-ifg" / f"amp_{which}_vv.tif" for which in ("prm", "sec")]
    before, after = (jv.open(path) ** 2 for path in paths)
    ratio = before.log_ratio(after)
    assert ratio.unit == "dB"
    values = whole(ratio, paths[0])[0].astype(np.float64)
    np.testing.assert_allclose(np.nanmean(values), -0.259, atol=5e-4)
    np.testing.assert_allclose(np.nanstd(values), 2.130, atol=5e-4)
    smooth = whole(before.log_ratio(after, 2), paths[0])[0]
    assert np.nanstd(smooth) < 0.7 * np.nanstd(values)
