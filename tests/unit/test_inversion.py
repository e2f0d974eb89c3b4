"""Networks and their inversion, compared with a plain version: one dense least-squares problem a pixel."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import gamma as gamma_function
from scipy.special import hyp2f1

from jeoview.kernels.closure import loops, misfit
from jeoview.kernels.inversion import QUALITY, Bridge, assess, invert
from jeoview.kernels.network import Network, components, eliminate, incidence, successive, triplets
from jeoview.kernels.phasor import COSINE, SINE
from jeoview.kernels.stack import Stack
from jeoview.kernels.weights import Weight, Weighting, phase_variance

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
SHAPE = (11, 13)  # more than a block of 128, and no multiple of 16
DATES = 24
YEARS = np.sort(np.random.default_rng(5).uniform(0, 3, DATES))
YEARS -= YEARS[0]


def banded() -> Network:
    """Each date with the next three, and some a year apart."""
    near = [(i, i + d) for d in (1, 2, 3) for i in range(DATES - d)]
    return Network.of(DATES, near + [(i, i + 10) for i in range(0, DATES - 10, 3)])


def scattered() -> Network:
    """Pairs at random in any order, one of them twice: much fill-in."""
    random = np.random.default_rng(3)
    pairs = {tuple(sorted(random.choice(DATES, 2, replace=False).tolist())) for _ in range(60)}
    chain = {(i, i + 1) for i in range(DATES - 1)}
    ordered = sorted(pairs | chain, key=lambda pair: pair[::-1])
    return Network.of(DATES, [*ordered, ordered[7]])


NETWORKS = {"banded": banded(), "scattered": scattered()}


def phases(network: Network, gaps: float | str, seed: int = 0) -> tuple[Floats, Floats]:
    """(pair, y, x) of a random walk with noise, and coherence; ``"rising"`` gaps go from none to all."""
    random = np.random.default_rng(seed)
    size = SHAPE[0] * SHAPE[1]
    series = np.cumsum(random.normal(size=(network.dates, size)), axis=0)
    phase = series[network.later] - series[network.earlier] + 0.5 * random.normal(size=(len(network.earlier), size))
    share = np.linspace(0, 1.05, size) if gaps == "rising" else float(gaps)
    phase[random.random(phase.shape) < share] = np.nan
    coherence = random.random(phase.shape)
    coherence[random.random(phase.shape) < 0.01] = np.nan
    return phase.reshape(-1, *SHAPE).astype(np.float32), coherence.reshape(-1, *SHAPE).astype(np.float32)


def flat(array: Floats) -> Stack:
    return Stack.of(array[:, None])


def plain(phase: Floats, weight: Doubles, network: Network, gamma: float = 0.0) -> tuple[Doubles, Doubles]:
    """Series and quality, pixel by pixel, with numpy's least squares in float64."""
    matrix, size = incidence(network), phase[0].size
    phase, weight = phase.reshape(-1, size), weight.reshape(-1, size)
    series, quality = np.full((network.dates, size), np.nan), np.full((len(QUALITY), size), np.nan)
    for p in range(size):
        valid = ~np.isnan(phase[:, p]) & (weight[:, p] > 0)
        subset = components(Network(network.dates, network.earlier[valid], network.later[valid]))
        if gamma:
            used, known = valid, np.isin(np.arange(network.dates), [*network.earlier[valid], *network.later[valid]])
        else:
            used, known = valid & (subset[network.earlier] == 0), subset == 0
        if valid.any():
            dates = known.sum() if used.any() else 0
            quality[2:, p] = used.sum(), dates, subset.max(), valid.sum() - used.sum()
        if not used.any():
            continue
        solution = solved(matrix[used], phase[used, p].astype(np.float64), weight[used, p], known, gamma)
        rest = phase[used, p] - matrix[used] @ solution
        series[known, p] = solution[known]
        quality[:2, p] = abs(np.exp(1j * rest).mean()), np.sqrt((rest**2).mean())
    return series, quality


def solved(matrix: Doubles, phase: Doubles, weight: Doubles, known: NDArray[np.bool_], gamma: float) -> Doubles:
    dates, root, solution = matrix.shape[1], np.sqrt(weight), np.zeros(matrix.shape[1])
    if not gamma:
        columns = np.flatnonzero(known)[1:]
        rows, right = matrix[:, columns] * root[:, None], phase * root
        solution[columns] = np.linalg.lstsq(rows, right, rcond=None)[0]
        return solution
    line = np.column_stack([np.eye(dates)[:, 1:], -YEARS, -np.ones(dates)]) * gamma
    rows = np.vstack([np.hstack([matrix[:, 1:] * root[:, None], np.zeros((len(matrix), 2))]), line])
    right = np.concatenate([phase * root, np.zeros(dates)])
    solution[1:] = np.linalg.lstsq(rows, right, rcond=1e-16)[0][: dates - 1]
    return solution


