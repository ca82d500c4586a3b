"""The gate that holds money for a call before it is sent, and settles what it cost when it has ended.

Reserve, then settle: a check that is followed by a call overspends as soon as two calls check at once.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Final

from pipeline import metrics
from pipeline.gates import Call, Pass
from pipeline.ledger.protocol import (
    MAX_AMOUNT_NANO_USD,
    NANO_USD_PER_USD,
    BudgetLedger,
    BudgetState,
    Granted,
    LedgerError,
    Refused,
)
from pipeline.meter import Meter
from pipeline.metrics import NO_LAYER, BudgetDecision
from pipeline.prices import CEILING_USD_PER_CALL
from pipeline.rejections import BudgetExceededError, BudgetUnavailableError
from pipeline.series import Gauge
from pipeline.unanswered import charge_unanswered

log = logging.getLogger(__name__)

_NEVER_WARNED: Final = -1.0


class Budget:
    """A gate for all the dependencies of a process whose calls cost money.

    A call holds `max_usd`, or `default_usd` where it doesn't say; it costs what its charge says. One that
    was sent and got no answer, in time or at all, costs what was held: it may have been paid for.
    """

    def __init__(
        self,
        ledger: BudgetLedger,
        meter: Meter,
        *,
        enforce: bool = True,
        warn_ratio: float = 0.8,
        default_usd: float = CEILING_USD_PER_CALL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Its series exist from now on. `clock` tells Unix time.

        With `enforce` False nothing is refused; what would have been is counted.
        """
        self._ledger = ledger
        self._enforce = enforce
        self._warn_ratio = warn_ratio
        self._default_nano_usd = to_nano_usd(default_usd)
        self._clock = clock
        self._ids = _ReservationIds()
        self._warned_of: float | None = _NEVER_WARNED
        self._series = _BudgetSeries(meter, warn_ratio)
        self._untold: deque[tuple[str, int, str]] = deque()
        self._known = ledger.state()
        self.refresh()

    def enter(self, call: Call) -> Pass:
        amount = self._amount(call)
        envelope = _envelope.get()
        if envelope is not None and envelope.draw(self, amount):
            self._series.decisions[BudgetDecision.ALLOWED].tick()
            return _Held(self, envelope.reservation_id, amount, envelope)
        reservation_id = self._ids.new()
        answer = self._ask(reservation_id, amount, call.layer)
        if answer is None:
            answer = self._ledger.reserve_blocking(
                reservation_id, amount, layer=call.layer, enforce=self._enforce
            )
        return self._judge(answer, reservation_id, amount, call.series.dependency)

    async def enter_async(self, call: Call) -> Pass:
        amount = self._amount(call)
        envelope = _envelope.get()
        if envelope is not None and envelope.draw(self, amount):
            self._series.decisions[BudgetDecision.ALLOWED].tick()
            return _Held(self, envelope.reservation_id, amount, envelope)
        reservation_id = self._ids.new()
        answer = self._ask(reservation_id, amount, call.layer)
        if answer is None:
            answer = await self._ledger.reserve_async(
                reservation_id, amount, layer=call.layer, enforce=self._enforce
            )
        return self._judge(answer, reservation_id, amount, call.series.dependency)

    @asynccontextmanager
    async def job(self, nano_usd: int) -> AsyncIterator[None]:
        """Hold so much for a whole job: calls inside draw from it, what they leave is given back at the end.

        So a job that is begun need not end for want of money before its last layer. A call that asks for
        more than is left of it asks the budget, as outside.

        Raises:
            BudgetExceededError: the budget has not so much left. BudgetUnavailableError: likewise.
        """
        reservation_id = self._ids.new()
        answer = self._ask(reservation_id, nano_usd, NO_LAYER)
        if answer is None:
            answer = await self._ledger.reserve_async(
                reservation_id, nano_usd, layer=NO_LAYER, enforce=self._enforce
            )
        self._judge(answer, reservation_id, nano_usd, "the job")
        envelope = _Envelope(self, reservation_id, nano_usd)
        token = _envelope.set(envelope)
        try:
            yield
        finally:
            _envelope.reset(token)
            if envelope.close():
                self.settle(reservation_id, 0, NO_LAYER)

    def settle(self, reservation_id: str, actual_nano_usd: int, layer: str) -> None:
        self._untold.append((reservation_id, actual_nano_usd, layer))
        self.refresh()

    def spend(self, reservation_id: str, actual_nano_usd: int, layer: str) -> None:
        self._ledger.spend(reservation_id, actual_nano_usd, layer=layer)
        self.refresh()

    def refresh(self) -> None:
        """Show the ledger's state, and warn if it is time to; after each change, and now and then."""
        try:
            with suppress(IndexError):  # another thread may take the last one
                while self._untold:
                    self._tell(self._untold.popleft())
            self._known = state = self._ledger.state()
        except LedgerError as error:
            log.warning("budget.unavailable reason=%s", error.strerror)
            return
        self._series.show(state)
        if (
            state.resets_at != self._warned_of
            and state.spent_nano_usd >= self._warn_ratio * state.limit_nano_usd
        ):
            is_ours = self._ledger.claim_warning()
            if is_ours is not None:
                self._warned_of = state.resets_at
            if is_ours:
                log.warning("budget.warning %s", self._described(state))

    def _tell(self, settlement: tuple[str, int, str]) -> None:
        """Tell the ledger; one that can't be told now is told with the next."""
        reservation_id, actual_nano_usd, layer = settlement
        try:
            self._ledger.settle(reservation_id, actual_nano_usd, layer=layer)
        except LedgerError:
            self._untold.append(settlement)
            raise

    def _ask(self, reservation_id: str, amount: int, layer: str) -> Granted | Refused | None:
        try:
            return self._ledger.reserve(reservation_id, amount, layer=layer, enforce=self._enforce)
        except LedgerError as error:
            log.warning("budget.unavailable reason=%s", error.strerror)
            return Refused(self._known, is_unavailable=True) if self._enforce else Granted()

    def _amount(self, call: Call) -> int:
        usd = call.max_usd
        # Nothing is held for nothing, but what is no amount can't be believed.
        return self._default_nano_usd if usd is None or not usd >= 0 else to_nano_usd(usd)

    def _judge(self, answer: Granted | Refused, reservation_id: str, amount: int, asked_by: str) -> Pass:
        if isinstance(answer, Refused):
            self._series.decisions[BudgetDecision.REJECTED].inc()
            self._series.show(answer.state)
            raise self._refusal(answer, amount, asked_by)
        is_allowed = answer.is_within_limit
        self._series.decisions[BudgetDecision.ALLOWED if is_allowed else BudgetDecision.WOULD_REJECT].inc()
        self.refresh()
        return _Held(self, reservation_id, amount)

    def _refusal(
        self, refused: Refused, amount: int, asked_by: str
    ) -> BudgetExceededError | BudgetUnavailableError:
        state = refused.state
        if refused.is_unavailable:
            return BudgetUnavailableError(asked_by)
        return BudgetExceededError(
            asked_by,
            limit_usd=to_usd(state.limit_nano_usd),
            spent_usd=to_usd(state.spent_nano_usd + state.reserved_nano_usd),
            asked_usd=to_usd(amount),
            retry_after_seconds=self._seconds_to_reset(state),
        )

    def _seconds_to_reset(self, state: BudgetState) -> float | None:
        return None if state.resets_at is None else max(0.0, state.resets_at - self._clock())

    def _described(self, state: BudgetState) -> str:
        left = self._seconds_to_reset(state)
        resets = "" if left is None else f" resets_in_seconds={left:.0f}"
        spent_usd, limit_usd = to_usd(state.spent_nano_usd), to_usd(state.limit_nano_usd)
        return f"spent_usd={spent_usd:.6g} limit_usd={limit_usd:.6g}{resets}"


