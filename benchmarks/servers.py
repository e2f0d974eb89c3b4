"""Starts us and the peer, each in processes of its own on a free port of 127.0.0.1."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import psutil

from benchmarks.in_process import BANDS
from jeoview.catalog import Band, Catalog, CollectionInfo, Item
from jeoview.engine import Engine
from jeoview.graph import canonical, digest
from jeoview.image import Image, apply
from jeoview.io.etag import file_etag
from jeoview.projection import WGS84, Bounds, transform_bounds
from jeoview.recipes import RECIPES
from jeoview.settings import settings

HERE = Path(__file__).resolve().parent
PEER_PYTHON = HERE.parent / ".bench-venv" / "bin" / "python"
# What titiler's own performance page recommends.
GDAL = {
    "GDAL_CACHEMAX": "200",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": "5000000",
    "OMP_NUM_THREADS": "1",
}
assert RECIPES


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    template: str

    def path(self, z: int, x: int, y: int) -> str:
        """Path and query of a tile."""
        return self.template.format(z=z, x=x, y=y)

    @property
    def rss(self) -> float:
        """MiB held by the process and all its children."""
        parent = psutil.Process(self.process.pid)
        return float(sum(p.memory_info().rss for p in [parent, *parent.children(recursive=True)])) / (1 << 20)


@contextmanager
def ours(home: Path, image: Image, workers: int, **limits: int) -> Iterator[Server]:
    """jeoview's tile server; ``limits`` are settings in lower case."""
    state = Path(tempfile.mkdtemp(dir=home)) / "state.json"
    variables = {f"JEOVIEW_{name.upper()}": str(value) for name, value in limits.items()}
    command = [sys.executable, "-m", "tileserver", "--workers", str(workers), "--port", "0", "--state", str(state)]
    with _process(command, {"JEOVIEW_HOME": str(home), **variables}) as process:
        _wait(state.exists, process, "jeoview")
        told = json.loads(state.read_text())
        template = f"/{told['token']}/tiles/{image.key}/{{z}}/{{x}}/{{y}}.png"
        yield Server("jeoview", process, int(told["port"]), template)


@contextmanager
def titiler(scene: Path, workers: int) -> Iterator[Server]:
    """titiler.core behind uvicorn, the same NDVI and palette."""
    port = _free_port()
    command = [str(PEER_PYTHON), "-m", "uvicorn", "titiler_app:app", "--app-dir", str(HERE / "peers")]
    command += ["--port", str(port), "--workers", str(workers), "--log-level", "error"]
    query = f"url={quote(str(scene))}&expression={quote('(b2-b1)/(b2+b1)')}&rescale=-0.2,0.9&colormap_name=rdylgn"
    with _process(command, GDAL) as process:
        server = Server("titiler", process, port, f"/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png?{query}")
        _wait(lambda: _listens(port), process, "titiler")
        yield server


@contextmanager
def _process(command: list[str], variables: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log, cwd=HERE.parent)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait(ready: object, process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + 60
    while not ready():  # type: ignore[operator]
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start")
        time.sleep(0.01)


def catalogue(home: Path, scene: Path, bounds: Bounds, crs: str) -> Image:
    """Put the scene into a catalogue below ``home`` and return the NDVI chain over it, coloured."""
    os.environ["JEOVIEW_HOME"] = str(home)
    etag, box = file_etag(scene), transform_bounds(crs, WGS84, bounds)
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    bands = {
        name: Band(name, str(scene), index, common, 1e-4, 0.0, 0.0, etag=etag, data_type="uint16")
        for index, (name, common) in enumerate(zip(BANDS, ("red", "nir"), strict=True), start=1)
    }
    item = Item("bench", "scene", "2026-01-01T00:00:00Z", box, {"type": "Polygon", "coordinates": [ring]}, {}, bands)
    catalog = Catalog(settings().catalog)
    catalog.add_collection(CollectionInfo("bench", simulated=True))
    catalog.add_items([item])
    entry = {"id": item.id, "datetime": item.datetime, "assets": dict.fromkeys(BANDS, etag)}
    text = canonical({"collection": "bench", "items": [entry]})
    engine, key = Engine.default(), f"items:{digest(text)}"
    engine.store.put(key, text.encode())
    common_names = {"red": BANDS[0], "nir": BANDS[1]}
    scenes = apply("load_items", (), {"items": key, "bands": BANDS, "common_names": common_names, "bbox": box})
    image: Image = scenes.mosaic().ndvi().colormap("RdYlGn", vmin=-0.2, vmax=0.9)  # type: ignore[attr-defined]
    engine.save(image.node)
    return image
