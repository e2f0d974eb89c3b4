"""Pairs of several frames or bursts: joined where they overlap, the same as if they had never been cut."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

import jeoview as jv
from jeoview.catalog import Band, Item
from jeoview.catalog.items import Part
from jeoview.catalog.stac import from_stac, to_stac
from jeoview.collection import frames as joining
from jeoview.collection.seams import CYCLE, Node, seam_of, solve
from jeoview.engine import Engine
from jeoview.errors import RefusedError, SourceError
from jeoview.grid import Grid, Lattice
from jeoview.image import Image
from jeoview.io.etag import file_etag
from jeoview.io.reader import Reader
from jeoview.region import region_grid
from tests.contracts.test_seams import assert_seamless
from tests.unit import product_files as made

Array = NDArray[Any]
ROWS, COLS = 420, 120
DAYS = ("20200101", "20200218", "20200406", "20200524", "20200711")
PAIRS = (*pairwise(DAYS), (DAYS[0], DAYS[2]))
# First row and end of each frame, and the second of the day at which it was seen.
CUTS = {"140126": (0, 170), "140151": (140, 310), "140216": (280, 420)}
WHOLE = Grid(Lattice("EPSG:4326", (made.STEP, made.STEP), made.WEST, made.NORTH), 0, 0, ROWS, COLS)
FLOAT = 2e-5


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def render(image: Image, grid: Grid = WHOLE) -> Array:
    return Engine.default().render(image.node, grid).array


@dataclass(frozen=True)
class World:
    """Phase of each date, in our sign; a pair is a difference, so that loops close."""

    dates: dict[str, Array]

    @classmethod
    def of(cls, seed: int = 1) -> World:
        random = np.random.default_rng(seed)
        y, x = np.mgrid[:ROWS, :COLS] / 100.0
        found = {}
        for number, day in enumerate(DAYS):
            moved = number * 3.0 * np.exp(-((y - 2.2) ** 2) - (x - 0.6) ** 2)
            found[day] = moved + np.sin(y * random.uniform(1, 2) + x) + 0.7 * x * y * random.uniform(-1, 1)
        return cls(found)

    def pair(self, pair: Sequence[str]) -> Array:
        found: Array = self.dates[pair[1]] - self.dates[pair[0]]
        return found

    def pairs(self, stack: jv.InterferogramCollection) -> Array:
        found: Array = np.stack([self.pair(item.id.split("_")) for item in stack.items])
        return found


def valid(rows: tuple[int, int]) -> Array:
    """A frame lies aslant in its file: the upper left and lower right corner hold nothing."""
    y, x = np.mgrid[rows[0] : rows[1], :COLS]
    low, high = rows[0] + 8 - x / 15.0, rows[1] - x / 15.0
    found: Array = (y >= low) & (y < high) & ~((y - rows[0] < 4) & (x % 17 == 3))
    return found


def constant(pair: tuple[str, str], frame: str, seed: int = 7) -> float:
    random = np.random.default_rng([seed, int(pair[0]), int(pair[1]), int(frame)])
    return float(random.uniform(-3, 3) + CYCLE * random.integers(-9, 10))


def gunw(
    folder: Path,
    world: World,
    cuts: Sequence[str] = tuple(CUTS),
    noise: float = 0.0,
    pairs: Sequence[tuple[str, str]] = PAIRS,
) -> Path:
    """Frames of all pairs; ARIA's phase is the negative of ours, and 0 is no data."""
    random = np.random.default_rng(3)
    for pair in pairs:
        for frame in cuts:
            first, end = CUTS[frame]
            own = world.pair(pair)[first:end] + constant(pair, frame)
            own = own + noise * random.standard_normal(own.shape)
            stored = np.where(valid((first, end)), -own, 0.0)
            made.aria(folder, pair[1], pair[0], stored, frame, place=(first, 0))
    return folder


def uncut(folder: Path, world: World) -> jv.InterferogramCollection:
    for pair in PAIRS:
        made.aria(folder, pair[1], pair[0], -world.pair(pair))
    return jv.InterferogramCollection.from_aria(folder, "uncut")


def steps(phase: Array, truth: Array) -> Array:
    """What the phases of the pairs have more than the truth, apart from a constant of each."""
    rest: Array = phase - truth
    return rest - np.nanmedian(rest, axis=(-2, -1), keepdims=True)


