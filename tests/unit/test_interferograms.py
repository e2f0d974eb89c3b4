"""Stacks of interferograms: readers, network, reference; real data where it is there."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin
from scipy.ndimage import uniform_filter
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

import jeoview.export  # noqa: F401 - exits are methods of an image once this is imported
from jeoview.collection import InterferogramCollection
from jeoview.collection.measures import Reading
from jeoview.collection.network import dates_of, spanning_tree, subsets
from jeoview.collection.reference import centre_of
from jeoview.engine import Engine
from jeoview.errors import CancelledByUser, CollectionError, ParameterError, SourceError
from jeoview.region import region_grid


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


@pytest.fixture
def mexico(data_dir: Path) -> InterferogramCollection:
    return InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico")


def write(path: Path, value: float, dtype: str = "float32") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "width": 8, "height": 6, "count": 1, "dtype": dtype, "crs": "EPSG:4326"}
    with rasterio.open(path, "w", transform=from_origin(10, 45, 0.001, 0.001), **profile) as file:
        file.write(np.full((1, 6, 8), value, dtype=dtype))


def pixels(stack: InterferogramCollection) -> np.ndarray:
    image = stack.image()
    grid = region_grid((10.002, 44.996, 10.004, 44.998), resolution=0.001)
    return Engine.default().render(image.node, grid).array[:, :, 0, 0]


def test_the_real_stack_is_read_as_its_readme_says(mexico: InterferogramCollection) -> None:
    assert (len(mexico), len(mexico.dates)) == (30, 13)
    assert mexico.wavelength == pytest.approx(0.05550415767769124)
    assert mexico.subsets() == [mexico.dates]
    table = mexico.pairs().set_index("id")
    assert table.loc["20180106_20180130", "days"] == 24
    assert table.loc["20180106_20180130", "bperp"] == pytest.approx(33.37)
    assert mexico.image().bands == ("unwrapped", "coherence")


def test_a_date_that_hangs_on_one_pair_is_cut_off_with_it(mexico: InterferogramCollection) -> None:
    cut = mexico.filter_pairs(drop=["20180506_20180705"])
    assert "2018-07-05" not in cut.dates
    assert len(cut) == 29
    near = mexico.filter_pairs(nearest=1)
    assert all(later > earlier for earlier, later in near.pairs()[["earlier", "later"]].to_numpy())
    assert len(near) < 29


def test_a_gap_that_no_pair_bridges_is_counted(mexico: InterferogramCollection) -> None:
    kept = {"20180106_20180130", "20180307_20180319"}
    split = mexico.filter_pairs(drop=set(mexico.ids or ()) - kept)
    assert split.subsets() == [("2018-01-06", "2018-01-30"), ("2018-03-07", "2018-03-19")]


def test_pairs_are_chosen_by_days_and_baseline(mexico: InterferogramCollection) -> None:
    chosen = mexico.filter_pairs(max_days=60, max_bperp=50).pairs()
    everything = mexico.pairs()
    expected = everything[(everything["days"] <= 60) & (everything["bperp"].abs() <= 50)]
    assert chosen["id"].tolist() == expected["id"].tolist()
    with pytest.raises(CollectionError, match="none of the 30 pairs"):
        mexico.filter_pairs(max_days=1)
    with pytest.raises(ParameterError, match="has no pair '20180106_20180131'; did you mean"):
        mexico.filter_pairs(drop=["20180106_20180131"])


def test_the_reference_must_be_chosen_and_lie_in_the_stack(mexico: InterferogramCollection) -> None:
    with pytest.raises(ParameterError, match="choose a reference first"):
        mexico.invert()
    with pytest.raises(ParameterError, match="outside the stack"):
        mexico.reference(lon=10, lat=45)
    with pytest.raises(ParameterError, match="lon= and lat="):
        mexico.reference(lat=19.4)
    with pytest.raises(ParameterError, match="give one of"):
        mexico.reference("auto", bounds=(-99.18, 19.4, -99.17, 19.41))
    with pytest.raises(ParameterError, match="a box is bounds="):
        mexico.reference(polygon=(-99.18, 19.4, -99.17, 19.41))  # type: ignore[arg-type]
    west, south, east, north = mexico.reference(lon=-99.18, lat=19.44, pixels=7).place or (0, 0, 0, 0)
    assert (north - south) / 0.0013888889 == pytest.approx(7)
    # The middle of the pixel that holds the place.
    assert abs((west + east) / 2 + 99.18) < 0.0013888889 / 2


@pytest.mark.parametrize(("sign", "expected"), [("away", 2.0), ("towards", -2.0)])
def test_every_sign_is_read_into_ours(tmp_path: Path, sign: str, expected: float) -> None:
    write(tmp_path / "20200101_20200113.unw.tif", 2.0)
    stack = InterferogramCollection.from_files(str(tmp_path / "*.unw.tif"), sign=sign)  # type: ignore[arg-type]
    assert pixels(stack).tolist() == [[expected]]
    assert stack.items[0].properties["jeoview:sign"] == f"positive phase means motion {sign}"


def test_licsar_layout_with_byte_coherence_and_zero_as_nodata(tmp_path: Path) -> None:
    # No real LiCSAR frame is at hand: small files of the documented layout.
    frame = tmp_path / "023A_05123_131313" / "GEOC"
    for pair, phase in (("20200101_20200113", 1.5), ("20200113_20200125", 0.0)):
        write(frame / pair / f"{pair}.geo.unw.tif", phase)
        write(frame / pair / f"{pair}.geo.cc.tif", 204, "uint8")
    stack = InterferogramCollection.from_licsar(frame.parent)
    assert stack.name == "023A_05123_131313"
    assert stack.items[0].properties["jeoview:track"] == "023A"
    np.testing.assert_allclose(pixels(stack), [[1.5, 0.8], [np.nan, 0.8]], rtol=1e-6)


def test_hyp3_names_with_times_are_pairs(tmp_path: Path) -> None:
    # No real HyP3 product is at hand: small files of the documented layout.
    name = "S1AA_20200101T004021_20200113T004022_VVP012_INT80_G_ueF_1234"
    write(tmp_path / name / f"{name}_unw_phase.tif", 1.0)
    write(tmp_path / name / f"{name}_corr.tif", 0.5)
    stack = InterferogramCollection.from_hyp3(tmp_path)
    assert stack.ids == ("20200101_20200113",)
    assert pixels(stack).tolist() == [[1.0, 0.5]]


def test_names_without_two_dates_and_double_pairs_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "phase_20200101.tif", 1.0)
    with pytest.raises(SourceError, match=r"phase_20200101.tif: no two dates"):
        InterferogramCollection.from_files(str(tmp_path / "a" / "*.tif"))
    write(tmp_path / "b" / "20200101_20200113_one.tif", 1.0)
    shutil.copy(tmp_path / "b" / "20200101_20200113_one.tif", tmp_path / "b" / "20200113_20200101_two.tif")
    with pytest.raises(SourceError, match="stands twice"):
        InterferogramCollection.from_files(str(tmp_path / "b" / "*.tif"))
    with pytest.raises(SourceError, match="no file matches"):
        InterferogramCollection.from_files(str(tmp_path / "c" / "*.tif"))
    with pytest.raises(ParameterError, match=r"wavelength is 5\.5"):
        InterferogramCollection.from_files(str(tmp_path / "b" / "*one.tif"), wavelength=5.5)


# ---------------------------------------------------------------- what pixels say of pairs


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the pairs that were read from their files."""
    asked: list[str] = []
    usual = Reading.read

    def read(self: Reading, name: str) -> tuple[np.ndarray, np.ndarray]:
        asked.append(name)
        return usual(self, name)

    monkeypatch.setattr(Reading, "read", read)
    return asked


