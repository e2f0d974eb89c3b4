"""How far a long job is, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from jeoview.errors import CancelledByUser

# Shorter work shows no bar: it would flash by.
PATIENCE_SECONDS = 2.0


_WANTED: ContextVar[Callable[[], bool]] = ContextVar("wanted", default=lambda: True)


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
            yield progress(name, total)
            return
        if not progress:
            yield Silent()
            return
        from tqdm.auto import tqdm

        with tqdm(total=total, desc=name, unit=unit, unit_scale=total > 10_000, delay=PATIENCE_SECONDS) as bar:
            yield bar
    except KeyboardInterrupt:
        raise CancelledByUser(f"{name} was stopped; nothing half-written was left behind") from None
