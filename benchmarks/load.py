"""A load generator: keep-alive HTTP connections that take tiles from one list, times by request."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What a run measured; every answer was 200."""

    seconds: float
    times: tuple[float, ...]
    bytes: int

    @property
    def p50(self) -> float:
        """Median milliseconds of a request."""
        return 1e3 * statistics.median(self.times)

    @property
    def rate(self) -> float:
        """Tiles a second."""
        return len(self.times) / self.seconds

    @property
    def mean_bytes(self) -> float:
        """Mean size of a body."""
        return self.bytes / len(self.times)


def run(port: int, paths: Sequence[str], connections: int) -> Load:
    """Ask for every path once, over so many connections.

    Raises
    ------
    RuntimeError
        If an answer is not 200.
    """
    return asyncio.run(_run(port, paths, connections))


async def _run(port: int, paths: Sequence[str], connections: int) -> Load:
    queue = iter(paths)
    times: list[float] = []
    sizes: list[int] = []
    start = time.perf_counter()
    await asyncio.gather(*(_client(port, queue, times, sizes) for _ in range(connections)))
    return Load(time.perf_counter() - start, tuple(times), sum(sizes))


async def _client(port: int, queue: Iterator[str], times: list[float], sizes: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for path in queue:
            start = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: image/png\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            times.append(time.perf_counter() - start)
            sizes.append(len(body))
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                raise RuntimeError(f"{path}: {head.decode(errors='replace')} {body[:400]!r}")
    finally:
        writer.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    raise RuntimeError("the answer says no length")
