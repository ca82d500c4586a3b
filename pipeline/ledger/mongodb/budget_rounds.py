"""What a process tells the server about its part of the budget, round by round."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from pipeline.ledger.mongodb.budget_store import BudgetStore, Outcome
from pipeline.ledger.mongodb.connection import Connection, UnavailableError
from pipeline.ledger.mongodb.hold import Hold
from pipeline.ledger.mongodb.leasing import Leasing
from pipeline.ledger.mongodb.shares import Reserving, Shares
from pipeline.ledger.protocol import BudgetState, Refused

T = TypeVar("T")

log = logging.getLogger(__name__)

_AT_ONCE: Final = 8
"""Questions to the server under way, where each call has a hold of its own."""

_ATTEMPTS: Final = 10
_TICK_SECONDS: Final = 0.25
_OLD_SECONDS: Final = 2.0


class Snapshot(NamedTuple):
    """The period's document as last read; `read_at` by the local clock."""

    document_id: str
    state: BudgetState
    read_at: float


class BudgetRounds:
    """Runs in the connection's thread; what it shares with the callers is in `Shares`."""

    def __init__(
        self,
        connection: Connection,
        store: BudgetStore,
        shares: Shares,
        *,
        most_leased_nano_usd: int,
    ) -> None:
        self._connection = connection
        self._clock = connection.clock
        self._store = store
        self._shares = shares
        self._leases = most_leased_nano_usd > 0
        self._most_leased_nano_usd = most_leased_nano_usd
        self._lease_seconds = shares.lease_seconds
        self.begin()

    def begin(self) -> None:
        self._leasing = Leasing(self._shares, self._clock, self._most_leased_nano_usd)
        self.snapshot: Snapshot | None = None
        self.is_closing = False
        self.claims_warning = False
        self.is_warning_ours: bool | None = None
        self._is_changed = False
        self._lease_ends: dict[str, float] = {}
        self._swept_at = 0.0

    async def round(self) -> float | None:
        await self._store.ask_time()  # it says which period this is
        now = self._clock.now()
        snapshot = self.snapshot
        if snapshot is None or (snapshot.state.resets_at is not None and now >= snapshot.state.resets_at):
            await self._begin_period(now)
        with self._shares.lock:
            # Before anything is told: what those who ask now have settled, is told before they are answered.
            waiting = list(self._shares.waiting)
        await self._tell_all()
        if self._leases:
            await self._fill_up()
        else:
            await _some_at_once(self._open_own, waiting)
        await self._renew()
        await self._look()
        return self._due_seconds()

    async def read(self) -> BudgetState:
        """The period's budget now, after what time has brought about."""
        await self._store.ask_time()
        now = self._clock.now()
        document = await self._store.read(self._store.document_id(now), whole=True)
        await self._store.sweep_others(document["_id"], now)
        if await self._store.sweep(document, now):
            document = await self._store.read(document["_id"])
        if self.snapshot is not None and self.snapshot.document_id == document["_id"]:
            self._take_in(document)
        return self._store.state(document)

    @property
    def has_to_tell(self) -> bool:
        """Whether the server has not heard everything yet."""
        shares = self._shares
        with shares.lock:
            return bool(shares.waiting) or any(
                hold.has_to_tell
                or (hold.is_idle and (hold is not shares.leased or self.is_closing))
                or (hold.available_nano_usd > 0 and self.is_closing)
                for hold in shares.holds.values()
            )

    async def _begin_period(self, now: float) -> None:
        document_id = self._store.document_id(now)
        document = await self._store.open_period(document_id)
        with self._shares.lock:
            self._shares.leased = None  # what it holds belongs to the period before
            self.is_warning_ours = None
        self._take_in(document)
        await self._sweep(document_id)

    async def _tell_all(self) -> None:
        with self._shares.lock:
            holds = list(self._shares.holds.values())
        await _some_at_once(self._tell, holds)

    async def _tell(self, hold: Hold) -> None:
        """What was spent of a hold; and close it where it is used no more."""
        shares = self._shares
        if hold.pending is not None and hold.pending.sequence == 0:
            if await self._store.bury(hold, self._clock.now()):
                with shares.lock:
                    shares.begin_anew(hold)
        elif hold.pending is not None:
            await self._tell_pending(hold)
        with shares.lock:
            is_own = hold is not shares.leased or self.is_closing
            closes = is_own and hold.is_idle
            short = max(0, -hold.available_nano_usd)
            if hold.is_lost or (closes and hold.sequence == 0 and not hold.has_to_tell):
                shares.drop(hold)
                return
            rest = max(0, hold.available_nano_usd) if closes or self.is_closing else 0
            if not (closes or short or rest or (is_own and hold.has_to_tell)):
                return
            is_open = hold.sequence > 0
            extra = short - rest
            shares.prepare(hold, extra, if_remains=False, closes=closes and is_open)
        await self._tell_pending(hold)
        if not is_open:  # that was to open it
            await self._tell(hold)
        elif closes:
            with shares.lock:
                shares.drop(hold)

    async def _tell_pending(self, hold: Hold) -> Outcome:
        told = hold.pending
        outcome = await self._store.tell(hold)
        self._is_changed = True
        if outcome is Outcome.MADE and told is not None:
            self._leased_until(hold.document_id, told.lease_ends_at / 1000)
        elif outcome is Outcome.LOST and hold.sequence:
            log.warning("budget.hold_lost hold=%s", hold.hold_id)
        elif outcome is Outcome.FULL:
            raise UnavailableError("the budget has more holds than it may; lease instead")
        return outcome

    def _leased_until(self, document_id: str, ends_at: float) -> None:
        self._lease_ends[document_id] = ends_at
        snapshot, shares = self.snapshot, self._shares
        if snapshot is not None and snapshot.document_id == document_id:
            with shares.lock:
                shares.usable_until = min(ends_at, snapshot.state.resets_at or ends_at)

    async def _open_own(self, asking: Reserving) -> None:
        shares = self._shares
        with shares.lock:
            hold = shares.own_hold(asking, self._document_id)
            shares.prepare(hold, asking.amount_nano_usd, if_remains=True)
        outcome = await self._tell_pending(hold)
        if outcome is Outcome.LOST:  # the same was asked before, and given up
            with shares.lock:
                shares.drop(hold)
                hold = shares.new_hold(self._document_id, asking.layer)
                shares.prepare(hold, asking.amount_nano_usd, if_remains=True)
            outcome = await self._tell_pending(hold)
        is_within_limit = outcome is Outcome.MADE
        if not is_within_limit and not asking.enforce:
            with shares.lock:
                shares.prepare(hold, asking.amount_nano_usd, if_remains=False)
            outcome = await self._tell_pending(hold)
        if outcome is Outcome.MADE:
            with shares.lock:
                shares.grant(asking, hold, is_within_limit=is_within_limit)
            return
        with shares.lock:
            shares.drop(hold)
        await self._refresh()
        shares.refuse(asking, Refused(self._state))

    async def _fill_up(self) -> None:
        """Lease what those who wait need, and some more where many ask."""
        known: int | None = None
        for _ in range(_ATTEMPTS):
            with self._shares.lock:
                plan = self._leasing.plan(self._document_id, self._state, known)
            if plan is None:
                return
            outcome = await self._tell_pending(plan.hold)
            if outcome is Outcome.MADE:
                self._leasing.give(plan)
                if not self._shares.waiting:
                    return
                known = None
            elif outcome is Outcome.LOST:
                with self._shares.lock:
                    self._shares.drop(plan.hold)
            else:
                known = (await self._refresh()).remaining_nano_usd

    async def _renew(self) -> None:
        """Say that this process lives, for what it holds."""
        now = self._clock.now()
        with self._shares.lock:
            in_use = {hold.document_id for hold in self._shares.holds.values() if hold.sequence}
        for document_id in in_use:
            if self._lease_ends.get(document_id, 0.0) - now < self._lease_seconds / 2:
                ends_at = now + self._lease_seconds
                await self._store.renew(document_id, self._connection.owner, int(ends_at * 1000))
                self._lease_ends[document_id] = ends_at
        self._lease_ends = {name: ends_at for name, ends_at in self._lease_ends.items() if name in in_use}

    async def _look(self) -> None:
        """See how the budget stands, after changes and now and then; do what time has brought about."""
        now = self._clock.now()
        if abs(now - self._swept_at) > self._lease_seconds / 2:
            await self._sweep(self._document_id)
        elif self._clock.local() - self._snapshot.read_at > (
            _TICK_SECONDS if self._is_changed else _OLD_SECONDS
        ):
            await self._refresh()
        if self.claims_warning:
            is_ours = await self._store.claim_warning(self._document_id)
            with self._shares.lock:
                self.claims_warning, self.is_warning_ours = False, is_ours

    async def _sweep(self, document_id: str) -> None:
        self._swept_at = now = self._clock.now()
        await self._store.sweep_others(document_id, now)
        document = await self._store.read(document_id, whole=True)
        if await self._store.sweep(document, now):
            document = await self._store.read(document_id)
        self._take_in(document)

    async def _refresh(self) -> BudgetState:
        self._take_in(await self._store.read(self._document_id))
        return self._state

    def _take_in(self, document: Mapping[str, Any]) -> None:
        self.snapshot = Snapshot(document["_id"], self._store.state(document), self._clock.local())
        self._is_changed = False

    @property
    def _snapshot(self) -> Snapshot:
        if self.snapshot is None:
            raise UnavailableError("the budget was not read yet")
        return self.snapshot

    @property
    def _document_id(self) -> str:
        return self._snapshot.document_id

    @property
    def _state(self) -> BudgetState:
        return self._snapshot.state

    def _due_seconds(self) -> float | None:
        with self._shares.lock:
            shares, leased = self._shares, self._shares.leased
            if shares.waiting or (self.has_to_tell and not self._leases):
                return 0.0
            if self.has_to_tell or self._is_changed or (leased is not None and leased.available_nano_usd):
                return _TICK_SECONDS
            return self._lease_seconds / 4 if shares.holds else None


async def _some_at_once(step: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Raises the first error when all have ended."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(item: T) -> None:
        async with places:
            await step(item)

    ended = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
    for error in ended:
        if isinstance(error, BaseException):
            raise error
