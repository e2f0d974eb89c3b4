"""From the address of a tile to its bytes: name, memory, one flight however many ask, and its end when nobody does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from jeoview.errors import ParameterError
from tileserver.address import Corners, Query, Scalar, TileAddress, digest_of
from tileserver.cache import SharedTiles, Tile, TileMemory
from tileserver.chains import ChainInfo, Recent
from tileserver.failures import Failure, failure_of
from tileserver.metrics import Metrics
from tileserver.pool import Job, Pool

_METATILE_BITS = 2
_MAX_GROUPS = 1024
_MAX_SLOW = 1024
_SLOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TileRequest:
    """A tile, all that its bytes depend on, and the name of those bytes."""

    address: TileAddress
    chain: ChainInfo
    values: dict[str, Scalar]
    view: Corners | None
    digest: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A tile and how long each step took, in milliseconds."""

    tile: Tile
    times: dict[str, float]


Waiter = asyncio.Future[Rendered]


@dataclass(eq=False)
class Flight:
    """A tile on its way, and who waits for it."""

    request: TileRequest
    waiters: dict[Waiter, str] = field(default_factory=dict)
    job: Job | None = None
    task: asyncio.Task[None] | None = None


class Tiles:
    """Renders tiles through the pool.

    Parameters
    ----------
    pool : Pool
        Workers.
    memory : TileMemory
        Tiles of this server.
    shared : SharedTiles, optional
        Tiles of all servers of a cluster.
    metrics : Metrics
        Counts.
    version : str
        Of the code: other code, other names.
    """

    def __init__(
        self, pool: Pool, memory: TileMemory, shared: SharedTiles | None, metrics: Metrics, version: str
    ) -> None:
        self._pool = pool
        self.memory = memory
        self._shared = shared
        self._metrics = metrics
        self._version = version
        self._flights: dict[str, Flight] = {}
        self._fitted: Recent[bool] = Recent(_MAX_GROUPS)
        self._slow: Recent[tuple[float, Failure]] = Recent(_MAX_SLOW)

    def request(self, address: TileAddress, query: Query, chain: ChainInfo) -> TileRequest:
        """Bind the sliders and name the bytes; a view is left out where the pixels do not depend on it.

        Raises
        ------
        ParameterError
            If a slider does not fit, or the view does not hold the tile.
        """
        values = chain.bind(query.values)
        view = query.view
        if view is not None:
            z, west, north, east, south = view
            if z != address.z or not (west <= address.x <= east and north <= address.y <= south):
                raise ParameterError(
                    "the view does not hold the tile: it must be a block of tiles of the same zoom around it"
                )
        view = view if chain.view else None
        return TileRequest(address, chain, values, view, digest_of(self._version, address, values, view))

    def recall(self, request: TileRequest) -> Tile | None:
        """The tile, if it is in memory."""
        tile = self.memory.get(request.digest)
        (self._metrics.hit if tile else self._metrics.miss).inc()
        return tile

    def join(self, request: TileRequest, owner: str) -> Waiter:
        """Wait for a tile, together with all others who want it; `leave` when it is not wanted any more.

        Raises
        ------
        Failure
            If the queue is full, or the tile took too long a moment ago.
        """
        flight = self._flights.get(request.digest) or self._start(request)
        waiter: Waiter = asyncio.get_running_loop().create_future()
        flight.waiters[waiter] = owner
        return waiter

    def leave(self, request: TileRequest, waiter: Waiter) -> None:
        """Wait no more; a tile that nobody waits for and no worker has begun is dropped."""
        flight = self._flights.get(request.digest)
        if flight is not None and flight.waiters.pop(waiter, None) is not None and not flight.waiters:
            self._abandon(flight)

    def drop(self, key: str, owner: str, values: dict[str, Scalar] | None, keep: Corners | None) -> int:
        """Forget what a map asked for and does not need any more.

        Parameters
        ----------
        key : str
            Chain.
        owner : str
            The map; other maps that wait for the same tiles get them.
        values : dict, optional
            Only tiles of this position of the sliders.
        keep : corners, optional
            Tiles of this area are still wanted.

        Returns
        -------
        int
            Number of answers dropped.
        """
        dropped = 0
        for flight in list(self._flights.values()):
            request = flight.request
            if (
                request.address.key != key
                or (values is not None and values != request.values)
                or _holds(keep, request.address)
            ):
                continue
            for waiter in [waiter for waiter, who in flight.waiters.items() if who == owner]:
                _refuse(waiter, Failure("Dropped", "the map moved on before this tile was begun"))
                self.leave(request, waiter)
                dropped += 1
        return dropped

    def _start(self, request: TileRequest) -> Flight:
        self._refuse_slow(request)
        flight = Flight(request)
        if self._shared is None:
            flight.job = self._submit(request)
            flight.job.result.add_done_callback(lambda done: self._land(flight, done))
        else:
            flight.task = asyncio.get_running_loop().create_task(self._fly_shared(flight, self._shared))
        self._flights[request.digest] = flight
        return flight

    async def _fly_shared(self, flight: Flight, shared: SharedTiles) -> None:
        tile = await shared.get(flight.request.digest)
        self._metrics.shared.labels("hit" if tile else "miss").inc()
        if tile is not None:
            self._arrive(flight, Rendered(tile, {}))
            return
        if not flight.waiters:
            self._forget(flight)
            return
        try:
            flight.job = self._submit(flight.request)
        except Failure as failure:
            self._crash(flight, failure)
            return
        await asyncio.wait([flight.job.result])
        self._land(flight, flight.job.result)
        kept = self.memory.get(flight.request.digest)
        if kept is not None:
            await shared.put(flight.request.digest, kept)

    def _submit(self, request: TileRequest) -> Job:
        address = request.address
        group = group_of(request.chain, request.values, request.view)
        sticky = group is not None and (request.chain.full or self._fitted.get(group) is None)
        near = (request.chain.array, address.z, address.x >> _METATILE_BITS, address.y >> _METATILE_BITS)
        header = {
            "op": "tile",
            "key": address.key,
            "z": address.z,
            "x": address.x,
            "y": address.y,
            "format": address.format,
            "values": request.values,
            "view": request.view,
        }
        return self._pool.submit(Job(header, home=hash(group if sticky else near), sticky=sticky))

    def _land(self, flight: Flight, done: asyncio.Future[tuple[dict[str, object], bytes]]) -> None:
        error = done.exception()
        if error is not None:
            self._crash(flight, failure_of(error))
            return
        header, data = done.result()
        self._metrics.rendered.inc()
        request = flight.request
        group = group_of(request.chain, request.values, request.view)
        if group is not None:
            self._fitted.put(group, True)
        times = {"queue": flight.job.waited * 1e3 if flight.job else 0.0, **header["times"]}  # type: ignore[dict-item]
        self._arrive(flight, Rendered(Tile(data, str(header["type"])), times))

    def _forget(self, flight: Flight) -> None:
        if self._flights.get(flight.request.digest) is flight:
            del self._flights[flight.request.digest]

    def _arrive(self, flight: Flight, rendered: Rendered) -> None:
        self._forget(flight)
        self.memory.put(flight.request.digest, rendered.tile)
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_result(rendered)

    def _crash(self, flight: Flight, failure: Failure) -> None:
        self._forget(flight)
        if failure.code == "Timeout" and flight.job is not None and flight.job.attempts:
            self._slow.put(flight.request.digest, (time.monotonic(), failure))
        for waiter in flight.waiters:
            _refuse(waiter, failure)

    def _abandon(self, flight: Flight) -> None:
        if flight.job is not None and self._pool.cancel(flight.job):
            self._forget(flight)
            self._metrics.dropped.inc()

    def _refuse_slow(self, request: TileRequest) -> None:
        """A tile that ended workers by its slowness does not get to do so again at once."""
        found = self._slow.get(request.digest)
        if found is not None and time.monotonic() - found[0] < _SLOW_SECONDS:
            raise found[1]


def group_of(chain: ChainInfo, values: dict[str, Scalar], view: Corners | None) -> str | None:
    """What tiles share that one worker should compute for all of them, if there is such a thing.

    It is the same for all chains over one whole area, and for all positions of sliders that do not move it.
    """
    if not chain.area:
        return None
    return repr((chain.area, [values[name] for name in chain.steers], view))


def _holds(corners: Corners | None, address: TileAddress) -> bool:
    if corners is None:
        return False
    z, west, north, east, south = corners
    return z == address.z and west <= address.x <= east and north <= address.y <= south


def _refuse(waiter: Waiter, failure: Failure) -> None:
    if not waiter.done():
        waiter.set_exception(failure)
