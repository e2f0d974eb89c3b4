"""How far a long job is, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from jeoview.errors import CancelledByUser

# Shorter work shows no bar: it would flash by.
PATIENCE_SECONDS = 2.0


_WANTED: ContextVar[Callable[[], bool]] = ContextVar("wanted", default=lambda: True)
# Who is told what was read; and how a job that is under way shows a step that may take long itself.
_PASSED: ContextVar[Callable[[float], Any]] = ContextVar("passed", default=lambda _done: None)
_STEPS: ContextVar[Callable[[str, int, str], AbstractContextManager[Bar]] | None] = ContextVar("steps", default=None)


@contextmanager
def as_long_as(wanted: Callable[[], bool]) -> Iterator[None]:
    """Do something that may be given up: `check_wanted` inside of it raises as soon as it is wanted no more."""
    token = _WANTED.set(wanted)
    try:
        yield
    finally:
        _WANTED.reset(token)


def check_wanted() -> None:
    """Called now and then by what takes long.

    Raises
    ------
    CancelledByUser
        If nobody wants the result any more.
    """
    if not _WANTED.get()():
        raise CancelledByUser("nobody waited for this any more")


def passed(done: float) -> None:
    """Called by what reads many files one after the other: so many more are read."""
    _PASSED.get()(done)


class Bar(Protocol):
    """What a job tells its progress to."""

    def update(self, done: float) -> Any:
        """Note that so much more is done."""
        ...


# A bar that somebody else shows, made of the job's name and its number of units; its ``update`` stops the job where it
# raises KeyboardInterrupt.
Watch = Callable[[str, int], Bar]


class Silent:
    """Shows nothing."""

    def update(self, done: float) -> None:
        """Nothing."""


@contextmanager
def job(name: str, total: int, unit: str, *, progress: bool | Watch) -> Iterator[Bar]:
    """Watch over a job: a bar where it takes long, and a plain error where the user stops it.

    Parameters
    ----------
    name : str
        Shown before the bar and in the error.
    total : int
        Number of units of work.
    unit : str
        What is counted.
    progress : bool or function
        False shows no bar; a function of the name and the total gives a bar of one's own.

    Raises
    ------
    CancelledByUser
        In the place of KeyboardInterrupt (the stop button of a notebook).
    """
    try:
        if callable(progress):
            bar = progress(name, total)
            with _with_steps(lambda *_: nullcontext(_Beside(bar))):
                yield bar
        elif not progress:
            yield Silent()
        else:
            with _shown(name, total, unit) as bar, _with_steps(partial(_shown, leave=False)):
                yield bar
    except KeyboardInterrupt:
        raise CancelledByUser(f"{name} was stopped; nothing half-written was left behind") from None


@contextmanager
def step(name: str, total: int, unit: str) -> Iterator[None]:
    """A part of a job that may take long itself: what is `passed` in it moves a bar of its own, where the job has one."""
    shown = _STEPS.get()
    if shown is None:
        yield
        return
    with shown(name, total, unit) as bar:
        token = _PASSED.set(bar.update)
        try:
            yield
        finally:
            _PASSED.reset(token)


@dataclass(frozen=True)
class _Beside:
    """A step of a job whose bar somebody else shows: it does not move that bar, but is stopped by it."""

    bar: Bar

    def update(self, done: float) -> None:  # noqa: ARG002
        self.bar.update(0)


@contextmanager
def _with_steps(shown: Callable[[str, int, str], AbstractContextManager[Bar]]) -> Iterator[None]:
    token = _STEPS.set(shown)
    try:
        yield
    finally:
        _STEPS.reset(token)


def _shown(name: str, total: int, unit: str, *, leave: bool = True) -> Any:
    from tqdm.auto import tqdm

    scale = total > 10_000
    return tqdm(total=total, desc=name, unit=unit, unit_scale=scale, delay=PATIENCE_SECONDS, leave=leave)
