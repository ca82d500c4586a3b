"""The rate limit of one dependency for the processes of many machines, kept in MongoDB."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import TimeoutError as NotInTimeError
from typing import Final

from pipeline.ledger.mongodb.connection import Connection, UnavailableError, knows_forks
from pipeline.ledger.mongodb.permits import Permits, Taker
from pipeline.ledger.mongodb.rate_document import SLOTS
from pipeline.ledger.mongodb.rate_rounds import RateRounds
from pipeline.ledger.mongodb.rounds import Rounds
from pipeline.ledger.protocol import MAX_PAUSE_SECONDS, Taken, Wait
from pipeline.ledger.settings import WhenUnavailable
from pipeline.metrics import Window

log = logging.getLogger(__name__)

_CLOSE_TIMEOUTS: Final = 2
_ASK_AGAIN_SECONDS: Final = 1.0
_TURNS: Final = 5
"""That the same call asks again because its slot was over when the answer came."""


class SharedRates:
    """A `RateLedger` for all processes that use the same database.

    Where calls come fast, permits for the current half second (or day) are taken ahead, many at once.
    """

    def __init__(
        self,
        connection: Connection,
        dependency: str,
        limit: int,
        window: Window,
        *,
        most_ahead: int | None = None,
        when_unavailable: WhenUnavailable | None = None,
    ) -> None:
        """Nothing is asked of the server yet.

        `most_ahead` bounds the permits that are taken ahead, a tenth of the limit unless given.
        `when_unavailable` None: calls are refused.
        """
        self._connection = connection
        self._limit = limit
        self._window = window
        self._refuses = when_unavailable is not WhenUnavailable.ALLOW
        self._permits = Permits(connection.clock, SLOTS[window], limit)
        self._work = RateRounds(
            connection,
            self._permits,
            dependency=dependency,
            window=window,
            limit=limit,
            most_ahead=limit // 10 if most_ahead is None else most_ahead,
        )
        self._rounds = Rounds(connection, self._work.round, self._answer_unavailable)
        connection.attach(self)
        knows_forks(self)

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def window(self) -> Window:
        return self._window

    def take(self, permits: int) -> Taken | Wait | None:
        answer = self._permits.take(permits)
        if answer is None:
            return self._unavailable(permits) if self._rounds.is_pausing else None
        if self._permits.available < self._permits.low:
            self._rounds.wake()
        return answer

    async def take_async(self, permits: int) -> Taken | Wait:
        for _ in range(_TURNS):
            answer = self.take(permits)
            if answer is not None:
                return answer
            taker = self._ask(permits)
            try:
                answer = await taker.wait_async(self._connection.timeout_seconds)
            except TimeoutError:
                return self._give_up(taker)
            except BaseException:
                self._abandon(taker)
                raise
            if self._is_final(answer):
                return answer
        return Wait(_ASK_AGAIN_SECONDS, is_unavailable=True)

    def take_blocking(self, permits: int) -> Taken | Wait:
        for _ in range(_TURNS):
            answer = self.take(permits)
            if answer is not None:
                return answer
            taker = self._ask(permits)
            try:
                answer = taker.wait_blocking(self._connection.timeout_seconds)
            except NotInTimeError:
                return self._give_up(taker)
            except BaseException:
                self._abandon(taker)
                raise
            if self._is_final(answer):
                return answer
        return Wait(_ASK_AGAIN_SECONDS, is_unavailable=True)

    def give_back(self, taken: Taken) -> None:
        self._permits.give_back(taken)
        if not self._rounds.is_ticking:
            self._rounds.wake()

    def pause(self, seconds: float) -> None:
        until = self._connection.clock.now() + min(seconds, MAX_PAUSE_SECONDS)
        with self._permits.lock:
            if until <= self._permits.paused_until:
                return
            self._permits.paused_until = self._work.pause_until = until
        self._rounds.wake()

    def remaining(self) -> int:
        if self._work.document is None:
            self._rounds.wake()
        return self._work.remaining()

    async def close(self) -> None:
        if self._work.document is not None or self._work.has_to_tell:
            self._work.is_closing = True
            try:
                async with asyncio.timeout(_CLOSE_TIMEOUTS * self._connection.timeout_seconds):
                    while self._work.has_to_tell:
                        await asyncio.wrap_future(self._rounds.next())
            except (UnavailableError, TimeoutError):
                log.warning("rate_limit.not_all_told hosts=%s", self._connection.hosts)
            finally:
                self._rounds.stop()
                self._work.is_closing = False
        await self._connection.detach(self)

    def before_fork(self) -> None:
        self._permits.lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._permits.lock.release()

    def after_fork_in_child(self) -> None:
        """What the parent has taken is the parent's: the child begins with nothing."""
        self._permits.begin()
        self._work.begin()
        self._rounds.begin_in_child()
        self._permits.lock.release()

    def _ask(self, permits: int) -> Taker:
        taker = Taker(permits)
        with self._permits.lock:
            self._permits.waiting.append(taker)
        self._rounds.wake()
        return taker

    def _is_final(self, answer: Taken | Wait) -> bool:
        """Not if the slot is over for which the permits were taken; then they are given back."""
        if isinstance(answer, Wait) or self._permits.is_good(answer):
            return True
        self.give_back(answer)
        return False

    def _answer_unavailable(self) -> None:
        with self._permits.lock:
            waiting, self._permits.waiting = self._permits.waiting, []
        for taker in waiting:
            taker.answer(self._unavailable(taker.permits))

    def _give_up(self, taker: Taker) -> Taken | Wait:
        taken = self._permits.withdraw(taker)
        return self._unavailable(taker.permits) if taken is None else taken

    def _abandon(self, taker: Taker) -> None:
        taken = self._permits.withdraw(taker)
        if taken is not None:
            self.give_back(taken)

    def _unavailable(self, permits: int) -> Taken | Wait:
        if self._refuses:
            return Wait(_ASK_AGAIN_SECONDS, is_unavailable=True)
        return self._permits.owe(permits)
