"""Figures of a network: what they show is what was measured."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from jeoview.collection import InterferogramCollection
from jeoview.errors import ParameterError

NAMES = ("20200101_20200113", "20200113_20200125", "20200101_20200125", "20200301_20200313")


@pytest.fixture
def stack(tmp_path: Path, jeoview_home: Path) -> InterferogramCollection:
    """Two subsets; one loop that leaves 0.5 rad in half of its pixels."""
    random = np.random.default_rng(0)
    date = {day: random.normal(size=(6, 8)) for name in NAMES for day in name.split("_")}
    profile = {"driver": "GTiff", "width": 8, "height": 6, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    for k, name in enumerate(NAMES):
        one, other = name.split("_")
        phase = date[other] - date[one] + 10
        phase[:3] += 0.5 * (k == 0)
        for kind, values in (("unw", phase), ("cc", np.full((6, 8), 0.9 - 0.2 * k))):
            with rasterio.open(
                tmp_path / f"{name}.{kind}.tif", "w", transform=from_origin(10, 45, 0.001, 0.001), **profile
            ) as file:
                file.write(values.astype(np.float32), 1)
    return InterferogramCollection.from_files(
        str(tmp_path / "*.unw.tif"),
        str(tmp_path / "*.cc.tif"),
        baselines={_days(name): 10.0 * k for k, name in enumerate(("20200101_20200113", "20200113_20200125"))}
        | {_days("20200101_20200125"): 10.0, _days("20200301_20200313"): -40.0},
    )


def _days(name: str) -> tuple[dt.date, dt.date]:
    one, other = (dt.date.fromisoformat(day) for day in name.split("_"))
    return one, other


def test_the_network_shows_pairs_left_out_pairs_and_subsets(stack: InterferogramCollection) -> None:
    axes = stack.filter_pairs(drop=["20200101_20200125"]).plot_network(progress=False).figure.axes[0]
    styles = [line.get_linestyle() for line in axes.lines]
    assert sorted(styles) == ["-", "-", "-", ":"]
    assert len({tuple(np.asarray(line.get_color())) for line in axes.lines if line.get_linestyle() == "-"}) == 3
    legend: Any = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["subset 1: 3 dates", "subset 2: 2 dates"]
    heights = np.concatenate([np.asarray(points.get_offsets())[:, 1] for points in axes.collections])
    np.testing.assert_allclose(heights, [0, 0, 10, 0, -40], atol=1e-9)


def test_without_baselines_pairs_are_arcs(stack: InterferogramCollection, tmp_path: Path) -> None:
    bare = InterferogramCollection.from_files(str(tmp_path / "*.unw.tif"), name="bare")
    figure = bare.plot_network(coherence=False).figure
    assert [round(float(np.max(line.get_ydata()))) for line in figure.axes[0].lines] == [6, 12, 6, 6]
    assert len(figure.axes) == 1


def test_the_matrix_has_all_pairs_above_and_the_chosen_below(stack: InterferogramCollection) -> None:
    figure = stack.filter_pairs(drop=["20200101_20200125"]).plot_coherence_matrix(progress=False).figure
    matrix = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(
        [matrix[0, 1], matrix[0, 2], matrix[1, 0], matrix[3, 4]], [0.9, 0.5, 0.9, 0.3], atol=1e-6
    )
    assert np.isnan(np.ma.filled(matrix.astype(float), np.nan)[2, 0])


def test_loops_by_date_and_by_pair(stack: InterferogramCollection) -> None:
    dates, pairs = stack.plot_loop_rms(progress=False).figure.axes
    bars: Any = dates.patches
    rms = [bar.get_height() for bar in bars]
    # Relative to its own median the loop leaves 0.25 rad everywhere, or 0.5 in one half of the pixels.
    assert rms[:3] == pytest.approx([stack.loops(progress=False)["rms"][0]] * 3)
    assert 0.2 < rms[0] < 0.4
    assert np.isnan(rms[3:]).all()
    assert [label.get_text() for label in pairs.get_xticklabels()] == sorted(NAMES[:3])


def test_the_worst_loops_are_maps(stack: InterferogramCollection) -> None:
    """The loop leaves 0.5 rad in the upper half: less its own median a quarter up there and a quarter below, or 0.5 and 0."""
    figure = stack.plot_loops(progress=False).figure
    cell, bar = figure.axes
    closure = np.ma.filled(np.asarray(cell.images[0].get_array(), dtype=float), np.nan)
    row = stack.loops(progress=False).iloc[0]
    assert np.sqrt(np.nanmean(closure**2)) == pytest.approx(row["rms"], rel=1e-5)
    assert np.ptp(closure[~np.isnan(closure)]) == pytest.approx(0.5, abs=0.01)
    assert cell.get_title().startswith("2020-01-01 · 2020-01-13 · 2020-01-25\n0.2")
    assert bar.get_ylabel() == "closure [rad]"
    assert cell.images[0].get_clim()[1] == pytest.approx(np.nanpercentile(np.abs(closure), 99.5), rel=1e-5)
    referenced = stack.reference(lon=10.004, lat=44.9955, pixels=1)
    picture = referenced.plot_loops(progress=False).figure.axes[0].images[0]
    values = np.ma.filled(np.asarray(picture.get_array(), dtype=float), np.nan)
    np.testing.assert_allclose(np.nanpercentile(values, (10, 90)), [0, 0.5], atol=0.01)
    for bad, words in ((0, "count"), (99, "count")):
        with pytest.raises(ParameterError, match=words):
            stack.plot_loops(count=bad)
    with pytest.raises(ParameterError, match=r"no three of the 3 pairs .* make a loop"):
        stack.filter_pairs(drop=[NAMES[0]]).plot_loops(progress=False)


def test_figures_are_shown_and_kept(stack: InterferogramCollection, tmp_path: Path) -> None:
    plot = stack.plot_network(coherence=False)
    assert plot._repr_png_().startswith(b"\x89PNG")
    for name in ("a.png", "a.svg", "a.pdf"):
        plot.savefig(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    assert not list(tmp_path.glob(".figure-*"))
    with pytest.raises(ParameterError, match=r"ends in \.png or \.svg or \.pdf"):
        plot.savefig(tmp_path / "a.xyz")
    with pytest.raises(ParameterError, match=r"the folder of 'a\.png' does not exist"):
        plot.savefig(tmp_path / "none" / "a.png")
