"""What permits on this host are kept in: one process's memory, or a file that all its processes share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipeline.ledger.cells import CHANGING, FIRST_FREE_CELL, Cells, FileCells, MemoryCells
from pipeline.ledger.mapped_file import not_ours
from pipeline.ledger.protocol import MAX_PAUSE_SECONDS, Taken, Wait
from pipeline.metrics import Window

NANO: Final = 1_000_000_000
FIRST_OWN_CELL: Final = FIRST_FREE_CELL + 1

_PAUSED_UNTIL: Final = FIRST_FREE_CELL
_NEVER: Final = Wait(math.inf)


class LocalRates:
    """What windows of a minute and of a day share: the cells, and pauses."""

    window: Window

    def __init__(
        self,
        limit: int,
        size: int,
        *,
        layout: int,
        path: Path | None,
        monotonic_ns: Callable[[], int],
    ) -> None:
        self.limit = limit
        self._monotonic_ns = monotonic_ns
        self._cells: Cells = MemoryCells(size) if path is None else FileCells(path, size, layout=layout)
        self._values = self._cells.values
        try:
            if path is not None:
                self._check(path)
            self._cells.acquire()
            try:
                # A pause of before the machine was started, whose monotonic clock was another.
                latest = monotonic_ns() + int(MAX_PAUSE_SECONDS * NANO)
                self._values[_PAUSED_UNTIL] = min(self._values[_PAUSED_UNTIL], latest)
                self._make_anew(monotonic_ns())
            finally:
                self._cells.release()
        except BaseException:
            self._cells.close()
            raise

    async def take_async(self, permits: int) -> Taken | Wait:
        return self.take(permits)

    def take_blocking(self, permits: int) -> Taken | Wait:
        return self.take(permits)

    def take(self, permits: int) -> Taken | Wait:
        if permits > self.limit:
            return _NEVER
        now = self._enter()
        try:
            paused_ns = self._values[_PAUSED_UNTIL] - now
            if paused_ns > 0:
                return Wait(paused_ns / NANO)
            return self._take(permits, now)
        finally:
            self._cells.release()

    def pause(self, seconds: float) -> None:
        if not seconds > 0:
            return
        now = self._enter()
        try:
            until = now + int(min(seconds, MAX_PAUSE_SECONDS) * NANO)
            self._values[_PAUSED_UNTIL] = max(self._values[_PAUSED_UNTIL], until)
        finally:
            self._cells.release()

    async def close(self) -> None:
        self._cells.close()

    def _enter(self) -> int:
        """Take the lock. Returns the time."""
        is_complete = self._cells.acquire()
        try:
            now = self._monotonic_ns()
            if not is_complete:
                self._make_anew(now)
        except BaseException:
            self._cells.release()
            raise
        return now

    def _make_anew(self, now: int) -> None:
        self._tidy(now)
        self._values[CHANGING] = 0

    def _take(self, permits: int, now: int) -> Taken | Wait:
        raise NotImplementedError

    def _tidy(self, now: int) -> None:
        """Make the sums anew; what can't be is taken for the latest that can."""
        raise NotImplementedError

    def _check(self, path: Path) -> None:
        if not self._is_plausible():
            raise not_ours(path)

    def _is_plausible(self) -> bool:
        """Whether permits can be counted on what the file says, whoever made it."""
        raise NotImplementedError
