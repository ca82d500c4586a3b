"""What people and circuitbreaker's monitor see and do: the state, and changing it by hand."""

from __future__ import annotations

import math
from typing import Final

from pipeline.breaker.machine import Machine
from pipeline.metrics import BreakerState

_FOREVER_SECONDS: Final = 100 * 365 * 86_400
"""What a breaker that is forced open says instead of infinity, so that it can be added to a date."""


class Controls(Machine):
    def reset(self) -> None:
        """Close, whatever came before; if it was not closed, answers of calls under way are stale."""
        self._close(disabled=False)

    def disable(self) -> None:
        """Close and stay closed: outcomes are counted but change nothing, until `reset`."""
        self._close(disabled=True)

    def force_open(self) -> None:
        """Open and stay open, without trials, until `reset`."""
        now = self.clock()
        with self._lock:
            self._disabled = False
            self._move_to(BreakerState.OPEN, now)
            self._reopens_at = math.inf
        self._tell(None)

    def _close(self, *, disabled: bool) -> None:
        now = self.clock()
        with self._lock:
            self._disabled = disabled
            self._move_to(BreakerState.CLOSED, now)
            if math.isinf(self._reopens_at):
                self._reopens_at = now
            self._forget()
        self._tell(None)

    @property
    def disabled(self) -> bool:
        return self._disabled

    @property
    def forced_open(self) -> bool:
        return self._now_in is BreakerState.OPEN and math.isinf(self._reopens_at)

    @property
    def state(self) -> str:
        """As the parent: `half_open` as soon as the recovery timeout is over."""
        if self._now_in is BreakerState.OPEN and self.clock() >= self._reopens_at:
            return BreakerState.HALF_OPEN.value
        return self._now_in.value

    @property
    def opened(self) -> bool:
        return self._now_in is BreakerState.OPEN and self.clock() < self._reopens_at

    @property
    def open_remaining(self) -> int:
        """Seconds until trials are let through, rounded away from zero; a century if it is forced open."""
        remaining = min(self._reopens_at - self.clock(), _FOREVER_SECONDS)
        return math.ceil(remaining) if remaining > 0 else math.floor(remaining)
