"""The simulated interferograms: files, labels, determinism, and whether phase is what the known motion makes of it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.special import gamma, hyp2f1

from jeoview import demo
from jeoview.catalog import Catalog, Item, Query
from jeoview.collection.interferograms import InterferogramCollection
from jeoview.demo import atmosphere, decorrelation, insar, motion, orbits, volcano
from jeoview.demo.truth import Truth
from jeoview.engine import Engine
from jeoview.errors import ParameterError, SourceError

Array = NDArray[Any]
LAMBDA = 0.0554658
TO_PHASE = -4 * np.pi / LAMBDA
COLLECTIONS = ("demo-insar-asc", "demo-insar-desc")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo-insar-home")
    assert demo.prepare_insar(folder, "small", progress=False) == folder / "demo-insar"
    return folder


@pytest.fixture(scope="module")
def truth(home: Path) -> Truth:
    return demo.truth(home)


def items_of(home: Path, collection: str) -> dict[str, Item]:
    return {item.id: item for item in Catalog(home / "catalog.sqlite").search(Query(collection))}


def stored(item: Item, band: str) -> Array:
    """Values of a band by rasterio itself, NaN where there are none."""
    info = item.bands[band]
    with rasterio.open(info.href) as dataset:
        array = dataset.read(info.index).astype(np.float64)
        if dataset.nodata is not None:
            array[array == dataset.nodata] = np.nan
        return np.asarray(array * dataset.scales[info.index - 1] + dataset.offsets[info.index - 1])


def phases(home: Path, truth: Truth, track: str) -> dict[str, Array]:
    """Unwrapped phase of every pair without its constant."""
    constants = truth.tracks[track].constants
    return {
        name: stored(item, "unwrapped") - constants[name]
        for name, item in items_of(home, f"demo-insar-{track}").items()
    }


def pixel_of(truth: Truth, place: tuple[float, float]) -> tuple[int, int]:
    """Row and column of a place on the ground."""
    ground = volcano.plane(volcano.stack_grid(120, 120, 160))
    return int(np.argmin(np.abs(ground.y - place[1]))), int(np.argmin(np.abs(ground.x - place[0])))


def around(array: Array, pixel: tuple[int, int], radius: int = 3) -> Array:
    row, col = pixel
    return array[..., row - radius : row + radius + 1, col - radius : col + radius + 1]


# -- files and catalogue -------------------------------------------------------------------------


def test_the_full_stack_is_as_large_as_promised() -> None:
    plan = insar.PLANS["full"]
    assert plan.grid.shape == (400, 400)
    assert plan.grid.crs == "EPSG:4326"
    for track in orbits.TRACKS:
        passes = orbits.acquisitions(track, plan.slots)
        network = orbits.pairs(passes)
        assert len(passes) == 61
        assert len(network) == len(set(network)) == 194
        days = np.array([(passes[j].when - passes[i].when).days for i, j in network])
        assert {12, 24, 36, 48} <= set(days[days < 300]) <= {12, 24, 36, 48, 60}
        assert ((days == 360) | (days == 372)).sum() == (days > 60).sum() == 17
        assert max(abs(each.baseline) for each in passes) <= 150


def test_items_say_what_a_stack_of_pairs_must_say(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COLLECTIONS:
        items = items_of(home, name)
        assert len(items) == 67
        assert len({day for item in items for day in item.split("_")}) == 24
        for item in items.values():
            known = item.properties
            start, end = (dt.datetime.fromisoformat(known[key]) for key in ("start_datetime", "end_datetime"))
            assert item.id == f"{start:%Y%m%d}_{end:%Y%m%d}"
            assert start < end
            assert item.datetime == known["end_datetime"]
            assert known["jeoview:wavelength"] == LAMBDA
            assert known["jeoview:sign"] == "positive phase means motion away"
            assert known["jeoview:track"] == {"demo-insar-asc": "SIM-A", "demo-insar-desc": "SIM-D"}[name]
            assert known["jeoview:mean_coherence"] == pytest.approx(np.nanmean(stored(item, "coherence")), abs=1e-4)
        monkeypatch.setenv("JEOVIEW_HOME", str(home))
        stack = InterferogramCollection(name)
        assert (len(stack), len(stack.dates), len(stack.subsets())) == (67, 24, 1)
        assert [len(part) for part in stack.filter_pairs(max_days=100).subsets()] == [12, 12]


def test_baselines_of_pairs_are_differences_of_dates(home: Path) -> None:
    for name in COLLECTIONS:
        known = {key: item.properties["jeoview:bperp"] for key, item in items_of(home, name).items()}
        for a, b, c in triplets(known):
            assert known[a] + known[b] == pytest.approx(known[c], abs=0.11)
        assert 20 < np.std(list(known.values())) < 150


def test_the_files_are_what_the_catalogue_says(home: Path) -> None:
    for name in COLLECTIONS:
        for item in items_of(home, name).values():
            assert list(item.bands) == ["unwrapped", "coherence"]
            for band in item.bands.values():
                with rasterio.open(band.href) as dataset:
                    assert dataset.shape == band.shape == (160, 160)
                    assert dataset.crs.to_string() == "EPSG:4326"
                    assert tuple(dataset.transform)[:6] == band.transform
                    assert dataset.dtypes[0] == band.data_type
                    assert dataset.nodata == band.nodata == 0
                    assert dataset.scales[0] == band.scale == (1 / 64 if band.name == "unwrapped" else 1 / 255)


def test_everything_says_that_it_is_simulated(home: Path) -> None:
    catalog = Catalog(home / "catalog.sqlite")
    names = [*COLLECTIONS, "demo-insar-asc-geometry", "demo-insar-desc-geometry", "demo-insar-truth"]
    assert sorted(catalog.collections()) == sorted(names)
    for name in names:
        info = catalog.collection(name)
        assert info.simulated
        assert "imulated" in info.title
        assert info.description.startswith("Simulated")
        assert all(item.properties["jeoview:simulated"] is True for item in catalog.search(Query(name)))
    files = list((home / "demo-insar").rglob("*.tif"))
    assert len(files) == 2 * (2 * 67 + 1 + 2) + 1
    for path in files:
        with rasterio.open(path) as dataset:
            assert dataset.tags()["JEOVIEW_SIMULATED"] == "yes"
            assert dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith("Simulated")
    for path in (home / "demo-insar" / "truth").glob("*.json"):
        assert json.loads(path.read_text())["simulated"] is True


def test_the_stack_brings_its_geometry_as_products_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a copy of it, whose collection has another name."""
    monkeypatch.setenv("JEOVIEW_HOME", str(home))
    stack = InterferogramCollection("demo-insar-desc")
    item = items_of(home, "demo-insar-desc-geometry")["demo-insar-desc-geometry"]
    grid = Engine.default().reader.native_grid(item, "height")
    for one in (stack, stack.cache_stack(home / "copies", progress=False)):
        looks = Engine.default().render(one.geometry().node, grid).array
        np.testing.assert_array_equal(looks, [stored(item, band) for band in ("los_east", "los_north", "los_up")])
        height = Engine.default().render(one.height().node, grid).array[0]
        np.testing.assert_array_equal(height, stored(item, "height"))


