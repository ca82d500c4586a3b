"""Asks the server for steps of a budget, and finds out what became of those that it did not answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from pipeline.ledger.mongodb import budget_document as documents
from pipeline.ledger.mongodb.budget_document import Turn
from pipeline.ledger.mongodb.changes import Change, Document
from pipeline.ledger.mongodb.connection import Connection, UnavailableError
from pipeline.ledger.mongodb.hold import Hold
from pipeline.ledger.periods import day_of, period_end
from pipeline.ledger.protocol import BudgetState, Period

_COLLECTION: Final = "budget"
_ATTEMPTS: Final = 20
"""Before it is given up that nobody else changes the same thing in between."""

_KEPT_DAYS: Final = 400
_SWEPT_AT_ONCE: Final = 10
_WITHOUT_PROCESSES: Final = {"holds": False, "owners": False}


class Outcome(Enum):
    MADE = auto()
    NOT_ENOUGH = auto()
    """That much does not remain."""
    FULL = auto()
    """The document has as many holds as it may."""
    LOST = auto()
    """The server knows the hold no more."""


class BudgetStore:
    """The documents of one budget. What asks the server raises UnavailableError."""

    def __init__(self, connection: Connection, period: Period, limit_nano_usd: int) -> None:
        self._connection = connection
        self._period = period
        self._limit_nano_usd = limit_nano_usd

    def document_id(self, now: float) -> str:
        """Of the period that Unix time `now` is in."""
        match self._period:
            case Period.DAY:
                return f"day:{day_of(now).isoformat()}"
            case Period.MONTH:
                return f"month:{day_of(now).isoformat()[:7]}"
            case Period.TOTAL:
                return "total"

    def state(self, document: Mapping[str, Any]) -> BudgetState:
        """What the document says. Its period's end is in its name: the time goes on."""
        begins = document["_id"].partition(":")[2]
        ends_at: float | None = None
        if begins:
            first_day = datetime.fromisoformat(f"{begins}-01"[:10]).replace(tzinfo=UTC)
            ends_at = period_end(self._period, first_day.timestamp())
        return BudgetState(document["limit"], document["spent"], document["reserved"], ends_at)

    async def ask_time(self) -> None:
        await self._connection.ask_time()

    async def open_period(self, document_id: str) -> Document:
        """Make the document if it isn't there, and give it this process's limit."""
        for _ in range(_ATTEMPTS):
            document = await self.read(document_id)
            if document["limit"] == self._limit_nano_usd:
                return document
            await self._make(documents.change_limit(document, self._limit_nano_usd))
        raise UnavailableError("others change the budget's limit all the time")

    async def read(self, document_id: str, *, whole: bool = False) -> Document:
        """The document as a majority of the servers has it; without holds and leases unless `whole`."""
        projection = None if whole else _WITHOUT_PROCESSES
        for _ in range(_ATTEMPTS):
            found = await self._connection.perform(
                _COLLECTION, lambda budget: budget.find_one({"_id": document_id}, projection)
            )
            if found is not None:
                return found
            await self._create(document_id)
        raise UnavailableError("the budget's document is deleted all the time")

    async def tell(self, hold: Hold) -> Outcome:
        """Have the hold's pending turn made, once. Without an answer the turn stays pending."""
        for _ in range(_ATTEMPTS):
            told = hold.pending
            if told is None:
                return Outcome.MADE
            try:
                is_made = await self._make(documents.turn(hold.document_id, told))
                outcome = Outcome.MADE if is_made else await self._why_not(hold, told)
            except UnavailableError:
                hold.unheard()
                raise
            if outcome is Outcome.MADE:
                hold.made()
            elif outcome is Outcome.LOST:
                hold.lose()
            elif outcome is not None:
                hold.refused()
            if outcome is not None:
                return outcome
        raise UnavailableError("the budget's document changes too fast")

    async def bury(self, hold: Hold, now: float) -> bool:
        """Give up a hold that may have been opened. False: it was, and is open now."""
        for _ in range(_ATTEMPTS):
            if await self._make(documents.bury(hold.document_id, hold.hold_id, int(now * 1000))):
                return True
            document = await self.read(hold.document_id, whole=True)
            entry = document["holds"].get(hold.hold_id)
            if entry is None:  # there was no room for the mark
                await self.sweep(document, now)
            elif entry["state"] == documents.CLOSED:
                return True
            else:
                _adopt(hold, entry)
                return False
        raise UnavailableError("the budget's document changes too fast")

    async def renew(self, document_id: str, owner: str, lease_ends_at: int) -> None:
        await self._make(documents.renew(document_id, owner, lease_ends_at))

    async def sweep(self, document: Mapping[str, Any], now: float) -> int:
        """Do what time has brought about. Returns how many steps were made."""
        made = 0
        for change in documents.sweep(document, int(now * 1000)):
            made += await self._make(change)
        return made

    async def sweep_others(self, document_id: str, now: float) -> None:
        """As `sweep`, for periods that are over: what lost processes still hold of them is spent."""
        held = {"_id": {"$ne": document_id}, "reserved": {"$gt": 0}, "owners": {"$exists": True}}
        found = await self._connection.perform(
            _COLLECTION, lambda budget: budget.find(held).to_list(_SWEPT_AT_ONCE)
        )
        for document in found:
            await self.sweep(document, now)

    async def reset(self, document_id: str) -> None:
        for _ in range(_ATTEMPTS):
            if await self._make(documents.reset(await self.read(document_id, whole=True))):
                return
        raise UnavailableError("the budget changes too fast to be reset; try again")

    async def claim_warning(self, document_id: str) -> bool:
        """Whether nobody else has claimed it in this period."""
        return await self._make(documents.claim_warning(document_id))

    async def documents(self) -> list[Document]:
        """Those of all periods that are kept, without holds and leases, oldest first."""
        found = await self._connection.perform(
            _COLLECTION,
            lambda budget: (
                budget.find({}, _WITHOUT_PROCESSES).sort("_id", -1).limit(_KEPT_DAYS).to_list(_KEPT_DAYS)
            ),
        )
        return found[::-1]

    async def _create(self, document_id: str) -> None:
        from pymongo.errors import DuplicateKeyError

        try:
            await self._connection.perform(
                _COLLECTION,
                lambda budget: budget.insert_one(documents.new_period(document_id, self._limit_nano_usd)),
            )
        except DuplicateKeyError:
            return  # somebody else was faster
        oldest = _oldest_kept(document_id)
        if oldest is not None:
            kind = document_id.partition(":")[0]
            await self._connection.perform(
                _COLLECTION, lambda budget: budget.delete_many({"_id": {"$gte": f"{kind}:", "$lt": oldest}})
            )

    async def _make(self, change: Change) -> bool:
        result = await self._connection.perform(
            _COLLECTION, lambda budget: budget.update_one(change.filter, change.update)
        )
        return bool(result.matched_count)

    async def _why_not(self, hold: Hold, told: Turn) -> Outcome | None:
        """Why the server did not make the turn. None: it would now, as it seems."""
        document = await self.read(hold.document_id, whole=True)
        entry = document["holds"].get(hold.hold_id)
        if told.sequence == 0:
            if entry is not None and (
                entry["state"] == documents.CLOSED or entry["owner"] != self._connection.owner
            ):
                return Outcome.LOST
            if entry is not None:
                _adopt(hold, entry)
                return Outcome.MADE
            if document["hold_count"] >= documents.MAX_HOLDS:
                made = await self.sweep(document, self._connection.clock.now())
                return None if made else Outcome.FULL
        elif entry is None or entry["state"] == documents.CLOSED:
            return Outcome.MADE if told.closes else Outcome.LOST
        elif entry["sequence"] != told.sequence:
            # Made, and expired since, perhaps: the next turn finds that out.
            return Outcome.MADE if entry["sequence"] == told.sequence + 1 else Outcome.LOST
        elif entry["state"] == documents.EXPIRED and told.expired is None:
            hold.retell(entry)
            return None
        short = told.if_remains and document["remaining"] < told.extra_nano_usd
        return Outcome.NOT_ENOUGH if short else None


def _adopt(hold: Hold, entry: Mapping[str, Any]) -> None:
    hold.sequence = entry["sequence"]
    hold.leased_nano_usd = entry["amount"]
    hold.pending = None


def _oldest_kept(document_id: str) -> str | None:
    kind, _, begins = document_id.partition(":")
    if kind == Period.DAY:
        oldest = date.fromisoformat(begins) - timedelta(days=_KEPT_DAYS)
        return f"{kind}:{oldest.isoformat()}"
    if kind == Period.MONTH:
        return f"{kind}:{int(begins[:4]) - 3}{begins[4:]}"
    return None
