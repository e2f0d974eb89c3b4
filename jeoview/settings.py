"""What a user or an administrator may set, all by environment variables, and nothing hidden."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from jeoview.errors import ParameterError

MIB = 1 << 20


@dataclass(frozen=True)
class Settings:
    """Places and limits.

    Parameters
    ----------
    home : Path
        Folder of the user's cache (``JEOVIEW_HOME``).
    store : str
        Where chains meet the tile server (``JEOVIEW_STORE``): ``memory:``, ``sqlite:///path`` or ``redis://host``.
    catalog : Path
        SQLite file of the catalogue (``JEOVIEW_CATALOG``).
    roots : tuple of Path
        Folders below which files may be opened (``JEOVIEW_ROOTS``, separated as in ``PATH``); none
        means every file that the catalogue names, which suits one user on one machine.
    block_cache_bytes, array_cache_bytes, tile_cache_bytes : int
        Memory of one process for decoded file blocks, for arrays under a style and for rendered tiles.
    max_padding : int
        Largest padding of a tile, in pixels, that neighbourhoods may add up to.
    max_tile_bytes : int
        Largest cost of one tile: bytes decoded from files plus bytes of arrays held.
    max_barrier_pixels : int
        Largest area, in pixels, that a full-extent operator works on.
    max_native_pixels : int
        Most pixels of a sensor that one tile is formed from at full resolution.
    max_export_pixels : int
        Largest number of pixels of an export, unless the call raises it.
    """

    home: Path
    store: str
    catalog: Path
    roots: tuple[Path, ...] = ()
    block_cache_bytes: int = 384 * MIB
    array_cache_bytes: int = 256 * MIB
    tile_cache_bytes: int = 64 * MIB
    max_padding: int = 512
    max_tile_bytes: int = 2048 * MIB
    max_barrier_pixels: int = 16_777_216
    max_native_pixels: int = 16_777_216
    max_export_pixels: int = 400_000_000


def settings() -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    ParameterError
        If a number is not a positive whole number.
    """
    home = Path(os.environ.get("JEOVIEW_HOME") or _cache_folder()).expanduser().absolute()
    roots = os.environ.get("JEOVIEW_ROOTS", "")
    return Settings(
        home=home,
        store=os.environ.get("JEOVIEW_STORE") or f"sqlite:///{home / 'store.sqlite'}",
        catalog=Path(os.environ.get("JEOVIEW_CATALOG") or home / "catalog.sqlite").expanduser().absolute(),
        roots=tuple(Path(root).expanduser().resolve() for root in roots.split(os.pathsep) if root),
        **{name: _number(name) for name in _NUMBERS},
    )


_NUMBERS = (
    "block_cache_bytes",
    "array_cache_bytes",
    "tile_cache_bytes",
    "max_padding",
    "max_tile_bytes",
    "max_barrier_pixels",
    "max_native_pixels",
    "max_export_pixels",
)


def _number(name: str) -> int:
    variable = f"JEOVIEW_{name.upper()}"
    text = os.environ.get(variable)
    if not text:
        return int(getattr(Settings, name))
    if not text.isdecimal() or int(text) == 0:
        raise ParameterError(f"{variable} is {text!r}; expected a positive whole number")
    return int(text)


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "jeoview" if base else Path.home() / ".cache" / "jeoview"