def test_the_items_are_valid_stac(home: Path) -> None:
    for document in json.loads((home / "demo-insar" / "items.json").read_text()):
        item = pystac.Item.from_dict(document)
        assert not any(Path(asset.href).is_absolute() for asset in item.assets.values())


def test_every_run_gives_the_same_bytes(home: Path, tmp_path: Path) -> None:
    demo.prepare_insar(tmp_path, "small", progress=False)
    names = sorted(path.relative_to(home) for path in (home / "demo-insar").rglob("*") if path.is_file())
    assert len(names) > 270
    for name in names:
        assert (home / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_the_second_start_touches_nothing(home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home / "demo-insar").rglob("*")}
    demo.prepare_insar(home, "small", progress=False)
    assert {path: path.stat().st_mtime_ns for path in (home / "demo-insar").rglob("*")} == before


# -- all or nothing ------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine dates around the volcano."""
    monkeypatch.setitem(insar.PLANS, "small", insar.Plan(120, 90, tuple(range(9))))


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("where", ["write_pair", "write_geometry", "write_track", "write_velocity"])
def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(insar, where, interrupt)
    with pytest.raises(KeyboardInterrupt):
        demo.prepare_insar(tmp_path, "small", progress=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("tiny")
def test_another_version_is_made_anew_and_the_optical_demo_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    folder = demo.prepare_insar(tmp_path, "small", progress=False)
    (folder / "older").touch()
    monkeypatch.setattr(insar, "DEMO", replace(insar.DEMO, version=insar.DEMO.version + 1))
    demo.prepare_insar(tmp_path, "small", progress=False)
    assert not (folder / "older").exists()
    assert (tmp_path / "demo").is_dir()


def test_an_unknown_size_and_a_missing_truth_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="did you mean 'small'"):
        demo.prepare_insar(tmp_path, "smal")  # type: ignore[arg-type]
    with pytest.raises(SourceError, match=r"python -m jeoview\.demo"):
        demo.truth(tmp_path)


