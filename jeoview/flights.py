"""Whole areas that take longer than a tile can wait: computed beside the requests, once, for all who ask meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from jeoview.errors import CancelledByUser, PendingError
from jeoview.executor import Memory, Read, Value, Work, finish, part, recall
from jeoview.plan import Place, Plan, Step
from jeoview.progress import as_long_as, check_wanted

# A view that nobody asked about for so long was moved away from; maps ask every 2 s.
LOST_SECONDS = 20.0
# Who asks again finds the result, or the reason why there is none; then they are let go.
KEPT_SECONDS = 30.0
# More areas at once than this wait for their turn, and look so often whether they are still wanted.
AT_ONCE = 2
TURN_SECONDS = 0.5


@dataclass(eq=False)
class Flight:
    """One area on its way."""

    work: Callable[[], Value] | None
    lasting: bool
    started: float = field(default_factory=time.monotonic)
    asked: float = field(default_factory=time.monotonic)
    landed: float | None = None
    value: Value | None = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def wanted(self) -> bool:
        """Whether somebody will ask for it again: always of what stays as it is, of a view as long as it is asked for."""
        return self.lasting or time.monotonic() - self.asked < LOST_SECONDS

    @property
    def given_up(self) -> bool:
        """Whether it ends, or has ended, without a result because nobody asked."""
        return isinstance(self.error, CancelledByUser) or (self.landed is None and not self.wanted())

    def fly(self, turns: threading.Semaphore) -> None:
        """Compute it; an error is kept for those who ask."""
        try:
            with as_long_as(self.wanted):
                self._wait(turns)
                try:
                    self.value = self.work() if self.work else None
                finally:
                    turns.release()
        except BaseException as error:  # noqa: BLE001 - raised again where somebody asks
            self.error = error
        finally:
            # It holds the plan and the inputs.
            self.work = None
            self.landed = time.monotonic()
            self.done.set()

    def _wait(self, turns: threading.Semaphore) -> None:
        while not turns.acquire(timeout=TURN_SECONDS):
            check_wanted()


class Flights:
    """The areas on their way, by what they are; safe for threads."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight] = {}
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(AT_ONCE)
        self._broom: threading.Timer | None = None

    def settle(self, planned: Plan, work: Work, read: Read, memory: Memory, patience: float) -> Work:
        """What is left of a work once its whole areas are there, which another request may have begun.

        Parameters
        ----------
        planned : Plan
            All of it.
        work : Work
            What memory left to do.
        read, memory
            As for `jeoview.executor.finish`.
        patience : float
            Seconds to wait, see `join`.

        Raises
        ------
        PendingError
            If one of them is not there yet; it is computed on.
        """
        known: dict[Place, Value] = {}
        while (step := next((step for step in work.steps if step.is_barrier), None)) is not None:
            known[step.place] = self._settled(step, part(work, step.place), read, memory, patience)
            work = recall(planned, memory, known)
        return work

    def _settled(self, step: Step, work: Work, read: Read, memory: Memory, patience: float) -> Value:
        key = step.node.key, step.grid, step.bands, step.view
        what = f"{step.node.operator} of {step.grid.width} x {step.grid.height} pixels"
        return self.join(
            key, lambda: finish(work, read, memory), patience=patience, lasting=step.view is None, what=what
        )

    def join(self, key: Hashable, work: Callable[[], Value], *, patience: float, lasting: bool, what: str) -> Value:
        """The result, if it comes in time; what is not there yet is computed on, and is there for who asks again.

        Parameters
        ----------
        key : hashable
            What it is: equal keys, one computation.
        work : callable
            Computes it, in a thread of its own.
        patience : float
            Seconds to wait, counted from its beginning: a second request does not wait once more.
        lasting : bool
            Whether it is finished in any case; else it is given up `LOST_SECONDS` after the last request.
        what : str
            For the message.

        Raises
        ------
        PendingError
            If it is not there yet.
        JeoviewError
            Whatever the work raised, for `KEPT_SECONDS`.
        """
        flight = self._of(key, work, lasting)
        flight.done.wait(max(flight.started + patience - time.monotonic(), 0.0))
        if not flight.done.is_set():
            seconds = time.monotonic() - flight.started
            raise PendingError(f"{what}: at work for {seconds:.0f} s; ask again")
        if flight.value is None:
            raise flight.error or PendingError(f"{what}: no result; ask again")
        return flight.value

    def _of(self, key: Hashable, work: Callable[[], Value], lasting: bool) -> Flight:
        with self._lock:
            flight = self._flights.get(key)
            if flight is None or flight.given_up:
                flight = self._flights[key] = Flight(work, lasting)
                threading.Thread(target=self._fly, args=(flight,), daemon=True, name="jeoview-area").start()
            flight.asked = time.monotonic()
            return flight

    def _fly(self, flight: Flight) -> None:
        flight.fly(self._turns)
        with self._lock:
            self._sweep_later()

    def _sweep_later(self) -> None:
        """Let go of what has landed when its time has come, also where nobody asks for anything more; the lock is held."""
        landed = [flight.landed for flight in self._flights.values() if flight.landed is not None]
        if landed and self._broom is None:
            self._broom = threading.Timer(max(min(landed) + KEPT_SECONDS - time.monotonic(), 0.0), self._sweep)
            self._broom.daemon = True
            self._broom.start()

    def _sweep(self) -> None:
        with self._lock:
            self._broom, now = None, time.monotonic()
            old = [name for name, one in self._flights.items() if one.landed and now - one.landed >= KEPT_SECONDS]
            for name in old:
                del self._flights[name]
            self._sweep_later()
