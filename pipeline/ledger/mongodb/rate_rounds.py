"""What a process tells the server about a dependency's permits, round by round."""

from __future__ import annotations

import contextlib
import secrets
from typing import Final

from pipeline.ledger.mongodb import rate_document as documents
from pipeline.ledger.mongodb.changes import Change, Document
from pipeline.ledger.mongodb.connection import Connection, UnavailableError
from pipeline.ledger.mongodb.cushion import Cushion
from pipeline.ledger.mongodb.permits import Permits, Taker
from pipeline.ledger.mongodb.rate_document import CLOCK_TOLERANCE_SECONDS, SLOTS, Taking
from pipeline.metrics import Window

_COLLECTION: Final = "rate_limits"
_ATTEMPTS: Final = 20
_TICK_SECONDS: Final = 0.25
_REMEMBER_SECONDS: Final = 0.5
"""So long a refusal holds for who asks next, unless it ends before."""

_LEAST_WAIT_SECONDS: Final = 0.01
_SHARES: Final = {Window.MINUTE: 16, Window.DAY: 64}
"""At most the 16th or 64th part of what is free is taken ahead."""


class RateRounds:
    """Runs in the connection's thread; what it shares with the callers is in `Permits`."""

    def __init__(
        self,
        connection: Connection,
        permits: Permits,
        *,
        dependency: str,
        window: Window,
        limit: int,
        most_ahead: int,
    ) -> None:
        self._connection = connection
        self._clock = connection.clock
        self._permits = permits
        self._document_id = f"{dependency}:{window.value}"
        self._window = window
        self._slots = SLOTS[window]
        self._limit = limit
        self._most_ahead = most_ahead
        self.begin()

    def begin(self) -> None:
        self.document: Document | None = None
        self.pause_until: float | None = None
        self.is_closing = False
        self._cushion = Cushion(self._most_ahead, share=_SHARES[self._window])
        self._sequence = 0
        self._free_in_slot: int | None = None
        self._free_nobody_took = 0
        self._unheard: dict[str, Taking] = {}

    async def round(self) -> float | None:
        if self.document is None or self._unheard:
            self._take_in(await self._read())
        if self.pause_until is not None:
            until, self.pause_until = self.pause_until, None
            try:
                await self._make(documents.pause(self._document_id, int(until * 1000)))
            except UnavailableError:
                self.pause_until = until
                raise
        self._check_clock()
        await self._serve()
        return self._due_seconds()

    @property
    def has_to_tell(self) -> bool:
        with self._permits.lock:
            has_rest = bool(self._permits.corrections or (self.is_closing and self._permits.available))
            return has_rest or bool(self._permits.waiting) or self.pause_until is not None

    async def _serve(self) -> None:
        permits = self._permits
        with permits.lock:
            calls, asked = permits.asked_calls, permits.asked_permits
            permits.asked_calls = permits.asked_permits = 0
            is_idle = not permits.waiting and (self.is_closing or not calls)
            if is_idle:
                permits.give_up_rest()
        self._cushion.follow(calls, asked, self._clock.local())
        is_fresh = False
        for _ in range(_ATTEMPTS):
            now = self._clock.now()
            with permits.lock:
                permits.enter(self._slots.at(now))
                takers = self._choose(now, may_refuse=is_fresh)
                taking = self._taking(takers, is_idle=is_idle)
                is_unserved = len(takers) < len(permits.waiting)
            if taking.permits or taking.corrections or documents.is_ahead(self._known, taking.slot):
                if await self._tell(taking, now):
                    permits.give(takers)
                    return  # who has asked meanwhile is served in the next round
            elif is_unserved and not is_fresh:
                self._take_in(await self._read())
            else:
                permits.give(takers)
                return
            is_fresh = True
        raise UnavailableError("the rate limit's document changes too fast")

    def _choose(self, now: float, *, may_refuse: bool) -> list[Taker]:
        """Who of those that wait can be served; the others are refused."""
        permits, document = self._permits, self._known
        paused_seconds = document["paused_until"] / 1000 - now
        free = permits.available
        if paused_seconds <= 0:
            free += max(0, self._free())
        chosen, total = list[Taker](), 0
        for taker in list(permits.waiting):
            if total + taker.permits <= free:
                chosen.append(taker)
                total += taker.permits
            elif may_refuse:
                wanted = min(total + taker.permits, self._limit)
                seconds = documents.wait_seconds(document, self._slots, now, wanted, self._limit)
                permits.refuse(taker, max(seconds, paused_seconds, _LEAST_WAIT_SECONDS), _REMEMBER_SECONDS)
        return chosen

    def _free(self) -> int:
        """Permits that nobody has taken, as last read."""
        current = self._permits.slot
        corrected = sum(self._permits.corrections.values())
        return self._limit - documents.used(self._known, self._slots, current) - corrected

    def _taking(self, takers: list[Taker], *, is_idle: bool) -> Taking:
        permits, wanted = self._permits, sum(taker.permits for taker in takers)
        extra = 0 if is_idle else self._cushion.to_lease(permits.available, wanted, self._free())
        permits.low = self._cushion.size // 2
        return Taking(
            owner=self._connection.owner,
            sequence=self._sequence,
            turn=secrets.token_hex(4),
            slot=permits.slot,
            permits=max(0, extra),
            corrections=dict(permits.corrections),
        )

    async def _tell(self, taking: Taking, now: float) -> bool:
        """Have the server take them. False: it has not; why is in the document that was read."""
        change = documents.take(
            self._known, taking, slots=self._slots, limit=self._limit, now_milliseconds=int(now * 1000)
        )
        self._unheard[taking.turn] = taking
        document = await self._make(change)
        if document is not None:
            self._made(taking)
            self._permits.add(taking.slot, taking.permits)
            self._take_in(document)
            return True
        del self._unheard[taking.turn]
        self._take_in(await self._read())
        return False

    def _made(self, taking: Taking) -> None:
        self._sequence = taking.sequence + 1
        self._unheard.clear()  # of several with one sequence, one is made
        self._permits.corrected(taking.corrections)

    def _take_in(self, document: Document) -> None:
        """Look at the document, and find out in it what became of a turn without an answer."""
        with self._permits.lock:
            self.document, self._free_in_slot = document, None
            self._permits.paused_until = max(self._permits.paused_until, document["paused_until"] / 1000)
        taker = document["takers"].get(self._connection.owner)
        if taker is None:
            # Forgotten: what had a sequence can't be made any more.
            self._sequence = 0
            self._unheard = {turn: told for turn, told in self._unheard.items() if not told.sequence}
            return
        late = self._unheard.get(taker["turn"])
        if late is not None:
            self._made(late)
            with self._permits.lock:  # nobody has waited for these
                self._permits.corrections[late.slot] -= late.permits
        elif taker["sequence"] != self._sequence:
            self._sequence = taker["sequence"]

    async def _read(self) -> Document:
        from pymongo.errors import DuplicateKeyError

        for _ in range(_ATTEMPTS):
            found = await self._connection.perform(
                _COLLECTION, lambda rates: rates.find_one({"_id": self._document_id})
            )
            if found is not None:
                return found
            with contextlib.suppress(DuplicateKeyError):  # somebody else was faster
                await self._connection.perform(
                    _COLLECTION, lambda rates: rates.insert_one(documents.new_rate(self._document_id))
                )
        raise UnavailableError("the rate limit's document is deleted all the time")

    async def _make(self, change: Change) -> Document | None:
        """The document after the change; None: the filter did not match."""
        from pymongo import ReturnDocument

        return await self._connection.perform(
            _COLLECTION,
            lambda rates: rates.find_one_and_update(
                change.filter, change.update, return_document=ReturnDocument.AFTER
            ),
        )

    def _check_clock(self) -> None:
        error_seconds = self._clock.error_seconds
        if self._window is Window.MINUTE and error_seconds > CLOCK_TOLERANCE_SECONDS:
            raise UnavailableError(f"the server's clock is known to {error_seconds:.2g} s only")

    def remaining(self) -> int:
        with self._permits.lock:
            if self.document is None:
                return self._limit
            slot = self._slots.at(self._clock.now())
            if slot != self._free_in_slot:
                self._permits.enter(slot)
                self._free_nobody_took = self._limit - documents.used(self.document, self._slots, slot)
                self._free_in_slot = slot
            corrected = sum(self._permits.corrections.values())
            return max(0, min(self._limit, self._free_nobody_took - corrected + self._permits.available))

    @property
    def _known(self) -> Document:
        if self.document is None:
            raise UnavailableError("the rate limit was not read yet")
        return self.document

    def _due_seconds(self) -> float | None:
        with self._permits.lock:
            if self._permits.waiting:
                return 0.0
            is_busy = self._permits.available or self._permits.corrections or self._permits.asked_calls
            return _TICK_SECONDS if is_busy else None
