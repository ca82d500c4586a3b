"""Failure rate and slow-call rate over a sliding window of calls or of time; its memory is bounded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from pipeline.breaker.require import require

_SLICES = 10
_FAILED = 1
_SLOW = 2


@dataclass(frozen=True, slots=True)
class Rates:
    """When the share of failed or of slow calls opens the breaker: as soon as it is reached.

    The window is the last `window_calls` calls or the last `window_seconds` (kept in ten slices, so that
    between nine and ten tenths of it count). Below `minimum_calls` in the window nothing opens.

    Raises:
        ValueError: no rate, a rate outside 0 to 1, not exactly one kind of window, a minimum that the
            window never reaches.
    """

    failure_rate: float | None = None
    slow_call_rate: float | None = None
    window_calls: int | None = None
    window_seconds: float | None = None
    minimum_calls: int = 10

    def __post_init__(self) -> None:
        given = (self.failure_rate, self.slow_call_rate)
        require(any(rate is not None for rate in given), "rates", given, "at least one rate")
        for key, rate in zip(("rates.failure_rate", "rates.slow_call_rate"), given, strict=True):
            require(rate is None or 0 < rate <= 1, key, rate, "more than 0, at most 1")
        windows = (self.window_calls, self.window_seconds)
        require(
            sum(window is not None for window in windows) == 1,
            "rates",
            windows,
            "either window_calls or window_seconds",
        )
        require(self.minimum_calls >= 1, "rates.minimum_calls", self.minimum_calls, "at least 1")
        if self.window_calls is not None:
            require(
                self.window_calls >= self.minimum_calls,
                "rates.window_calls",
                self.window_calls,
                f"at least minimum_calls ({self.minimum_calls})",
            )
        if self.window_seconds is not None:
            require(self.window_seconds > 0, "rates.window_seconds", self.window_seconds, "more than 0")

    def window(self) -> Window:
        if self.window_calls is not None:
            return CountWindow(self.window_calls)
        assert self.window_seconds is not None  # noqa: S101
        return TimeWindow(self.window_seconds)

    def reached(self, window: Window) -> bool:
        if window.calls < self.minimum_calls:
            return False
        failing = self.failure_rate is not None and window.failed >= self.failure_rate * window.calls
        slow = self.slow_call_rate is not None and window.slow >= self.slow_call_rate * window.calls
        return failing or slow


class Window(Protocol):
    """The calls that count now, and how many of them failed or were slow."""

    calls: int
    failed: int
    slow: int

    def record(self, now: float, *, failed: bool, slow: bool) -> None: ...


class CountWindow:
    """The last `size` calls, a byte each."""

    __slots__ = ("_marks", "_next", "calls", "failed", "slow")

    def __init__(self, size: int) -> None:
        self._marks = bytearray(size)
        self._next = 0
        self.calls = self.failed = self.slow = 0

    def record(self, now: float, *, failed: bool, slow: bool) -> None:  # noqa: ARG002
        marks, at = self._marks, self._next
        if self.calls == len(marks):
            self.failed -= marks[at] & _FAILED
            self.slow -= (marks[at] & _SLOW) >> 1
        else:
            self.calls += 1
        marks[at] = failed * _FAILED | slow * _SLOW
        self.failed += failed
        self.slow += slow
        self._next = (at + 1) % len(marks)


class TimeWindow:
    """The calls of the last `seconds`, summed in ten slices."""

    __slots__ = ("_slice_seconds", "_slices", "calls", "failed", "slow")

    def __init__(self, seconds: float) -> None:
        self._slice_seconds = seconds / _SLICES
        self._slices: deque[list[int]] = deque()
        self.calls = self.failed = self.slow = 0

    def record(self, now: float, *, failed: bool, slow: bool) -> None:
        number = int(now // self._slice_seconds)
        slices = self._slices
        while slices and slices[0][0] <= number - _SLICES:
            _, calls, of_them_failed, of_them_slow = slices.popleft()
            self.calls -= calls
            self.failed -= of_them_failed
            self.slow -= of_them_slow
        # Two threads may read the clock in one order and come here in the other: the later slice takes it.
        if not slices or slices[-1][0] < number:
            slices.append([number, 0, 0, 0])
        latest = slices[-1]
        latest[1] += 1
        latest[2] += failed
        latest[3] += slow
        self.calls += 1
        self.failed += failed
        self.slow += slow