# -- motion --------------------------------------------------------------------------------------


def test_velocity_is_the_slope_of_the_displacement(truth: Truth) -> None:
    for track in truth.tracks.values():
        when = [dt.datetime.fromisoformat(date) for date in track.dates]
        years = np.array([(each - when[0]).total_seconds() / 86400 / 365.25 for each in when])
        slope = 1000 * np.polyfit(years, track.displacement.reshape(len(years), -1), 1)[0].reshape(160, 160)
        np.testing.assert_allclose(track.velocity, slope, atol=0.02)
        assert not track.displacement[0].any()


def test_motion_along_the_line_of_sight_is_that_of_the_ground_seen_from_there(home: Path, truth: Truth) -> None:
    """Up, east and north are slopes over the dates of both tracks, which differ by a few days."""
    for name, track in truth.tracks.items():
        item = items_of(home, f"demo-insar-{name}-geometry")[f"demo-insar-{name}-geometry"]
        east, north, up, incidence = (stored(item, band) for band in ("los_east", "los_north", "los_up", "incidence"))
        np.testing.assert_allclose(np.hypot(np.hypot(east, north), up), 1, atol=1e-6)
        np.testing.assert_allclose(np.degrees(np.arccos(up)), incidence, atol=1e-3)
        # The sensor looks to the right: going up it stands in the west, going down in the east.
        assert np.sign(east).min() == np.sign(east).max() == {"asc": -1, "desc": 1}[name]
        assert np.all(north < 0)
        assert incidence.max() - incidence.min() > 1
        seen = truth.east * east + truth.north * north + truth.up * up
        np.testing.assert_allclose(track.velocity, seen, atol=1.5)


