"""The tile server as a notebook sees it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from jeoview import errors
from jeoview.errors import JeoviewError, ServerError
from jeoview.graph import Node
from jeoview.session.address import Address, locked, read_address, state_file
from jeoview.session.jupyter import proxy_path
from jeoview.settings import Settings, settings
from jeoview.store import open_store

_START_SECONDS = 30.0
_REQUEST_SECONDS = 60.0
_END_SECONDS = 10.0
_ERRORS = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, JeoviewError)
}

View = tuple[int, int, int, int, int]


class Session:
    """A running tile server and the store that it shares with this process.

    Get one from `Session.current`; it is one per process and settings.

    Parameters
    ----------
    address : Address
        Where the server listens.
    settings : Settings
        Of this process and of the server.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        self.address = address
        self.settings = settings
        self._store = open_store(settings.store)
        self._proxy: str | bool | None = False

    @classmethod
    def current(cls) -> Session:
        """The tile server of this user, store, catalogue and code: the running one, or one that is started now.

        Raises
        ------
        ServerError
            If it does not start.
        """
        wanted = settings()
        with _LOCK:
            found = _SESSIONS.get(wanted)
            if found is None or not found.alive():
                found = _SESSIONS[wanted] = _join(wanted)
            return found

    @property
    def port(self) -> int:
        """Port on 127.0.0.1."""
        return self.address.port

    @property
    def token(self) -> str:
        """First segment of every path."""
        return self.address.token

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self.address.pid

    def alive(self) -> bool:
        """Whether the server answers."""
        with contextlib.suppress(ServerError):
            return bool(self.get("readyz", accept=(200, 503)))
        return False

    def publish(self, node: Node) -> str:
        """Put a chain where the server finds it, and return its key.

        Raises
        ------
        StoreError
            If the store cannot be written.
        """
        from jeoview import chain  # the server imports this package and must not wait for all operators

        self._store.put(f"chain:{node.key}", chain.encode(node).encode())
        return node.key

    def url(self, path: str = "") -> str:
        """An address of the server as the browser must use it.

        In Jupyter it is a path of the Jupyter server, whose address and login it shares; the token is in the query there,
        under a name whose value Jupyter keeps out of its log. Elsewhere it is ``http://127.0.0.1:port/token/``.
        """
        if self._proxy is False:
            self._proxy = proxy_path(self.port)
        if not self._proxy:
            return self.local_url(path)
        joint = "&" if "?" in path else "?"
        return f"{self._proxy}{self.address.base_url}{path}{joint}tile_token={self.token}"

    def local_url(self, path: str = "") -> str:
        """The same for requests from this machine."""
        return f"{self.address.root}{path}"

    def tile_path(
        self,
        key: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        view: View | None = None,
        format: str = "png",  # noqa: A002 - the word of the tile's address
        map_id: str = "",
    ) -> str:
        """Path with ``{z}/{x}/{y}`` in it, to be given to `url` or `local_url`.

        Parameters
        ----------
        key : str
            Of a published chain.
        parameters : mapping, optional
            Positions of the sliders.
        view : (zoom, west, north, east, south), optional
            First and last tile in view, for chains with a full-extent operator on the view.
        format : str
            ``png``, ``webp``, ``npy`` or ``tif``.
        map_id : str
            Names the map that asks, for `drop`.
        """
        fields = _slider_fields(parameters)
        if view is not None:
            fields.append(_view_field(view))
        if map_id:
            fields.append(f"map={quote(map_id, safe='')}")
        return f"tiles/{key}/{{z}}/{{x}}/{{y}}.{format}" + ("?" + "&".join(fields) if fields else "")

    def errors(self, key: str) -> list[dict[str, Any]]:
        """The last errors of a chain's tiles, the oldest first: ``time``, ``tile``, ``code``, ``message``."""
        found: list[dict[str, Any]] = self.get(f"chains/{key}/errors")["errors"]
        return found

    def point(
        self,
        key: str,
        lon: float,
        lat: float,
        zoom: int,
        *,
        parameters: Mapping[str, Any] | None = None,
        view: View | None = None,
    ) -> dict[str, Any]:
        """The values under a place, see `jeoview.engine.Engine.point`; ``view`` as in `tile_path`."""
        fields = [f"lon={lon!r}", f"lat={lat!r}", f"zoom={zoom}", *_slider_fields(parameters)]
        if view is not None:
            fields.append(_view_field(view))
        found: dict[str, Any] = self.get(f"chains/{key}/point?{'&'.join(fields)}")
        return found

    def legend(self, key: str, *, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the colours of a chain mean."""
        found: dict[str, Any] = self.get(f"chains/{key}/legend.json?{'&'.join(_slider_fields(parameters))}")
        return found

    def drop(
        self, key: str, *, map_id: str = "", parameters: Mapping[str, Any] | None = None, keep: View | None = None
    ) -> int:
        """Tell the server that a map does not need its tiles of a chain any more.

        Jupyter's proxy does not pass on that a browser went away, so a map says it itself.

        Parameters
        ----------
        key : str
            Chain.
        map_id : str
            As in `tile_path`.
        parameters : mapping, optional
            Only tiles of this position of the sliders.
        keep : (zoom, west, north, east, south), optional
            Tiles of this area are still wanted.

        Returns
        -------
        int
            How many requests that no worker had begun were dropped.
        """
        fields = [f"map={quote(map_id, safe='')}", *_slider_fields(parameters)]
        if keep is not None:
            fields.append(f"keep={'/'.join(map(str, keep))}")
        return int(self.get(f"tiles/{key}?{'&'.join(fields)}", method="DELETE")["dropped"])

    def get(self, path: str, *, method: str = "GET", accept: tuple[int, ...] = (200,)) -> Any:
        """The JSON under a path of the server.

        Raises
        ------
        JeoviewError
            The error that the server answered.
        ServerError
            If it cannot be reached.
        """
        request = urllib.request.Request(self.local_url(path), method=method)
        try:
            with _OPENER.open(request, timeout=_REQUEST_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as answer:
            with answer:
                return _read_error(answer, accept)
        except (OSError, ValueError) as error:
            raise ServerError("the tile server does not answer") from error

    def close(self) -> None:
        """Use the server no more; it is ended, by its process id, if no other kernel uses it."""
        with _LOCK:
            _SESSIONS.pop(self.settings, None)
        with contextlib.suppress(JeoviewError):
            if self.get(f"owners/{os.getpid()}", method="DELETE")["owners"]:
                return
        self._end()

    def _end(self) -> None:
        try:
            server = psutil.Process(self.pid)
            if "tileserver" not in " ".join(server.cmdline()):
                return
            server.terminate()
            server.wait(_END_SECONDS)
        except psutil.Error:
            return
        _reap()


_SESSIONS: dict[Settings, Session] = {}
_LOCK = threading.RLock()
# The servers that this process started: a child that ended stays a zombie until it is asked for.
_STARTED: list[subprocess.Popen[bytes]] = []
# Requests to this machine never go through a proxy of the environment.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _read_error(answer: urllib.error.HTTPError, accept: tuple[int, ...]) -> Any:
    """The body of an accepted status; any other one is raised as the error that it holds."""
    try:
        document = json.load(answer)
        if answer.code in accept:
            return document
        code, message = document["code"], document["message"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ServerError(f"the tile server answered {answer.code}") from None
    raise _ERRORS.get(code, ServerError)(message)


def _slider_fields(parameters: Mapping[str, Any] | None) -> list[str]:
    return [
        f"p.{quote(name, safe='')}={quote(json.dumps(value), safe='')}" for name, value in (parameters or {}).items()
    ]


def _view_field(view: View) -> str:
    return f"view={'/'.join(map(str, view))}"


def _reap() -> None:
    _STARTED[:] = [process for process in _STARTED if process.poll() is None]


def _join(wanted: Settings) -> Session:
    """The running server of these settings; else a new one where the former one listened."""
    _reap()
    path = state_file(wanted)
    with locked(path):
        former = read_address(path)
        if former is not None and former.pid:
            session = Session(former, wanted)
            with contextlib.suppress(JeoviewError):
                session.get(f"owners/{os.getpid()}", method="PUT")
                return session
        return _start(wanted, path, former)


def _start(wanted: Settings, path: Path, former: Address | None) -> Session:
    if wanted.store == "memory:":
        raise ServerError("the store memory: lives in this process alone; a map needs sqlite:/// or redis://")
    token = former.token if former else secrets.token_urlsafe(32)
    log = path.with_suffix(".log")
    path.unlink(missing_ok=True)
    for port in (former.port, 0) if former else (0,):
        process = _spawn(path, log, port, token)
        address = _wait(process, path)
        if address is not None:
            _STARTED.append(process)
            return Session(address, wanted)
    raise ServerError(f"the tile server did not start; {_tail(log)}")


def _spawn(path: Path, log: Path, port: int, token: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "tileserver", "--port", str(port), "--state", str(path)]
    environment = {**os.environ, "JEOVIEW_TOKEN": token}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [_package_root(), environment.get("PYTHONPATH", "")]))
    with open(log, "wb", opener=_private) as output:
        return subprocess.Popen(
            [*command, "--owner", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            # An interrupt of a busy cell goes to the group of the kernel; the map shall stay alive.
            start_new_session=True,
        )


def _package_root() -> str:
    """The folder of a checkout that is not installed, else nothing."""
    root = Path(__file__).resolve().parents[2]
    return "" if "site-packages" in root.parts else str(root)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _wait(process: subprocess.Popen[bytes], path: Path) -> Address | None:
    """The address that a starting server tells; None where it ends first."""
    give_up = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        address = read_address(path)
        if address is not None and address.pid == process.pid:
            return address
        time.sleep(0.01)
    process.kill()
    process.wait()
    return None


def _tail(log: Path) -> str:
    """The last line of the log, without its path."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"its log ends with: {lines[-1][:300]}" if lines else "it wrote no log"
