"""Parts of the server without a process: messages, memories, owners."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeoview import grid
from jeoview.errors import ParameterError
from tests.service.support import ROOT
from tileserver import address, wmts
from tileserver.address import TileAddress, digest_of
from tileserver.cache import Tile, TileMemory, seal, unseal
from tileserver.chains import Recent
from tileserver.frames import FrameError, Frames, pack, read
from tileserver.owners import Owners

HEADERS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20) | st.none(), max_size=4)


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=300)), max_size=5), st.data())
def test_messages_arrive_whole_however_they_are_cut(
    messages: list[tuple[dict[str, object], bytes]], data: st.DataObject
) -> None:
    stream = b"".join(pack(header, body) for header, body in messages)
    frames, rest = Frames(), stream
    got: list[tuple[dict[str, object], bytes]] = []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        got.extend(frames.feed(rest[:size]))
        rest = rest[size:]
    assert got == messages
    reader = io.BytesIO(stream)
    assert [read(reader) for _ in messages] == messages
    assert read(reader) is None


@pytest.mark.parametrize(
    "junk",
    [
        struct.pack("!II", 1 << 31, 0),
        struct.pack("!II", 2, 1 << 31) + b"{}",
        struct.pack("!II", 2, 0) + b"[]",
        struct.pack("!II", 3, 0) + b"\xff\xfe\xfd",
    ],
)
def test_junk_is_no_message(junk: bytes) -> None:
    with pytest.raises(FrameError):
        list(Frames().feed(junk))
    with pytest.raises(FrameError):
        read(io.BytesIO(junk))


def test_a_cut_message_is_the_end_of_the_stream() -> None:
    whole = pack({"a": 1}, b"body")
    assert all(read(io.BytesIO(whole[:size])) is None for size in range(len(whole)))


def test_nan_does_not_travel() -> None:
    with pytest.raises(ValueError, match="JSON"):
        pack({"a": float("nan")})


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 6000)), max_size=60))
def test_the_memory_of_tiles_is_bounded(steps: list[tuple[str, int]]) -> None:
    memory = TileMemory(10_000)
    for name, size in steps:
        memory.put(name, Tile(bytes(size), "image/png"))
        assert memory.nbytes <= 10_000
        assert size > 2500 or memory.get(name) is not None
    assert memory.nbytes == sum(len(memory._tiles[name].data) + 300 for name in memory._tiles)


def test_what_was_used_last_is_kept() -> None:
    memory = TileMemory(4 * 1300)
    for name in "abcd":
        memory.put(name, Tile(bytes(1000), "image/png"))
    memory.get("a")
    memory.put("e", Tile(bytes(1000), "image/png"))
    assert [name for name in "abcde" if memory.get(name)] == ["a", "c", "d", "e"]


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(1, 255))
def test_a_stored_tile_is_itself_or_nothing(data: bytes, place: int, change: int) -> None:
    tile = Tile(data, "image/webp")
    entry = seal("name", tile)
    assert unseal("name", entry) == tile
    assert unseal("other", entry) is None
    place %= len(entry)
    broken = entry[:place] + bytes([entry[place] ^ change]) + entry[place + 1 :]
    assert unseal("name", broken) is None
    assert unseal("name", entry[:place]) is None


def test_recent_forgets_what_was_not_used() -> None:
    recent: Recent[int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert [recent.get(name) for name in "abc"] == [1, None, 3]


def test_names_of_tiles_are_one_to_one() -> None:
    base = TileAddress("a" * 64, 3, 1, 2, "png")
    others = [
        TileAddress("b" * 64, 3, 1, 2, "png"),
        TileAddress("a" * 64, 3, 2, 1, "png"),
        TileAddress("a" * 64, 4, 1, 2, "png"),
        TileAddress("a" * 64, 3, 1, 2, "webp"),
    ]
    names = [digest_of("v1", place, {}, None) for place in (base, *others)]
    names += [
        digest_of("v2", base, {}, None),
        digest_of("v1", base, {"t": 1}, None),
        digest_of("v1", base, {"t": "1"}, None),
    ]
    names += [digest_of("v1", base, {}, (3, 0, 0, 1, 2)), digest_of("v1", base, {}, (3, 0, 0, 2, 2))]
    assert len(set(names)) == len(names)
    assert names[0] == digest_of("v1", TileAddress("a" * 64, 3, 1, 2, "png"), {}, None)


def test_the_constants_of_the_grid_are_those_of_the_capabilities() -> None:
    assert (wmts.EARTH_HALF, wmts.TILE_SIZE, address.MAX_ZOOM) == (grid.EARTH_HALF, grid.TILE_SIZE, grid.MAX_ZOOM)


def test_the_server_is_free_when_its_last_owner_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owners = Owners([child.pid], linger=0.2)
    assert not owners.all_gone()
    owners.add(os.getpid())
    assert owners.count() == 2
    child.communicate(b"\n")
    assert owners.count() == 1
    assert not owners.all_gone()
    assert owners.remove(os.getpid()) == 0
    assert not owners.all_gone()
    time.sleep(0.25)
    assert owners.all_gone()


def test_a_server_without_owners_stays() -> None:
    assert not Owners([], linger=0).all_gone()


@pytest.mark.parametrize("pid", [0, 4_000_000, 999_999_999])
def test_an_owner_must_live(pid: int) -> None:
    with pytest.raises(ParameterError):
        Owners([], linger=1).add(pid)


def test_the_server_starts_without_what_only_workers_need() -> None:
    heavy = {"numpy", "numba", "rasterio", "matplotlib", "scipy", "ipyleaflet", "pyproj", "jeoview.operators"}
    code = f"import sys, tileserver.app; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