def test_the_volcano_rises_as_a_mogi_source_does(truth: Truth) -> None:
    """Over the middle the ground moves up only, by (1 - nu) dV / (pi d^2), from the onset on."""
    lattice = volcano.plane(volcano.stack_grid(120, 120, 160))
    east, north, up = motion.patterns(lattice)[0]
    row, col = pixel_of(truth, motion.MOGI)
    assert up.max() == pytest.approx(0.75 * 9.0e6 / (np.pi * 4000.0**2), rel=1e-3)
    assert (int(np.argmax(up)) // 160, int(np.argmax(up)) % 160) == (row, col)
    assert east[row, col + 20] > 0 > east[row, col - 20]
    assert north[row - 20, col] > 0 > north[row + 20, col]
    # Out and up are in the ratio of distance and depth.
    away = np.hypot(lattice.x[None, :] - motion.MOGI[0], lattice.y[:, None] - motion.MOGI[1])
    np.testing.assert_allclose(np.hypot(east, north) / up, away / 4000.0, rtol=1e-9)
    quiet, risen = motion.histories(np.array([motion.ONSET, motion.ONSET + 430]))[:, 0]
    assert quiet == 0
    assert risen == pytest.approx(1 - np.exp(-1))


def test_the_town_sinks_and_breathes_and_its_rim_moves_inwards(truth: Truth) -> None:
    row, col = pixel_of(truth, motion.BOWL)
    assert truth.up[row, col] == pytest.approx(truth.up.min(), abs=0.2)
    assert -80 < truth.up[row, col] < -65
    assert truth.east[row, col + 18] < -5 < 5 < truth.east[row, col - 18]
    assert truth.north[row - 15, col] < -5 < 5 < truth.north[row + 15, col]
    season = motion.histories(np.arange(0, 366.0))[:, 2]
    highest = orbits.EPOCH + dt.timedelta(days=int(np.argmax(season)))
    assert highest.month == 10


# -- phase ---------------------------------------------------------------------------------------


def test_ground_that_sinks_has_positive_phase(home: Path, truth: Truth) -> None:
    bowl, summit = pixel_of(truth, motion.BOWL), pixel_of(truth, volcano.SUMMIT)
    for track in truth.tracks:
        found = phases(home, truth, track)
        yearly = [name for name in found if span(name) > 300]
        assert len(yearly) >= 6
        for name in yearly:
            fringes = np.nanmedian(around(found[name], bowl)) - np.nanmedian(found[name])
            assert fringes > 2 * np.pi
        risen = [np.nanmedian(around(found[n], summit)) - np.nanmedian(found[n]) for n in yearly]
        assert np.mean(risen) < -np.pi


def span(name: str) -> int:
    one, other = (dt.datetime.strptime(day, "%Y%m%d").replace(tzinfo=dt.UTC) for day in name.split("_"))
    return (other - one).days


def triplets(names: Any) -> list[tuple[str, str, str]]:
    """Pairs ab, bc, ac that are all there."""
    pairs = {tuple(name.split("_")) for name in names}
    days = sorted({day for pair in pairs for day in pair})
    return [
        (f"{a}_{b}", f"{b}_{c}", f"{a}_{c}") for a, b, c in combinations(days, 3) if {(a, b), (b, c), (a, c)} <= pairs
    ]


@pytest.mark.parametrize("track", ["asc", "desc"])
def test_clean_triplets_close_once_the_constants_are_gone(home: Path, truth: Truth, track: str) -> None:
    """Only noise is left: the closures of bright pixels spread as noise does, and their mean is nothing."""
    found, items = phases(home, truth, track), items_of(home, f"demo-insar-{track}")
    wrong, constants = truth.tracks[track].cycles, truth.tracks[track].constants
    clean = [loop for loop in triplets(found) if not set(loop) & set(wrong)]
    assert len(clean) > 25
    open_loops = 0
    for a, b, c in clean:
        bright = np.min([stored(items[name], "coherence") for name in (a, b, c)], axis=0) > 0.7
        closure = (found[a] + found[b] - found[c])[bright]
        assert closure.size > 50
        assert abs(np.nanmedian(closure)) < 0.05
        assert np.nanstd(closure) < 0.25
        open_loops += abs(constants[a] + constants[b] - constants[c]) > 1
    assert open_loops > 0.9 * len(clean)


@pytest.mark.parametrize("track", ["asc", "desc"])
def test_unwrapping_errors_are_where_the_record_says(home: Path, truth: Truth, track: str) -> None:
    found, wrong = phases(home, truth, track), truth.tracks[track].cycles
    assert len(wrong) >= 2
    for name, cycles in wrong.items():
        region = cycles != 0
        assert region.sum() > 100
        assert np.isfinite(found[name][region]).all()
        loops = [loop for loop in triplets(found) if name in loop and len(set(loop) & set(wrong)) == 1]
        assert loops
        for a, b, c in loops:
            sign = -1 if name == c else 1
            turns = sign * (found[a] + found[b] - found[c]) / (2 * np.pi)
            inside, outside = turns[region], turns[~region]
            assert np.nanmedian(inside) == pytest.approx(cycles[region][0], abs=0.05)
            assert np.nanmean(np.rint(inside) == cycles[region]) > 0.97
            assert abs(np.nanmedian(outside)) < 0.02
            assert np.mean(np.abs(outside[np.isfinite(outside)]) > 0.5) < 0.12


@pytest.mark.parametrize("track", ["asc", "desc"])
def test_least_squares_find_the_truth_within_their_standard_error(home: Path, truth: Truth, track: str) -> None:
    """Plain numpy: pairs to dates to velocity, at bright pixels against a reference; air is the noise."""
    found, known = phases(home, truth, track), truth.tracks[track]
    names = [name for name in found if name not in known.cycles]
    days = sorted({day for name in names for day in name.split("_")})
    design = np.zeros((len(names), len(days)))
    for row, name in enumerate(names):
        one, other = name.split("_")
        design[row, days.index(one)], design[row, days.index(other)] = -1, 1
    reference = pixel_of(truth, (4000.0, 800.0))
    years = np.array([span(f"{days[0]}_{day}") / 365.25 for day in days])
    centred = years - years.mean()
    scores, errors = [], []
    for place in (motion.BOWL, (3600.0, -4600.0), (5400.0, -3300.0), (3000.0, -3500.0), volcano.SUMMIT):
        spot = pixel_of(truth, place)
        phase = [np.nanmean(around(found[n], spot, 1)) - np.nanmean(around(found[n], reference, 4)) for n in names]
        moved = np.r_[0, np.linalg.lstsq(design[:, 1:], np.array(phase), rcond=None)[0]] / TO_PHASE
        true = around(known.displacement, spot, 1).mean(axis=(1, 2))
        true -= around(known.displacement, reference, 4).mean(axis=(1, 2))
        residual = moved - true - (moved - true).mean()
        slope = 1000 * (centred @ residual) / (centred @ centred)
        noise = residual - slope / 1000 * centred
        error = 1000 * np.sqrt(noise @ noise / (len(days) - 2) / (centred @ centred))
        scores.append(slope / error)
        errors.append(error)
    assert max(errors) < 8
    assert np.max(np.abs(scores)) < 3
    assert np.sqrt(np.mean(np.square(scores))) < 1.8


# -- noise ---------------------------------------------------------------------------------------


def still(lasting: float, fading: float, memory: float, pixels: int = 6000) -> volcano.Echo:
    return volcano.Echo(*(np.full(pixels, value, np.float32) for value in (lasting, fading, memory, 1e9)))


def passes(days: tuple[float, ...]) -> tuple[orbits.Acquisition, ...]:
    return tuple(
        orbits.Acquisition(n, orbits.EPOCH + dt.timedelta(days=day), day, 0.0, 1.0) for n, day in enumerate(days)
    )


def phase_deviation(coherence: float, looks: int) -> float:
    """Standard deviation of the phase of distributed scatterers, from its density (Lee et al. 1994, eq. 14)."""
    phi = np.linspace(-np.pi, np.pi, 20001)
    beta = coherence * np.cos(phi)
    first = gamma(looks + 0.5) * (1 - coherence**2) ** looks * beta
    first /= 2 * np.sqrt(np.pi) * gamma(looks) * (1 - beta**2) ** (looks + 0.5)
    density = first + (1 - coherence**2) ** looks / (2 * np.pi) * hyp2f1(looks, 1, 0.5, beta**2)
    assert trapezoid(density, phi) == pytest.approx(1, abs=1e-6)
    return float(np.sqrt(trapezoid(density * phi**2, phi)))


@pytest.mark.parametrize("coherence", [0.2, 0.4, 0.6, 0.9])
def test_phase_noise_is_that_of_distributed_scatterers(coherence: float) -> None:
    rng = np.random.Generator(np.random.SFC64(1))
    phase, estimate = decorrelation.interferograms(still(coherence, 0, 1), passes((0, 12)), ((0, 1),), rng)
    assert phase.std() == pytest.approx(phase_deviation(coherence, decorrelation.LOOKS), rel=0.04)
    assert abs(phase.mean()) < 4 * phase.std() / np.sqrt(phase.size)
    # The estimate is biased where coherence is low, and by almost nothing where it is high.
    assert coherence - 0.005 < estimate.mean() < coherence + {0.2: 0.1, 0.4: 0.04}.get(coherence, 0.01)


def test_coherence_fades_with_time_to_what_lasts() -> None:
    rng = np.random.Generator(np.random.SFC64(2))
    dates = passes(tuple(12.0 * n for n in range(31)))
    network = ((0, 1), (0, 2), (0, 30))
    _, estimate = decorrelation.interferograms(still(0.4, 0.5, 40), dates, network, rng)
    near, far, yearly = estimate.mean(axis=1)
    assert near > far + 0.05 > yearly + 0.15
    assert yearly == pytest.approx(0.4, abs=0.04)


def test_forest_decorrelates_and_rock_does_not(home: Path) -> None:
    ground = volcano.plane(volcano.stack_grid(120, 120, 160))
    shares = volcano.cover(ground, volcano.height(ground))
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)
    kinds = {kind: shares[n] > 0.9 for n, kind in enumerate(volcano.KINDS)}
    for name in COLLECTIONS:
        for item in items_of(home, name).values():
            coherence, phase = stored(item, "coherence"), stored(item, "unwrapped")
            assert not np.isnan(coherence).any()
            assert np.isnan(phase[kinds["water"]]).all()
            if span(item.id) > 300:
                assert coherence[kinds["rock"]].mean() > 0.45
                assert coherence[kinds["forest"]].mean() < 0.25
                assert np.isnan(phase[kinds["forest"]]).mean() > 0.8
            assert np.isnan(phase[kinds["rock"]]).mean() < 0.05


