"""A budget on this host: in the memory of one process, or in a file that all its processes share."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

from pipeline.ledger import history
from pipeline.ledger.cells import (
    CHANGING,
    FIRST_FREE_CELL,
    MAX_PROCESSES,
    Cells,
    FileCells,
    MemoryCells,
)
from pipeline.ledger.history import History
from pipeline.ledger.mapped_file import not_ours
from pipeline.ledger.periods import DAY_SECONDS, day_begin, day_of, is_of_kind, period_end, period_number
from pipeline.ledger.protocol import BudgetState, Granted, Period, Refused, Spent
from pipeline.metrics import NO_LAYER

FILE_NAME: Final = "budget.ledger"

_GRANTED: Final = Granted()
_GRANTED_BEYOND: Final = Granted(is_within_limit=False)
_LAYOUT: Final = 4
_PERIOD, _LEFT, _WARNED, _RESERVED, _SPENT = range(FIRST_FREE_CELL, FIRST_FREE_CELL + 5)
_SLOTS: Final = FIRST_FREE_CELL + 5
_CELLS_PER_SLOT: Final = 5
_HISTORY: Final = _SLOTS + MAX_PROCESSES * _CELLS_PER_SLOT
_SIZE: Final = _HISTORY + history.SIZE
_MOST: Final = (1 << 62) // MAX_PROCESSES
"""Sums stop here: 36 million USD. All slots together fit an int64."""


class LocalBudget:
    """A `BudgetLedger` that answers at once.

    Each process has a slot with what it holds and has spent, in two copies of which one counts: a change
    writes the other and then says, in one store, that this one counts from now on. So no `kill -9` can lose
    a settlement or count it twice. What a dead process held is spent: its calls may have been paid for.
    `_RESERVED` and `_SPENT` are the slots' sums.

    A call that is under way when a period ends is counted in the one in which it is settled.
    """

    def __init__(
        self,
        limit_nano_usd: int,
        period: Period = Period.TOTAL,
        *,
        directory: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep it in a file of the directory, or in memory. `clock` tells Unix time.

        Raises:
            LedgerError: as for `FileCells`.
        """
        self._cells: Cells = (
            MemoryCells(_SIZE)
            if directory is None
            else FileCells(directory / FILE_NAME, _SIZE, layout=_LAYOUT)
        )
        self._values = self._cells.values
        self._limit = limit_nano_usd
        self._period = period
        self._clock = clock
        self._holds: dict[str, int] = {}
        self._history = History(self._values, _HISTORY)
        self._today = date.min
        self._today_begins = self._today_ends = 0.0
        self._resets_at: float | None = None
        self._cells.on_fork = self._after_fork
        try:
            if directory is not None:
                self._check(directory / FILE_NAME)
            self._enter()
            try:
                self._sum_up()
                self._spend_what_the_dead_held()
            finally:
                self._leave()
        except BaseException:
            self._cells.close()
            raise

    def reserve(
        self, reservation_id: str, amount_nano_usd: int, *, layer: str, enforce: bool
    ) -> Granted | Refused:
        del layer  # it is asked for again when the money is spent
        self._enter()
        try:
            if reservation_id in self._holds:
                return _GRANTED
            values = self._values
            is_within = amount_nano_usd <= self._limit - values[_RESERVED] - values[_SPENT]
            if enforce and not is_within:
                return Refused(self._state())
            held = amount_nano_usd if values[_RESERVED] + amount_nano_usd <= _MOST else 0
            # In this order: what was held when an interrupt came in between is spent one day, not free.
            self._change(held, 0)
            self._holds[reservation_id] = held
            return _GRANTED if is_within else _GRANTED_BEYOND
        finally:
            self._leave()

    async def reserve_async(
        self, reservation_id: str, amount_nano_usd: int, *, layer: str, enforce: bool
    ) -> Granted | Refused:
        return self.reserve(reservation_id, amount_nano_usd, layer=layer, enforce=enforce)

    reserve_blocking = reserve

    def spend(self, reservation_id: str, actual_nano_usd: int, *, layer: str) -> None:
        self._enter()
        try:
            held = self._holds.get(reservation_id)
            if held is None:
                return
            drawn = min(actual_nano_usd, held)
            self._holds[reservation_id] = held - drawn
            self._change(-drawn, actual_nano_usd)
            self._history.add(self._today, layer, actual_nano_usd)
        finally:
            self._leave()

    def settle(self, reservation_id: str, actual_nano_usd: int, *, layer: str) -> None:
        self._enter()
        try:
            held = self._holds.pop(reservation_id, None)
            if held is None:
                return
            self._change(-held, actual_nano_usd)
            if actual_nano_usd:
                self._history.add(self._today, layer, actual_nano_usd)
        finally:
            self._leave()

    def state(self) -> BudgetState:
        # Without the lock where that is safe: in a file, to take it twice a call costs more than all else.
        values = self._values
        if self._today_begins <= self._clock() < self._today_ends:
            spent = values[_SPENT]
            reserved = values[_RESERVED]
            if not values[CHANGING] and values[_SPENT] == spent:  # so nobody came in between
                return BudgetState(self._limit, spent, reserved, self._resets_at)
        return self.read()

    def read(self) -> BudgetState:
        self._enter()
        try:
            return self._state()
        finally:
            self._leave()

    def claim_warning(self) -> bool:
        self._enter()
        try:
            values = self._values
            is_first = values[_WARNED] != values[_PERIOD]
            values[_WARNED] = values[_PERIOD]
            return is_first
        finally:
            self._leave()

    def history(self) -> list[Spent]:
        self._enter()
        try:
            self._spend_what_the_dead_held()
            return self._history.rows()
        finally:
            self._leave()

    def reset(self) -> None:
        self._enter()
        try:
            self._begin_anew()
            self._values[_WARNED] = 0
        finally:
            self._leave()

    async def close(self) -> None:
        """What is still held is spent: its calls are under way."""
        self._cells.close()

    def _enter(self) -> None:
        is_complete = self._cells.acquire()
        try:
            if not is_complete:
                self._sum_up()
            now = self._clock()
            if not self._today_begins <= now < self._today_ends:
                self._look_at_the_calendar(now)
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        self._cells.release()

    def _state(self) -> BudgetState:
        return BudgetState(self._limit, self._values[_SPENT], self._values[_RESERVED], self._resets_at)

    def _change(self, reserved: int, spent: int) -> None:
        self._change_slot(self._cells.slot, reserved, spent)

    def _change_slot(self, slot: int, reserved: int, spent: int) -> None:
        values = self._values
        if values[_SPENT] + spent > _MOST:
            spent = 0
        at = _SLOTS + slot * _CELLS_PER_SLOT
        counts = values[at]
        old = at + 1 + 2 * counts
        new = at + 3 - 2 * counts
        values[CHANGING] = 1
        values[new] = values[old] + reserved
        values[new + 1] = values[old + 1] + spent
        values[at] = 1 - counts
        values[_RESERVED] += reserved
        values[_SPENT] += spent
        values[CHANGING] = 0

    def _slot(self, slot: int) -> tuple[int, int]:
        """What it holds and has spent."""
        at = _SLOTS + slot * _CELLS_PER_SLOT
        counting = at + 1 + 2 * self._values[at]
        return self._values[counting], self._values[counting + 1]

    def _sum_up(self) -> None:
        slots = [self._slot(slot) for slot in range(MAX_PROCESSES)]
        self._values[_RESERVED] = sum(reserved for reserved, _ in slots)
        self._values[_SPENT] = sum(spent for _, spent in slots)
        self._values[CHANGING] = 0

    def _spend_what_the_dead_held(self) -> None:
        """Also what this process's slot holds of one who had it before and died."""
        for slot in range(MAX_PROCESSES):
            reserved, _ = self._slot(slot)
            if slot == self._cells.slot:
                reserved -= sum(self._holds.values())
            elif reserved and self._cells.is_alive(slot):
                continue
            if reserved > 0:
                self._change_slot(slot, -reserved, reserved)
                self._history.add(self._today, NO_LAYER, reserved)

    def _look_at_the_calendar(self, now: float) -> None:
        """The day has changed, or this is the first look."""
        self._today = day_of(now)
        self._today_begins = day_begin(now)
        self._today_ends = self._today_begins + DAY_SECONDS
        self._resets_at = period_end(self._period, now)
        number = period_number(self._period, now)
        known = self._values[_PERIOD]
        if known == number + 1:
            return  # the clock was set back a little, over the period's end: it will come again
        if known > number:
            self._values[_LEFT] = known  # the clock was set back far: that one will come again, and not anew
        elif 0 < known < number != self._values[_LEFT] and is_of_kind(known, self._period):
            self._spend_what_the_dead_held()
            self._begin_anew()
            self._values[_LEFT] = 0  # from now on the clock is right: one that was seen too early is new
        # Else the file is new, or was of another kind of period: what is spent stays.
        self._values[_PERIOD] = number

    def _begin_anew(self) -> None:
        for slot in range(MAX_PROCESSES):
            _, spent = self._slot(slot)
            if spent:
                self._change_slot(slot, 0, -spent)

    def _after_fork(self) -> None:
        """The parent settles what it holds. A child in memory has its own budget; what is spent stays."""
        self._holds.clear()
        self._enter()
        try:
            if isinstance(self._cells, MemoryCells):
                reserved, _ = self._slot(self._cells.slot)
                self._change(-reserved, 0)
            else:
                self._spend_what_the_dead_held()
        finally:
            self._leave()

    def _check(self, path: Path) -> None:
        """Sums can be made of what the file says, whoever made it."""
        values = self._values
        slots = values[_SLOTS:_HISTORY]
        if (
            any(counts not in {0, 1} for counts in slots[::_CELLS_PER_SLOT])
            or any(not 0 <= amount <= _MOST for amount in slots)
            or not 0 <= values[_PERIOD] <= _MOST
        ):
            raise not_ours(path)