def test_frames_are_joined_as_if_they_had_never_been_cut(tmp_path: Path) -> None:
    world = World.of()
    stack = jv.InterferogramCollection.from_aria(gunw(tmp_path / "cut", world), "track")
    assert len(stack) == len(PAIRS)
    image = stack.image()
    phase = render(image["unwrapped"])[:, 0]
    truth = world.pairs(stack)
    there = np.isfinite(phase)
    assert there.mean() > 0.95
    assert np.nanmax(np.abs(steps(phase, truth))) < FLOAT
    # The first frame keeps its phase.
    first = truth[0, 100, 60] + constant(PAIRS[0], "140126")
    assert phase[0, 100, 60] == pytest.approx(first, abs=FLOAT)
    coherence = render(image["coherence"])[:, 0]
    assert np.nanmin(coherence) == np.nanmax(coherence) == np.float32(0.8)
    labels = render(image["connected_components"])[:, 0]
    assert np.all(labels[np.isfinite(labels)] == 1.0)

    lon, lat = made.WEST + 0.06, made.NORTH - 0.05
    joined = render(stack.reference(lon=lon, lat=lat).invert().velocity()["velocity"])[0]
    whole = render(uncut(tmp_path / "uncut", world).reference(lon=lon, lat=lat).invert().velocity()["velocity"])[0]
    here = np.isfinite(joined)
    assert here.mean() > 0.95
    np.testing.assert_allclose(joined[here], whole[here], atol=2e-3)


def test_noise_moves_the_constant_by_little(tmp_path: Path) -> None:
    world, noise = World.of(2), 0.4
    stack = jv.InterferogramCollection.from_aria(gunw(tmp_path, world, noise=noise), "noisy")
    phase = render(stack.image()["unwrapped"])[:, 0]
    rest = phase - world.pairs(stack)
    for edge in (170, 310):
        above, below = rest[:, edge - 25 : edge - 8], rest[:, edge : edge + 17]
        step = np.nanmedian(below, axis=(1, 2)) - np.nanmedian(above, axis=(1, 2))
        # Overlaps of some 2500 pixels, both noisy: the medians' own error is 0.02 rad.
        assert np.abs(step).max() < 0.06
    spread = [seam[3] for item in stack.items for seam in item.properties["jeoview:seams"]]
    assert 0.2 < min(spread) < max(spread) < 0.6


def check_seams(image: Image, area: Grid, size: int) -> None:
    node = image.node
    assert_seamless(lambda grid, view: Engine.default().render(node, grid, view=view), area, area, size)


def test_tiles_are_cuts_of_the_whole_bit_for_bit(tmp_path: Path) -> None:
    stack = jv.InterferogramCollection.from_aria(gunw(tmp_path, World.of(), noise=0.3), "seams")
    area = region_grid(stack.items[0].bbox, zoom=12)
    check_seams(stack.image(), area, 61)
    check_seams(stack.image(), WHOLE, 77)
    check_seams(stack.reference(lon=made.WEST + 0.06, lat=made.NORTH - 0.05).invert().velocity(), area, 61)


def test_cached_stack_holds_the_joined_pairs(tmp_path: Path) -> None:
    stack = jv.InterferogramCollection.from_aria(gunw(tmp_path / "cut", World.of(), pairs=PAIRS[:2]), "copied")
    copy = stack.cache_stack(tmp_path / "copy", lossless=True, progress=False)
    for band in ("unwrapped", "coherence", "connected_components"):
        np.testing.assert_array_equal(render(copy.image()[band]), render(stack.image()[band]))
    # A changed frame that is not the first is noticed.
    gunw(tmp_path / "cut", World.of(5), cuts=["140216"], pairs=PAIRS[:2])
    with pytest.warns(UserWarning, match="cached stack"):
        copy.image()


def test_components_are_related_through_the_neighbour() -> None:
    """Two components of the first frame lie wrongly by cycles, one of the second covers both: it says how they lie."""
    random = np.random.default_rng(0)
    truth = random.standard_normal((40, 60)) * 0.1 + np.linspace(0, 5, 60)
    left = np.where(np.arange(60) < 35, 1, 2) * np.ones((40, 1), int)
    one = truth + np.where(left == 2, 2 * CYCLE, 0.0)
    other = truth + 1.25 - 3 * CYCLE
    seam = seam_of(0, 1, (one, other), (left, np.ones((40, 60), int)))
    assert seam is not None
    found = solve([0, 1], [seam])
    expected = {Node(0, 1): 0.0, Node(0, 2): -2 * CYCLE, Node(1, 1): 3 * CYCLE - 1.25}
    assert found.components == pytest.approx(expected)
    assert set(found.labels.values()) == {Node(0, 1)}
    assert found.frames == pytest.approx({0: 0.0, 1: expected[Node(1, 1)]})


