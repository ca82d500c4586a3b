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
from typing import Final

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

    def enter(self, call: Call) -> Pass:
        if not call.is_async:
            return _NOTHING if call.is_stream else self._late
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            return self._late
        watch = self._of_thread.watch
        if watch is None or watch.loop is not loop:
            watch = self._of_thread.watch = _Watch(loop, self.seconds)
        call.task = task
        # As asyncio.timeout: a cancellation from outside, before or meanwhile, is not ours to swallow.
        call.cancelling = task.cancelling()
        sent = call.started if self._started_is_monotonic else monotonic()
        watch.under_way[call] = at = sent + self.seconds
        if watch.timer is None:
            watch.arm(at)
        return watch


class _Watch:
    """The calls under way in one loop with their deadlines, oldest first, and the timer of the oldest."""

    __slots__ = ("_seconds", "loop", "timer", "under_way")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.loop = loop
        self._seconds = seconds
        self.under_way: dict[Call, float] = {}
        self.timer: asyncio.TimerHandle | None = None

    def settle(self, call: Call) -> None:
        if self.under_way.pop(call, None) is not None:
            return
        assert call.task is not None  # noqa: S101  (only tasks are added)
        call.outcome = CallOutcome.TIMEOUT
        if call.task.uncancel() > call.cancelling:
            call.outcome = CallOutcome.CANCELLED
        elif isinstance(call.error, asyncio.CancelledError):
            call.error = TimeoutError(f"no answer within {self._seconds:g} s")

    def release(self, call: Call) -> None:
        if self.under_way.pop(call, None) is None and call.task is not None:
            call.task.uncancel()

    def arm(self, at: float) -> None:
        self.timer = self.loop.call_later(at - monotonic(), self._sweep)

    def _sweep(self) -> None:
        now = monotonic()
        self.timer = None
        while self.under_way:
            oldest = next(iter(self.under_way))
            at = self.under_way[oldest]
            if at > now:
                self.arm(at)
                return
            del self.under_way[oldest]
            assert oldest.task is not None  # noqa: S101  (only tasks are added)
            oldest.task.cancel()


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
    """A stream's: whoever reads it limits the wait for each piece."""

    __slots__ = ()

    def settle(self, call: Call) -> None:
        pass

    def release(self, call: Call) -> None:
        pass


_NOTHING: Final = _Nothing()