def whole_files(mexico: InterferogramCollection, band: str) -> dict[str, np.ndarray]:
    """By rasterio alone, NaN where the README says that there is nothing."""
    found = {}
    for item in mexico.items:
        with rasterio.open(item.bands[band].href) as file:
            values = file.read(1).astype(np.float64)
        found[item.id] = np.where(values == 0, np.nan, values) if band == "unwrapped" else values
    return found


def test_measures_of_pairs_are_those_of_the_files(mexico: InterferogramCollection, data_dir: Path) -> None:
    table = mexico.measures(progress=False).set_index("id")
    index = pd.read_csv(data_dir / "pyrate-cropa-mexico" / "index.csv")
    index.index = pd.Index(index["pair"].str.replace("-", "_"))
    np.testing.assert_allclose(table["coherence"], index.loc[table.index, "mean_coherence"], atol=0.0025)
    # The README counts valid pixels of 6000, 5904 of which some pair has phase at.
    np.testing.assert_allclose(table["unwrapped"], index.loc[table.index, "valid_px"] / 5904, atol=0.003)
    loose = table[table["loops"] == 0]
    assert "20180506_20180705" in loose.index
    assert loose["loop_rms"].isna().all()


def test_loops_close_only_after_referencing(mexico: InterferogramCollection) -> None:
    """The constants of the pairs do not cancel; relative to the README's stable area, loops close but for a few pairs."""
    phase = whole_files(mexico, "unwrapped")
    row, col = np.s_[5:12], np.s_[4:11]
    still = {name: values - np.nanmedian(values[row, col]) for name, values in phase.items()}
    placed = mexico.reference(lon=-99.18, lat=19.44)
    table = placed.loops(progress=False)
    assert len(table) == 24
    raw, closed = [], []
    for _, loop in table.iterrows():
        one, other, both = loop["pairs"]
        before, after = (given[one] + given[other] - given[both] for given in (phase, still))
        raw.append(np.sqrt(np.nanmean(before**2)))
        closed.append(np.sqrt(np.nanmean(after**2)))
        assert loop["median"] == pytest.approx(np.nanmedian(before), abs=0.03)
    np.testing.assert_allclose(table["rms"], closed, atol=0.12)
    assert np.median(raw) > 20 * np.median(closed)
    # The README's difficulty: 20180307-20180319 and 20180319-20180506.
    assert table.loc[0, "pairs"] == ("20180307_20180319", "20180319_20180506", "20180307_20180506")
    assert 1.6 < table["rms"].max() < 1.8
    assert mexico.loops(progress=False)["rms"].max() < 1.3