def test_a_component_of_its_own_cycles_is_put_right(tmp_path: Path) -> None:
    world, pair = World.of(), PAIRS[0]
    truth = world.pair(pair)
    river = np.zeros((170, COLS), np.int16)
    river[:, :60], river[:, 64:] = 1, 2
    upper = np.where(river == 2, truth[:170] + 3 * CYCLE, truth[:170] + 0.5)
    upper = np.where(river == 1, truth[:170], upper)
    apart = np.ones((280, COLS), np.int16)
    apart[200:, 100:] = 7
    made.aria(tmp_path, pair[1], pair[0], -upper, "140126", labels=river)
    made.aria(tmp_path, pair[1], pair[0], -(truth[140:] + 11.0), "140151", place=(140, 0), labels=apart)
    stack = jv.InterferogramCollection.from_aria(tmp_path, "river")
    phase, labels = (render(stack.image()[band])[0, 0] for band in ("unwrapped", "connected_components"))
    known = labels > 0
    assert np.abs(steps(phase, truth))[known].max() < FLOAT
    assert set(np.unique(labels)) == {0.0, 1.0, 10_007.0}
    assert labels[0, 100] == 1.0  # it goes on in the second frame, as the other does
    item = stack.items[0]
    assert from_stac(to_stac(item)) == item


def test_opened_again_nothing_is_measured_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gunw(tmp_path, World.of(), pairs=PAIRS[:2])
    first = jv.InterferogramCollection.from_aria(tmp_path, "again")
    key, baselines = first.image().node.key, set(first.pairs()["bperp"])
    asked: list[str] = []
    measure = joining._joined

    def watched(frames: Sequence[Item], reader: Reader) -> Item:
        asked.append(frames[0].id)
        return measure(frames, reader)

    monkeypatch.setattr(joining, "_joined", watched)
    second = jv.InterferogramCollection.from_aria(tmp_path, "again", height=1500.0)
    assert second.image().node.key == key
    assert (baselines, set(second.pairs()["bperp"])) == ({-60.0}, {-65.0})
    assert not asked
    frame = -World.of().pair(PAIRS[0])[280:420] + 1.0
    made.aria(tmp_path, DAYS[1], DAYS[0], frame, "140216", place=(280, 0))
    assert jv.InterferogramCollection.from_aria(tmp_path, "again").image().node.key != key
    assert asked == ["20200101_20200218"]


def test_joined_pixels_are_those_of_the_files(tmp_path: Path) -> None:
    """To the last bit: the numbers of each file, its constant added, the first frame on top."""
    stack = jv.InterferogramCollection.from_aria(gunw(tmp_path, World.of(), noise=0.3, pairs=PAIRS[:1]), "plain")
    (item,) = stack.items
    plain = np.full((ROWS, COLS), np.nan, np.float32)
    for (name, added), (first, end) in zip(item.properties["jeoview:frames"], CUTS.values(), strict=True):
        with h5py.File(tmp_path / name) as file:
            stored = file["science/grids/data/unwrappedPhase"][()]
        values = np.where(stored == 0, np.nan, -stored.astype(np.float64) + added).astype(np.float32)
        window = plain[first:end]
        window[np.isnan(window)] = values[np.isnan(window)]
    np.testing.assert_array_equal(render(stack.image()["unwrapped"])[0, 0], plain)
    assert "pairs joined from 3 frames" in stack.reference(lon=made.WEST + 0.06, lat=made.NORTH - 0.05).report()


