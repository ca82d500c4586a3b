"""The last gate: a call that does not end in time is ended.

One timer serves all the calls of a dependency: as all have the same limit, their deadlines come in the
order in which they were sent, and only the oldest needs a timer. `asyncio.timeout` sets one per call, at
half the cost of everything else that the guard does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from pipeline.gates import Call, Pass
from pipeline.metrics import CallOutcome


class TimeoutGate:
    """Cancels a call's task at its deadline and turns that, and no other cancellation, into TimeoutError.

    A call that is not a task's own, in a thread, can't be interrupted: it is judged when it ends. Too late
    is counted as a timeout, and the answer is kept: it is paid for.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        """`clock` is the one that `Call.started` was read from; the timer goes by the loop's own time."""
        self.seconds = seconds
        self._started_is_monotonic = clock is monotonic
        self._late = _JudgedLate(seconds)
        self._of_thread = _WatchOfThread()

    def outer_of(self, call: Call) -> Call | None:
        """The oldest call under way in the task that makes this one; its deadline comes first."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        call.task = task = asyncio.current_task(loop)
        if task is None:
            return None
        watch = self._of_thread.watch
        if watch is None or watch.loop is not loop:
            watch = self._of_thread.watch = _Watch(loop, self.seconds)
        return watch.under_way.get(task)

    def enter(self, call: Call) -> Pass:
        """Start the time of a call that `outer_of` has seen."""
        if call.is_stream:
            return _NOTHING
        task = call.task
        watch = self._of_thread.watch
        if task is None or watch is None or not call.is_async:
            return self._late
        if task in watch.under_way:
            return _NOTHING
        # As asyncio.timeout: a cancellation from outside, before or meanwhile, is not ours to swallow.
        call.cancelling = task.cancelling()
        if not self._started_is_monotonic:
            call.sent = monotonic()
        watch.under_way[task] = call
        if watch.timer is None:
            watch.arm()
        return watch


class _Watch:
    """The outermost calls under way in one loop by task, oldest first, and the timer of the oldest."""

    __slots__ = ("_seconds", "loop", "timer", "under_way")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.loop = loop
        self._seconds = seconds
        self.under_way: dict[asyncio.Task[Any], Call] = {}
        self.timer: asyncio.TimerHandle | None = None

    def settle(self, call: Call) -> None:
        task = call.task
        assert task is not None  # noqa: S101  (only tasks are added)
        if self.under_way.get(task) is call:
            del self.under_way[task]
            return
        call.outcome = CallOutcome.TIMEOUT
        if task.uncancel() > call.cancelling:
            call.outcome = CallOutcome.CANCELLED
        elif isinstance(call.error, asyncio.CancelledError):
            call.error = TimeoutError(f"no answer within {self._seconds:g} s")

    def release(self, call: Call) -> None:
        """Nothing comes after this gate."""

    def arm(self) -> None:
        """Set the timer by the oldest call; there must be one."""
        oldest = next(iter(self.under_way.values()))
        self.timer = self.loop.call_later(self._deadline(oldest) - monotonic(), self._sweep)

    def _sweep(self) -> None:
        now = monotonic()
        self.timer = None
        while self.under_way:
            task, oldest = next(iter(self.under_way.items()))
            if self._deadline(oldest) > now:
                self.arm()
                return
            del self.under_way[task]
            task.cancel()

    def _deadline(self, call: Call) -> float:
        return (call.started if call.sent is None else call.sent) + self._seconds


class _WatchOfThread(threading.local):
    """A thread runs one loop at a time."""

    watch: _Watch | None = None


class _JudgedLate:
    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def settle(self, call: Call) -> None:
        if call.duration_seconds > self._seconds and call.outcome is not CallOutcome.CANCELLED:
            call.outcome = CallOutcome.TIMEOUT

    def release(self, call: Call) -> None:
        pass


class _Nothing:
    """A stream's: its reader limits the wait for each piece. A nested call's: the outer one ends first."""

    __slots__ = ()

    def settle(self, call: Call) -> None:
        pass

    def release(self, call: Call) -> None:
        pass


_NOTHING: Final = _Nothing()
