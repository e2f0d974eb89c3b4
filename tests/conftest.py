"""What all tests share: real data, a home of their own, a Redis of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]

# A busy machine is no failure: time is watched by pytest-timeout alone.
hypothesis.settings.register_profile("jeoview", deadline=None, print_blob=True)
hypothesis.settings.load_profile("jeoview")


def pytest_configure(config: pytest.Config) -> None:
    """Switch Jupyter's child processes and ours to quiet, offline defaults."""
    os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")


@pytest.fixture(scope="session", autouse=True)
def _private_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep every test away from the cache and the settings of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("JEOVIEW_") and name != "JEOVIEW_TEST_DATA"]:
            patch.delenv(name)
        patch.setenv("JEOVIEW_HOME", str(tmp_path_factory.mktemp("jeoview-home")))
        yield


@pytest.fixture
def jeoview_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``JEOVIEW_HOME`` of this test alone."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("JEOVIEW_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data: ``JEOVIEW_TEST_DATA``, else ``../shared/data`` beside the checkout."""
    folder = Path(os.environ.get("JEOVIEW_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real data: set JEOVIEW_TEST_DATA to the folder that holds openeo-s2-bolzano and the others")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Debian's Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    return program


@dataclass(frozen=True)
class RedisServer:
    """A redis-server that a test started; ``process`` is ended by its id."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Address of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait(timeout=10)


@pytest.fixture(scope="session")
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RedisServer]]:
    """``start_redis(*options, port=free)`` starts a redis-server on 127.0.0.1; all are ended with the session."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt install redis-server)")
    started: list[RedisServer] = []

    def start(*options: str, port: int | None = None) -> RedisServer:
        server = _start_redis([program, *options], port or free_port(), tmp_path_factory.mktemp("redis"))
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def redis_url(start_redis: Callable[..., RedisServer]) -> str:
    """Address of one redis-server for the whole session."""
    return start_redis().url


def _start_redis(command: list[str], port: int, folder: Path) -> RedisServer:
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=subprocess.STDOUT)
    for _ in range(200):
        if _answers(port):
            return RedisServer(port, process)
        time.sleep(0.05)
    process.kill()
    process.wait(timeout=10)
    raise RuntimeError(f"redis-server did not start: {(folder / 'log').read_text()}")


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            # "-NOAUTH" answers too
            return connection.recv(16)[:1] in (b"+", b"-")
    except OSError:
        return False


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def chrome() -> Iterator[Any]:
    """A running Chromium; without one, or without Playwright, the browser tests are left out."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    from tests.browser.lab import CHROMIUM_OPTIONS, chromium

    program = chromium()
    if program is None:
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()
