"""One budget for the processes of many machines, kept in MongoDB."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from concurrent.futures import TimeoutError as NotInTimeError
from datetime import date
from typing import Any, Final, TypeVar

from pipeline.ledger.mongodb.budget_rounds import BudgetRounds
from pipeline.ledger.mongodb.budget_store import BudgetStore
from pipeline.ledger.mongodb.connection import Connection, UnavailableError, knows_forks
from pipeline.ledger.mongodb.rounds import Rounds
from pipeline.ledger.mongodb.shares import GRANTED, Reserving, Shares
from pipeline.ledger.periods import period_end
from pipeline.ledger.protocol import BudgetState, Granted, Period, Refused, Spent
from pipeline.ledger.settings import WhenUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

_LEASE_SECONDS: Final = 60.0
_OLD_SECONDS: Final = 2.0
_LEASED_PART: Final = 100
_CLOSE_TIMEOUTS: Final = 2
_REFUSE: Final = WhenUnavailable.REFUSE


class SharedBudget:
    """A `BudgetLedger` for all processes that use the same database.

    Each call is either held by itself, or served from what this process has leased: then the server is asked
    for many calls at once. What a lost process held is spent when its lease ends.
    """

    def __init__(
        self,
        connection: Connection,
        limit_nano_usd: int,
        period: Period = Period.TOTAL,
        *,
        most_leased_nano_usd: int | None = None,
        when_unavailable: WhenUnavailable | None = None,
        lease_seconds: float = _LEASE_SECONDS,
    ) -> None:
        """Nothing is asked of the server yet.

        `most_leased_nano_usd` is the most that one process leases ahead of its calls, a hundredth of the
        budget unless given; 0: each call is held by itself. A process that says nothing for `lease_seconds`
        is taken for lost. `when_unavailable` None: calls are refused where the budget is enforced.
        """
        self._connection = connection
        self._period = period
        self._limit_nano_usd = limit_nano_usd
        self._when_unavailable = when_unavailable
        leased = limit_nano_usd // _LEASED_PART if most_leased_nano_usd is None else most_leased_nano_usd
        self._leases = leased > 0
        self._store = BudgetStore(connection, period, limit_nano_usd)
        self._shares = Shares(connection, leases=leased > 0, lease_seconds=lease_seconds)
        self._work = BudgetRounds(
            connection,
            self._store,
            self._shares,
            most_leased_nano_usd=leased,
        )
        self._rounds = Rounds(connection, self._work.round, self._answer_unavailable)
        connection.attach(self)
        knows_forks(self)

    def reserve(
        self, reservation_id: str, amount_nano_usd: int, *, layer: str, enforce: bool
    ) -> Granted | Refused | None:
        is_low = self._shares.take(reservation_id, amount_nano_usd)
        if is_low is None:
            if self._rounds.is_pausing:
                return self._unavailable(Reserving(reservation_id, amount_nano_usd, layer, enforce=enforce))
            return None
        if is_low:
            self._rounds.wake()
        return GRANTED

    async def reserve_async(
        self, reservation_id: str, amount_nano_usd: int, *, layer: str, enforce: bool
    ) -> Granted | Refused:
        answer = self.reserve(reservation_id, amount_nano_usd, layer=layer, enforce=enforce)
        if answer is not None:
            return answer
        asking = self._ask(reservation_id, amount_nano_usd, layer, enforce=enforce)
        try:
            return await asking.wait_async(self._connection.timeout_seconds)
        except TimeoutError:
            return self._give_up(asking)
        except BaseException:
            self._abandon(asking)
            raise

    def reserve_blocking(
        self, reservation_id: str, amount_nano_usd: int, *, layer: str, enforce: bool
    ) -> Granted | Refused:
        answer = self.reserve(reservation_id, amount_nano_usd, layer=layer, enforce=enforce)
        if answer is not None:
            return answer
        asking = self._ask(reservation_id, amount_nano_usd, layer, enforce=enforce)
        try:
            return asking.wait_blocking(self._connection.timeout_seconds)
        except NotInTimeError:
            return self._give_up(asking)
        except BaseException:
            self._abandon(asking)
            raise

    def spend(self, reservation_id: str, actual_nano_usd: int, *, layer: str) -> None:
        self._shares.spend(reservation_id, actual_nano_usd, layer)
        self._wake_for_settlement()

    def settle(self, reservation_id: str, actual_nano_usd: int, *, layer: str) -> None:
        self._shares.settle(reservation_id, actual_nano_usd, layer)
        self._wake_for_settlement()

    def state(self) -> BudgetState:
        snapshot = self._work.snapshot
        if snapshot is None:
            self._rounds.wake()
            ends_at = period_end(self._period, self._connection.clock.now())
            return BudgetState(self._limit_nano_usd, 0, 0, ends_at, is_known=False)
        if self._connection.clock.local() - snapshot.read_at > _OLD_SECONDS:
            self._rounds.wake()
        return snapshot.state

    def claim_warning(self) -> bool | None:
        with self._shares.lock:
            is_ours, self._work.is_warning_ours = self._work.is_warning_ours, None
            if is_ours is None:
                self._work.claims_warning = True
        if is_ours is None:
            self._rounds.wake()
        return is_ours

    def history(self) -> Sequence[Spent]:
        """May block. Raises UnavailableError."""
        found = self._now(self._store.documents())
        spent = [
            Spent(date.fromisoformat(day), layer, amount)
            for document in found
            for day, layers in document["days"].items()
            for layer, amount in layers.items()
            if amount
        ]
        return sorted(spent)

    def reset(self) -> None:
        """May block. Raises UnavailableError."""
        self.read()
        self._now(self._store.reset(self._store.document_id(self._connection.clock.now())))
        self.read()

    def read(self) -> BudgetState:
        """As it is on the server; lost processes are looked for. May block. Raises UnavailableError."""
        return self._now(self._work.read())

    async def close(self) -> None:
        if self._work.snapshot is not None or self._shares.holds:
            self._work.is_closing = True
            try:
                async with asyncio.timeout(_CLOSE_TIMEOUTS * self._connection.timeout_seconds):
                    while self._work.has_to_tell:
                        await asyncio.wrap_future(self._rounds.next())
            except (UnavailableError, TimeoutError):
                log.warning("budget.not_all_told hosts=%s", self._connection.hosts)
            finally:
                self._rounds.stop()
                self._work.is_closing = False
        await self._connection.detach(self)

    def before_fork(self) -> None:
        self._shares.lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._shares.lock.release()

    def after_fork_in_child(self) -> None:
        """What the parent holds is the parent's: the child begins with nothing."""
        self._shares.begin()
        self._work.begin()
        self._rounds.begin_in_child()
        self._shares.lock.release()

    def _now(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._connection.submit(work).result()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UnavailableError(
                f"the ledger at {self._connection.hosts} holds no budget of ours"
            ) from None

    def _ask(self, reservation_id: str, amount_nano_usd: int, layer: str, *, enforce: bool) -> Reserving:
        asking = Reserving(reservation_id, amount_nano_usd, layer, enforce=enforce)
        with self._shares.lock:
            self._shares.waiting.append(asking)
        self._rounds.wake()
        return asking

    def _wake_for_settlement(self) -> None:
        # What is leased is settled in bulk, with the next tick.
        if not (self._leases and self._rounds.is_ticking):
            self._rounds.wake()

    def _answer_unavailable(self) -> None:
        with self._shares.lock:
            waiting, self._shares.waiting = self._shares.waiting, []
        for asking in waiting:
            asking.answer(self._unavailable(asking))

    def _give_up(self, asking: Reserving) -> Granted | Refused:
        return GRANTED if self._shares.withdraw(asking) else self._unavailable(asking)

    def _abandon(self, asking: Reserving) -> None:
        if self._shares.withdraw(asking):
            self.settle(asking.reservation_id, 0, layer=asking.layer)

    def _unavailable(self, asking: Reserving) -> Granted | Refused:
        refuses = asking.enforce if self._when_unavailable is None else self._when_unavailable == _REFUSE
        if refuses:
            return Refused(self.state(), is_unavailable=True)
        shares = self._shares
        with shares.lock:
            if not shares.is_reserved(asking.reservation_id):
                document_id = self._store.document_id(self._connection.clock.now())
                shares.reserve(
                    asking.reservation_id, asking.amount_nano_usd, shares.debtor(asking, document_id)
                )
        return GRANTED
