"""Whole areas that take longer than a request waits."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jeoview import flights
from jeoview.errors import CancelledByUser, ParameterError, PendingError
from jeoview.executor import finish, recall
from jeoview.flights import Flights
from jeoview.grid import tile_grid
from jeoview.image import Image
from jeoview.memory import ResultMemory
from jeoview.operators import unwrap as unwrapping
from jeoview.plan import Load
from jeoview.planner import Limits, cost, plan
from jeoview.progress import as_long_as, check_wanted
from jeoview.raster import Raster, Table
from jeoview.region import region_grid
from jeoview.store import Store, open_store
from tests.synthetic import SyntheticReader, source

REGION = (10.0, 44.0, 10.03, 44.02)
TABLE = Table({"x": np.ones(1)})


def join(
    given: Flights, work: Callable[[], Any], *, patience: float = 0.01, lasting: bool = True, key: str = "k"
) -> Any:
    return given.join(key, work, patience=patience, lasting=lasting, what="unwrap of 4 x 4 pixels")


def until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.01)
    raise TimeoutError


def test_one_work_for_all_who_ask_and_the_result_for_who_asks_again() -> None:
    gate, begun, given = threading.Event(), [], Flights()

    def work() -> Table:
        begun.append(1)
        gate.wait(10)
        return TABLE

    for _ in range(3):
        with pytest.raises(PendingError, match="unwrap of 4 x 4 pixels: at work for 0 s; ask again"):
            join(given, work)
    gate.set()
    assert join(given, work, patience=10) is TABLE
    assert join(given, work) is TABLE
    assert begun == [1]
    assert join(given, lambda: TABLE, patience=10, key="another") is TABLE


def test_an_error_is_told_to_all_who_ask() -> None:
    given, begun = Flights(), []

    def work() -> Table:
        begun.append(1)
        raise ParameterError("not so")

    for _ in range(2):
        with pytest.raises(ParameterError, match="not so"):
            join(given, work, patience=10)
    assert begun == [1]


@pytest.mark.parametrize("lasting", [True, False])
def test_a_view_that_nobody_asks_for_is_given_up(lasting: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "LOST_SECONDS", 0.1)
    given, ended, gate = Flights(), [], threading.Event()

    def work() -> Table:
        try:
            while not gate.wait(0.01):
                check_wanted()
            return TABLE
        except CancelledByUser:
            ended.append(1)
            raise

    with pytest.raises(PendingError):
        join(given, work, lasting=lasting)
    if lasting:
        time.sleep(0.3)
        assert not ended
    else:
        until(lambda: bool(ended))
    gate.set()
    # What was given up is begun again for who comes back.
    assert join(given, work, patience=10, lasting=lasting) is TABLE


def test_what_has_landed_is_let_go_though_nobody_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "KEPT_SECONDS", 0.15)
    given = Flights()
    kept: list[weakref.ref[np.ndarray]] = []

    def work_of(made: np.ndarray, held: np.ndarray) -> Callable[[], Table]:
        kept.extend((weakref.ref(made), weakref.ref(held)))
        return lambda: Table({"x": made + 0 * held})

    results = [weakref.ref(join(given, work_of(np.ones(1), np.ones(1)), patience=10, key="a").values["x"])]
    time.sleep(0.1)
    results.append(weakref.ref(join(given, work_of(np.ones(1), np.ones(1)), patience=10, key="b").values["x"]))
    assert results[1]() is not None
    # What it was made of goes at once.
    until(lambda: all(one() is None for one in kept))
    until(lambda: all(one() is None for one in results))
    assert join(given, lambda: TABLE, patience=10, key="a") is TABLE


def test_views_that_wait_for_their_turn_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "LOST_SECONDS", 0.1)
    monkeypatch.setattr(flights, "TURN_SECONDS", 0.02)
    gate, given, begun = threading.Event(), Flights(), []

    def work() -> Table:
        begun.append(1)
        gate.wait(10)
        return TABLE

    def areas() -> int:
        return sum(thread.name == "jeoview-area" and thread not in before for thread in threading.enumerate())

    before = set(threading.enumerate())
    for number in range(12):
        with pytest.raises(PendingError):
            join(given, work, patience=0, lasting=False, key=f"view {number}")
    with pytest.raises(PendingError):
        join(given, work, patience=0, key="lasting")
    until(lambda: areas() == flights.AT_ONCE + 1)
    assert len(begun) == flights.AT_ONCE
    gate.set()
    assert join(given, work, patience=10, key="lasting") is TABLE
    assert len(begun) == flights.AT_ONCE + 1


def test_nothing_is_given_up_where_nobody_says_so() -> None:
    check_wanted()
    with as_long_as(lambda: True):
        check_wanted()
    with as_long_as(lambda: False), pytest.raises(CancelledByUser, match="nobody waited"):
        check_wanted()


# ---------------------------------------------------------------- barriers


def chain(**values: Any) -> Image:
    phase = (source("1")["B08"].median() * 9.0).wrap()
    return phase.unwrap(region=REGION, zoom=12, **values)


def render(image: Image, store: Store, x: int, *, seconds: float, reader: SyntheticReader) -> Raster:
    """One tile by an engine that begins with the store alone."""

    class Slow(ResultMemory):
        def put(self, step: Any, value: Any, _: float = 0.0) -> None:
            super().put(step, value, seconds)

    memory, grid = Slow(store, 1 << 26), tile_grid(12, x, 1489)
    planned = plan(image.node, grid)
    work = Flights().settle(planned, recall(planned, memory), reader, memory, 30.0)
    found = finish(work, reader, memory)
    assert isinstance(found, Raster)
    return found


@pytest.mark.parametrize(("seconds", "read_again"), [(6.0, False), (1.0, True)])
def test_what_took_long_is_found_in_the_store(seconds: float, read_again: bool) -> None:
    store, first, second = open_store("memory:"), SyntheticReader(), SyntheticReader()
    image = chain()
    expected = render(image, store, 2161, seconds=seconds, reader=first)
    assert first.asked
    # Another band of the same area is no other work.
    again = render(image["unwrapped"], store, 2161, seconds=seconds, reader=second)
    assert bool(second.asked) is read_again
    np.testing.assert_array_equal(again.array, expected.array[:1])
    assert np.isfinite(again.array).any()


def test_a_broken_entry_is_computed_again() -> None:
    store = open_store("memory:")
    expected = render(chain(), store, 2161, seconds=9.0, reader=SyntheticReader())
    (key,) = store.keys("area:")
    whole = store.get(key) or b""
    for broken in (whole[:-9], b"", whole[:40] + b"x" + whole[41:]):
        store.put(key, broken)
        found = render(chain(), store, 2161, seconds=0.0, reader=SyntheticReader())
        np.testing.assert_array_equal(found.array, expected.array)


def test_one_whole_area_is_kept_whatever_its_size() -> None:
    image, store, reader = chain(), open_store("memory:"), SyntheticReader()
    memory = ResultMemory(store, 1000)
    for x in (2161, 2162):
        planned = plan(image.node, tile_grid(12, x, 1489))
        finish(recall(planned, memory), reader, memory)
    assert len({node for node, _, _ in reader.asked}) == len(reader.asked) == 1


def test_the_memory_of_the_solver_is_part_of_the_cost() -> None:
    pixels = np.prod(region_grid(REGION, zoom=12).shape)
    held = {}
    for method, init in (("reliability", "mcf"), ("snaphu", "mcf"), ("snaphu", "mst")):
        planned = plan(chain(method=method, init=init).node, tile_grid(12, 2161, 1489), limits=Limits())
        held[init if method == "snaphu" else method] = cost(planned, lambda *_: Load(0, 0, 1)).array_bytes
    base = held["reliability"] - unwrapping.SCRATCH["reliability"] * pixels
    assert {name: (bytes_ - base) / pixels for name, bytes_ in held.items()} == unwrapping.SCRATCH