def bridge(network: Network, gamma: float) -> Bridge:
    years = np.empty(network.dates)
    years[eliminate(network, tied=True).position] = YEARS
    return Bridge(gamma, years)


# ---------------------------------------------------------------- network


def test_incidence_of_a_pair() -> None:
    matrix = incidence(Network.of(3, [(0, 2), (1, 2)]))
    np.testing.assert_array_equal(matrix, [[-1, 0, 1], [0, -1, 1]])


def test_components_are_numbered_in_the_order_of_the_dates() -> None:
    assert components(Network.of(6, [(1, 4), (2, 3), (4, 5)])).tolist() == [0, 1, 2, 2, 1, 1]
    assert components(NETWORKS["banded"]).max() == 0
    assert components(Network.of(3, [])).tolist() == [0, 1, 2]


def test_triplets_are_all_the_loops() -> None:
    network = Network.of(5, [(0, 1), (1, 2), (0, 2), (2, 4), (1, 4), (0, 1)])
    assert triplets(network).tolist() == [[0, 1, 2], [1, 3, 4]]
    assert triplets(Network.of(3, [(0, 1), (1, 2)])).shape == (0, 3)


def test_successive_triplets_are_those_of_three_dates_in_a_row() -> None:
    network = Network.of(5, [(0, 1), (1, 2), (0, 2), (2, 4), (1, 4), (2, 3), (3, 4)])
    assert triplets(network).tolist() == [[0, 1, 2], [1, 3, 4], [5, 6, 3]]
    assert successive(network, triplets(network)).tolist() == [[0, 1, 2], [5, 6, 3]]
    banded = NETWORKS["banded"]
    assert len(triplets(banded)) > len(successive(banded, triplets(banded))) == DATES - 2
    assert successive(banded, np.empty((0, 3), np.int64)).shape == (0, 3)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("tied", [False, True])
def test_pattern_is_that_of_the_dense_factor(name: str, tied: bool) -> None:
    """Numpy's Cholesky factor of the permuted matrix has no entry that the pattern lacks."""
    network = NETWORKS[name]
    plan = eliminate(network, tied=tied)
    matrix = incidence(network)[:, np.argsort(plan.position)]
    # Pairs of odd weights, so that no entry vanishes by accident.
    weights = np.random.default_rng(1).uniform(0.5, 2, len(matrix))
    normal = (matrix.T * weights) @ matrix
    if tied:
        normal += np.diag([1.0] * DATES)
    lower = np.linalg.cholesky(normal[:-1, :-1])
    pattern = {(row, col) for col in range(DATES - 1) for row in plan.rows[plan.start[col] : plan.start[col + 1]]}
    filled = {(row, col) for row, col in zip(*np.nonzero(np.abs(np.tril(lower, -1)) > 1e-12), strict=True)}
    assert filled == {(row, col) for row, col in pattern if row < DATES - 1}
    assert plan.position[0] == DATES - 1
    assert len(plan.rows) < (0.5 if name == "banded" else 1) * DATES * (DATES - 1) / 2


# ---------------------------------------------------------------- inversion


def weights(kind: Weight, coherence: Floats, looks: float) -> Doubles:
    g = np.clip(coherence.astype(np.float64), 0.001, 0.999)
    if kind == "coherence":
        return g
    if kind == "fisher":
        return np.asarray(2 * looks * g**2 / (1 - g**2))
    table = phase_variance(np.linspace(0, 1, 1001).clip(0, 0.999), looks / 1.94)
    return np.asarray(1 / np.interp(g, np.linspace(0, 1, 1001), table))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("gaps", [0.0, 0.1, "rising"])
