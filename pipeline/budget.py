"""The gate that holds money for a call before it is sent, and settles what it cost when it has ended.

Reserve, then settle: a check that is followed by a call overspends as soon as two calls check at once.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final

from pipeline.budget_series import BudgetSeries
from pipeline.envelope import Envelope, current_envelope
from pipeline.forks import ForkGuard
from pipeline.gates import Call, Pass
from pipeline.ledger.protocol import (
    BudgetLedger,
    BudgetState,
    Granted,
    LedgerError,
    Refused,
    to_nano_usd,
    to_usd,
)
from pipeline.meter import Meter
from pipeline.metrics import NO_LAYER
from pipeline.prices import CEILING_USD_PER_CALL
from pipeline.rejections import BudgetExceededError, BudgetUnavailableError
from pipeline.telling import Telling
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
        self._ids = _reservation_ids()
        self._warned_of: float | None = _NEVER_WARNED
        self._series = BudgetSeries(meter, warn_ratio)
        self._telling = Telling(ledger)
        self._was_unavailable = False
        self._known = ledger.state()
        self.refresh()
        _fork_guard.add(self)

    def enter(self, call: Call) -> Pass:
        amount = self._amount(call)
        envelope = current_envelope.get()
        if envelope is not None and envelope.draw(self, amount):
            self._series.allowed.tick()
            return _Held(self, envelope.reservation_id, amount, envelope)
        reservation_id = next(self._ids)
        answer = self._ask(reservation_id, amount, call.layer)
        if answer is None:
            answer = self._ledger.reserve_blocking(
                reservation_id, amount, layer=call.layer, enforce=self._enforce
            )
        return self._judge(answer, reservation_id, amount, call.series.dependency)

    async def enter_async(self, call: Call) -> Pass:
        amount = self._amount(call)
        envelope = current_envelope.get()
        if envelope is not None and envelope.draw(self, amount):
            self._series.allowed.tick()
            return _Held(self, envelope.reservation_id, amount, envelope)
        reservation_id = next(self._ids)
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
        reservation_id = next(self._ids)
        answer = self._ask(reservation_id, nano_usd, NO_LAYER)
        if answer is None:
            answer = await self._ledger.reserve_async(
                reservation_id, nano_usd, layer=NO_LAYER, enforce=self._enforce
            )
        self._judge(answer, reservation_id, nano_usd, "the job")
        envelope = Envelope(self, reservation_id, nano_usd)
        token = current_envelope.set(envelope)
        try:
            yield
        finally:
            current_envelope.reset(token)
            if envelope.close():
                self.settle(reservation_id, 0, NO_LAYER)

    def settle(self, reservation_id: str, actual_nano_usd: int, layer: str) -> None:
        self._telling.settle(reservation_id, actual_nano_usd, layer)
        self.refresh()

    def spend(self, reservation_id: str, actual_nano_usd: int, layer: str) -> None:
        self._telling.spend(reservation_id, actual_nano_usd, layer)
        self.refresh()

    def refresh(self) -> None:
        """Show the ledger's state, and warn if it is time to; after each change, and now and then."""
        try:
            self._telling.tell_the_rest()
            self._known = state = self._ledger.state()
            self._series.show(state)
            self._warn_if_due(state)
        except LedgerError as error:
            self._say_unavailable(error)

    def _warn_if_due(self, state: BudgetState) -> None:
        if state.spent_nano_usd < self._warn_ratio * state.limit_nano_usd:
            self._warned_of = _NEVER_WARNED  # somebody may have reset the period
        elif state.resets_at != self._warned_of:
            is_ours = self._ledger.claim_warning()
            if is_ours is not None:
                self._warned_of = state.resets_at
            if is_ours:
                log.warning("budget.warning %s", self._described(state))

    def before_fork(self) -> None:
        """Nothing to wait for."""

    def after_fork_in_parent(self) -> None:
        """Nothing has changed."""

    def after_fork_in_child(self) -> None:
        """The parent tells what its calls have cost."""
        self._telling.begin_in_child()
        self._series.begin_in_child()
        self._ids = _reservation_ids()

    def _ask(self, reservation_id: str, amount: int, layer: str) -> Granted | Refused | None:
        try:
            answer = self._ledger.reserve(reservation_id, amount, layer=layer, enforce=self._enforce)
        except LedgerError as error:
            self._say_unavailable(error)
            if self._enforce:
                return Refused(self._known, is_unavailable=True)
            self._telling.hold_later(reservation_id, amount, layer)
            return Granted()
        self._was_unavailable = False
        return answer

    def _say_unavailable(self, error: LedgerError) -> None:
        """Once, until it can be asked again."""
        if not self._was_unavailable:
            self._was_unavailable = True
            log.warning("budget.unavailable reason=%s", error.strerror)

    def _amount(self, call: Call) -> int:
        usd = call.max_usd
        # Nothing is held for nothing, but what is no amount can't be believed.
        return self._default_nano_usd if usd is None or not usd >= 0 else to_nano_usd(usd)

    def _judge(self, answer: Granted | Refused, reservation_id: str, amount: int, asked_by: str) -> Pass:
        if isinstance(answer, Refused):
            self._series.rejected.tick()
            self._series.show(answer.state)
            if not answer.is_unavailable:
                self._series.refused(amount, answer.state)
            raise self._refusal(answer, amount, asked_by)
        series = self._series
        (series.allowed if answer.is_within_limit else series.would_reject).tick()
        if series.refusal is not None:
            series.refuses_no_more()
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
        self, budget: Budget, reservation_id: str, amount: int, envelope: Envelope | None = None
    ) -> None:
        self._budget = budget
        self._reservation_id = reservation_id
        self._amount = amount
        self._envelope = envelope

    def settle(self, call: Call) -> None:
        if call.charge is None:
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


def _reservation_ids() -> Iterator[str]:
    """Never used twice, in this process or another."""
    # No generator: several threads may ask at once.
    return map(f"{secrets.token_hex(8)}-{{:x}}".format, itertools.count())


_fork_guard = ForkGuard()
