"""A small scene, a catalogue, chains over it, and a real tile server process to ask."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from jeoview.catalog import Band, Catalog, CollectionInfo, Item
from jeoview.engine import Engine
from jeoview.graph import Node, Parameter, canonical, digest, parameter
from jeoview.image import Image
from jeoview.io.etag import file_etag
from jeoview.make import make
from jeoview.projection import transform_bounds
from jeoview.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "test-token-0123456789-abcdefghijk"
SIZE = 1024
LEFT, TOP = 680_000.0, 5_150_000.0
# A tile in the middle of the scene.
Z, X, Y = 13, 4355, 2900
NAMES = {"B04": "red", "B08": "nir"}


@dataclass(frozen=True)
class Scene:
    """A store and a catalogue with one item of two bands, and chains over it."""

    settings: Settings
    file: Path
    pixels: NDArray[np.uint16]
    engine: Engine
    items: str

    def image(self) -> Image:
        """The median of the one scene."""
        return Image(self.source()).median()

    def source(self) -> Node:
        """The frozen item."""
        box = transform_bounds("EPSG:32632", "EPSG:4326", (LEFT, TOP - SIZE * 10, LEFT + SIZE * 10, TOP))
        common = {common: band for band, common in NAMES.items()}
        return make("load_items", (), {"items": self.items, "bands": tuple(NAMES), "common_names": common, "bbox": box})

    def ndvi(self, vmin: float = -0.5) -> Node:
        """Coloured NDVI."""
        return self.image().normalized_difference("nir", "red").colormap("RdYlGn", vmin=vmin, vmax=0.5).node

    def threshold(self) -> Node:
        """NDVI above a slider."""
        least = parameter("least", 0.1, min=-1, max=1, step=0.05)
        ndvi = self.image().normalized_difference("nir", "red")
        return ndvi.mask(ndvi > least).colormap("viridis", vmin=-0.5, vmax=0.5).node

    def labelled(self) -> Node:
        """Components of the viewed area."""
        ndvi = self.image().normalized_difference("nir", "red")
        return (ndvi > 0.2).label(region="view").colormap("viridis", vmin=0, vmax=50).node


def make_scene(home: Path, store: str = "") -> Scene:
    """Write the scene, its catalogue and its store below a folder."""
    home.mkdir(parents=True, exist_ok=True)
    settings = Settings(home=home, store=store or f"sqlite:///{home / 'store.sqlite'}", catalog=home / "catalog.sqlite")
    pixels, file = _pixels(), home / "scene.tif"
    profile = {"width": SIZE, "height": SIZE, "count": 2, "dtype": "uint16", "crs": "EPSG:32632", "nodata": 0}
    place = from_origin(LEFT, TOP, 10, 10)
    with rasterio.open(file, "w", driver="COG", transform=place, compress="deflate", predictor=2, **profile) as out:
        out.write(pixels)
    catalog = Catalog(settings.catalog)
    catalog.add_collection(CollectionInfo("scenes", title="Scenes of a test", simulated=True))
    catalog.add_items([_item(file)])
    engine = Engine(catalog, _store(settings), settings)
    text = canonical({"collection": "scenes", "items": [_entry(file)]})
    engine.store.put(f"items:{digest(text)}", text.encode())
    return Scene(settings, file, pixels, engine, f"items:{digest(text)}")


def _store(settings: Settings) -> Any:
    from jeoview.store import open_store

    return open_store(settings.store)


def _pixels() -> NDArray[np.uint16]:
    rows, cols = np.mgrid[:SIZE, :SIZE]
    noise = np.random.default_rng(1).integers(0, 50, (2, SIZE, SIZE))
    bands = np.stack([2000 + 1000 * np.sin(cols / 50), 3000 + 1500 * np.cos(rows / 60)])
    return np.asarray(bands + noise, dtype=np.uint16)


def _item(file: Path) -> Item:
    west, south, east, north = transform_bounds(
        "EPSG:32632", "EPSG:4326", (LEFT, TOP - SIZE * 10, LEFT + SIZE * 10, TOP)
    )
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    etag = file_etag(file)
    bands = {
        name: Band(name, str(file), index, common, 1e-4, nodata=0, etag=etag)
        for index, (name, common) in enumerate(NAMES.items(), 1)
    }
    geometry = {"type": "Polygon", "coordinates": [ring]}
    box = (west, south, east, north)
    return Item("scenes", "scene-1", "2020-01-01T00:00:00Z", box, geometry, {"proj:code": "EPSG:32632"}, bands)


def _entry(file: Path) -> dict[str, Any]:
    return {"id": "scene-1", "datetime": "2020-01-01T00:00:00Z", "assets": dict.fromkeys(NAMES, file_etag(file))}


def slider(node: Node) -> Parameter:
    """The one slider of a chain."""
    from jeoview.graph import parameters

    return next(iter(parameters(node).values()))


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Server:
    """A running ``python -m tileserver``; ended by its id."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    base_url: str = "/"

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        token: str | None = TOKEN,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; the path is sent as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            front = f"{self.base_url}{token}/" if token else "/"
            named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
            connection.putrequest(method, front + path, skip_accept_encoding=True)
            for name, value in named.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def tile(self, key: str, *, z: int = Z, x: int = X, y: int = Y, tail: str = "png", **headers: str) -> Answer:
        """A tile; ``tail`` is format and query."""
        return self.ask(f"tiles/{key}/{z}/{x}/{y}.{tail}", headers=headers)

    def metric(self, name: str) -> float:
        """Sum of the samples of a metric whose line begins with ``name``."""
        lines = self.ask("metrics").body.decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def worker_pids(self) -> list[int]:
        """Ids of the processes below the server's."""
        import psutil

        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def wait_ready(self, workers: int = 1) -> None:
        """Wait until so many workers answer."""
        for _ in range(600):
            if self.ask("readyz").json()["ready"] >= workers:
                return
            time.sleep(0.05)
        raise TimeoutError(self.log.read_text())

    def stop(self) -> None:
        """End it, and see that it ends."""
        self.process.terminate()
        self.process.wait(timeout=20)


def start_server(settings: Settings, folder: Path, *arguments: str, variables: dict[str, str] | None = None) -> Server:
    """Start a server over a store and a catalogue; it tells its port in a file."""
    state, log = folder / f"state-{time.monotonic_ns()}.json", folder / f"log-{time.monotonic_ns()}"
    environment = os.environ | {
        "JEOVIEW_HOME": str(settings.home),
        "JEOVIEW_STORE": settings.store,
        "JEOVIEW_CATALOG": str(settings.catalog),
        "JEOVIEW_TOKEN": TOKEN,
        "PYTHONPATH": str(ROOT),
        **(variables or {}),
    }
    command = [sys.executable, "-m", "tileserver", "--state", str(state), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stderr=output, stdin=subprocess.DEVNULL)
    for _ in range(1000):
        if state.exists() or process.poll() is not None:
            break
        time.sleep(0.02)
    if not state.exists():
        process.kill()
        process.wait()
        raise RuntimeError(log.read_text())
    told = json.loads(state.read_text())
    return Server(process, told["port"], log, told["base_url"])
