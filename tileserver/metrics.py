"""What the server counts, in Prometheus' text."""

from __future__ import annotations

from collections.abc import Iterable

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests answered", "handler", "status")
        asked = self._counter("tile_memory", "Tiles asked of the memory", "result")
        self.hit, self.miss = asked.labels("hit"), asked.labels("miss")
        self.shared = self._counter("tile_shared", "Tiles asked of the shared store", "result")
        self.rendered = self._counter("tiles_rendered", "Tiles that a worker computed")
        self.dropped = self._counter("tiles_dropped", "Tiles that nobody waited for any more")
        self.errors = self._counter("errors", "Errors answered", "code")
        self.seconds = Histogram(
            "jeoview_tile_seconds", "Time from request to answer of a tile", registry=self.registry, buckets=_SECONDS
        )
        self._restarts = self._gauge("worker_restarts", "Workers that were replaced")
        self._queued = self._gauge("queue", "Requests that wait for a worker")
        self._ready = self._gauge("workers_ready", "Workers that answer")
        self._bytes = self._gauge("tile_memory_bytes", "Bytes of tiles in memory")
        self._rss = self._gauge("rss_bytes", "Resident memory of a process", "process")

    def text(self, *, restarts: int, queued: int, ready: int, tile_bytes: int, pids: Iterable[int]) -> bytes:
        """The text for a scraper."""
        self._restarts.set(restarts)
        self._queued.set(queued)
        self._ready.set(ready)
        self._bytes.set(tile_bytes)
        self._rss.clear()
        self._rss.labels("server").set(_rss(None))
        for index, pid in enumerate(pids):
            self._rss.labels(f"worker-{index}").set(_rss(pid))
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"jeoview_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"jeoview_{name}", text, labels, registry=self.registry)


def _rss(pid: int | None) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0.0