def test_air_is_a_power_law() -> None:
    """Delays differ with the square root of the distance above 3 km, and faster below."""
    fields = [atmosphere.turbulence(np.random.Generator(np.random.SFC64(n)), 648, 111.0) for n in range(6)]
    assert np.sqrt(np.mean(np.square(fields))) == pytest.approx(1, abs=0.2)

    def differ(pixels: int) -> float:
        return float(np.sqrt(np.mean([np.mean((f[:, pixels:] - f[:, :-pixels]) ** 2) for f in fields])))

    assert np.log2(differ(100) / differ(50)) == pytest.approx(0.45, abs=0.12)
    assert np.log2(differ(8) / differ(4)) == pytest.approx(0.78, abs=0.12)


def test_the_small_stack_is_a_cut_of_the_full_one(home: Path) -> None:
    item = items_of(home, "demo-insar-asc-geometry")["demo-insar-asc-geometry"]
    whole = volcano.plane(volcano.stack_grid(0, 0, 400))
    np.testing.assert_allclose(stored(item, "height"), volcano.height(whole)[120:280, 120:280], atol=0.01)
    cut = orbits.look(orbits.TRACKS[0], whole).up[120:280, 120:280]
    np.testing.assert_allclose(stored(item, "los_up"), cut, atol=1e-6)
