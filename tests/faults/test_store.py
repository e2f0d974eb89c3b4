"""Stores that break: an error that can be read, never a value that is wrong, never a silent loss."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jeoview.errors import StoreError
from jeoview.store import Store, open_store
from jeoview.store.memory import MemoryStore
from jeoview.store.redis import RedisStore
from jeoview.store.sqlite import SqliteStore

SECRET = b"0123456789abcdef" * 512


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a few values, closed, so that all lies in the one file."""
    path = tmp_path / "private" / "store.sqlite"
    store = SqliteStore(path)
    for number in range(50):
        store.put(f"chain:{number}", SECRET)
    store.close()
    assert not list(path.parent.glob("*-wal"))
    return path


def refused(call: Callable[[], object], match: str) -> None:
    with pytest.raises(StoreError, match=match) as caught:
        call()
    # a message may be shown in a browser
    assert "private" not in str(caught.value)


class TestSqlite:
    """Damaged, read-only, locked and full."""

    def test_a_file_of_something_else_is_damaged(self, path: Path) -> None:
        path.write_bytes(b"this is a letter, not a database" * 100)
        refused(lambda: SqliteStore(path), "'store.sqlite' is damaged; move it away")
        assert path.read_bytes().startswith(b"this is a letter")

    def test_an_emptied_file_is_not_a_new_store(self, path: Path) -> None:
        os.truncate(path, 0)
        refused(lambda: SqliteStore(path), "is empty: it was damaged")

    def test_a_cut_file_is_damaged(self, path: Path) -> None:
        os.truncate(path, path.stat().st_size // 2)
        refused(lambda: SqliteStore(path), "is damaged; move it away")

    def test_a_flipped_bit_in_a_value_is_seen(self, path: Path) -> None:
        text = path.read_bytes()
        place = text.index(SECRET[:64])
        path.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        store = SqliteStore(path)
        bad = [number for number in range(50) if damaged(store, f"chain:{number}")]
        assert len(bad) == 1
        refused(lambda: store.get_many([f"chain:{bad[0]}"]), f"the value of 'chain:{bad[0]}' is not what was written")
        store.put(f"chain:{bad[0]}", SECRET)
        assert store.get(f"chain:{bad[0]}") == SECRET
        store.close()

    def test_random_damage_is_an_error_or_leaves_the_value(self, path: Path) -> None:
        whole = path.read_bytes()
        for place in range(100, len(whole), len(whole) // 40):
            path.write_bytes(whole[:place] + b"\xa5" * 64 + whole[place + 64 :])
            for number in range(0, 50, 7):
                assert outcome(path, f"chain:{number}") in (SECRET, None, "damaged")
        path.write_bytes(whole)
        assert outcome(path, "chain:7") == SECRET

    def test_a_database_of_another_program_is_not_written_into(self, tmp_path: Path) -> None:
        path = tmp_path / "private.sqlite"
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE entry (key TEXT PRIMARY KEY, value BLOB, crc INTEGER)")
        other.close()
        before = path.read_bytes()
        with pytest.raises(StoreError, match="is not a store of jeoview"):
            SqliteStore(path)
        assert path.read_bytes() == before

    def test_a_later_version_is_refused(self, path: Path) -> None:
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA user_version = 99")
        other.close()
        refused(lambda: SqliteStore(path), "is of version 99; this jeoview writes 1")

    def test_a_writer_that_never_ends_is_reported(self, path: Path) -> None:
        store = SqliteStore(path, timeout=0.2)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        refused(lambda: store.put("k", b"v"), "locked by another process")
        # readers do not wait for it
        assert store.get("chain:1") == SECRET
        other.execute("ROLLBACK")
        other.close()
        store.put("k", b"v")
        assert store.get("k") == b"v"
        store.close()

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "private").write_text("a file, not a folder")
        refused(lambda: SqliteStore(tmp_path / "private" / "store.sqlite"), "'store.sqlite' cannot be used: ")

    def test_a_folder_in_the_place_of_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "private" / "store.sqlite").mkdir(parents=True)
        refused(lambda: SqliteStore(tmp_path / "private" / "store.sqlite"), "'store.sqlite' cannot be used: ")

    @pytest.mark.parametrize("closed", [True, False])
    def test_a_read_only_store_is_read_and_says_so(self, *, closed: bool) -> None:
        # not in tmp_path, which other users cannot enter
        folder = Path(tempfile.mkdtemp(prefix="jeoview-test-"))
        store = SqliteStore(folder / "store.sqlite")
        try:
            store.put("k", b"v")
            if closed:
                store.close()
            for file in folder.iterdir():
                file.chmod(0o444)
            folder.chmod(0o555)
            answer = in_child(READ_ONLY, folder)
        finally:
            folder.chmod(0o755)
            store.close()
            shutil.rmtree(folder)
        assert answer == "StoreError: the store's file 'store.sqlite' may only be read"

    def test_a_full_disk_is_an_error_and_loses_nothing(self, path: Path) -> None:
        # a limit on the size of files stands for the full disk: the write fails in the same place
        answer = in_child(FULL, path.parent)
        assert answer.startswith("StoreError: the store's file 'store.sqlite' cannot be")
        store = SqliteStore(path)
        assert store.get("large") is None
        assert [store.get(f"chain:{number}") for number in range(50)] == [SECRET] * 50
        store.put("large", b"now there is room")
        assert store.get("large") == b"now there is room"
        store.close()

    def test_a_process_killed_while_it_writes_leaves_whole_values(self, path: Path) -> None:
        child = subprocess.Popen([sys.executable, "-c", ENDLESS, str(path.parent)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"writing\n"
        time.sleep(0.3)
        child.kill()
        child.communicate(timeout=10)
        store = SqliteStore(path)
        found = store.get_many(store.keys("written:"))
        assert found
        assert {len(value) for value in found.values()} == {200_000}
        assert all(value.count(value[:1]) == len(value) for value in found.values())
        store.put("k", b"v")
        store.close()

    @pytest.mark.parametrize("leave_logs", [True, False], ids=["file removed", "folder removed"])
    def test_a_file_removed_in_use_is_made_again(self, path: Path, leave_logs: bool) -> None:
        store = SqliteStore(path)
        store.put("before", b"1")
        if leave_logs:
            path.unlink()
        else:
            shutil.rmtree(path.parent)
        store.put("after", b"2")
        second = SqliteStore(path)
        # what the store wrote after the removal is in the file that others see, and no old log was replayed
        assert (second.get("before"), second.get("after")) == (None, b"2")
        assert sorted(second.keys()) == ["after"]
        store.close()
        assert second.get("after") == b"2"
        second.close()

    def test_an_open_store_left_behind_by_a_crash_of_its_maker(self, tmp_path: Path) -> None:
        # a half-made file has another name, and the lock of a dead process is free
        (tmp_path / "store.sqlite.1.new").write_bytes(b"half")
        (tmp_path / "store.sqlite.lock").write_bytes(b"")
        store = SqliteStore(tmp_path / "store.sqlite")
        store.put("k", b"v")
        assert store.get("k") == b"v"
        store.close()


def damaged(store: Store, key: str) -> bool:
    try:
        store.get(key)
    except StoreError:
        return True
    return False


def outcome(path: Path, key: str) -> bytes | str | None:
    """What a caller sees: the value, nothing, or an error that he can read."""
    try:
        store = SqliteStore(path)
    except StoreError:
        return "damaged"
    try:
        return store.get(key)
    except StoreError:
        return "damaged"
    finally:
        store.close()


CHILD = """
import sys
from pathlib import Path
from jeoview.errors import StoreError
from jeoview.store.sqlite import SqliteStore
folder = Path(sys.argv[1])
def say(call):
    try:
        print("no error", call())
    except StoreError as error:
        print("StoreError:", error)
"""

READ_ONLY = (
    CHILD
    + """
import os
if os.geteuid() == 0:  # root may write whatever the mode says
    os.setgid(65534)
    os.setuid(65534)
store = SqliteStore(folder / "store.sqlite")
assert store.get("k") == b"v"
say(lambda: store.put("k", b"w"))
"""
)

FULL = (
    CHILD
    + """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = SqliteStore(folder / "store.sqlite")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
say(lambda: store.put("large", b"x" * 5_000_000))
"""
)

ENDLESS = (
    CHILD
    + """
store = SqliteStore(folder / "store.sqlite")
print("writing", flush=True)
for number in range(10**9):
    store.put(f"written:{number % 20}", bytes([number % 256]) * 200_000)
"""
)


def in_child(code: str, folder: Path) -> str:
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.redis
class TestRedis:
    """Killed, restarted, silent, closed to strangers."""

    def test_a_killed_server_is_an_error_within_seconds(self, start_redis: Callable[[], Any]) -> None:
        server = start_redis()
        store = open_store(server.url)
        store.put("k", b"v")
        server.kill()
        begin = time.monotonic()
        for call in (lambda: store.get("k"), lambda: store.put("k", b"w"), store.keys):
            refused(call, r"Redis at 127\.0\.0\.1:\d+, does not answer")
        assert time.monotonic() - begin < 5
        store.close()

    def test_killed_between_two_writers(self, start_redis: Callable[[], Any]) -> None:
        server = start_redis()
        store = open_store(server.url)
        outcomes: list[str] = []

        def work() -> None:
            for number in range(100_000):
                try:
                    store.put(f"k:{number}", SECRET)
                except StoreError:
                    outcomes.append("StoreError")
                    return

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        server.kill()
        for thread in threads:
            thread.join(timeout=20)
        assert outcomes == ["StoreError"] * 4
        store.close()

    def test_a_restarted_server_is_used_again(self, start_redis: Callable[..., Any]) -> None:
        first = start_redis()
        store = open_store(first.url)
        store.put("k", b"v")
        first.kill()
        refused(lambda: store.get("k"), "does not answer")
        second = start_redis(port=first.port)
        assert store.get("k") is None
        store.put("k", b"w")
        assert store.get("k") == b"w"
        store.close()
        second.kill()

    def test_a_dead_idle_connection_is_replaced_unseen(self, start_redis: Callable[..., Any]) -> None:
        first = start_redis()
        store = open_store(first.url)
        store.put("k", b"v")
        first.kill()
        second = start_redis(port=first.port)
        assert store.get("k") is None
        store.close()
        second.kill()

    def test_a_server_that_never_answers(self, silent_port: int) -> None:
        store = RedisStore(f"redis://:private@127.0.0.1:{silent_port}/0", timeout=0.3)
        begin = time.monotonic()
        refused(lambda: store.get("k"), "does not answer")
        assert time.monotonic() - begin < 3
        store.close()

    def test_a_full_server_refuses_with_its_reason(self, start_redis: Callable[..., Any]) -> None:
        server = start_redis("--maxmemory", "2mb", "--maxmemory-policy", "noeviction")
        store = open_store(server.url)
        store.put("small", b"v")

        def fill() -> None:
            for number in range(20):
                store.put(f"large:{number}", b"x" * 500_000)

        refused(fill, "refused.*memory")
        # what is there is still read
        assert store.get("small") == b"v"
        store.close()

    def test_a_full_server_makes_room_with_tiles_and_never_with_chains(self, start_redis: Callable[..., Any]) -> None:
        server = start_redis("--maxmemory", "4mb", "--maxmemory-policy", "volatile-lru")
        store = open_store(server.url)
        chains = [f"chain:{number}" for number in range(20)]
        for key in chains:
            store.put(key, b"{}")
        for number in range(60):
            store.put(f"tile:{number}", b"x" * 200_000)
        assert sorted(store.get_many(chains)) == sorted(chains)
        assert 0 < len(store.keys("tile:")) < 60
        store.close()

    def test_a_wrong_password_is_not_repeated(self, start_redis: Callable[..., Any]) -> None:
        server = start_redis("--requirepass", "right")
        store = open_store(server.url.replace("redis://", "redis://:private@"))
        refused(lambda: store.get("k"), "(?i)password|auth")
        store.close()

    def test_a_value_of_another_type_is_an_error(self, redis_url: str) -> None:
        import redis

        client = redis.Redis.from_url(redis_url)
        client.rpush("jeoview:list", b"a")
        store = open_store(redis_url)
        refused(lambda: store.get("list"), "refused")
        store.delete("list")
        client.close()
        store.close()

    def test_keys_of_other_programs_are_not_ours(self, redis_url: str) -> None:
        import redis

        client = redis.Redis.from_url(redis_url)
        client.set("foreign", b"a")
        store = open_store(redis_url)
        store.put("ours", b"b")
        assert "foreign" not in store.keys()
        assert store.get("foreign") is None
        assert client.get("jeoview:ours") == b"b"
        client.delete("foreign")
        client.close()
        store.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


class TestBudget:
    """The memory store as a cache."""

    def test_what_was_unused_longest_goes_first(self) -> None:
        store = MemoryStore(max_bytes=30)
        for key in "abc":
            store.put(key, b"0123456789")
        store.get("a")
        store.put("d", b"0123456789")
        assert store.keys() == ["a", "c", "d"]

    def test_to_ask_whether_is_no_use(self) -> None:
        store = MemoryStore(max_bytes=20)
        store.put("a", b"0123456789")
        store.put("b", b"0123456789")
        store.contains("a")
        store.put("c", b"0123456789")
        assert store.keys() == ["b", "c"]

    def test_replacing_and_deleting_give_room_back(self) -> None:
        store = MemoryStore(max_bytes=20)
        for _ in range(50):
            store.put("a", b"0123456789")
        store.put("b", b"0123456789")
        store.delete("a")
        store.put("c", b"0123456789")
        assert store.keys() == ["b", "c"]

    def test_a_value_above_the_budget_is_not_kept(self) -> None:
        store = MemoryStore(max_bytes=5)
        store.put("a", b"123456")
        assert store.get("a") is None
        store.put("b", b"12345")
        assert store.get("b") == b"12345"

    @pytest.mark.parametrize("budget", [0, -1])
    def test_a_budget_is_positive(self, budget: int) -> None:
        with pytest.raises(ValueError, match="expected a positive number"):
            MemoryStore(max_bytes=budget)


def test_the_limit_used_for_the_full_disk_is_not_ours() -> None:
    """The limit must have died with the child, or later tests would fail in strange ways."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
