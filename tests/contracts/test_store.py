"""One conformance class for all stores: what holds for one holds for all."""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeoview.errors import ParameterError, StoreError
from jeoview.store import Store, open_store

MIB = 1 << 20


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return address(request, tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    yield from opened(url)


# a store in memory belongs to one process by its definition
@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return address(request, tmp_path)


@pytest.fixture
def shared_store(shared_url: str) -> Iterator[Store]:
    yield from opened(shared_url)


def address(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("redis_url"))
    return {"memory": "memory:", "sqlite": f"sqlite:///{folder / 'deep' / 'a b#?%c.sqlite'}"}[request.param]


def opened(url: str) -> Iterator[Store]:
    store = open_store(url)
    empty(store)
    yield store
    store.close()


def empty(store: Store) -> None:
    for key in store.keys():
        store.delete(key)


def pattern(seed: int, size: int) -> bytes:
    """A value that tells by itself whether it is whole: one byte, repeated."""
    return bytes([seed % 256]) * size


def is_whole(value: bytes | None, size: int) -> bool:
    return value is not None and len(value) == size and value.count(value[:1]) == size


KEYS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=6)
SIGNS = st.text("ab*?[]^-\\%_'\"\ud7ff\ue000\U0010ffff é", max_size=4)


class TestStoreContract:
    """Run over memory, SQLite and a real redis-server."""

    def test_a_missing_key_has_no_value(self, store: Store) -> None:
        assert store.get("chain:missing") is None
        assert not store.contains("chain:missing")
        assert store.get_many(["chain:missing"]) == {}
        assert store.get_many([]) == {}
        assert store.keys() == []
        store.delete("chain:missing")

    @pytest.mark.parametrize(
        "value", [b"", b"\0", bytes(range(256)), b"\r\n$3\r\n", "naïve".encode(), b"\xff\xfe\x80"], ids=repr
    )
    def test_a_value_comes_back_as_it_was(self, store: Store, value: bytes) -> None:
        store.put("k", value)
        assert store.get("k") == value
        assert store.contains("k")
        assert store.get_many(["k"]) == {"k": value}

    def test_ten_megabytes(self, store: Store) -> None:
        value = random.Random(1).randbytes(10 * MIB + 1)
        store.put("barrier:large", value)
        assert store.get("barrier:large") == value

    def test_the_last_write_wins(self, store: Store) -> None:
        for value in (b"first", b"", b"a longer third"):
            store.put("k", value)
            assert store.get("k") == value
        assert store.keys() == ["k"]

    def test_a_deleted_value_is_gone_and_may_come_back(self, store: Store) -> None:
        store.put("a", b"1")
        store.put("b", b"2")
        store.delete("a")
        assert (store.get("a"), store.get("b"), store.keys()) == (None, b"2", ["b"])
        store.put("a", b"3")
        assert store.get("a") == b"3"

    def test_keys_are_any_text_and_are_not_folded(self, store: Store) -> None:
        # composed and decomposed, upper and lower case, blanks at the ends: all are different keys
        names = [
            "é",
            "e\u0301",
            "K",
            "k",
            " k",
            "k ",
            "k\n",
            "漢字:🛰",
            "a/b",
            "a:b",
            "*",
            "?",
            "[a]",
            "\\",
            "%",
            "_",
            "'",
        ]
        for index, name in enumerate(names):
            store.put(name, pattern(index, 3))
        assert store.keys() == sorted(names)
        assert store.get_many(names) == {name: pattern(index, 3) for index, name in enumerate(names)}

    def test_keys_by_prefix(self, store: Store) -> None:
        for name in ["chain:1", "chain:2", "chai", "chain", "chain;", "items:1", "Chain:1"]:
            store.put(name, b"")
        assert store.keys("chain:") == ["chain:1", "chain:2"]
        assert store.keys("chain") == ["chain", "chain:1", "chain:2", "chain;"]
        assert store.keys("nothing") == []

    @pytest.mark.parametrize("sign", list("*?[]^-\\%_'\ud7ff\U0010ffff"), ids=ascii)
    def test_a_sign_in_a_prefix_stands_for_itself(self, store: Store, sign: str) -> None:
        names = [f"a{sign}", f"a{sign}b", f"a{sign}\U0010ffff", f"a{sign}{sign}"]
        for name in [*names, "a", "ax", "axb", "b"]:
            store.put(name, b"")
        assert store.keys(f"a{sign}") == sorted(set(names))

    def test_many_keys_at_once(self, store: Store) -> None:
        values = {f"tile:{number:05}": str(number).encode() for number in range(1300)}
        for key, value in values.items():
            store.put(key, value)
        wanted = [*values, "tile:none", *list(values)[:10]]
        assert store.get_many(wanted) == values
        assert store.keys("tile:") == list(values)

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps=st.lists(st.tuples(st.sampled_from(["put", "delete", "get"]), KEYS | SIGNS, st.binary(max_size=9))))
    def test_any_sequence_does_what_a_dict_does(self, store: Store, steps: list[tuple[str, str, bytes]]) -> None:
        empty(store)
        model: dict[str, bytes] = {}
        for what, key, value in steps:
            if not key:
                continue
            if what == "put":
                store.put(key, value)
                model[key] = value
            elif what == "delete":
                store.delete(key)
                model.pop(key, None)
            assert (store.get(key), store.contains(key)) == (model.get(key), key in model)
            assert store.keys(key[:1]) == sorted(name for name in model if name.startswith(key[:1]))
        assert store.get_many(store.keys()) == model

    @pytest.mark.parametrize("key", ["", "a\0b", "\ud800", b"bytes", None, 7], ids=repr)
    def test_what_is_no_key_is_refused(self, store: Store, key: str) -> None:
        calls: list[Callable[[], object]] = [
            lambda: store.get(key),
            lambda: store.put(key, b""),
            lambda: store.contains(key),
            lambda: store.delete(key),
            lambda: store.get_many([key]),
        ]
        for call in calls:
            with pytest.raises(ParameterError, match="key of the store"):
                call()
        assert store.keys() == []

    def test_one_text_is_not_many_keys(self, store: Store) -> None:
        with pytest.raises(ParameterError, match="sequence of keys"):
            store.get_many("abc")

    @pytest.mark.parametrize("prefix", ["\0", "\ud800", b"a", None], ids=repr)
    def test_what_is_no_prefix_is_refused(self, store: Store, prefix: str) -> None:
        with pytest.raises(ParameterError, match=r"key of the store|prefix of keys"):
            store.keys(prefix)

    @pytest.mark.parametrize(
        "value", ["text", None, 1, bytearray(b"a"), memoryview(b"a"), {"a": 1}], ids=lambda value: type(value).__name__
    )
    def test_only_bytes_are_values(self, store: Store, value: bytes) -> None:
        with pytest.raises(ParameterError, match="expected bytes"):
            store.put("k", value)
        assert store.keys() == []

    def test_a_value_above_the_limit_is_refused(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jeoview.store.check.MAX_VALUE_BYTES", 10)
        store.put("k", b"0123456789")
        with pytest.raises(ParameterError, match="has 11 bytes; expected at most 10"):
            store.put("k", b"0123456789a")
        assert store.get("k") == b"0123456789"

    def test_after_close_every_call_says_so(self, url: str) -> None:
        store = open_store(url)
        store.close()
        store.close()
        calls: list[Callable[[], object]] = [
            lambda: store.get("k"),
            lambda: store.put("k", b""),
            lambda: store.contains("k"),
            lambda: store.delete("k"),
            lambda: store.get_many(["k"]),
            store.keys,
        ]
        for call in calls:
            with pytest.raises(StoreError, match="was closed"):
                call()

    def test_threads_write_and_nobody_sees_a_part(self, store: Store) -> None:
        size, rounds = MIB // 2, 12
        store.put("common", pattern(0, size))
        broken: list[int] = []

        def work(worker: int) -> None:
            for number in range(rounds):
                store.put("common", pattern(worker, size))
                store.put(f"own:{worker}:{number}", pattern(worker, 100))
                if not is_whole(store.get("common"), size):
                    broken.append(worker)

        run_threads(work, 8)
        assert broken == []
        assert store.keys("own:") == sorted(f"own:{worker}:{number}" for worker in range(8) for number in range(rounds))
        assert all(store.get(f"own:{worker}:3") == pattern(worker, 100) for worker in range(8))

    def test_processes_write_and_nobody_sees_a_part(self, shared_url: str, shared_store: Store) -> None:
        shared_store.put("from parent", b"\0\1")
        with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
            broken = list(pool.map(write_in_process, [shared_url] * 4, range(4)))
        assert broken == [0, 0, 0, 0]
        assert len(shared_store.keys("own:")) == 4 * 25
        assert all(is_whole(shared_store.get(key), 1000) for key in shared_store.keys("own:"))
        assert is_whole(shared_store.get("common"), 200_000)

    def test_processes_open_a_store_that_is_not_there_yet(self, shared_url: str) -> None:
        with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
            answers = list(pool.map(open_and_put, [shared_url] * 8, range(8)))
        assert answers == [True] * 8
        store = open_store(shared_url)
        assert len(store.keys("opened:")) == 8
        store.close()

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_a_store_survives_a_fork(self, shared_url: str, shared_store: Store) -> None:
        stop = threading.Event()
        writer = threading.Thread(target=write_until, args=(shared_store, stop))
        writer.start()
        try:
            children = [fork_and_write(shared_store, number) for number in range(6)]
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        finally:
            stop.set()
            writer.join()
        assert codes == [0] * 6
        assert shared_store.keys("child:") == sorted(
            f"child:{child}:{number}" for child in range(6) for number in range(20)
        )
        assert int(shared_store.get("busy") or b"0") > 0


def run_threads(work: Callable[[int], None], count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(work, range(count)):
            pass


def write_in_process(url: str, worker: int) -> int:
    store = open_store(url)
    assert store.get("from parent") == b"\0\1"
    broken = 0
    for number in range(25):
        store.put("common", pattern(worker, 200_000))
        store.put(f"own:{worker}:{number}", pattern(number, 1000))
        broken += not is_whole(store.get("common"), 200_000)
    store.close()
    return broken


def open_and_put(url: str, number: int) -> bool:
    store = open_store(url)
    store.put(f"opened:{number}", b"x")
    found = store.get(f"opened:{number}") == b"x"
    store.close()
    return found


def write_until(store: Store, stop: threading.Event) -> None:
    count = 0
    while not stop.is_set():
        count += 1
        store.put("busy", str(count).encode())


def fork_and_write(store: Store, child: int) -> int:
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        for number in range(20):
            store.put(f"child:{child}:{number}", b"from a child")
        run_threads(lambda thread: store.put(f"thread:{thread}", b""), 2)
        code = 0
    finally:
        os._exit(code)


class TestOpenStore:
    """Addresses."""

    @pytest.mark.parametrize("url", ["", "sqlite:///", "file.sqlite", "postgres://u:secret@h/d", "MEMORY:", "memory:x"])
    def test_an_unknown_address_says_what_is_known(self, url: str) -> None:
        with pytest.raises(ParameterError, match=r"expected 'memory:', 'sqlite:///path' or 'redis://") as caught:
            open_store(url)
        assert "secret" not in str(caught.value)

    def test_what_is_no_text_is_refused(self) -> None:
        with pytest.raises(ParameterError, match="expected text"):
            open_store(None)  # type: ignore[arg-type]

    @pytest.mark.parametrize("url", ["redis://:secret@h:port/0", "redis://h:99999999/0x"])
    def test_a_wrong_redis_address_does_not_show_its_password(self, url: str) -> None:
        with pytest.raises(ParameterError, match="no Redis address") as caught:
            open_store(url)
        assert "secret" not in str(caught.value)

    def test_two_stores_in_memory_are_two(self) -> None:
        first, second = open_store("memory:"), open_store("memory:")
        first.put("k", b"v")
        assert second.get("k") is None

    def test_a_path_may_be_relative(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        store = open_store("sqlite:///here.sqlite")
        monkeypatch.chdir("/")
        store.put("k", b"v")
        store.close()
        assert (tmp_path / "here.sqlite").exists()
