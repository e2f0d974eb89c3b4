"""HTTP: parse, ask, answer. No pixel is computed here."""

from __future__ import annotations

import asyncio
import json
import math
import time
from urllib.parse import quote

from jeoview.errors import ParameterError
from tileserver import picture
from tileserver.address import Query, TileAddress, check_key, parse_tile, parse_view
from tileserver.base import Base
from tileserver.failures import Failure
from tileserver.pool import Job
from tileserver.tiles import Rendered, TileRequest, Waiter, group_of
from tileserver.wmts import capabilities

FOR_EVER = "private, max-age=31536000, immutable"


class Tile(Base):
    """``/tiles/{key}/{z}/{x}/{y}.{format}``."""

    address: TileAddress | None = None
    wanted: TileRequest | None = None
    waiter: Waiter | None = None

    async def get(self, key: str, z: str, x: str, y: str, extension: str) -> None:
        """A tile; its name is compared before any work."""
        self.address = parse_tile(key, z, x, y, extension)
        query = self.query()
        services = self.services
        self.wanted = services.tiles.request(self.address, query, await services.chains.get(self.address.key))
        self.etag = f'"{self.wanted.digest}"'
        if self._client_has_it():
            self.set_header("Cache-Control", FOR_EVER)
            self.set_header("Etag", self.etag)
            self.set_status(304)
            self.finish()
            return
        tile = services.tiles.recall(self.wanted)
        rendered = Rendered(tile, {}) if tile else await self._render(query)
        if rendered is not None:
            self._send(rendered)

    head = get

    async def _render(self, query: Query) -> Rendered | None:
        assert self.wanted is not None
        self.waiter = self.services.tiles.join(self.wanted, query.owner)
        try:
            return await self.waiter
        except asyncio.CancelledError:
            # The client went away.
            return None
        except Failure as failure:
            if failure.code != "Dropped" or not self.wants_picture():
                raise
            self._have_it_asked_again()
            return None

    def _have_it_asked_again(self) -> None:
        """Send a browser's image to its own address once more, behind what the map wants now.

        One that is still part of the page may come back into view, and Leaflet would keep the picture of an error; one
        that was taken away follows no redirection.
        """
        name, _, query = (self.request.uri or "").partition("?")
        self.set_header("Location", name.rsplit("/", 1)[1] + (f"?{query}" if query else ""))
        self.set_status(307)
        self.finish()

    def _send(self, rendered: Rendered) -> None:
        total = time.perf_counter() - self.started
        times = {**rendered.times, "total": total * 1e3}
        self.set_header("Cache-Control", FOR_EVER)
        self.set_header("Server-Timing", ", ".join(f"{name};dur={value:.2f}" for name, value in times.items()))
        self.services.metrics.seconds.observe(total)
        self.answer(rendered.tile.data, rendered.tile.type)

    def _client_has_it(self) -> bool:
        names = self.request.headers.get("If-None-Match", "")
        return bool(names) and self.etag in [name.strip().removeprefix("W/") for name in names.split(",")]

    def on_connection_close(self) -> None:
        """The client waits no more."""
        if self.wanted is not None and self.waiter is not None:
            self.services.tiles.leave(self.wanted, self.waiter)
            self.waiter.cancel()

    def noted(self, failure: Failure) -> None:
        """Keep the error of a tile for the notebook."""
        if self.address is not None and failure.code != "Dropped":
            self.services.errors.add(self.address, failure)

    def wants_picture(self) -> bool:
        """``errors=`` decides, else whether an image is named before JSON in ``Accept``, as browsers' images do."""
        chosen = self.request.query_arguments.get("errors", [b""])[-1]
        if chosen in (b"image", b"json"):
            return chosen == b"image"
        accept = self.request.headers.get("Accept", "").lower()
        image, text = accept.find("image/"), accept.find("application/json")
        return image >= 0 and not 0 <= text < image

    def is_brief(self) -> bool:
        """On a map many tiles fail of one thing, and few of them say it; a tile that is opened as a page always does."""
        page = "text/html" in self.request.headers.get("Accept", "").lower()
        return self.address is not None and not page and not picture.has_words(self.address.x, self.address.y)


class ChainTiles(Base):
    """``/tiles/{key}``: what a map asked for and does not need any more."""

    async def delete(self, key: str) -> None:
        """Drop the tiles of one map that no worker has begun."""
        query = self.query("keep")
        chain = await self.services.chains.get(key)
        values = chain.bind(query.values) if query.values else None
        keep = parse_view(query.rest["keep"]) if "keep" in query.rest else None
        self.answer({"dropped": self.services.tiles.drop(key, query.owner, values, keep)})


class Chain(Base):
    """``/chains/{key}``."""

    async def get(self, key: str) -> None:
        """The canonical text."""
        self.query()
        await self.services.chains.get(key)
        _, text = await self.services.pool.submit(Job({"op": "text", "key": key})).result
        self.etag = f'"{key}"'
        self.set_header("Cache-Control", FOR_EVER)
        self.answer(text)

    async def put(self, key: str) -> None:
        """Verify a text and keep it under its key."""
        self.query()
        info = await self.services.chains.save(self.request.body, check_key(key))
        self.answer({"key": info.key})


