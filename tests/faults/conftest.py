"""A scene for each test, as its file may be damaged, and servers with faults on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.engine import FOLDER
from tests.service.support import Scene, Server, X, Y, make_scene, start_server


@dataclass(frozen=True)
class Faults:
    """Tells the workers what shall go wrong."""

    folder: Path

    def order(self, what: str, x: int = X, y: int = Y) -> None:
        """``once die``, ``always hang``, ``once slow 2``, ``once hold`` ... when this tile is rendered."""
        (self.folder / f"{x}-{y}").write_text(what)

    def release(self) -> None:
        """Let go on what was told to hold."""
        (self.folder / "go").touch()

    def calls(self) -> list[tuple[str, int]]:
        """The tiles that were begun, and by whom."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(line.split()[0], int(line.split()[1])) for line in lines]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A scene of this test alone."""
    return make_scene(tmp_path / "home")


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    """What goes wrong in the workers of ``start``."""
    folder = tmp_path / "faults"
    folder.mkdir()
    return Faults(folder)


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path, faults: Faults) -> Iterator[Start]:
    """Start a server whose workers obey ``faults``; all are ended with the test."""
    started: list[Server] = []

    def begin(scene: Scene, *arguments: str, engine: str = "faulty") -> Server:
        options = ["--workers", "1", "--engine", f"tests.faults.engine:{engine}", *arguments]
        server = start_server(scene.settings, tmp_path, *options, variables={FOLDER: str(faults.folder)})
        started.append(server)
        return server

    yield begin
    for server in started:
        if server.process.poll() is None:
            server.stop()