def test_files_of_a_pair_that_are_gone_or_must_not_be_read(tmp_path: Path) -> None:
    stack = jv.InterferogramCollection.from_aria(gunw(tmp_path / "a", World.of(), pairs=PAIRS[:1]), "gone")
    (item,) = stack.items
    part = item.bands["unwrapped"].parts[2]
    outside = replace(part, href=str(tmp_path / "elsewhere.nc"))
    (tmp_path / "elsewhere.nc").write_bytes(Path(part.href).read_bytes())
    band = replace(item.bands["unwrapped"], parts=(*item.bands["unwrapped"].parts[:2], outside))
    reader = Reader(cache_bytes=1 << 24, roots=(tmp_path / "a",))
    assert np.isfinite(reader.read(item, ["unwrapped"], WHOLE, "nearest")).any()
    with pytest.raises(RefusedError, match=r"elsewhere\.nc: the file lies outside"):
        reader.read(replace(item, bands={"unwrapped": band}), ["unwrapped"], WHOLE, "nearest")
    Path(part.href).unlink()
    with pytest.raises(SourceError, match=r"20200101_20200218.*-140216-.*\.nc: ") as error:
        reader.read(item, ["unwrapped"], WHOLE, "nearest")
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("layout", [{}, {"interleave": "pixel"}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_parts_of_any_layout(tmp_path: Path, layout: dict[str, Any]) -> None:
    """The second band of files in strips, with interleaved pixels, or in tiles; whole numbers with a nodata of their own."""
    random = np.random.default_rng(0)
    numbers = random.integers(0, 50, (2, 300, 90)).astype(np.int16)
    upper, lower = numbers[:, :170], numbers[:, 150:] + np.int16(7)
    paths = [
        made.write_tif(tmp_path / f"{name}.tif", array, origin=(10.0, 45.0 - row * 0.001, 0.001, 0.001), **layout)
        for name, array, row in (("upper", upper, 0), ("lower", lower, 150))
    ]
    parts = (
        Part(str(paths[0]), file_etag(paths[0]), None, 2, 0, 0, scale=2.0, nodata=3.0),
        Part(str(paths[1]), file_etag(paths[1]), None, 2, 150, 0, scale=2.0, offset=-14.0, nodata=10.0),
    )
    band = Band("b", parts[0].href, parts=parts)
    grid = Grid(Lattice("EPSG:4326", (0.001, 0.001), 10.0, 45.0), 0, 0, 300, 90)
    item = Item("c", "i", "2020-01-01T00:00:00Z", grid.bbox, {}, {}, {"b": band})
    found = Reader(cache_bytes=1 << 24).read(item, ["b"], grid, "nearest")[0]
    np.testing.assert_array_equal(found, np.where(numbers[1] == 3, np.nan, 2.0 * numbers[1]))


def test_pairs_that_lack_a_frame_are_named(tmp_path: Path) -> None:
    gunw(tmp_path, World.of(), pairs=PAIRS[:2])
    (gone,) = tmp_path.glob(f"*{DAYS[1]}_{DAYS[0]}-140216*")
    gone.unlink()
    with pytest.warns(UserWarning, match=r"1 of 2 pairs lack frames.*20200101_20200218 lacks .*-140216-"):
        stack = jv.InterferogramCollection.from_aria(tmp_path, "lacking")
    phase = render(stack.image()["unwrapped"])[:, 0]
    by_id = dict(zip(stack.ids or (), phase, strict=True))
    assert np.isnan(by_id["20200101_20200218"][320:]).all()
    assert np.isfinite(by_id["20200218_20200406"][320:400]).all()


def test_a_frame_without_overlap_is_left_out_and_named(tmp_path: Path) -> None:
    gunw(tmp_path, World.of(), pairs=PAIRS[:2])
    (gone,) = tmp_path.glob(f"*{DAYS[1]}_{DAYS[0]}-140151*")
    gone.unlink()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        stack = jv.InterferogramCollection.from_aria(tmp_path, "gap")
    texts = [str(one.message) for one in said]
    assert any("left out (20200101_20200218: S1-GUNW" in text and "-140216-" in text for text in texts), texts
    assert any("1 of 2 pairs lack frames" in text for text in texts), texts
    phase = render(stack.image()["unwrapped"])[0, 0]
    assert np.isfinite(phase[20:150]).all()
    assert np.isnan(phase[180:]).all()


def test_frames_that_cannot_be_joined_are_refused_in_words(tmp_path: Path) -> None:
    phase = -World.of().pair(PAIRS[0])
    later, earlier = DAYS[1], DAYS[0]

    def refused(folder: str, **second: Any) -> str:
        made.aria(tmp_path / folder, later, earlier, phase[:170], "140126")
        made.aria(tmp_path / folder, later, earlier, **{"frame": "140151", "place": (140, 0), **second})
        with pytest.raises(SourceError) as error:
            jv.InterferogramCollection.from_aria(tmp_path / folder)
        assert str(tmp_path) not in str(error.value)
        return str(error.value)

    assert "do not overlap cannot be joined" in refused("gap", phase=phase[200:310], place=(200, 0))
    assert "stands twice at one place" in refused("twice", phase=phase[:170], place=(1, 0))
    assert "another reference system or pixel size" in refused("step", phase=phase[140:310], place=(70, 0), step=0.002)
    assert "tracks 022A, 124A" in refused("track", phase=phase[140:310], track="022")


def test_frames_between_whose_pixels_others_lie(tmp_path: Path) -> None:
    """The nearest pixel is taken: nothing is off by more than half of one."""
    truth = World.of().pair(PAIRS[0])
    made.aria(tmp_path, DAYS[1], DAYS[0], -truth[:170], "140126")
    made.aria(tmp_path, DAYS[1], DAYS[0], -truth[140:], "140151", place=(140.3, 0.3))
    stack = jv.InterferogramCollection.from_aria(tmp_path, "between")
    phase = render(stack.image()["unwrapped"])[0, 0]
    np.testing.assert_allclose(phase[180:, :100], truth[180:, :100], atol=FLOAT)


def test_frames_in_a_ring_that_do_not_close_are_said() -> None:
    """Three frames over one another, of which one lies a cycle off against one other alone."""
    ground = np.random.default_rng(1).standard_normal((20, 20)) * 0.05
    large, small = np.full((20, 20), np.nan), ground.copy()
    large[:] = ground
    small[10:] = np.nan
    seams = [
        seam_of(0, 1, (large, large + 0.4), None),
        seam_of(1, 2, (large + 0.4, large - 0.3), None),
        seam_of(0, 2, (small, small - 0.3 + CYCLE), None),
    ]
    known = [seam for seam in seams if seam is not None]
    found = solve([0, 1, 2], known)
    assert [found.frames[frame] for frame in range(3)] == pytest.approx([0.0, -0.4, 0.3])
    assert [found.step(seam) for seam in known] == pytest.approx([0.0, 0.0, CYCLE], abs=1e-6)


def test_rough_seams_are_said(tmp_path: Path) -> None:
    truth = World.of().pair(PAIRS[0])
    made.aria(tmp_path, DAYS[1], DAYS[0], -truth[:170], "140126")
    ramp = truth[140:310] + np.linspace(0, 12, COLS)
    made.aria(tmp_path, DAYS[1], DAYS[0], -ramp, "140151", place=(140, 0))
    with pytest.warns(UserWarning, match="differ in their overlap by more than a constant"):
        jv.InterferogramCollection.from_aria(tmp_path, "rough")


def test_geometry_and_baselines_of_frames(tmp_path: Path) -> None:
    stack = jv.InterferogramCollection.from_aria(gunw(tmp_path, World.of(), pairs=PAIRS[:2]), "look", height=1500.0)
    assert set(stack.pairs()["bperp"]) == {-65.0}
    look = render(stack.geometry(1500.0))
    assert np.isfinite(look).all()
    np.testing.assert_allclose((look**2).sum(axis=0), 1.0, rtol=1e-5)


# -- HyP3 -----------------------------------------------------------------------------------------

UTM = 500_000.0, 5_000_000.0, 40.0, 40.0
BURSTS = {"136231_IW2": (0, 120), "136232_IW2": (100, 220), "136233_IW2": (200, 320)}


def bursts(folder: Path, world: World) -> Path:
    for pair in PAIRS[:2]:
        for number, (burst, (first, end)) in enumerate(BURSTS.items()):
            stem = f"S1_{burst}_{pair[0]}_{pair[1]}_VV_INT40_{number}{number}AB"
            own = world.pair(pair)[first:end] + constant(pair, str(number))
            origin = UTM[0], UTM[1] - UTM[3] * first, *UTM[2:]
            layers: dict[str, Array] = {
                "unw_phase": np.where(valid((first, end)), own, 0.0).astype(np.float32),
                "corr": np.full(own.shape, 0.5 + 0.1 * number, np.float32),
                "conncomp": np.ones(own.shape, np.uint8),
                "lv_theta": np.full(own.shape, 0.9, np.float32),
                "lv_phi": np.full(own.shape, -2.9, np.float32),
                "dem": np.full(own.shape, 100.0 + number, np.float32),
            }
            for name, layer in layers.items():
                made.write_tif(folder / stem / f"{stem}_{name}.tif", layer, crs="EPSG:32632", origin=origin)
            (folder / stem / f"{stem}.txt").write_text(f"Reference Granule: S1\nBaseline: {10 + number}\n")
    return folder


def test_bursts_are_joined(tmp_path: Path) -> None:
    world = World.of(4)
    stack = jv.InterferogramCollection.from_hyp3(bursts(tmp_path, world), "bursts")
    assert list(stack.pairs()["bperp"]) == [11.0, 11.0]
    grid = Grid(Lattice("EPSG:32632", UTM[2:], *UTM[:2]), 0, 0, 320, COLS)
    phase = render(stack.image()["unwrapped"], grid)[:, 0]
    truth = world.pairs(stack)[:, :320]
    assert np.isfinite(phase).mean() > 0.95
    assert np.nanmax(np.abs(steps(phase, truth))) < FLOAT
    coherence = render(stack.image()["coherence"], grid)[0, 0]
    np.testing.assert_allclose(coherence[[50, 150, 250], 5], [0.5, 0.6, 0.7], rtol=1e-6)
    height = render(stack.height(), grid)[0]
    np.testing.assert_array_equal(height[[50, 150, 250], 5], [100.0, 101.0, 102.0])
    assert np.isfinite(render(stack.geometry(), grid)).all()
    check_seams(stack.image(), region_grid(stack.items[0].bbox, zoom=12), 53)


def test_wrapped_phase_of_bursts_is_joined_as_it_is(tmp_path: Path) -> None:
    bursts(tmp_path, World.of(4))
    for path in tmp_path.rglob("*_unw_phase.tif"):
        with rasterio.open(path) as file:
            stored, profile = file.read(), file.profile
        with rasterio.open(path.with_name(path.name.replace("unw_phase", "wrapped_phase")), "w", **profile) as file:
            file.write(np.where(stored == 0, 0, np.angle(np.exp(1j * stored))).astype(np.float32))
    stack = jv.InterferogramCollection.from_hyp3(tmp_path, "bursts")
    grid = Grid(Lattice("EPSG:32632", UTM[2:], *UTM[:2]), 0, 0, 320, COLS)
    phase, wrapped = (render(stack.image()[band], grid)[:, 0] for band in ("unwrapped", "wrapped"))
    assert np.isfinite(wrapped).mean() > 0.95
    # What is added to the unwrapped phase of a burst is about its unwrapping, and not this band's matter.
    off = np.angle(np.exp(1j * (phase - wrapped)))[0]
    for rows in (slice(10, 90), slice(130, 190), slice(230, 310)):
        assert np.nanstd(np.exp(1j * off[rows])) < 1e-4
    assert np.nanmax(np.abs(wrapped)) <= np.pi + 1e-6
    check_seams(stack.image()["wrapped"], region_grid(stack.items[0].bbox, zoom=12), 53)


def test_one_burst_is_a_stack_as_any_other(tmp_path: Path) -> None:
    bursts(tmp_path / "all", World.of(4))
    (tmp_path / "one").mkdir()
    for path in (tmp_path / "all").glob("S1_136232_IW2*"):
        path.rename(tmp_path / "one" / path.name)
    stack = jv.InterferogramCollection.from_hyp3(tmp_path / "one", "burst")
    assert stack.items[0].properties["jeoview:burst"] == "136232_IW2"
    copy = stack.cache_stack(tmp_path / "copy", lossless=True, progress=False)
    grid = Grid(Lattice("EPSG:32632", UTM[2:], *UTM[:2]), 100, 0, 120, COLS)
    np.testing.assert_array_equal(render(copy.image(), grid), render(stack.image(), grid))


def test_a_burst_that_is_missing_or_of_two_polarisations(tmp_path: Path) -> None:
    bursts(tmp_path, World.of(4))
    for path in tmp_path.glob(f"S1_136232_IW2_{DAYS[0]}_{DAYS[1]}*/*"):
        path.unlink()
    with pytest.warns(UserWarning, match=r"lacks 136232_IW2|left out") as said:
        jv.InterferogramCollection.from_hyp3(tmp_path, "bursts")
    assert any("20200101_20200218 lacks 136232_IW2" in str(one.message) for one in said)
    (first,) = tmp_path.glob(f"S1_136231_IW2_{DAYS[1]}_{DAYS[2]}*")
    other = tmp_path / first.name.replace("_VV_", "_VH_")
    other.mkdir()
    for path in first.iterdir():
        (other / path.name.replace("_VV_", "_VH_")).write_bytes(path.read_bytes())
    with pytest.raises(SourceError, match="stands twice at one place"):
        jv.InterferogramCollection.from_hyp3(tmp_path, "bursts")
