"""A kernel's work in two parts at once, where a core is free: every part writes places of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

# Smaller work is done before a thread has woken up.
LEAST = 1 << 20
_busy = threading.Lock()


def in_parts(total: int, step: int, cost: int, work: Callable[[int, int], object]) -> None:
    """Call ``work(first, end)`` so that all of 0 to ``total`` is done.

    Only functions that let go of the interpreter gain from it. One thread helps the caller; while it helps another
    one, the caller does all by itself.

    Parameters
    ----------
    total : int
        What there is to do.
    step : int
        Parts begin at multiples of it.
    cost : int
        Numbers that are looked at; below `LEAST` nothing is divided.
    work : callable
        Does a part.
    """
    half = -(-total // (2 * step)) * step
    if cost < LEAST or half >= total or not _has_two_cores() or not _busy.acquire(blocking=False):
        work(0, total)
        return
    try:
        other = _helper().submit(work, half, total)
        try:
            work(0, half)
        finally:
            # Its arrays must stay until it is through, and its error is the caller's.
            other.exception()
        other.result()
    finally:
        _busy.release()


@lru_cache(maxsize=1)
def _has_two_cores() -> bool:
    return len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) > 1


@lru_cache(maxsize=1)
def _helper() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "jeoview-part")
