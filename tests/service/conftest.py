"""One scene and one server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.support import Scene, Server, make_scene, start_server


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A scene, its catalogue and a store."""
    return make_scene(tmp_path_factory.mktemp("scene") / "home")


@pytest.fixture(scope="session")
def server(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A tile server over the scene with two workers."""
    started = start_server(scene.settings, tmp_path_factory.mktemp("server"), "--workers", "2")
    yield started
    started.stop()
