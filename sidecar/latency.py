"""How long each dependency's probes took over the last hour, by the minute, in bounded memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

MINUTES: Final = 60
_SECONDS_PER_MINUTE: Final = 60
_MOST_FAILURES: Final = 255


@dataclass(frozen=True, slots=True)
class Minute:
    """The slowest good run of one minute, None if there was none, and how many runs failed."""

    slowest_seconds: float | None
    failures: int


class LatencyHistory:
    """An hour of one dependency: 60 numbers and 60 bytes, however often it is probed."""

    def __init__(self) -> None:
        self._slowest = array("f", [math.nan] * MINUTES)
        self._failures = bytearray(MINUTES)
        self._newest = 0

    def note(self, ended_at: float, duration_seconds: float, *, success: bool) -> None:
        """Take in a run that ended at the Unix time `ended_at`; one older than the hour is left out."""
        minute = int(ended_at // _SECONDS_PER_MINUTE)
        if minute <= self._newest - MINUTES:
            return
        for passed in range(max(self._newest + 1, minute - MINUTES + 1), minute + 1):
            self._slowest[passed % MINUTES] = math.nan
            self._failures[passed % MINUTES] = 0
        self._newest = max(self._newest, minute)
        slot = minute % MINUTES
        if success:
            known = self._slowest[slot]
            self._slowest[slot] = duration_seconds if math.isnan(known) else max(known, duration_seconds)
        else:
            self._failures[slot] = min(_MOST_FAILURES, self._failures[slot] + 1)

    def minutes(self, now: float) -> list[Minute]:
        """The hour up to `now`, oldest first."""
        newest = int(now // _SECONDS_PER_MINUTE)
        return [self._minute(minute) for minute in range(newest - MINUTES + 1, newest + 1)]

    def _minute(self, minute: int) -> Minute:
        if not self._newest - MINUTES < minute <= self._newest:
            return Minute(None, 0)
        slowest = self._slowest[minute % MINUTES]
        return Minute(None if math.isnan(slowest) else slowest, self._failures[minute % MINUTES])


class Latencies:
    """The hours of all dependencies."""

    def __init__(self) -> None:
        self._by_name: dict[str, LatencyHistory] = {}

    def note(self, dependency: str, ended_at: float, duration_seconds: float, *, success: bool) -> None:
        history = self._by_name.get(dependency)
        if history is None:
            history = self._by_name[dependency] = LatencyHistory()
        history.note(ended_at, duration_seconds, success=success)

    def minutes(self, dependency: str, now: float) -> list[Minute]:
        """Empty for a dependency that was never probed."""
        history = self._by_name.get(dependency)
        return [] if history is None else history.minutes(now)

    def forget_all_but(self, names: Collection[str]) -> None:
        self._by_name = {name: history for name, history in self._by_name.items() if name in names}
