"""Settings come from the environment and from nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jeoview.errors import ParameterError
from jeoview.settings import MIB, Settings, settings

NUMBERS = {
    "block_cache_bytes": 384 * MIB,
    "array_cache_bytes": 256 * MIB,
    "tile_cache_bytes": 64 * MIB,
    "max_padding": 512,
    "max_tile_bytes": 2048 * MIB,
    "max_barrier_pixels": 16_777_216,
    "max_native_pixels": 16_777_216,
    "max_export_pixels": 400_000_000,
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("JEOVIEW_")]:
        monkeypatch.delenv(name)


def test_defaults_lie_in_the_cache_folder_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    home = tmp_path / ".cache" / "jeoview"
    assert settings() == Settings(home=home, store=f"sqlite:///{home}/store.sqlite", catalog=home / "catalog.sqlite")


def test_xdg_cache_home_is_respected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert settings().home == tmp_path / "jeoview"


def test_home_moves_store_and_catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JEOVIEW_HOME", str(tmp_path))
    found = settings()
    assert found.store == f"sqlite:///{tmp_path}/store.sqlite"
    assert found.catalog == tmp_path / "catalog.sqlite"


def test_reading_settings_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JEOVIEW_HOME", str(tmp_path / "home"))
    settings()
    assert list(tmp_path.iterdir()) == []


def test_store_and_catalogue_can_stand_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JEOVIEW_STORE", "redis://127.0.0.1:6379/2")
    monkeypatch.setenv("JEOVIEW_CATALOG", str(tmp_path / "c.sqlite"))
    found = settings()
    assert (found.store, found.catalog) == ("redis://127.0.0.1:6379/2", tmp_path / "c.sqlite")


def test_roots_are_separated_as_in_path_and_resolved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    monkeypatch.setenv("JEOVIEW_ROOTS", os.pathsep.join([str(tmp_path / "link"), "", str(tmp_path / "b")]))
    # the link is followed now, so that a file below the real folder is inside
    assert settings().roots == (tmp_path.resolve() / "a", tmp_path.resolve() / "b")


def test_no_roots_without_the_variable() -> None:
    assert settings().roots == ()


@pytest.mark.parametrize(("name", "default"), NUMBERS.items())
def test_numbers(monkeypatch: pytest.MonkeyPatch, name: str, default: int) -> None:
    assert getattr(settings(), name) == default
    monkeypatch.setenv(f"JEOVIEW_{name.upper()}", "12345")
    assert getattr(settings(), name) == 12345


def test_every_number_of_the_settings_is_tested_here() -> None:
    fields = {name for name, kind in Settings.__annotations__.items() if kind == "int"}
    assert fields == set(NUMBERS)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "1e6", " 7", "\u0663\u00b2"])
def test_a_wrong_number_is_named_with_what_was_expected(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("JEOVIEW_MAX_PADDING", text)
    with pytest.raises(ParameterError, match=r"JEOVIEW_MAX_PADDING is .*positive whole number"):
        settings()