class _Held:
    """Money that is held for one call, or drawn for it from its job's."""

    __slots__ = ("_amount", "_budget", "_envelope", "_reservation_id")

    def __init__(
        self, budget: Budget, reservation_id: str, amount: int, envelope: _Envelope | None = None
    ) -> None:
        self._budget = budget
        self._reservation_id = reservation_id
        self._amount = amount
        self._envelope = envelope

    def settle(self, call: Call) -> None:
        charge_unanswered(call, to_usd(self._amount))
        charge = call.charge
        self._end(0 if charge is None else to_nano_usd(charge.usd), call.layer)

    def release(self, call: Call) -> None:
        self._end(0, call.layer)

    def _end(self, actual: int, layer: str) -> None:
        if self._envelope is None:
            self._budget.settle(self._reservation_id, actual, layer)
            return
        if actual:
            self._budget.spend(self._reservation_id, actual, layer)
        if self._envelope.put_back(self._amount, actual):
            self._budget.settle(self._reservation_id, 0, layer)


class _Envelope:
    """What is held for a whole job, and how much of it no call has drawn."""

    def __init__(self, budget: Budget, reservation_id: str, amount: int) -> None:
        self.reservation_id = reservation_id
        self._budget = budget
        self._free = amount
        self._under_way = 0
        self._closed = False
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def draw(self, budget: Budget, amount: int) -> bool:
        """Take it, if there is so much. In a forked child the job's money is the parent's."""
        with self._lock:
            fits = (
                budget is self._budget
                and not self._closed
                and amount <= self._free
                and os.getpid() == self._pid
            )
            if fits:
                self._free -= amount
                self._under_way += 1
            return fits

    def put_back(self, drawn: int, actual: int) -> bool:
        """The call has ended. Returns whether it was the last one of a job that has ended before it."""
        with self._lock:
            self._free = max(0, self._free + drawn - actual)
            self._under_way -= 1
            return self._closed and not self._under_way

    def close(self) -> bool:
        """Returns whether nothing is under way any more."""
        with self._lock:
            self._closed = True
            return not self._under_way