def test_what_was_measured_once_is_not_read_again(mexico: InterferogramCollection, reads: list[str]) -> None:
    part = mexico.filter_pairs(max_days=60)
    part.measures(progress=False)
    assert sorted(reads) == sorted(part.ids or ())
    reads.clear()
    part.measures(progress=False)
    part.filter_pairs(min_coherence=0.6, max_loop_rms=1.5, progress=False)
    assert not reads
    mexico.filter_pairs(min_coherence=0.5, progress=False)
    assert sorted(reads) == sorted(set(mexico.ids or ()) - set(part.ids or ()))
    west, south, east, north = mexico.items[0].bbox
    reads.clear()
    mexico.measures((west, south, (west + east) / 2, north), progress=False)
    assert len(set(reads)) == 30


def test_a_stopped_measurement_is_taken_up_where_it_was(
    mexico: InterferogramCollection, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Reading.read

    def stop(self: Reading, name: str) -> tuple[np.ndarray, np.ndarray]:
        if len(reads) == 12:
            raise KeyboardInterrupt
        return counting(self, name)

    monkeypatch.setattr(Reading, "read", stop)
    with pytest.raises(CancelledByUser, match="Measuring interferograms was stopped"):
        mexico.filter_pairs(min_coherence=0.5, progress=False)
    monkeypatch.setattr(Reading, "read", counting)
    mexico.filter_pairs(min_coherence=0.5, progress=False)
    assert len(reads) == 30


def test_incoherent_pairs_go_unless_they_hold_the_network_together(mexico: InterferogramCollection) -> None:
    coherence = mexico.measures(progress=False).set_index("id")["coherence"]
    tree = mexico.filter_pairs(min_coherence=0.6, progress=False)
    assert len(tree.subsets()) == 1
    assert tree.dates == mexico.dates
    bare = mexico.filter_pairs(min_coherence=0.6, keep_tree=False, progress=False)
    assert set(bare.ids or ()) == set(coherence.index[coherence >= 0.6])
    assert len(bare.subsets()) == 2
    assert "2 subsets that NO PAIR CONNECTS" in repr(bare)
    report = bare.report()
    assert "30 to 9 pairs, 13 to 10 dates (without 2018-06-23, 2018-07-05, 2018-07-17): min_coherence=0.6" in report
    assert "subset 1: 2 dates, 2018-01-06 to 2018-01-30" in report
    assert "removes 17 (4 stay: they hold the network together)" in tree.report()
    assert "removes 17" in tree._repr_html_()


def test_pairs_whose_every_loop_is_bad_go(mexico: InterferogramCollection) -> None:
    placed = mexico.reference(lon=-99.18, lat=19.44)
    table = placed.measures(progress=False).set_index("id")
    chosen = placed.filter_pairs(max_loop_rms=0.5, progress=False)
    assert set(table.index) - set(chosen.ids or ()) == set(table.index[table["best_loop_rms"] >= 0.5])
    assert "without a loop are not judged" in chosen.report()
    assert set(table.index[table["loops"] == 0]) <= set(chosen.ids or ())
    days = placed.date_measures(progress=False).set_index("day")
    assert days["loop_rms"].idxmax() == "2018-03-07"
    assert days.loc["2018-07-05", "loops"] == 0


def test_the_tree_is_scipys() -> None:
    random = np.random.default_rng(3)
    days = [dt.date(2020, 1, 1) + dt.timedelta(12 * k) for k in range(20)]
    ends = [(i, j) for i in range(20) for j in range(i + 1, min(i + 5, 20))]
    coherence = random.random(len(ends))
    graph = np.zeros((20, 20))
    for (i, j), value in zip(ends, coherence, strict=True):
        graph[i, j] = 1 / value
    expected = {tuple(map(int, edge)) for edge in np.argwhere(minimum_spanning_tree(graph).toarray() > 0)}
    tree = spanning_tree([(days[i], days[j]) for i, j in ends], coherence.tolist())
    assert {ends[k] for k in tree} == expected


def test_yearly_pairs_stay(tmp_path: Path) -> None:
    for pair in ("20200101_20200113", "20200101_20200601", "20200101_20201226", "20200113_20220120"):
        write(tmp_path / f"{pair}.unw.tif", 1.0)
    stack = InterferogramCollection.from_files(str(tmp_path / "*.unw.tif"))
    chosen = stack.filter_pairs(max_days=60, yearly=15)
    assert chosen.ids == ("20200101_20200113", "20200101_20201226", "20200113_20220120")
    assert "max_days=60 removes 1 (2 stay: about whole years)" in chosen.report()
    assert stack.filter_pairs(nearest=1, yearly=15).ids == chosen.ids
    with pytest.raises(ParameterError, match="has no coherence"):
        stack.filter_pairs(min_coherence=0.5)
    with pytest.raises(ParameterError, match="lies outside the stack"):
        stack.measures((0.0, 0.0, 1.0, 1.0))


def test_yearly_alone_chooses_the_yearly_pairs(tmp_path: Path) -> None:
    for pair in ("20200101_20200113", "20200101_20200601", "20200101_20201226", "20200113_20220120"):
        write(tmp_path / f"{pair}.unw.tif", 1.0)
    stack = InterferogramCollection.from_files(str(tmp_path / "*.unw.tif"))
    alone = stack.filter_pairs(yearly=15)
    assert alone.ids == ("20200101_20201226", "20200113_20220120")
    assert "4 to 2 pairs" in alone.report()
    assert "yearly=15 removes 2" in alone.report()
    assert stack.filter_pairs(yearly=15, min_days=500).ids == ("20200113_20220120",)
    with pytest.raises(CollectionError, match=r"leaves none of the 4 pairs .*yearly=1 removes 4"):
        stack.filter_pairs(yearly=1)


def test_the_subsets_are_scipys() -> None:
    random = np.random.default_rng(4)
    days = [dt.date(2020, 1, 1) + dt.timedelta(12 * k) for k in range(40)]
    ends = sorted({tuple(sorted(random.choice(40, 2, replace=False).tolist())) for _ in range(22)})
    graph = np.zeros((40, 40))
    for i, j in ends:
        graph[i, j] = 1
    labels = connected_components(graph)[1]
    seen = sorted({day for pair in ends for day in pair})
    expected = {tuple(str(days[k]) for k in seen if labels[k] == group) for group in set(labels[seen].tolist())}
    assert 3 < len(expected) < 20
    assert subsets([(days[i], days[j]) for i, j in ends[::-1]]) == sorted(expected)
    assert subsets([]) == []


def test_a_network_that_falls_apart_is_said_where_it_is_inverted(mexico: InterferogramCollection) -> None:
    pairs = ("20180106_20180130", "20180307_20180319")
    split = replace(mexico, ids=pairs).reference(lon=-99.1, lat=19.4)
    with pytest.warns(
        UserWarning, match=r"2 subsets of dates.*Only the 2 dates from 2018-01-06 to 2018-01-30.*nsbas"
    ) as caught:
        split.invert()
    assert [one.filename for one in caught] == [__file__], "the line of the user, not one of ours"
    split.invert(method="nsbas")
    mexico.reference(lon=-99.1, lat=19.4).invert()


def test_a_network_that_nothing_checks_is_said_where_its_quality_is_asked(mexico: InterferogramCollection) -> None:
    chain = [(one, next(iter(mexico.dates[at + 1 :]))) for at, one in enumerate(mexico.dates[:-1])]
    wanted = {f"{one:%Y%m%d}_{two:%Y%m%d}" for one, two in (map(dt.date.fromisoformat, pair) for pair in chain)}
    tree = replace(mexico, ids=tuple(name for name in mexico.ids or () if name in wanted)).reference(
        lon=-99.1, lat=19.4
    )
    with pytest.warns(UserWarning, match=r"without any loop.*says nothing") as caught:
        tree.quality()
    assert [one.filename for one in caught] == [__file__]
    mexico.reference(lon=-99.1, lat=19.4).quality()


def test_a_stack_says_where_the_methods_of_images_are(mexico: InterferogramCollection) -> None:
    with pytest.raises(AttributeError, match=r"stack\.invert\(\)\.velocity"):
        mexico.velocity()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"stack\.image\(\)\.loop_closure"):
        mexico.loop_closure()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"has no attribute 'nonsense'$"):
        mexico.nonsense  # type: ignore[attr-defined] # noqa: B018


