"""One worker process as the server sees it: started, talked to, ended by its id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tileserver.frames import FrameError, Frames, Header

# One request at a time on each core: libraries that start threads of their own would only be in the way.
_SINGLE_THREADED = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "GDAL_NUM_THREADS",
)


class Listener(Protocol):
    """Who is told what a worker says."""

    def on_message(self, worker: WorkerProcess, header: Header, body: bytes) -> None:
        """A complete message came."""
        ...

    def on_lost(self, worker: WorkerProcess) -> None:
        """The process or its connection is gone."""
        ...


class WorkerProcess(asyncio.Protocol):
    """A spawned worker and its connection.

    Parameters
    ----------
    engine : str
        ``module:attribute`` that makes its engine.
    """

    def __init__(self, engine: str) -> None:
        self._socket, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "tileserver.worker", str(theirs.fileno()), engine]
        with theirs:
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=_environment()
            )
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._listener: Listener | None = None

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def connect(self, listener: Listener) -> None:
        """Begin to listen."""
        self._listener = listener
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self, sock=self._socket)

    def send(self, message: bytes) -> None:
        """Hand over a message; if the worker is gone, the listener is told by `on_lost`."""
        if self._transport is not None:
            self._transport.write(message)

    def kill(self, *, dump: bool = False) -> None:
        """End the process at once.

        Parameters
        ----------
        dump : bool
            Have it write to the log where it stands, first.
        """
        with contextlib.suppress(ProcessLookupError):
            if dump and hasattr(signal, "SIGUSR1"):
                self._process.send_signal(signal.SIGUSR1)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=0.05)
            self._process.kill()
        if self._transport is not None:
            self._transport.abort()

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.to_thread(self._process.wait)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the worker."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Cut what came into messages."""
        assert self._listener is not None
        try:
            for header, body in self._frames.feed(data):
                self._listener.on_message(self, header, body)
        except FrameError:
            self.kill()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The worker ended, or was ended."""
        assert self._listener is not None
        self._listener.on_lost(self)


def _environment() -> dict[str, str]:
    environment = {**dict.fromkeys(_SINGLE_THREADED, "1"), **os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package_root(), environment.get("PYTHONPATH", "")]))
    return environment


def package_root() -> str:
    """The folder of a checkout that is not installed, else nothing."""
    root = Path(__file__).resolve().parents[1]
    return "" if "site-packages" in root.parts else str(root)


Spawn = Callable[[], WorkerProcess]
