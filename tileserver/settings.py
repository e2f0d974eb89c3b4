"""What the server is started with."""

from __future__ import annotations

import argparse
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jeoview.errors import ParameterError

TOKEN_VARIABLE = "JEOVIEW_TOKEN"
ENGINE = "jeoview.engine:Engine.default"
_LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class ServerSettings:
    """Settings of one server process.

    Parameters
    ----------
    address, port : str, int
        Where to listen; port 0 is any free one.
    token : str
        First segment of every path, or the bearer; without it a request is refused.
    base_url : str
        Prefix of all paths, beginning and ending with ``/``.
    workers : int
        Worker processes.
    deadline : float
        Seconds that a tile may wait, and again that a worker may work on it.
    max_queue : int
        Requests that may wait; one more is answered 503.
    state : Path, optional
        File in which the server tells its address once it listens; removed at the end.
    owners : tuple of int
        Processes that use the server; it ends when none of them lives any more. None given: it stays.
    linger : float
        Seconds that it stays after the last of them.
    engine : str
        ``module:attribute`` of what makes a worker's engine; tests replace it.
    """

    address: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    base_url: str = "/"
    workers: int = 1
    deadline: float = 30.0
    max_queue: int = 2000
    state: Path | None = None
    owners: tuple[int, ...] = ()
    linger: float = 5.0
    engine: str = ENGINE


def parse(arguments: Sequence[str]) -> ServerSettings:
    """Read the command line; the token comes from ``JEOVIEW_TOKEN``, as a command line is seen by everybody.

    Raises
    ------
    ParameterError
        If a value makes no sense, or another address than this machine's own is asked for without ``--public``.
    """
    given = _parser().parse_args(arguments)
    token = os.environ.pop(TOKEN_VARIABLE, "") or secrets.token_urlsafe(32)
    if not re.fullmatch(r"[A-Za-z0-9_-]{22,128}", token):
        raise ParameterError(f"{TOKEN_VARIABLE}: expected 22 to 128 letters, digits, '-' and '_'")
    if given.address not in _LOCAL and not given.public:
        raise ParameterError(f"--address {given.address}: other machines could reach it; add --public if that is meant")
    if given.workers < 1 or given.deadline <= 0 or given.queue < 1 or not 0 <= given.port < 1 << 16:
        raise ParameterError("--workers, --deadline and --queue are positive, --port is from 0 to 65535")
    return ServerSettings(
        address=given.address,
        port=given.port,
        token=token,
        base_url=check_base_url(given.base_url),
        workers=given.workers,
        deadline=given.deadline,
        max_queue=given.queue,
        state=given.state,
        owners=tuple(given.owner),
        linger=given.linger,
        engine=given.engine,
    )


def check_base_url(text: str) -> str:
    """Return a prefix with a slash at both ends.

    Raises
    ------
    ParameterError
        If it is not made of plain path segments.
    """
    url = f"/{text.strip('/')}/" if text.strip("/") else "/"
    if not re.fullmatch(r"/(?:[\w.~@%+-]+/)*", url, re.ASCII) or "/../" in url or "/./" in url:
        raise ParameterError(f"--base-url {text!r}: expected a path such as /user/name/")
    return url


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tileserver", description="Serve map tiles of jeoview's chains.")
    parser.add_argument("--port", type=int, default=0, help="port; 0 (default) is any free one")
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--public", action="store_true", help="allow an address that other machines can reach")
    parser.add_argument("--base-url", default="/", help="prefix of all paths, such as /user/name/")
    parser.add_argument("--workers", type=int, default=_cores(), help="worker processes (default: one a core)")
    parser.add_argument("--deadline", type=float, default=30.0, help="seconds that a tile may take (default 30)")
    parser.add_argument("--queue", type=int, default=2000, help="requests that may wait (default 2000)")
    parser.add_argument("--state", type=Path, help="file in which to tell port, token and process id")
    parser.add_argument("--owner", type=int, action="append", default=[], help="end when these processes are gone")
    parser.add_argument("--linger", type=float, default=5.0, help="seconds to stay after the last owner")
    parser.add_argument("--engine", default=ENGINE, help=argparse.SUPPRESS)
    return parser


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