def test_equals_least_squares_of_every_pixel(name: str, gaps: float | str) -> None:
    network = NETWORKS[name]
    phase, _ = phases(network, gaps)
    expected, quality = plain(phase, np.ones(phase.shape), network)
    plan, weighting = eliminate(network), Weighting.of("none")
    np.testing.assert_allclose(invert(flat(phase), None, plan, weighting), expected, rtol=2e-7, atol=1e-6)
    np.testing.assert_allclose(assess(flat(phase), None, plan, weighting), quality, rtol=2e-7, atol=1e-6)
    if gaps == "rising":
        assert 0.2 < np.isnan(expected).mean() < 0.6
        assert quality[4, np.isfinite(quality[4])].max() > 10


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["coherence", "fisher", "variance"])
def test_weighted_equals_least_squares_of_every_pixel(name: str, kind: Weight) -> None:
    network = NETWORKS[name]
    phase, coherence = phases(network, "rising")
    weight = np.nan_to_num(weights(kind, coherence, 20.0))
    expected, quality = plain(phase, weight, network)
    plan, weighting = eliminate(network), Weighting.of(kind, 20.0)
    series = invert(flat(phase), flat(coherence), plan, weighting)
    np.testing.assert_allclose(series, expected, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(assess(flat(phase), flat(coherence), plan, weighting), quality, rtol=2e-6, atol=2e-6)


def test_a_least_coherence_leaves_pairs_out() -> None:
    network = NETWORKS["banded"]
    phase, coherence = phases(network, 0.0)
    left = np.where(coherence >= np.float32(0.3), phase, np.float32(np.nan))
    plan, none = eliminate(network), Weighting.of("none")
    expected = invert(flat(left), None, plan, none)
    np.testing.assert_array_equal(invert(flat(phase), flat(coherence), plan, none._replace(lowest=0.3)), expected)
    weighting = Weighting.of("coherence")
    expected = invert(flat(left), flat(coherence), plan, weighting)
    np.testing.assert_array_equal(invert(flat(phase), flat(coherence), plan, weighting._replace(lowest=0.3)), expected)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("gaps", [0.0, "rising"])
def test_nsbas_equals_the_system_with_its_rows(name: str, gaps: float | str) -> None:
    network, gamma = NETWORKS[name], 1e-3
    phase, _ = phases(network, gaps)
    expected, quality = plain(phase, np.ones(phase.shape), network, gamma)
    plan, weighting = eliminate(network, tied=True), Weighting.of("none")
    series = invert(flat(phase), None, plan, weighting, bridge=bridge(network, gamma))
    np.testing.assert_allclose(series, expected, rtol=1e-6, atol=1e-5)
    found = assess(flat(phase), None, plan, weighting, bridge=bridge(network, gamma))
    np.testing.assert_allclose(found, quality, rtol=1e-6, atol=1e-5)


def test_nsbas_equals_sbas_where_the_network_is_connected() -> None:
    network = NETWORKS["banded"]
    phase, _ = phases(network, 0.1)
    sbas = invert(flat(phase), None, eliminate(network), Weighting.of("none"))
    tied = invert(flat(phase), None, eliminate(network, tied=True), Weighting.of("none"), bridge=bridge(network, 1e-4))
    connected = ~np.isnan(sbas)
    assert connected.mean() > 0.95
    np.testing.assert_allclose(tied[connected], sbas[connected], atol=1e-5)


def exact(network: Network, phase: Iterable[float], weight: Iterable[float], gamma: float) -> Doubles:
    """The NSBAS normal equations without any rounding, by Gauss in fractions."""
    size = network.dates + 1  # dates but the first, v and c
    normal = [[Fraction(0)] * (size + 1) for _ in range(size)]

    def add(row: dict[int, Fraction], right: Fraction, factor: Fraction) -> None:
        for i, a in row.items():
            for j, b in row.items():
                normal[i][j] += factor * a * b
            normal[i][size] += factor * a * right

    for (a, b), value, w in zip(network.pairs, phase, weight, strict=True):
        row = {date - 1: Fraction(sign) for date, sign in ((a, -1), (b, 1)) if date > 0}
        add(row, Fraction(value), Fraction(w))
    for date in range(network.dates):
        line = {size - 2: -Fraction(YEARS[date]), size - 1: Fraction(-1)}
        add(line | ({date - 1: Fraction(1)} if date else {}), Fraction(0), Fraction(gamma) ** 2)
    for i in range(size):
        pivot = next(k for k in range(i, size) if normal[k][i])
        normal[i], normal[pivot] = normal[pivot], normal[i]
        for k in range(size):
            if k != i and normal[k][i]:
                factor = normal[k][i] / normal[i][i]
                normal[k] = [x - factor * y for x, y in zip(normal[k], normal[i], strict=True)]
    return np.array([0.0, *(float(normal[i][size] / normal[i][i]) for i in range(network.dates - 1))])


def test_nsbas_with_weights_of_very_different_size_is_exact() -> None:
    """Weights from 4e-5 to 2e4, two islands and gamma = 1e-4: least squares in float64 loses digits, we do not."""
    network = Network.of(9, [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (6, 7), (7, 8)])
    random = np.random.default_rng(2)
    phase = random.normal(scale=5, size=(8, 1, 1)).astype(np.float32)
    coherence = random.choice([0.001, 0.3, 0.999], size=(8, 1, 1)).astype(np.float32)
    weight = weights("fisher", coherence, 20.0).ravel().tolist()
    plan = eliminate(network, tied=True)
    years = np.empty(9)
    years[plan.position] = YEARS[:9]
    expected = exact(network, phase.ravel().tolist(), weight, 1e-4)
    found = invert(flat(phase), flat(coherence), plan, Weighting.of("fisher", 20.0), bridge=Bridge(1e-4, years))
    np.testing.assert_allclose(found[:, 0], expected, rtol=2e-7, atol=1e-6)


def test_a_gap_that_no_pair_bridges_is_never_zero_motion() -> None:
    network = Network.of(6, [(0, 1), (1, 2), (3, 4), (4, 5), (3, 5)])
    phase = np.full((5, 1, 2), 2.0, dtype=np.float32)
    phase[1, 0, 1] = np.nan
    series = invert(flat(phase), None, eliminate(network), Weighting.of("none"))
    np.testing.assert_array_equal(series[:, 0], [0, 2, 4, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(series[:, 1], [0, 2, np.nan, np.nan, np.nan, np.nan])
    quality = assess(flat(phase), None, eliminate(network), Weighting.of("none"))
    np.testing.assert_array_equal(quality[2:], [[2, 1], [3, 2], [1, 2], [3, 3]])
    np.testing.assert_allclose(quality[0], 1, atol=1e-9)


def test_a_pixel_without_the_first_date_has_no_series() -> None:
    network = Network.of(4, [(0, 1), (1, 2), (2, 3)])
    phase = np.ones((3, 1, 3), dtype=np.float32)
    phase[0, 0, 1] = np.nan
    phase[:, 0, 2] = np.nan
    series = invert(flat(phase), None, eliminate(network), Weighting.of("none"))
    assert np.isfinite(series[:, 0]).all()
    assert np.isnan(series[:, 1:]).all()
    quality = assess(flat(phase), None, eliminate(network), Weighting.of("none"))
    assert np.isnan(quality[:2, 1:]).all()
    # It has two good pairs, which is not the same as no data.
    np.testing.assert_array_equal(quality[2:], [[3, 0, np.nan], [4, 0, np.nan], [0, 1, np.nan], [0, 2, np.nan]])


def test_with_nsbas_an_unseen_first_date_is_unknown_and_the_velocity_that_of_the_others() -> None:
    """The line that places the others goes through 0 at the first date; along it the offset is all that is unknown."""
    network = NETWORKS["banded"]
    phase, _ = phases(network, 0.0)
    lost = np.array(phase)
    lost[network.earlier == 0] = np.nan
    tie = bridge(network, 1e-4)
    plan, weighting = eliminate(network, tied=True), Weighting.of("none")
    series = invert(flat(lost), None, plan, weighting, bridge=tie)
    quality = assess(flat(lost), None, plan, weighting, bridge=tie)
    assert np.isnan(series[0]).all()
    np.testing.assert_array_equal(quality[3:], np.tile([[DATES - 1], [1], [0]], quality.shape[1]))
    others = network.earlier > 0
    inner = Network.of(DATES - 1, zip(network.earlier[others] - 1, network.later[others] - 1, strict=True))
    alone = invert(flat(phase[others]), None, eliminate(inner), weighting)
    moved = series[1:] - alone
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=2e-5)
    slope, start = np.polyfit(YEARS[1:], series[1:].astype(np.float64), 1)
    np.testing.assert_allclose(slope, np.polyfit(YEARS[1:], alone.astype(np.float64), 1)[0], atol=2e-5)
    np.testing.assert_allclose(start, 0, atol=2e-5)


def test_first_date_is_plain_zero() -> None:
    phase = np.ones((1, 1, 1), dtype=np.float32)
    series = invert(flat(phase), None, eliminate(Network.of(2, [(0, 1)])), Weighting.of("none"), scale=-0.5)
    np.testing.assert_array_equal(series[:, 0], [0, -0.5])
    assert not np.signbit(series[0, 0])


@pytest.mark.parametrize("kind", ["none", "fisher", "variance"])
@pytest.mark.parametrize("gamma", [0.0, 1e-4])
def test_a_pixel_does_not_depend_on_its_neighbours(kind: Weight, gamma: float) -> None:
    """Any cut of the stack, and any order of the pixels, has the same bits: also of pixels without gaps beside gaps."""
    network = NETWORKS["banded"]
    phase, coherence = phases(network, "rising")
    plan, weighting = eliminate(network, tied=gamma > 0), Weighting.of(kind, 9.0)
    tie = bridge(network, gamma) if gamma else None

    def run(cut: Any) -> tuple[Floats, Floats]:
        given = [flat(np.ascontiguousarray(array.reshape(len(array), 1, -1)[..., cut])) for array in (phase, coherence)]
        stack, weigh = given
        return invert(stack, weigh, plan, weighting, bridge=tie), assess(stack, weigh, plan, weighting, bridge=tie)

    whole = run(np.s_[:])
    for cut in (np.s_[7:8], np.s_[3:140], np.s_[16:32], np.random.default_rng(1).permutation(143)):
        for part, expected in zip(run(cut), whole, strict=True):
            np.testing.assert_array_equal(part, expected[:, cut])


def test_float32_phases_of_many_cycles_keep_their_digits() -> None:
    network = NETWORKS["banded"]
    phase, _ = phases(network, 0.1)
    expected, _ = plain(phase + np.float32(0), np.ones(phase.shape), network)
    found = invert(flat(phase), None, eliminate(network), Weighting.of("none"), scale=1e4)
    np.testing.assert_allclose(found, expected * 1e4, rtol=2e-7, atol=1e-2)


# ---------------------------------------------------------------- weights


def test_phase_variance_is_the_second_moment_of_its_density() -> None:
    """By adaptive quadrature of the density as it is printed (Lee et al. 1994, eq. 22)."""

    def density(phase: float, g: float, looks: float) -> float:
        beta = g * np.cos(phase)
        first = gamma_function(looks + 0.5) * (1 - g**2) ** looks * beta
        first /= 2 * np.sqrt(np.pi) * gamma_function(looks) * (1 - beta**2) ** (looks + 0.5)
        return float(first + (1 - g**2) ** looks / (2 * np.pi) * hyp2f1(looks, 1, 0.5, beta**2))

    for looks in (0.6, 1.0, 4.0, 10.3):
        for g in (0.05, 0.3, 0.6, 0.9):
            assert 2 * quad(density, 0, np.pi, args=(g, looks))[0] == pytest.approx(1, rel=1e-7)
            expected = 2 * quad(lambda p, g=g, n=looks: p * p * density(p, g, n), 0, np.pi)[0]
            assert phase_variance(np.array([g]), looks)[0] == pytest.approx(expected, rel=1e-6)


def test_phase_variance_at_its_ends() -> None:
    assert phase_variance(np.array([0.0]), 7.0)[0] == pytest.approx(np.pi**2 / 3, rel=1e-6)
    # Cramér-Rao: (1 - g**2) / (2 L g**2) for many looks.
    assert phase_variance(np.array([0.99]), 300.0)[0] == pytest.approx((1 - 0.99**2) / (600 * 0.99**2), rel=0.01)


# ---------------------------------------------------------------- closures and misfit


def test_sine_and_cosine_are_good_to_a_float() -> None:
    x = np.linspace(-np.pi / 2, np.pi / 2, 10_001)
    np.testing.assert_allclose(x * np.polynomial.Polynomial(SINE)(x**2), np.sin(x), atol=7e-9)
    np.testing.assert_allclose(np.polynomial.Polynomial(COSINE)(x**2), np.cos(x), atol=5e-8)


def test_loops_are_mean_phasors() -> None:
    network = NETWORKS["banded"]
    phase, _ = phases(network, "rising")
    found, closed = loops(flat(phase), triplets(network)), triplets(network)
    closure = (phase[closed[:, 0]] + phase[closed[:, 1]] - phase[closed[:, 2]]).reshape(len(closed), -1).astype(float)
    valid = ~np.isnan(closure)
    with np.errstate(invalid="ignore"):
        mean = np.where(valid, np.exp(1j * np.nan_to_num(closure)), 0).sum(axis=0) / valid.sum(axis=0)
    np.testing.assert_allclose(found[0], np.abs(mean), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found[1], np.angle(mean), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(np.isnan(found[1]), ~valid.any(axis=0))


def test_misfit_of_the_series_is_the_quality_of_its_inversion() -> None:
    network = NETWORKS["banded"]
    phase, _ = phases(network, "rising")
    plan, weighting = eliminate(network), Weighting.of("none")
    series = invert(flat(phase), None, plan, weighting, scale=-0.01)
    quality = assess(flat(phase), None, plan, weighting)
    found = misfit(flat(phase), flat(series.reshape(-1, *SHAPE)), network, -100.0)
    np.testing.assert_allclose(found, quality[:2], rtol=1e-5, atol=1e-5)
