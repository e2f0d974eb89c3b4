"""Work in two halves: all of it, once, with the same bits."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from jeoview.kernels import parts
from jeoview.kernels.closure import loops, misfit
from jeoview.kernels.network import Network
from jeoview.kernels.parts import LEAST, in_parts
from jeoview.kernels.stack import Stack


@pytest.mark.parametrize(("total", "step"), [(0, 1), (1, 1), (7, 1), (300, 128), (129, 128), (1000, 128)])
def test_everything_is_done_once(total: int, step: int) -> None:
    done = np.zeros(total, dtype=int)
    starts: list[int] = []

    def work(first: int, end: int) -> None:
        starts.append(first)
        done[first:end] += 1

    in_parts(total, step, LEAST, work)
    assert (done == 1).all()
    assert all(first % step == 0 for first in starts)


def test_an_error_of_either_half_is_the_callers() -> None:
    for bad in (0, 4):

        def work(first: int, end: int, bad: int = bad) -> None:
            if first <= bad < end:
                raise ValueError(f"part {bad}")

        with pytest.raises(ValueError, match=f"part {bad}"):
            in_parts(8, 1, LEAST, work)
    in_parts(8, 1, LEAST, lambda *_: None)


def test_small_or_crowded_work_stays_with_the_caller() -> None:
    threads: set[int] = set()
    in_parts(8, 1, LEAST - 1, lambda *_: threads.add(threading.get_ident()))
    with parts._busy:
        in_parts(8, 1, LEAST, lambda *_: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_kernels_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    pairs = [(0, 1), (1, 2), (0, 2), (2, 3)]
    phase = Stack.of(random.normal(size=(4, 1, 30, 50)).astype(np.float32))
    series = Stack.of(random.normal(size=(4, 1, 30, 50)).astype(np.float32))
    network, triplets = Network.of(4, pairs), np.array([[0, 1, 2]])
    whole = misfit(phase, series, network, 1.5), loops(phase, triplets)
    monkeypatch.setattr(parts, "LEAST", 1)
    halves = misfit(phase, series, network, 1.5), loops(phase, triplets)
    for one, other in zip(whole, halves, strict=True):
        np.testing.assert_array_equal(one, other)
