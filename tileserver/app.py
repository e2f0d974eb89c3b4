"""The server: its parts put together, its routes, its start and its end."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import socket
from collections.abc import Callable

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from jeoview.errors import ServerError
from jeoview.session.address import Address, code_version, forget_address, write_address
from jeoview.settings import Settings
from jeoview.store import open_store
from tileserver import handlers
from tileserver.base import MAX_TEXT, Services
from tileserver.cache import SharedTiles, TileMemory
from tileserver.chains import Chains, Errors
from tileserver.metrics import Metrics
from tileserver.owners import Owners
from tileserver.pool import Pool
from tileserver.process import WorkerProcess
from tileserver.settings import ServerSettings
from tileserver.tiles import Tiles

log = logging.getLogger("tileserver")

_OWNERS_SECONDS = 1.0
_MAX_REQUEST = MAX_TEXT + (1 << 20)
_KEY = "(?P<key>[^/]+)"

ROUTES = [
    (rf"tiles/{_KEY}/(?P<z>[^/]+)/(?P<x>[^/]+)/(?P<y>[^/.]+)\.(?P<extension>[^/]+)", handlers.Tile),
    (rf"tiles/{_KEY}", handlers.ChainTiles),
    ("chains", handlers.NewChain),
    (rf"chains/{_KEY}", handlers.Chain),
    (rf"chains/{_KEY}/tilejson\.json", handlers.TileJson),
    (rf"chains/{_KEY}/WMTSCapabilities\.xml", handlers.Wmts),
    (rf"chains/{_KEY}/point", handlers.Point),
    (rf"chains/{_KEY}/legend\.(?P<extension>json|png)", handlers.Legend),
    (rf"chains/{_KEY}/errors", handlers.ChainErrors),
    ("operators", handlers.Operators),
    ("healthz", handlers.Health),
    ("readyz", handlers.Ready),
    ("metrics", handlers.MetricsText),
    ("owners/(?P<pid>[0-9]{1,9})", handlers.Owner),
]


def application(services: Services) -> Application:
    """All routes, with or without the base URL and the token in front; a proxy may cut the base URL off."""
    base = re.escape(services.settings.base_url.rstrip("/"))
    front = rf"(?:{base})?(?:/(?P<token>[A-Za-z0-9_-]{{22,128}}))?/"
    made = {"services": services}
    rules = [(front + path, handler, made) for path, handler in ROUTES]
    rules.append((rf"(?:{base})?/(?:(?P<token>[A-Za-z0-9_-]{{22,128}})(?:/.*)?|.*)", handlers.Nothing, made))
    return Application(rules, log_function=_no_log)


def _no_log(_: object) -> None:
    """Addresses hold the token; what goes wrong is logged where it does."""


async def run(
    settings: ServerSettings, jeoview: Settings, first: WorkerProcess, spawn: Callable[[], WorkerProcess]
) -> None:
    """Serve until told to end.

    Parameters
    ----------
    settings : ServerSettings
        Of this server.
    jeoview : Settings
        Where the store is, how large the memories are.
    first : WorkerProcess
        Already started.
    spawn : callable
        Starts another one.

    Raises
    ------
    ServerError
        If the port is taken.
    """
    pool = Pool(first, settings.workers, spawn, settings.deadline, settings.max_queue)
    services = assemble(settings, jeoview, pool)
    server = HTTPServer(application(services), max_body_size=_MAX_REQUEST, max_buffer_size=_MAX_REQUEST)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        await pool.start()
        sockets = listen(settings)
        server.add_sockets(sockets)
        announce(settings, sockets[0].getsockname()[1])
        await until_unused(services.owners, ended)
    finally:
        if settings.state is not None:
            forget_address(settings.state)
        server.stop()
        await pool.stop()


def assemble(settings: ServerSettings, jeoview: Settings, pool: Pool) -> Services:
    """Put the parts together."""
    version = code_version()
    metrics = Metrics()
    shared = SharedTiles(open_store(jeoview.store)) if jeoview.store.startswith(("redis:", "rediss:")) else None
    return Services(
        settings=settings,
        version=version,
        pool=pool,
        chains=Chains(pool),
        tiles=Tiles(pool, TileMemory(jeoview.tile_cache_bytes), shared, metrics, version),
        errors=Errors(),
        metrics=metrics,
        owners=Owners(settings.owners, settings.linger),
    )


def listen(settings: ServerSettings) -> list[socket.socket]:
    """Sockets on the address and port.

    Raises
    ------
    ServerError
        If another process has the port, or the address is none of this machine.
    """
    try:
        return bind_sockets(settings.port, settings.address)
    except OSError as error:
        raise ServerError(f"cannot listen on {settings.address}, port {settings.port}: {error.strerror}") from error


def announce(settings: ServerSettings, port: int) -> None:
    """Tell the address: in the state file for a notebook, else on the terminal for a person."""
    host = f"[{settings.address}]" if ":" in settings.address else settings.address
    if settings.state is not None:
        write_address(settings.state, Address(port, settings.token, settings.base_url))
        log.info("listening on http://%s:%d", host, port)
    else:
        log.info("listening on http://%s:%d%s%s/", host, port, settings.base_url, settings.token)


async def until_unused(owners: Owners, ended: asyncio.Event) -> None:
    """Wait for a signal, or until no process uses the server any more."""
    while not ended.is_set() and not owners.all_gone():
        try:
            await asyncio.wait_for(ended.wait(), _OWNERS_SECONDS)
        except TimeoutError:
            continue
