"""The server's clock, read from afar: all processes of a ledger agree on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

_MEASURE_AFTER_SECONDS: Final = 60.0
_GOOD_ERROR_SECONDS: Final = 0.1
_PRECISION_SECONDS: Final = 0.001
"""Of `localTime`, which is whole milliseconds."""


class Clock(Protocol):
    error_seconds: float
    """By how much `now` may be wrong."""

    def now(self) -> float:
        """Unix time."""

    @property
    def is_due(self) -> bool:
        """Whether to ask the server for its time."""

    def measured(self, server_time: datetime, asked_at: float, answered_at: float) -> None:
        """Take in the `localTime` of a `hello` that was sent and answered at these readings of `local`."""

    def local(self) -> float: ...


def local_seconds() -> float:
    """Seconds that nobody sets; where the system can tell, those in suspension are counted too."""
    return _now(_CLOCK)


_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_now: Final = time.clock_gettime


class ServerClock:
    """A local clock and its offset to the server's, measured now and then."""

    def __init__(self, local: Callable[[], float] = local_seconds) -> None:
        self.local = local
        self._offset = time.time() - local()
        self._measured_at: float | None = None
        self.error_seconds = float("inf")
        """By how much `now` may be wrong; half of the round trip. Infinite before the first measurement."""

    def now(self) -> float:
        return self.local() + self._offset

    @property
    def is_due(self) -> bool:
        return self._measured_at is None or self.local() - self._measured_at >= _MEASURE_AFTER_SECONDS

    def measured(self, server_time: datetime, asked_at: float, answered_at: float) -> None:
        error_seconds = (answered_at - asked_at) / 2 + _PRECISION_SECONDS
        if error_seconds > _GOOD_ERROR_SECONDS and self.error_seconds <= _GOOD_ERROR_SECONDS:
            return  # a slow answer says less than what is known; the next one may say more
        self._offset = server_time.timestamp() - (asked_at + answered_at) / 2
        self._measured_at = answered_at
        self.error_seconds = error_seconds
