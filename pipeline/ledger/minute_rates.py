"""Permits in any 60 s."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipeline.ledger.cells import CHANGING
from pipeline.ledger.local_rates import FIRST_OWN_CELL, NANO, LocalRates
from pipeline.ledger.protocol import Taken, Wait
from pipeline.metrics import Window

WINDOW_SECONDS: Final = 60

_WINDOW_NS: Final = WINDOW_SECONDS * NANO
_ENTRIES: Final = 1024
# An entry gathers the permits of so long, so that all entries of a window fit.
_ENTRY_NS: Final = _WINDOW_NS // 1000
_USED, _OLDEST, _NEXT = range(FIRST_OWN_CELL, FIRST_OWN_CELL + 3)
_FIRST_ENTRY: Final = FIRST_OWN_CELL + 3
_SINCE, _UNTIL, _COUNT = range(3)
_CELLS_PER_ENTRY: Final = 3
_LAYOUT: Final = 2


class MinuteRates(LocalRates):
    """A `RateLedger`: never more than `limit` permits in any 60 s (t ≤ x < t + 60), and nothing less.

    Not GCRA, whose burst of N can be followed by nearly N more within a minute, nor a window that is
    counted from a fixed time: it remembers when permits were taken. It gathers those of 60 ms, as if all
    had been taken with the last of them, so that a thousand entries suffice for any limit.
    """

    window = Window.MINUTE

    def __init__(
        self,
        limit: int,
        *,
        path: Path | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Kept in the file, for all processes that name it, or in memory.

        Raises:
            LedgerError: as for `FileCells`.
        """
        size = _FIRST_ENTRY + _ENTRIES * _CELLS_PER_ENTRY
        super().__init__(limit, size, layout=_LAYOUT, path=path, monotonic_ns=monotonic_ns)

    def remaining(self) -> int:
        now = self._enter()
        try:
            self._forget(now)
            return max(0, self.limit - self._values[_USED])
        finally:
            self._cells.release()

    def give_back(self, taken: Taken) -> None:
        entry, since = taken.token if isinstance(taken.token, tuple) else (0, -1)
        self._enter()
        try:
            values = self._values
            at = _FIRST_ENTRY + entry * _CELLS_PER_ENTRY
            if values[at + _SINCE] == since and values[at + _COUNT] >= taken.permits:
                values[CHANGING] = 1
                values[at + _COUNT] -= taken.permits
                values[_USED] -= taken.permits
                values[CHANGING] = 0
        finally:
            self._cells.release()

    def _take(self, permits: int, now: int) -> Taken | Wait:
        self._forget(now)
        values = self._values
        lacking = values[_USED] + permits - self.limit
        if lacking > 0:
            return Wait(self._until_free(lacking, now) / NANO)
        oldest, following = values[_OLDEST], values[_NEXT]
        last = (following - 1) % _ENTRIES
        at = _FIRST_ENTRY + last * _CELLS_PER_ENTRY
        # After a restart of the machine there may be a second windowful of them: then the last takes all.
        is_full = (following + 1) % _ENTRIES == oldest
        values[CHANGING] = 1
        if oldest == following or (now - values[at + _SINCE] >= _ENTRY_NS and not is_full):
            last = following
            at = _FIRST_ENTRY + last * _CELLS_PER_ENTRY
            values[at + _SINCE] = now
            values[at + _COUNT] = 0
            values[_NEXT] = (last + 1) % _ENTRIES
        values[at + _UNTIL] = now
        values[at + _COUNT] += permits
        values[_USED] += permits
        values[CHANGING] = 0
        return Taken(permits, (last, values[at + _SINCE]))

    def _forget(self, now: int) -> None:
        """Entries that a window can't hold together with what is taken now."""
        values = self._values
        oldest, following = values[_OLDEST], values[_NEXT]
        while oldest != following:
            at = _FIRST_ENTRY + oldest * _CELLS_PER_ENTRY
            if now - values[at + _UNTIL] < _WINDOW_NS:
                break
            values[CHANGING] = 1
            values[_USED] -= values[at + _COUNT]
            values[at + _COUNT] = 0
            values[at + _SINCE] = -1
            oldest = (oldest + 1) % _ENTRIES
            values[_OLDEST] = oldest
            values[CHANGING] = 0

    def _until_free(self, lacking: int, now: int) -> int:
        """Nanoseconds until so many more permits are free."""
        values = self._values
        entry = values[_OLDEST]
        while entry != values[_NEXT]:
            at = _FIRST_ENTRY + entry * _CELLS_PER_ENTRY
            lacking -= values[at + _COUNT]
            if lacking <= 0:
                return max(1, values[at + _UNTIL] + _WINDOW_NS - now)
            entry = (entry + 1) % _ENTRIES
        return _WINDOW_NS

    def _tidy(self, now: int) -> None:
        """What was taken in the future was taken before the machine was started; then, at the latest, now."""
        values = self._values
        used, entry = 0, values[_OLDEST]
        while entry != values[_NEXT]:
            at = _FIRST_ENTRY + entry * _CELLS_PER_ENTRY
            for time_cell in (at + _SINCE, at + _UNTIL):
                values[time_cell] = min(values[time_cell], now)
            used += values[at + _COUNT]
            entry = (entry + 1) % _ENTRIES
        values[_USED] = used

    def _is_plausible(self) -> bool:
        values = self._values
        counts = values[_FIRST_ENTRY + _COUNT :: _CELLS_PER_ENTRY]
        return (
            0 <= values[_OLDEST] < _ENTRIES
            and 0 <= values[_NEXT] < _ENTRIES
            and all(0 <= count < 1 << 40 for count in counts)
        )
