"""Worker processes and the queue before them: affinity, stealing, deadlines, replacement."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from tileserver.failures import Failure
from tileserver.frames import Header, pack
from tileserver.process import WorkerProcess

log = logging.getLogger("tileserver")

Reply = tuple[Header, bytes]
MAX_ATTEMPTS = 2
# A neighbour's caches are worth waiting for this long; then any idle worker takes the request.
_STEAL_SECONDS = 0.025
_MAX_RESTART_SECONDS = 10.0
# What a replacement may take to be ready.
_START_SECONDS = 15.0
# The other workers are started after this time even if the first one does not get ready.
_GROW_SECONDS = 3.0


@dataclass(eq=False)
class Job:
    """One request to a worker.

    Parameters
    ----------
    header, body
        The message.
    home : int
        Jobs of one home go to the same worker, whose caches know the neighbourhood.
    sticky : bool
        Never done by another worker: the home computes something large that its jobs share.
    """

    header: Header
    body: bytes = b""
    home: int = 0
    sticky: bool = False
    result: asyncio.Future[Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    queued: float = field(default_factory=time.perf_counter)
    waited: float = 0.0
    attempts: int = 0
    timer: asyncio.TimerHandle | None = None

    def fail(self, failure: Failure) -> None:
        """Answer with a failure."""
        self._disarm()
        if not self.result.done():
            self.result.set_exception(failure)

    def succeed(self, reply: Reply) -> None:
        """Answer."""
        self._disarm()
        if not self.result.done():
            self.result.set_result(reply)

    def arm(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """Have something done unless the job moves on in time."""
        self._disarm()
        self.timer = asyncio.get_running_loop().call_later(seconds, action, *arguments)

    def _disarm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(eq=False)
class Slot:
    """The place of one worker; the worker in it is replaced when it hangs or dies."""

    worker: WorkerProcess
    queue: deque[Job] = field(default_factory=deque)
    job: Job | None = None
    ready: bool = False
    hung: bool = False
    failed_starts: int = 0

    @property
    def idle(self) -> bool:
        """Whether it could take a job."""
        return self.ready and self.job is None


class Pool:
    """All workers.

    Parameters
    ----------
    first : WorkerProcess
        Already started, so that it imports while the server does.
    size : int
        Number of workers; the others are started when the first is ready, so that the first tile
        does not wait for cores on which its neighbours import.
    spawn : callable
        Starts one.
    deadline : float
        Seconds that a job may wait, and again that a worker may work on it.
    max_queue : int
        Jobs that may wait.
    """

    def __init__(
        self, first: WorkerProcess, size: int, spawn: Callable[[], WorkerProcess], deadline: float, max_queue: int
    ) -> None:
        self.slots = [Slot(first)]
        self.size = size
        self.restarts = 0
        self._spawn = spawn
        self._deadline = deadline
        self._max_queue = max_queue
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def queued(self) -> int:
        """Jobs that wait."""
        return sum(len(slot.queue) for slot in self.slots)

    @property
    def ready(self) -> int:
        """Workers that answer."""
        return sum(slot.ready for slot in self.slots)

    async def start(self) -> None:
        """Connect to the first worker; the others follow."""
        await self.slots[0].worker.connect(self)
        asyncio.get_running_loop().call_later(_GROW_SECONDS, self._grow)

    async def stop(self) -> None:
        """End all workers, by their ids."""
        self._stopping = True
        for slot in self.slots:
            slot.worker.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(slot.worker.wait() for slot in self.slots))

    def submit(self, job: Job) -> Job:
        """Queue a job; its ``result`` is the answer.

        Raises
        ------
        Failure
            ``QueueFull`` where too many wait already.
        """
        if self.queued >= self._max_queue:
            raise Failure("QueueFull", f"{self._max_queue} requests wait already; ask again in a moment")
        slot = self.slots[job.home % len(self.slots)]
        slot.queue.append(job)
        job.arm(self._deadline, self._expire, slot, job)
        if slot.idle:
            self._feed(slot)
        elif len(slot.queue) > 1:
            self._feed_idle()
        elif any(other.idle for other in self.slots):
            asyncio.get_running_loop().call_later(_STEAL_SECONDS, self._feed_idle)
        return job

    def cancel(self, job: Job) -> bool:
        """Take a job out of the queue; one that runs is left to finish, and False is returned."""
        for slot in self.slots:
            if job in slot.queue:
                slot.queue.remove(job)
                job.fail(Failure("Dropped", "nobody waited for this any more"))
                return True
        return False

    def _grow(self) -> None:
        while len(self.slots) < self.size and not self._stopping:
            slot = Slot(self._spawn())
            self.slots.append(slot)
            self._background(slot.worker.connect(self))

    def _background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # who works on what

    def _feed_idle(self) -> None:
        for slot in self.slots:
            if slot.idle:
                self._feed(slot)

    def _feed(self, slot: Slot) -> None:
        job = slot.queue.popleft() if slot.queue else self._steal(slot)
        if job is None:
            return
        slot.job = job
        job.attempts += 1
        job.waited = time.perf_counter() - job.queued
        job.arm(self._deadline, self._overrun, slot, job)
        slot.worker.send(pack(job.header, job.body))

    def _steal(self, thief: Slot) -> Job | None:
        now = time.perf_counter()
        for slot in sorted(self.slots, key=lambda other: -len(other.queue)):
            for job in slot.queue:
                late = now - job.queued >= _STEAL_SECONDS * 0.9
                if slot is not thief and not job.sticky and (late or len(slot.queue) > 1):
                    slot.queue.remove(job)
                    return job
        return None

    # what workers say

    def on_message(self, worker: WorkerProcess, header: Header, body: bytes) -> None:
        """A worker is ready, or has an answer."""
        slot = self._slot_of(worker)
        if slot is None:
            return
        if header.get("op") == "ready":
            slot.ready, slot.failed_starts = True, 0
            log.info("worker %d is ready after %.2f s", worker.pid, header["seconds"])
            self._grow()
        elif slot.job is not None:
            job, slot.job = slot.job, None
            _settle(job, header, body)
        self._feed(slot)

    def on_lost(self, worker: WorkerProcess) -> None:
        """A worker ended: another takes its place, and the job it held is tried once more there."""
        slot = self._slot_of(worker)
        if slot is None or self._stopping:
            return
        log.warning("worker %d is gone%s", worker.pid, ": it hung and was ended" if slot.hung else "")
        slot.failed_starts += not slot.ready
        job, slot.job = slot.job, None
        if job is not None:
            self._retry(slot, job)
        slot.ready = slot.hung = False
        self.restarts += 1
        self._background(self._replace(slot))

    def _retry(self, slot: Slot, job: Job) -> None:
        if job.attempts < MAX_ATTEMPTS:
            # Only on the replacement: what ends one worker must not go round and end the others.
            job.sticky = True
            slot.queue.appendleft(job)
            job.arm(self._deadline + _START_SECONDS, self._expire, slot, job)
        elif slot.hung:
            job.fail(Failure("Timeout", f"this took longer than {self._deadline:g} s, twice; zoom in or ask for less"))
        else:
            job.fail(Failure("WorkerLost", "the process that computed this ended twice; it may need too much memory"))

    async def _replace(self, slot: Slot) -> None:
        await slot.worker.wait()
        if slot.failed_starts:
            await asyncio.sleep(min(0.25 * 2**slot.failed_starts, _MAX_RESTART_SECONDS))
        slot.worker = self._spawn()
        await slot.worker.connect(self)

    def _slot_of(self, worker: WorkerProcess) -> Slot | None:
        return next((slot for slot in self.slots if slot.worker is worker), None)

    # deadlines

    def _expire(self, slot: Slot, job: Job) -> None:
        if job in slot.queue:
            slot.queue.remove(job)
        if not self.ready:
            job.fail(Failure("ServerUnavailable", "no worker process could be started; the server's log says why"))
        else:
            job.fail(Failure("Timeout", f"this waited longer than {self._deadline:g} s; the server has too much to do"))

    def _overrun(self, slot: Slot, job: Job) -> None:
        if slot.job is job:
            slot.hung = True
            slot.worker.kill(dump=True)


def _settle(job: Job, header: Header, body: bytes) -> None:
    if header.get("ok"):
        job.succeed((header, body))
    else:
        error = header.get("error", {})
        job.fail(Failure(error.get("code", ""), error.get("message", ""), error.get("id", "")))
