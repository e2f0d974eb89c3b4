"""Through a real Jupyter server's own address and login, under a base URL, with no setting by the user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port
from tests.service.support import ROOT, TOKEN, Scene, Server, X, Y, Z, make_scene

LOGIN = "login-0123456789"
BASE = "/user/name/"


@dataclass(frozen=True)
class Jupyter:
    """A running ``jupyter server``."""

    port: int
    runtime: Path

    def fetch(self, path: str, *, login: str | None = LOGIN, method: str = "GET", body: Any = None) -> Any:
        """Status, headers, body of a request to a path from its root; redirects are not followed."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method)
        if login:
            request.add_header("Authorization", f"token {login}")
        try:
            with _OPENER.open(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Show the redirect itself."""


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A scene whose home is that of the kernels."""
    return make_scene(tmp_path_factory.mktemp("jupyter") / "home")


@pytest.fixture(scope="module")
def jupyter(own: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A Jupyter server with jupyter-server-proxy, under a base URL, with a login."""
    folder = tmp_path_factory.mktemp("runtime")
    port = free_port()
    environment = os.environ | {
        "JEOVIEW_HOME": str(own.settings.home),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_RUNTIME_DIR": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    environment.pop("JUPYTERHUB_SERVICE_PREFIX", None)
    command = [sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", f"--ServerApp.port={port}"]
    command += [f"--ServerApp.base_url={BASE}", f"--IdentityProvider.token={LOGIN}", f"--ServerApp.root_dir={folder}"]
    command += ["--ServerApp.port_retries=0"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    started = Jupyter(port, folder)
    for _ in range(600):
        try:
            if started.fetch(f"{BASE}api/status")[0] == 200:
                break
        except OSError:
            time.sleep(0.1)
    else:
        process.kill()
        process.wait()
        raise RuntimeError((folder / "log").read_text())
    yield started
    process.terminate()
    process.wait(timeout=30)


def _run_in_kernel(jupyter: Jupyter, code: str) -> str:
    """What code prints in a kernel that the Jupyter server starts and then ends."""
    from jupyter_client.blocking.client import BlockingKernelClient

    status, _, answer = jupyter.fetch(f"{BASE}api/kernels", method="POST", body={"name": "python3"})
    assert status == 201, answer
    kernel = json.loads(answer)["id"]
    client = BlockingKernelClient(connection_file=str(jupyter.runtime / f"kernel-{kernel}.json"))
    try:
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        printed: list[str] = []
        client.execute_interactive(code, timeout=60, output_hook=lambda message: printed.append(_text(message)))
        return "".join(printed)
    finally:
        client.stop_channels()
        jupyter.fetch(f"{BASE}api/kernels/{kernel}", method="DELETE")


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return str(content["text"]) if message["msg_type"] == "stream" else "\n".join(content.get("traceback", []))


def test_a_kernel_finds_the_address_that_its_browser_must_use(own: Scene, jupyter: Jupyter) -> None:
    key = own.engine.save(own.ndvi())
    code = f"""
from jeoview.session import Session
session = Session.current()
print(session.url(session.tile_path({key!r})), session.token, session.port)
import urllib.request
with urllib.request.urlopen(session.local_url(session.tile_path({key!r})).format(z={Z}, x={X}, y={Y})) as answer:
    print(len(answer.read()))
"""
    printed = _run_in_kernel(jupyter, code)
    url, token, port, length = printed.split()
    assert url == f"{BASE}proxy/{port}/tiles/{key}/{{z}}/{{x}}/{{y}}.png?tile_token={token}", printed
    assert int(length) > 1000


def _path(server: Server, rest: str) -> str:
    return f"{BASE}proxy/{server.port}/{TOKEN}/{rest}"


def test_a_tile_comes_through_the_proxy_with_the_login(scene: Scene, server: Server, jupyter: Jupyter) -> None:
    key = scene.engine.save(scene.ndvi())
    status, headers, body = jupyter.fetch(_path(server, f"tiles/{key}/{Z}/{X}/{Y}.png"))
    direct = server.tile(key)
    assert (status, body) == (200, direct.body)
    assert headers["Etag"] == direct.headers["etag"]
    assert headers["Cache-Control"] == direct.headers["cache-control"]
    assert "Server-Timing" in headers


def test_without_the_login_or_the_token_nothing_comes_through(scene: Scene, server: Server, jupyter: Jupyter) -> None:
    key = scene.engine.save(scene.ndvi())
    path = _path(server, f"tiles/{key}/{Z}/{X}/{Y}.png")
    for login in (None, "wrong"):
        status, headers, body = jupyter.fetch(path, login=login)
        assert status in (302, 403)
        assert b"PNG" not in body
        if status == 302:
            assert headers["Location"].startswith(f"{BASE}login")
    assert jupyter.fetch(path.replace(TOKEN, "x" * 33))[0] == 403


def test_jupyter_does_not_write_the_token_into_its_log(scene: Scene, server: Server, jupyter: Jupyter) -> None:
    key = scene.engine.save(scene.ndvi())
    front = f"{BASE}proxy/{server.port}/tiles"
    assert jupyter.fetch(f"{front}/{key}/{Z}/{X}/{Y}.png?tile_token={TOKEN}")[0] == 200
    assert jupyter.fetch(f"{front}/{key}/{Z}/{X}/{Y}.png?tile_token={'x' * 33}")[0] == 403
    assert jupyter.fetch(f"{front}/{'1' * 64}/{Z}/{X}/{Y}.png?tile_token={TOKEN}")[0] == 404
    line = f"404 GET {front}/{'1' * 64}/{Z}/{X}/{Y}.png?tile_token=[secret]"
    # Jupyter answers first, and writes its log afterwards.
    deadline = time.monotonic() + 20
    while line not in (log := (jupyter.runtime / "log").read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert line in log
    assert TOKEN not in "".join(line for line in log.splitlines() if f"{front}/{'1' * 64}" in line)


def test_the_error_of_a_tile_comes_through_the_proxy(server: Server, jupyter: Jupyter) -> None:
    status, headers, body = jupyter.fetch(_path(server, f"tiles/{'0' * 64}/{Z}/{X}/{Y}.png?errors=image"))
    assert status == 404
    assert headers["Content-Type"] == "image/png"
    assert body.startswith(b"\x89PNG")
    assert json.loads(headers["X-Jeoview-Error"])["code"] == "KeyNotFound"


def test_tilejson_names_the_address_of_the_proxy(scene: Scene, server: Server, jupyter: Jupyter) -> None:
    key = scene.engine.save(scene.ndvi())
    _, _, body = jupyter.fetch(_path(server, f"chains/{key}/tilejson.json"))
    (template,) = json.loads(body)["tiles"]
    assert template == f"http://127.0.0.1:{jupyter.port}{_path(server, f'tiles/{key}/')}{{z}}/{{x}}/{{y}}.png"
    path = template.format(z=Z, x=X, y=Y).removeprefix(f"http://127.0.0.1:{jupyter.port}")
    assert jupyter.fetch(path)[2] == server.tile(key).body