_envelope: ContextVar[_Envelope | None] = ContextVar("envelope", default=None)


class _BudgetSeries:
    """The budget's series, looked up once."""

    def __init__(self, meter: Meter, warn_ratio: float) -> None:
        self.decisions = {
            decision: meter.counter(metrics.PIPELINE_BUDGET_DECISIONS, decision.value)
            for decision in BudgetDecision
        }
        self._meter = meter
        self._spent = meter.gauge(metrics.PIPELINE_BUDGET_SPENT)
        self._reserved = meter.gauge(metrics.PIPELINE_BUDGET_RESERVED)
        self._limit = meter.gauge(metrics.PIPELINE_BUDGET_LIMIT)
        self._warn = meter.gauge(metrics.PIPELINE_BUDGET_WARN_RATIO)
        self._warn_ratio = warn_ratio
        self._period_end: Gauge | None = None

    def show(self, state: BudgetState) -> None:
        if not state.is_known:
            return
        self._spent.set(state.spent_nano_usd / NANO_USD_PER_USD)
        self._reserved.set(state.reserved_nano_usd / NANO_USD_PER_USD)
        _set_if_changed(self._limit, state.limit_nano_usd / NANO_USD_PER_USD)
        _set_if_changed(self._warn, self._warn_ratio)
        if state.resets_at is not None:
            if self._period_end is None:
                self._period_end = self._meter.gauge(metrics.PIPELINE_BUDGET_PERIOD_END)
            _set_if_changed(self._period_end, state.resets_at)


def _set_if_changed(gauge: Gauge, value: float) -> None:
    if gauge.value != value:  # as it is after a fork too
        gauge.set(value)


class _ReservationIds:
    """Never used twice, in this process or another."""

    def __init__(self) -> None:
        self._pid = 0
        self._prefix = ""
        self._numbers = itertools.count()

    def new(self) -> str:
        if os.getpid() != self._pid:
            self._pid = os.getpid()
            self._prefix = secrets.token_hex(8)
        return f"{self._prefix}-{next(self._numbers):x}"


def to_nano_usd(usd: float) -> int:
    """The nearest whole nano-USD, within what a ledger takes; nothing for what is no amount."""
    if not usd > 0:
        return 0
    return round(min(usd, to_usd(MAX_AMOUNT_NANO_USD)) * NANO_USD_PER_USD)


def to_usd(nano_usd: int) -> float:
    return nano_usd / NANO_USD_PER_USD
