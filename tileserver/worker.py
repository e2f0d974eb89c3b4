"""A worker process: reads a request, does it, answers, one at a time.

Started by `tileserver.process` with a socket as its only tie; it ends when the server does.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import BinaryIO

import psutil

from tileserver.failures import failure_of
from tileserver.frames import Header, pack, read
from tileserver.warm import warm_up
from tileserver.work import Work, engine_of

_ORPHAN_SECONDS = 1.0


def serve(work: Work, stream: BinaryIO, connection: socket.socket) -> None:
    """Answer requests until the other end closes."""
    while (message := read(stream)) is not None:
        connection.sendall(answer(work, *message))


def answer(work: Work, header: Header, body: bytes) -> bytes:
    """The reply to one request; an error of any kind is a reply too, for the worker goes on."""
    try:
        reply, data = work.do(header, body)
        return pack({"ok": True, **reply}, data)
    except Exception as error:  # noqa: BLE001 - the last line of defence of this process
        return pack({"ok": False, "error": failure_of(error).document()})


def main(arguments: list[str]) -> None:
    """Run as ``python -m tileserver.worker SOCKET ENGINE``."""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s worker {os.getpid()} %(levelname)s %(message)s")
    # The server ends workers; an interrupt from a terminal is for the server alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    _end_with_parent(os.getppid())
    connection = socket.socket(fileno=int(arguments[0]))
    work = Work(engine_of(arguments[1]))
    warm_up()
    gc.collect()
    gc.freeze()
    connection.sendall(pack({"op": "ready", "seconds": time.time() - psutil.Process().create_time()}))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(work, connection.makefile("rb"), connection)


def _end_with_parent(parent: int) -> None:
    """End this process soon after the server is gone, even from the middle of a computation."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_ORPHAN_SECONDS)
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="orphan-watch").start()


if __name__ == "__main__":
    main(sys.argv[1:])