# ---------------------------------------------------------------- reference


def rates_of(stack: InterferogramCollection) -> np.ndarray:
    """Phase in rad/yr by the pairs alone, each less its median, weighted by its length in time."""
    phases = whole_files(stack, "unwrapped")
    years = np.array([(later - one).days / 365.25 for one, later in map(dates_of, stack.items)])
    each = np.array([phase - np.nanmedian(phase) for phase in phases.values()])
    squares = np.einsum("iyx,i->yx", np.isfinite(each), years**2)
    return np.asarray(np.nansum(each * years[:, None, None], axis=0) / np.where(squares > 0, squares, np.inf))


def test_the_most_coherent_ground_is_no_reference_where_it_moves(tmp_path: Path) -> None:
    days, motion = ("20200101", "20200301", "20200601"), np.zeros((40, 50), dtype=np.float32)
    motion[:15, :15], motion[25:, 35:] = 40.0, -25.0
    coherence = np.full(motion.shape, 0.6, dtype=np.float32)
    coherence[:15, :15], coherence[25:, 35:], coherence[20:34, 5:19] = 0.99, 0.95, 0.8
    profile = {"driver": "GTiff", "width": 50, "height": 40, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    for one, later in ((0, 1), (1, 2), (0, 2)):
        years = (dt.date.fromisoformat(days[later]) - dt.date.fromisoformat(days[one])).days / 365.25
        for kind, values in (("unw", motion * years + 7.0 + one), ("cc", coherence)):
            name = tmp_path / f"{days[one]}_{days[later]}.{kind}.tif"
            with rasterio.open(name, "w", transform=from_origin(10, 45, 0.001, 0.001), **profile) as file:
                file.write(values[None])
    stack = InterferogramCollection.from_files(str(tmp_path / "*.unw.tif"), str(tmp_path / "*.cc.tif"))
    chosen = stack.reference(progress=False)
    lon, lat = centre_of(chosen.place or (0, 0, 0, 0))
    assert 10.005 < lon < 10.019
    assert 44.966 < lat < 44.98
    assert "mean coherence 0.80, loop error" in repr(chosen)
    assert "+0.0 mm/yr from the median of the ground" in repr(chosen)


def test_the_best_reference_is_the_same_everywhere(mexico: InterferogramCollection, reads: list[str]) -> None:
    chosen = mexico.reference(progress=False)
    assert "found automatically, mean coherence 0.71, loop error 0.30 rad, +22.5 mm/yr from the median" in repr(chosen)
    assert chosen.place == mexico.reference("auto").place
    assert len(set(reads)) == len(reads) == 30
    assert "found automatically" in chosen.filter_pairs(max_days=60).report()
    # By rasterio and plain means of 7 x 7 pixels: of the ground that moves as the middle half does, no place is more
    # coherent than this, to two digits.
    coherence = np.mean(list(whole_files(mexico, "coherence").values()), axis=0)
    means, rates = (uniform_filter(values, 7)[3:-3, 3:-3] for values in (coherence, rates_of(mexico)))
    with rasterio.open(mexico.items[0].bands["coherence"].href) as file:
        row, col = file.index(*centre_of(chosen.place or (0, 0, 0, 0)))
    low, high = np.nanquantile(rates, (0.25, 0.75))
    assert low < rates[row - 3, col - 3] < high
    assert means[row - 3, col - 3] == pytest.approx(means[(rates > low) & (rates < high)].max(), abs=0.02)
    assert chosen.invert().bands == ("displacement",)


def test_a_copy_has_the_measures_and_the_reference_of_its_files(
    mexico: InterferogramCollection, reads: list[str]
) -> None:
    chosen, measured = mexico.reference(progress=False), mexico.measures(progress=False)
    reads.clear()
    copy = mexico.cache_stack(progress=False)
    assert copy.reference(progress=False).place == chosen.place
    pd.testing.assert_frame_equal(copy.measures(progress=False), measured)
    assert not reads


def test_a_reference_of_any_shape_is_the_median_inside_it(mexico: InterferogramCollection) -> None:
    west, south, east, north = -99.185, 19.435, -99.175, 19.445
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    triangle = [[west, south], [east, south], [west, north], [west, south]]
    box = mexico.reference(bounds=(west, south, east, north)).reference_phase()
    shapes = [{"type": "Polygon", "coordinates": [points]} for points in (ring, triangle)]
    whole, half = (mexico.reference(polygon=shape) for shape in shapes)
    # Of a box as of a polygon, the pixels of the files whose centre lies inside.
    assert whole.reference_phase() == box
    step = 0.0013888889
    with rasterio.open(mexico.items[0].bands["unwrapped"].href) as file:
        lon, lat = np.meshgrid(
            *(
                first + step * (np.arange(size) + 0.5) * way
                for first, size, way in ((file.transform.c, file.width, 1), (file.transform.f, file.height, -1))
            )
        )
    inside = (lon > west) & (lat > south) & ((lon - west) + (lat - south) < east - west)
    expected = [np.nanmedian(values[inside]) for values in whole_files(mexico, "unwrapped").values()]
    assert list(half.reference_phase().values()) == pytest.approx(expected, abs=1e-6)
    assert half.reference_phase() != pytest.approx(whole.reference_phase(), abs=0.05)
    assert "polygon in (-99.18500" in half.report()
    assert half.place == whole.place


def test_a_collection_of_scenes_is_no_stack(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"there is no collection|holds no interferograms"):
        InterferogramCollection("nothing")
