"""Unwrapping against snaphu's own package and scikit-image, on the real interferogram of Al Haouz and on known truth."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import rasterio
from numpy.typing import NDArray

from jeoview.errors import JeoviewError, ParameterError
from jeoview.grid import Grid, web_mercator
from jeoview.image import Image
from jeoview.kernels import unwrap_snaphu
from jeoview.operators.unwrap import unwrap
from jeoview.quantities import WRAPPED
from jeoview.raster import Kind, Raster
from tests.synthetic import grid_at, raster, source

CYCLE = 2 * np.pi
Floats = NDArray[np.float32]


def image(array: Any) -> Raster:
    values = np.asarray(array)[None]
    return Raster(values, Grid(web_mercator(14), 700, 900, *values.shape[1:]), Kind.BANDS, ("phase",))


def scene(size: int = 160, noise: float = 0.5) -> tuple[Floats, Floats]:
    """Wrapped phase and its truth: a bowl of seven fringes."""
    y, x = np.mgrid[:size, :size] - size / 2
    truth = 45 * np.exp(-(x**2 + y**2) / (0.3 * size) ** 2) + np.random.default_rng(0).normal(0, noise, x.shape)
    return np.angle(np.exp(1j * truth)).astype(np.float32), truth.astype(np.float32)


def wrong(found: Floats, truth: Floats) -> float:
    """Share of pixels in another cycle than most."""
    cycles = np.rint((found - truth)[~np.isnan(found)] / CYCLE)
    return float(1 - np.unique(cycles, return_counts=True)[1].max() / cycles.size)


@pytest.fixture(scope="module")
def morocco(data_dir: Path) -> tuple[Floats, Floats]:
    """Wrapped phase and coherence of 4 to 16 September 2023."""
    folder = data_dir / "eo-tools-morocco-ifg"
    layers = []
    for name in ("phi_vv", "coh_vv"):
        with rasterio.open(folder / f"{name}.tif") as file:
            layers.append(file.read(1, masked=True).filled(np.nan).astype(np.float32))
    phase, coherence = layers
    assert (np.isfinite(phase).sum(), round(float(np.nanmean(coherence)), 3)) == (308_531, 0.773)
    return phase, coherence


# ---------------------------------------------------------------- by reliability


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_bowl_is_found_again(noise: float) -> None:
    phase, truth = scene(noise=noise)
    found = unwrap(image(phase)).array
    assert wrong(found[0], truth) == 0
    assert np.abs(np.angle(np.exp(1j * (found[0] - phase).astype(np.float64)))).max() < 1e-5
    assert abs(np.median(found[0])) <= np.pi
    assert (found[1] == 1).all()


def test_real_fringes_are_unwrapped_as_scikit_image_does(morocco: tuple[Floats, Floats]) -> None:
    restoration = pytest.importorskip("skimage.restoration")
    phase = morocco[0]
    hole = np.isnan(phase)
    found = unwrap(image(phase)).array
    peer = restoration.unwrap_phase(np.ma.array(np.where(hole, 0, phase), mask=hole), rng=0)
    assert wrong(found[0], peer.filled(np.nan)) == 0
    np.testing.assert_array_equal(np.isnan(found[0]), hole)


def test_parts_without_connection_are_numbered_and_centred_each() -> None:
    phase, truth = scene()
    phase[:, 70:75] = np.nan
    truth[:, 75:] += 40 * CYCLE
    found = unwrap(image(phase)).array
    assert set(np.unique(found[1, :, :70])) == {1.0}
    assert set(np.unique(found[1, :, 75:])) == {2.0}
    for part in (np.s_[:, :70], np.s_[:, 75:]):
        assert wrong(found[0][part], truth[part]) == 0
        assert abs(np.median(found[0][part])) <= np.pi


def test_what_is_not_coherent_is_left_out() -> None:
    phase, _ = scene()
    coherence = np.full(phase.shape, 0.8, dtype=np.float32)
    coherence[20:30, 20:30] = 0.2
    coherence[50, 50] = np.nan
    found = unwrap(image(phase), image(coherence), min_coherence=0.3).array
    expected = np.isnan(coherence) | (coherence < 0.3)
    np.testing.assert_array_equal(np.isnan(found), np.broadcast_to(expected, found.shape))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (5, 1)])
@pytest.mark.parametrize("method", ["reliability", "snaphu"])
def test_small_and_empty_areas_are_no_special_case(shape: tuple[int, int], method: Any) -> None:
    found = unwrap(image(np.full(shape, 0.5, dtype=np.float32)), method=method).array
    np.testing.assert_allclose(found[0], 0.5, atol=1e-6)
    assert np.isnan(unwrap(image(np.full(shape, np.nan, dtype=np.float32)), method=method).array).all()


def test_a_tile_is_a_cut_of_the_view() -> None:
    chain = (source("4", ("phase",)).first() * 7.0).wrap().unwrap()
    view = grid_at(12, 10.0, 44.0, 60, 70)
    whole = raster(chain, view)
    for tile in view.blocks(32):
        np.testing.assert_array_equal(raster(chain, tile, view=view).array, whole.cut(tile).array)


def test_one_band_is_asked_for_and_coherence_for_a_limit() -> None:
    series = source("4", ("phase", "other"), unit=WRAPPED)
    with pytest.raises(ParameterError, match="choose one"):
        series.first().unwrap()
    with pytest.raises(ParameterError, match="needs the coherence"):
        series["phase"].first().unwrap(min_coherence=0.3)
    with pytest.raises(ParameterError, match="expected phase in rad"):
        source("4", ("d",), unit="m").first().unwrap()
    assert series["phase"].first().unwrap()["unwrapped"].unit == "rad"


# ---------------------------------------------------------------- snaphu


def test_real_fringes_are_unwrapped_as_snaphu_does(morocco: tuple[Floats, Floats]) -> None:
    snaphu = pytest.importorskip("snaphu")
    phase, coherence = morocco
    valid = np.isfinite(phase) & np.isfinite(coherence)
    found = unwrap(image(phase), image(coherence), method="snaphu", looks=10.0, init="mst").array
    inputs = np.where(valid, np.exp(1j * phase), 0).astype(np.complex64), np.where(valid, coherence, 0)
    expected, parts = snaphu.unwrap(*inputs, nlooks=10.0, init="mst", mask=valid)
    np.testing.assert_array_equal(found[0], np.where(valid, expected, np.nan))
    np.testing.assert_array_equal(found[1], np.where(valid, parts, np.nan).astype(np.float32))
    assert (found[1] == 1).sum() > 300_000
    # Clear fringes: both methods put 99.98 % of the pixels into the same cycles.
    assert wrong(unwrap(image(phase), image(coherence)).array[0], found[0]) < 2e-4


@pytest.mark.parametrize(("cost", "init"), [("smooth", "mcf"), ("defo", "mcf")])
def test_options_reach_snaphu(morocco: tuple[Floats, Floats], cost: Any, init: Any) -> None:
    snaphu = pytest.importorskip("snaphu")
    phase, coherence = (layer[200:300, 250:370] for layer in morocco)
    valid = np.isfinite(phase) & np.isfinite(coherence)
    found = unwrap(image(phase), image(coherence), method="snaphu", cost=cost, init=init, looks=3.0).array
    inputs = np.where(valid, np.exp(1j * phase), 0).astype(np.complex64), np.where(valid, coherence, 0)
    expected, parts = snaphu.unwrap(*inputs, nlooks=3.0, cost=cost, init=init, mask=valid)
    np.testing.assert_array_equal(found[0], np.where(valid, expected, np.nan))
    np.testing.assert_array_equal(found[1], np.where(valid, parts, np.nan).astype(np.float32))


def test_complex_values_and_no_coherence() -> None:
    pytest.importorskip("snaphu")
    phase, truth = scene(80, 0.2)
    values = (3 * np.exp(1j * phase)).astype(np.complex64)
    assert wrong(unwrap(image(values), method="snaphu").array[0], truth) == 0
    assert wrong(unwrap(image(values)).array[0], truth) == 0


def test_a_missing_package_is_said_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwrap_snaphu, "find_spec", lambda _: None)
    with pytest.raises(ParameterError, match=r"pip install 'jeoview\[snaphu\]'.*commercially"):
        unwrap(image(scene(40)[0]), method="snaphu")


@pytest.mark.parametrize(("cost", "init"), [("smooth", "mcf"), ("defo", "mst")])
def test_a_scene_in_a_wide_view_is_solved_without_what_has_no_data(
    cost: Any, init: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the package does with the pixels that have data, and a margin: a fraction of those in view."""
    snaphu = pytest.importorskip("snaphu")
    random, here = np.random.default_rng(4), np.s_[40:100, 170:240]
    values, valid = np.zeros((200, 320), np.complex64), np.zeros((200, 320), dtype=bool)
    ramp = 0.35 * np.arange(70) + random.normal(0, 0.9, (60, 70)).repeat(2, 0).repeat(2, 1)[:60, :70]
    values[here] = np.exp(1j * ramp)
    valid[here] = random.random((60, 70)) > 0.05
    valid[60:75, 170:200] = False
    coherence = np.where(valid, 0.6, 0.0).astype(np.float32)
    given: list[int] = []
    run = unwrap_snaphu._solved

    def counted(*arguments: Any) -> Any:
        given.append(arguments[1].size)
        return run(*arguments)

    monkeypatch.setattr(unwrap_snaphu, "_solved", counted)
    found = unwrap_snaphu.unwrap_by_cost(values, coherence, valid, unwrap_snaphu.Settings(3.0, cost, init))
    part = np.s_[40 - 8 : 100 + 8, 170 - 8 : 240 + 8]
    inputs = np.where(valid, values, 0)[part], coherence[part]
    share = 0.01 * valid.size / valid[part].size
    how: dict[str, Any] = {"nlooks": 3.0, "cost": cost, "init": init}
    expected = snaphu.unwrap(*inputs, mask=valid[part], min_conncomp_frac=share, **how)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[part], np.where(valid[part], other, np.nan).astype(np.float32))
        assert np.isnan(one[~valid]).all()
    # With the pixels that have no data it begins elsewhere, and ends as well in all but a few patches of noise.
    wide = snaphu.unwrap(np.where(valid, values, 0), coherence, mask=valid, **how)[0]
    apart = np.rint((found[0] - wide)[valid] / (2 * np.pi))
    assert (apart == np.median(apart)).mean() > 0.95
    assert given == [(60 + 16) * (70 + 16)]