class NewChain(Base):
    """``/chains``."""

    async def post(self) -> None:
        """Verify a text, keep it, and tell its key."""
        self.query()
        info = await self.services.chains.save(self.request.body, None)
        self.set_status(201)
        self.set_header("Location", f"{self.root()}chains/{info.key}")
        self.answer({"key": info.key})


class TileJson(Base):
    """``/chains/{key}/tilejson.json``."""

    async def get(self, key: str) -> None:
        """TileJSON 3.0.0, with the address as the client sees it."""
        query = self.query("format")
        chain = await self.services.chains.get(key)
        chain.bind(query.values)
        west, south, east, north = chain.bbox or (-180.0, -85.0511, 180.0, 85.0511)
        extension = query.rest.get("format", "png")
        tail = "&".join(f"p.{name}={_quoted(value)}" for name, value in query.values.items())
        document = {
            "tilejson": "3.0.0",
            "tiles": [f"{self.root()}tiles/{key}/{{z}}/{{x}}/{{y}}.{extension}{'?' if tail else ''}{tail}"],
            "name": chain.name,
            "attribution": chain.attribution,
            "bounds": [west, south, east, north],
            "center": [(west + east) / 2, (south + north) / 2, 8],
            "minzoom": 0,
            "maxzoom": 24,
            "scheme": "xyz",
        }
        self.answer(document)


class Wmts(Base):
    """``/chains/{key}/WMTSCapabilities.xml``: for desktop programs such as QGIS."""

    async def get(self, key: str) -> None:
        """The chain as the one layer of a WMTS with tiles by address (RESTful)."""
        self.query()
        chain = await self.services.chains.get(key)
        self.answer(capabilities(chain, self.root()), "application/xml")


class Point(Base):
    """``/chains/{key}/point``."""

    async def get(self, key: str) -> None:
        """The values under a place."""
        query = self.query("lon", "lat", "zoom")
        place = {name: _number(query, name) for name in ("lon", "lat")}
        zoom = _number(query, "zoom")
        if zoom != int(zoom) or not 0 <= zoom <= 24:
            raise ParameterError("zoom is a whole number from 0 to 24")
        chain = await self.services.chains.get(key)
        values, view = chain.bind(query.values), query.view if chain.view else None
        header = {"op": "point", "key": key, **place, "zoom": int(zoom), "values": values, "view": view}
        # The worker that has the labels of the view need not find them again.
        home = hash(group_of(chain, values, view) or chain.array)
        _, text = await self.services.pool.submit(Job(header, home=home, sticky=chain.full)).result
        self.answer(text)


class Legend(Base):
    """``/chains/{key}/legend.json`` and ``legend.png``."""

    async def get(self, key: str, extension: str) -> None:
        """What the colours mean."""
        query = self.query()
        chain = await self.services.chains.get(key)
        operation = {"json": "legend", "png": "legend_png"}[extension]
        header = {"op": operation, "key": key, "values": chain.bind(query.values)}
        _, data = await self.services.pool.submit(Job(header)).result
        self.set_header("Cache-Control", "private, max-age=3600")
        self.answer(data, "image/png" if extension == "png" else "application/json")


class ChainErrors(Base):
    """``/chains/{key}/errors``."""

    def get(self, key: str) -> None:
        """The last errors of its tiles, the oldest first."""
        self.query()
        self.answer({"errors": self.services.errors.of(check_key(key))})


class Operators(Base):
    """``/operators``."""

    async def get(self) -> None:
        """Help text and JSON Schema of every operator."""
        self.query()
        _, text = await self.services.pool.submit(Job({"op": "operators"})).result
        self.answer(text)


class Health(Base):
    """``/healthz``: whether the process lives; the one answer that needs no token."""

    open_to_all = True

    def get(self) -> None:
        """Yes."""
        self.answer({"status": "ok"})


class Ready(Base):
    """``/readyz``."""

    def get(self) -> None:
        """Whether a worker would answer."""
        pool = self.services.pool
        self.set_status(200 if pool.ready else 503)
        self.answer({"ready": pool.ready, "workers": pool.size, "version": self.services.version})


class MetricsText(Base):
    """``/metrics``."""

    def get(self) -> None:
        """Counters for Prometheus."""
        pool, tiles = self.services.pool, self.services.tiles
        text = self.services.metrics.text(
            restarts=pool.restarts,
            queued=pool.queued,
            ready=pool.ready,
            tile_bytes=tiles.memory.nbytes,
            pids=[slot.worker.pid for slot in pool.slots],
        )
        self.answer(text, "text/plain; version=0.0.4; charset=utf-8")


class Owner(Base):
    """``/owners/{pid}``: kernels that use the server."""

    def put(self, pid: str) -> None:
        """A kernel begins."""
        self.services.owners.add(int(pid))
        self.answer({"owners": self.services.owners.count()})

    def delete(self, pid: str) -> None:
        """A kernel ends."""
        self.answer({"owners": self.services.owners.remove(int(pid))})


class Nothing(Base):
    """Every other address."""

    def prepare(self) -> None:
        """Refuse, without saying more to whoever does not know the token."""
        super().prepare()
        raise Failure("NotFound", "there is nothing under this address")


def _quoted(value: object) -> str:
    return quote(json.dumps(value), safe="")


def _number(query: Query, name: str) -> float:
    try:
        value = float(query.rest[name])
    except (KeyError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ParameterError(f"{name}= is missing or no number")
    return value
