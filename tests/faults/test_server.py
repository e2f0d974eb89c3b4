"""Workers that die and hang, files that break, a store that is gone, a full disk: only what it touches is lost."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import psutil
import pytest

from jeoview.grid import tile_grid
from jeoview.image import apply
from tests.conftest import RedisServer
from tests.faults.conftest import Faults, Start
from tests.service.support import TOKEN, Answer, Scene, Server, X, Y, Z, make_scene


def _until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _later(server: Server, key: str, *, x: int = X, y: int = Y, tail: str = "png") -> Future[Answer]:
    threads = ThreadPoolExecutor(1)
    future = threads.submit(lambda: server.tile(key, x=x, y=y, tail=tail))
    threads.shutdown(wait=False)
    return future


def test_the_tile_of_a_killed_worker_comes_from_its_replacement(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene, "--workers", "2")
    server.wait_ready(2)
    key = scene.engine.save(scene.ndvi())
    faults.order("once slow 30")
    waiting = _later(server, key)
    _until(lambda: len(faults.calls()) == 1)
    victim = faults.calls()[0][1]
    # Another tile, far away, is computed meanwhile and is not touched.
    assert server.tile(key, x=X + 2).status == 200
    os.kill(victim, signal.SIGKILL)
    answer = waiting.result(timeout=30)
    assert answer.status == 200
    assert faults.calls()[-1][0] == f"{X}-{Y}"
    assert faults.calls()[-1][1] != victim
    assert server.metric("jeoview_worker_restarts") == 1
    untouched = make_scene(scene.settings.home.parent / "other")
    assert answer.body == start(untouched).tile(untouched.engine.save(untouched.ndvi())).body


def test_a_tile_that_ends_every_worker_is_given_up(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene, "--workers", "2")
    server.wait_ready(2)
    key = scene.engine.save(scene.ndvi())
    faults.order("always die")
    answer = server.tile(key)
    assert (answer.status, answer.json()["code"]) == (500, "WorkerLost")
    assert len(faults.calls()) == 2
    assert server.tile(key, x=X + 1).status == 200
    server.wait_ready(2)
    assert server.metric("jeoview_worker_restarts") == 2


def test_a_worker_that_hangs_is_replaced(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene, "--deadline", "4")
    key = scene.engine.save(scene.ndvi())
    server.wait_ready()
    faults.order("once hang")
    began = time.monotonic()
    assert server.tile(key).status == 200
    assert time.monotonic() - began >= 4
    assert server.metric("jeoview_worker_restarts") == 1
    # The log shows where it hung.
    assert "in _act" in server.log.read_text()


def test_a_tile_that_always_hangs_is_refused_and_not_tried_again_at_once(
    scene: Scene, start: Start, faults: Faults
) -> None:
    server = start(scene, "--deadline", "4")
    key = scene.engine.save(scene.ndvi())
    server.wait_ready()
    faults.order("always hang")
    answer = server.tile(key)
    assert (answer.status, answer.json()["code"]) == (504, "Timeout")
    assert "4 s" in answer.json()["message"]
    began = time.monotonic()
    assert server.tile(key).status == 504
    assert time.monotonic() - began < 3
    assert len(faults.calls()) == 2
    server.wait_ready()
    assert server.tile(key, x=X + 1).status == 200


def test_an_error_that_was_not_foreseen_tells_an_id_alone(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene)
    faults.order("always raise")
    answer = server.tile(scene.engine.save(scene.ndvi()))
    document = answer.json()
    assert (answer.status, document["code"]) == (500, "Internal")
    assert "secret" not in answer.body.decode()
    assert "/home" not in answer.headers["x-jeoview-error"]
    log = server.log.read_text()
    assert document["id"] in log
    assert "secret" in log
    assert server.metric("jeoview_worker_restarts") == 0


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "vanished": lambda _: None,
    "truncated": lambda whole: whole[: len(whole) // 3],
    "cut in its header": lambda whole: whole[:100],
    "corrupt": lambda _: b"no tiff" * 1000,
    "replaced": lambda whole: whole + b"\0",
    "empty": lambda _: b"",
}


def test_a_broken_file_is_a_readable_error_and_the_server_goes_on(scene: Scene, start: Start) -> None:
    server = start(scene)
    key = scene.engine.save(scene.ndvi())
    assert server.tile(key).status == 200
    whole = scene.file.read_bytes()
    for number, (damage, broken) in enumerate(DAMAGES.items()):
        scene.file.unlink(missing_ok=True)
        content = broken(whole)
        if content is not None:
            scene.file.write_bytes(content)
        other = scene.engine.save(scene.ndvi(vmin=-0.3 - number / 100))
        answer = server.tile(other, x=X + 1)
        assert (damage, answer.status, answer.json()["code"]) == (damage, 502, "SourceUnreadable")
        message = answer.json()["message"]
        assert "scene-1" in message
        assert str(scene.file.parent) not in answer.body.decode()
        kept = server.ask(f"chains/{other}/errors").json()["errors"]
        assert [entry["message"] for entry in kept] == [message]
    # What was rendered before is still there, and no worker was lost.
    assert server.tile(key).status == 200
    assert server.metric("jeoview_worker_restarts") == 0


def test_a_full_disk_keeps_no_tile_from_being_served(scene: Scene, start: Start) -> None:
    image = scene.image()
    bright = image.stretch_by(image.quantiles())
    chain = apply("rgb", (bright["B08"], bright["B04"], bright["B04"]), {}).node
    # The kernels are compiled while there is room, as `make` does: numba cannot keep them on a full disk.
    scene.engine.render(chain, tile_grid(Z, X, Y))
    for fitted in scene.engine.store.keys("table:"):
        scene.engine.store.delete(fitted)
    key = scene.engine.save(chain)
    server = start(scene, engine="on_a_full_disk")
    assert server.tile(key).status == 200
    assert server.tile(key, x=X + 1).status == 200
    # The fitted table could not be kept, and was used all the same.
    assert scene.engine.store.keys("table:") == []


def test_more_requests_than_the_queue_holds_are_asked_to_come_again(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene, "--queue", "3")
    key = scene.engine.save(scene.ndvi())
    assert server.tile(key, x=X + 3).status == 200
    faults.order("once hold")
    waiting = [_later(server, key)]
    _until(lambda: len(faults.calls()) == 2)
    waiting += [_later(server, key, y=Y - 10 - i) for i in range(3)]
    _until(lambda: server.metric("jeoview_queue") == 3)
    answer = server.tile(key, y=Y - 20)
    assert (answer.status, answer.json()["code"]) == (503, "QueueFull")
    assert int(answer.headers["retry-after"]) > 0
    faults.release()
    assert [future.result(timeout=20).status for future in waiting] == [200] * 4


def _ask_and_leave(server: Server, key: str, x: int, y: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/{TOKEN}/tiles/{key}/{Z}/{x}/{y}.png")
    return connection


def test_what_nobody_waits_for_any_more_is_dropped(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene)
    key = scene.engine.save(scene.ndvi())
    assert server.tile(key, x=X + 3).status == 200
    faults.order("once hold")
    running = _ask_and_leave(server, key, X, Y)
    _until(lambda: len(faults.calls()) == 2)
    queued = [_ask_and_leave(server, key, X, Y + i) for i in (1, 2)]
    other = _later(server, key, y=Y + 2)
    # All five requests have come in: three wait for a tile that is not in the queue twice.
    _until(lambda: server.metric('jeoview_tile_memory_total{result="miss"}') == 5)
    _until(lambda: server.metric("jeoview_queue") == 2)
    for connection in (running, *queued):
        connection.close()
    _until(lambda: server.metric("jeoview_queue") == 1)
    faults.release()
    # One of the two has another who waits.
    assert other.result(timeout=20).status == 200
    assert [name for name, _ in faults.calls()] == [f"{X + 3}-{Y}", f"{X}-{Y}", f"{X}-{Y + 2}"]
    assert server.metric("jeoview_tiles_dropped_total") == 1
    # What a worker had begun was left to finish, and kept.
    hits = server.metric('jeoview_tile_memory_total{result="hit"}')
    assert server.tile(key).status == 200
    assert server.metric('jeoview_tile_memory_total{result="hit"}') == hits + 1


def test_a_map_drops_what_it_asked_for(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene)
    key = scene.engine.save(scene.threshold())
    assert server.tile(key, x=X + 3).status == 200
    faults.order("once hold")
    running = _later(server, key)
    _until(lambda: len(faults.calls()) == 2)

    mine = _later(server, key, y=Y + 1, tail="png?map=one&p.least=0.2")
    shared = [
        _later(server, key, y=Y + 2, tail="png?map=one&p.least=0.2"),
        _later(server, key, y=Y + 2, tail="png?map=two&p.least=0.2"),
    ]
    picture = _later(server, key, y=Y + 1, tail="webp?map=one&p.least=0.2&errors=image")
    kept = _later(server, key, y=Y + 3, tail="png?map=one&p.least=0.2")
    newer = _later(server, key, y=Y + 1, tail="png?map=one&p.least=0.3")
    _until(lambda: server.metric("jeoview_queue") == 5)
    keep = f"{Z}/{X}/{Y + 3}/{X}/{Y + 3}"
    path = f"tiles/{key}?map=one&p.least=0.2&keep={keep}"
    assert server.ask(path, method="DELETE").json() == {"dropped": 3}
    faults.release()
    assert (mine.result(5).status, mine.result().json()["code"]) == (409, "Dropped")
    # The image of a page asks again if it is still there: Leaflet would keep the picture of an error.
    again = picture.result(5)
    assert (again.status, again.headers["location"]) == (307, f"{Y + 1}.webp?map=one&p.least=0.2&errors=image")
    assert again.headers["cache-control"] == "no-store"
    assert [future.result(20).status for future in shared] == [409, 200]
    assert [future.result(20).status for future in (kept, newer, running)] == [200] * 3
    assert f"{X}-{Y + 1}" in [name for name, _ in faults.calls()]
    assert server.ask(f"chains/{key}/errors").json() == {"errors": []}


def test_a_neighbourhood_stays_with_one_worker_and_idle_ones_help(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene, "--workers", "2")
    server.wait_ready(2)
    key = scene.engine.save(scene.ndvi())
    left, top = X // 4 * 4, Y // 4 * 4
    for i in range(8):
        assert server.tile(key, x=left + i % 4, y=top + i // 4).status == 200
    assert len({pid for _, pid in faults.calls()}) == 1
    # A queue before a busy worker is helped with, though its caches would know the neighbourhood.
    for i in range(8):
        faults.order("once slow 0.3", x=left + i % 4, y=top + 2 + i // 4)
    waiting = [_later(server, key, x=left + i % 4, y=top + 2 + i // 4) for i in range(8)]
    assert [future.result(20).status for future in waiting] == [200] * 8
    assert len({pid for _, pid in faults.calls()}) == 2


def test_what_tiles_share_is_computed_by_one_worker(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene, "--workers", "2")
    server.wait_ready(2)
    key = scene.engine.save(scene.labelled())
    view = f"{Z}/{X - 4}/{Y}/{X + 3}/{Y}"
    faults.order("once slow 0.5", x=X - 4)
    threads = ThreadPoolExecutor(8)
    tiles = list(threads.map(lambda x: server.tile(key, x=x, tail=f"png?view={view}"), range(X - 4, X + 4)))
    threads.shutdown()
    assert {tile.status for tile in tiles} == {200}
    assert len({pid for _, pid in faults.calls()}) == 1


def test_workers_that_never_start_are_told_of(scene: Scene, start: Start) -> None:
    server = start(scene, "--deadline", "2", engine="broken")
    answer = server.tile(scene.engine.save(scene.ndvi()))
    assert (answer.status, answer.json()["code"]) == (503, "ServerUnavailable")
    assert server.ask("readyz").status == 503
    assert server.ask("healthz", token=None).status == 200
    # It does not start them as fast as it can.
    assert server.metric("jeoview_worker_restarts") < 8


def test_workers_end_with_a_server_that_was_killed(scene: Scene, start: Start, faults: Faults) -> None:
    server = start(scene, "--workers", "2")
    server.wait_ready(2)
    workers = server.worker_pids()
    assert len(workers) == 2
    faults.order("always hang")
    hanging = _later(server, scene.engine.save(scene.ndvi()))
    _until(lambda: len(faults.calls()) == 1)
    server.process.kill()
    server.process.wait()
    assert hanging.exception(timeout=10) is not None
    _until(lambda: not any(_alive(pid) for pid in workers))


def test_workers_end_with_a_server_that_is_told_to_end(scene: Scene, start: Start) -> None:
    server = start(scene, "--workers", "2")
    server.wait_ready(2)
    workers = server.worker_pids()
    server.stop()
    assert server.process.returncode == 0
    assert not any(_alive(pid) for pid in workers)
    assert "Traceback" not in server.log.read_text()


# Redis as the store


@pytest.mark.redis
def test_two_servers_share_tiles(
    tmp_path_factory: pytest.TempPathFactory, redis_url: str, start: Start, faults: Faults
) -> None:
    scene = make_scene(tmp_path_factory.mktemp("shared") / "home", redis_url)
    key = scene.engine.save(scene.ndvi())
    one, two = start(scene), start(scene)
    first = one.tile(key)
    assert first.status == 200
    _until(lambda: bool(scene.engine.store.keys("tile:")))
    second = two.tile(key)
    assert second.body == first.body
    assert len(faults.calls()) == 1
    assert two.metric("jeoview_tiles_rendered_total") == 0


@pytest.mark.redis
def test_a_broken_stored_tile_is_computed_again(
    tmp_path_factory: pytest.TempPathFactory, redis_url: str, start: Start
) -> None:
    scene = make_scene(tmp_path_factory.mktemp("broken") / "home", redis_url)
    store = scene.engine.store
    for name in store.keys("tile:"):
        store.delete(name)
    key = scene.engine.save(scene.ndvi(vmin=-0.45))
    one, two = start(scene), start(scene)
    places = [(x, y) for x in (X, X + 1) for y in (Y, Y + 1)]
    good = {place: one.tile(key, x=place[0], y=place[1]).body for place in places}
    _until(lambda: len(store.keys("tile:")) == len(places))
    entries = [store.get(name) or b"" for name in store.keys("tile:")]
    bad = [entries[0][:-1] + bytes([entries[0][-1] ^ 1]), entries[1][: len(entries[1]) // 2], b"", entries[0]]
    for name, entry in zip(store.keys("tile:"), bad, strict=True):
        store.put(name, entry)
    for place in places:
        answer = two.tile(key, x=place[0], y=place[1])
        assert (answer.status, answer.body) == (200, good[place])
    assert two.metric("jeoview_tiles_rendered_total") == len(places)


@pytest.mark.redis
def test_a_store_that_is_gone_keeps_no_known_chain_from_being_served(
    tmp_path_factory: pytest.TempPathFactory, start_redis: Callable[[], RedisServer], start: Start
) -> None:
    redis = start_redis()
    scene = make_scene(tmp_path_factory.mktemp("gone") / "home", redis.url)
    key = scene.engine.save(scene.ndvi())
    server = start(scene)
    assert server.tile(key).status == 200
    redis.kill()
    assert server.tile(key).status == 200
    assert server.tile(key, x=X + 1).status == 200
    answer = server.tile("e" * 64)
    assert (answer.status, answer.json()["code"]) == (503, "StoreUnavailable")
    assert "retry-after" in answer.headers
    assert server.metric("jeoview_worker_restarts") == 0
