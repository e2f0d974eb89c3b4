"""A session finds the server or starts it; the server ends when nobody uses it any more."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from jeoview.errors import ChainError, KeyUnknownError, ParameterError, ServerError
from jeoview.session import Session, client
from tests.service.support import ROOT, Scene, X, Y, Z, make_scene

PRINT_SESSION = "from jeoview.session import Session; s = Session.current(); print(s.pid, s.port, s.token, flush=True)"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A scene whose home is that of the session."""
    return make_scene(tmp_path_factory.mktemp("session") / "home")


@pytest.fixture
def home(own: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The scene as this process's settings; whatever server was started is ended."""
    monkeypatch.setenv("JEOVIEW_HOME", str(own.settings.home))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("JUPYTERHUB_SERVICE_PREFIX", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    yield own
    for session in list(client._SESSIONS.values()):
        session.close()
    for state in (own.settings.home / "servers").glob("*.json"):
        pid = json.loads(state.read_text())["pid"]
        if pid and psutil.pid_exists(pid):
            os.kill(pid, signal.SIGTERM)
            psutil.wait_procs([psutil.Process(pid)], timeout=20)
        state.unlink()


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def _kernel(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_from_a_chain_to_a_tile(home: Scene) -> None:
    session = Session.current()
    key = session.publish(home.ndvi())
    address = session.local_url(session.tile_path(key)).format(z=Z, x=X, y=Y)
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert answer.status == 200
        assert answer.read(8) == b"\x89PNG\r\n\x1a\n"
    assert Session.current() is session
    # Outside Jupyter the browser asks this machine itself.
    assert session.url("x") == session.local_url("x") == f"http://127.0.0.1:{session.port}/{session.token}/x"


def test_what_a_session_asks_for_a_notebook(home: Scene) -> None:
    session = Session.current()
    key = session.publish(home.threshold())
    place = session.point(key, 11.4, 46.43, 13)
    assert place["values"] == home.engine.point(home.threshold(), 11.4, 46.43, 13)["values"]
    assert session.point(key, 11.4, 46.43, Z, view=(Z, X, Y, X, Y)) == place
    assert session.legend(key)["type"] == "gradient"
    assert session.errors(key) == []
    path = session.tile_path(key, parameters={"least": 2}, view=(Z, X, Y, X, Y), format="webp", map_id="m 1")
    assert path == f"tiles/{key}/{{z}}/{{x}}/{{y}}.webp?p.least=2&view={Z}/{X}/{Y}/{X}/{Y}&map=m%201"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(session.local_url(path).format(z=Z, x=X, y=Y))
    (error,) = session.errors(key)
    assert error["code"] == "ParameterInvalid"
    assert "-1 to 1" in error["message"]
    assert session.drop(key, map_id="m 1", parameters={"least": 0.5}, keep=(Z, X, Y, X, Y)) == 0


def test_an_error_of_the_server_is_the_same_error_here(home: Scene) -> None:
    session = Session.current()
    with pytest.raises(KeyUnknownError, match="no chain"):
        session.legend("0" * 64)
    with pytest.raises(ParameterError, match=r"lon=.*lat="):
        session.point(session.publish(home.ndvi()), 500, 0, 3)
    home.engine.store.put(f"chain:{'1' * 64}", b"{}")
    with pytest.raises(ChainError):
        session.legend("1" * 64)


def test_the_token_is_for_the_user_alone(home: Scene) -> None:
    session = Session.current()
    (state,) = (home.settings.home / "servers").glob("*.json")
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.with_suffix(".log").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.parent.stat().st_mode) == 0o700
    assert session.token not in " ".join(psutil.Process(session.pid).cmdline())
    assert session.token not in state.with_suffix(".log").read_text()
    for worker in psutil.Process(session.pid).children():
        assert session.token not in worker.environ().values()


def test_kernels_that_start_at_once_get_one_server(home: Scene) -> None:
    kernels = [_kernel(f"{PRINT_SESSION}; input()") for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        lines = list(threads.map(lambda kernel: kernel.stdout.readline() if kernel.stdout else "", kernels))
    assert len(set(lines)) == 1, lines
    pid, port, token = lines[0].split()
    session = Session.current()
    assert (session.pid, session.port, session.token) == (int(pid), int(port), token)
    # One kernel after the other goes; the server stays for the one that is left.
    _end(kernels[0])
    _end(kernels[1])
    session.close()
    time.sleep(1.5)
    assert _alive(int(pid))
    # The last one was killed and could not say good-bye.
    _end(kernels[2])
    _until(lambda: not _alive(int(pid)), 30)


def test_an_interrupt_of_the_kernel_does_not_reach_the_server(home: Scene) -> None:
    code = f"import os; os.setsid()\ntry:\n    {PRINT_SESSION}\n    input()\nexcept KeyboardInterrupt:\n    print('interrupted', flush=True)\n    input()"
    kernel = _kernel(code)
    assert kernel.stdout is not None
    pid = int(kernel.stdout.readline().split()[0])
    os.killpg(kernel.pid, signal.SIGINT)
    assert kernel.stdout.readline() == "interrupted\n"
    time.sleep(0.5)
    assert _alive(pid)
    _end(kernel)


def test_a_killed_server_is_started_again_where_it_was(home: Scene) -> None:
    first = Session.current()
    os.kill(first.pid, signal.SIGKILL)
    _until(lambda: not _alive(first.pid))
    second = Session.current()
    assert second.pid != first.pid
    # The layers of open maps still ask there.
    assert (second.port, second.token) == (first.port, first.token)


def test_a_port_that_was_taken_meanwhile_is_given_up(home: Scene) -> None:
    first = Session.current()
    first.close()
    with socket.create_server(("127.0.0.1", first.port)):
        second = Session.current()
        assert second.port != first.port
        assert second.alive()


def test_a_closed_session_ends_its_server(home: Scene) -> None:
    session = Session.current()
    session.close()
    assert not _alive(session.pid)
    assert Session.current().pid != session.pid


def test_other_settings_have_another_server(home: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Session.current()
    monkeypatch.setenv("JEOVIEW_MAX_PADDING", "100")
    second = Session.current()
    assert second.pid != first.pid
    second.close()
    assert _alive(first.pid)


def test_a_server_that_does_not_start_says_why(home: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tileserver").mkdir()
    (tmp_path / "tileserver" / "__init__.py").touch()
    (tmp_path / "tileserver" / "__main__.py").write_text("raise SystemExit('no such luck')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(client, "_package_root", lambda: "")
    with pytest.raises(ServerError, match="no such luck"):
        Session.current()


def test_a_store_in_memory_cannot_be_shared(home: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JEOVIEW_STORE", "memory:")
    with pytest.raises(ServerError, match="memory:"):
        Session.current()


def test_on_a_hub_the_address_is_below_its_prefix(home: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/")
    session = Session.current()
    assert session.url("tiles/") == f"/user/ann/proxy/{session.port}/tiles/?tile_token={session.token}"
    assert session.url("tiles/x?map=1") == f"/user/ann/proxy/{session.port}/tiles/x?map=1&tile_token={session.token}"
    assert session.local_url("tiles/").startswith("http://127.0.0.1:")
