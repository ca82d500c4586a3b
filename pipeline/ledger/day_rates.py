"""Permits in a day of UTC."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipeline.ledger.local_rates import FIRST_OWN_CELL, LocalRates
from pipeline.ledger.periods import DAY_SECONDS, day_of
from pipeline.ledger.protocol import Taken, Wait
from pipeline.metrics import Window

_USED, _DAY, _LEFT = range(FIRST_OWN_CELL, FIRST_OWN_CELL + 3)
_SIZE: Final = FIRST_OWN_CELL + 3
_LAYOUT: Final = 4


class DayRates(LocalRates):
    """A `RateLedger`: never more than `limit` permits in a day of UTC."""

    window = Window.DAY

    def __init__(
        self,
        limit: int,
        *,
        path: Path | None = None,
        clock: Callable[[], float] = time.time,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """As for `MinuteRates`; `clock` tells Unix time.

        Raises:
            LedgerError: as for `FileCells`.
        """
        self._clock = clock
        super().__init__(limit, _SIZE, layout=_LAYOUT, path=path, monotonic_ns=monotonic_ns)

    def remaining(self) -> int:
        self._enter()
        try:
            self._begin_day()
            return max(0, self.limit - self._values[_USED])
        finally:
            self._cells.release()

    def give_back(self, taken: Taken) -> None:
        self._enter()
        try:
            if self._values[_DAY] == taken.token:
                self._values[_USED] = max(0, self._values[_USED] - taken.permits)
        finally:
            self._cells.release()

    def _take(self, permits: int, _now: int) -> Taken | Wait:
        unix_time = self._begin_day()
        if self._values[_USED] + permits > self.limit:
            return Wait(DAY_SECONDS - unix_time % DAY_SECONDS)
        self._values[_USED] += permits
        return Taken(permits, self._values[_DAY])

    def _begin_day(self) -> float:
        """Begin to count anew if the day has changed. Returns Unix time.

        A clock that is set back, a little or far, must not give a day's permits twice.
        """
        unix_time = self._clock()
        today = day_of(unix_time).toordinal()
        values = self._values
        known = values[_DAY]
        if today != known and today + 1 != known:
            if today < known:
                values[_LEFT] = known
            elif today != values[_LEFT]:
                values[_USED] = 0
                values[_LEFT] = 0  # from now on the clock is right: a day that was seen too early is new
            values[_DAY] = today
        return unix_time

    def _tidy(self, now: int) -> None:
        """There is one number, and no sum."""

    def _is_plausible(self) -> bool:
        return 0 <= self._values[_USED] < 1 << 40
