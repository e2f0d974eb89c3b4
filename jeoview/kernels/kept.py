"""What numba compiled is kept on the disk where that can be done; where it cannot, a kernel works all the same.

numba takes it for an error of the call when it cannot write its cache (a full disk), cannot read it (a file cut short
when the machine went down) or finds no folder for it (a read-only installation). Here it costs the time of compiling.
"""

from __future__ import annotations

import logging
import pickle  # noqa: TID251 - for the name of its error: numba keeps its files with it
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from numba.core import dispatcher
from numba.core.caching import FunctionCache, NullCache

log = logging.getLogger("jeoview.kernels")

# What unpickling may raise (the documentation of pickle), and what an index of something else gives.
UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    ImportError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    OSError,
)


class Kept:
    """One function's cache.

    Parameters
    ----------
    cache : FunctionCache
        numba's own.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled for a signature; None if nothing can be read, and then room is made for a new one."""
        try:
            return self._cache.load_overload(sig, target_context)
        except UNREADABLE:
            _say("a file of the compiled kernels is damaged; it is made anew")
            with suppress(OSError):
                self._cache.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, if there is room."""
        try:
            self._cache.save_overload(sig, data)
        except UNREADABLE as error:
            _say(f"compiled kernels cannot be kept: {error}")


def cache_of(function: Callable[..., Any]) -> Any:
    """The cache of a function; one that keeps nothing where numba finds no folder that can be written."""
    try:
        return Kept(FunctionCache(function))  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError) as error:
        _say(f"compiled kernels cannot be kept: {error}")
        return NullCache()


@lru_cache(maxsize=8)
def _say(text: str) -> None:
    """Warn once: what holds for one kernel holds for all."""
    log.warning("%s", text)


def install() -> None:
    """Have numba use `cache_of` for every function that is decorated from now on."""
    dispatcher.FunctionCache = cache_of  # type: ignore[attr-defined]