def test_what_snaphu_complains_of_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("snaphu")
    configuration = unwrap_snaphu._CONFIGURATION.replace("INITMETHOD {init}", "INITMETHOD nonsense")
    monkeypatch.setattr(unwrap_snaphu, "_CONFIGURATION", configuration)
    with pytest.raises(JeoviewError, match="snaphu gave up: "):
        unwrap(image(scene(40)[0]), method="snaphu")


SLOW = """
import numpy as np
from tests.peers.test_unwrap import image
from jeoview.operators.unwrap import unwrap
noise = np.random.default_rng(0).uniform(-np.pi, np.pi, (1500, 1500)).astype(np.float32)
unwrap(image(noise), method="snaphu")
"""


def test_it_ends_with_the_process_that_asked_and_leaves_nothing(tmp_path: Path) -> None:
    """A tile worker over its deadline is killed, and can tidy nothing up."""
    pytest.importorskip("snaphu")
    before = set(Path(tempfile.gettempdir()).iterdir())
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    worker = subprocess.Popen([sys.executable, "-c", SLOW], env=environment, cwd=Path(__file__).parents[2])
    children: list[psutil.Process] = []
    for _ in range(600):
        children = [child for child in psutil.Process(worker.pid).children() if _is_snaphu(child)]
        if children:
            break
        time.sleep(0.05)
    worker.kill()
    worker.wait(timeout=10)
    assert children
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert gone
    assert not alive
    assert list(tmp_path.iterdir()) == []
    assert not any(path.name.startswith("snaphu") for path in set(Path(tempfile.gettempdir()).iterdir()) - before)


def _is_snaphu(process: psutil.Process) -> bool:
    try:
        return bool(process.name() == "snaphu")
    except psutil.Error:
        return False


def test_the_chain_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is described it need not be installed: the tile server computes it."""
    monkeypatch.setattr(unwrap_snaphu, "find_spec", lambda _: None)
    chain = source("4", ("phase",), unit=WRAPPED).first().unwrap(method="snaphu", region=(10, 44, 10.1, 44.1), zoom=11)
    assert Image.from_chain(chain.chain).bands == ("unwrapped", "component")
