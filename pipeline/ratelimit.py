"""The gate that lets no more calls through than a provider allows in a minute or a day."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from pipeline import metrics
from pipeline.failures import headers_of, retry_after_seconds, status_of
from pipeline.gates import Call, Pass
from pipeline.ledger.protocol import LedgerError, RateLedger, Taken, Wait
from pipeline.meter import Meter
from pipeline.metrics import RateLimitDecision, Window
from pipeline.quota_headers import pause_seconds
from pipeline.rejections import RateLimitedError, RateLimitUnavailableError

log = logging.getLogger(__name__)

_BUSY_STATUSES: Final = frozenset({429, 503, 529})
"""With these a provider may say `Retry-After`."""

_SHORTEST_WAIT_SECONDS: Final = 0.001


class RateLimit:
    """A gate for one dependency: a call takes its `permits`, waits for them, or is refused.

    It waits at most `max_wait_seconds`; where it would have to wait longer it is refused at once. What the
    provider says (`Retry-After`, and its headers once nothing remains) pauses all who share the ledger.
    """

    def __init__(
        self,
        dependency: str,
        ledger: RateLedger,
        meter: Meter,
        *,
        max_wait_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        sleep_async: Callable[[float], Awaitable[object]] = asyncio.sleep,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Its series exist from now on. Clocks and sleeps are for tests."""
        self._dependency = dependency
        self._ledger = ledger
        self._max_wait_seconds = max_wait_seconds
        self._clock = clock
        self._sleep = sleep
        self._sleep_async = sleep_async
        self._wall_clock = wall_clock
        self._was_unavailable = False
        window = ledger.window.value
        self._limit = meter.gauge(metrics.PIPELINE_RATE_LIMIT_LIMIT, dependency, window)
        self._remaining = meter.gauge(metrics.PIPELINE_RATE_LIMIT_REMAINING, dependency, window)
        self._decisions = {
            decision: meter.counter(metrics.PIPELINE_RATE_LIMIT_DECISIONS, dependency, decision.value)
            for decision in RateLimitDecision
        }
        self._wait = meter.histogram(metrics.PIPELINE_RATE_LIMIT_WAIT, dependency)
        self.refresh()

    def enter(self, call: Call) -> Pass:
        permits = max(0, call.permits)
        started = self._clock()
        has_waited = False
        while True:
            answer = self._ask(permits)
            if answer is None:
                answer = self._ledger.take_blocking(permits)
            if isinstance(answer, Taken):
                return self._let_pass(answer, started, has_waited=has_waited)
            self._sleep(self._seconds_to_wait(answer, started))
            has_waited = True

    async def enter_async(self, call: Call) -> Pass:
        permits = max(0, call.permits)
        started = self._clock()
        has_waited = False
        while True:
            answer = self._ask(permits)
            if answer is None:
                answer = await self._ledger.take_async(permits)
            if isinstance(answer, Taken):
                return self._let_pass(answer, started, has_waited=has_waited)
            await self._sleep_async(self._seconds_to_wait(answer, started))
            has_waited = True

    def heed(self, headers: Mapping[str, str]) -> None:
        """Pause if the headers of an answer say that nothing remains."""
        seconds = pause_seconds(headers, now=self._wall_clock)
        if seconds > 0:
            self._ledger.pause(seconds)

    def give_back(self, taken: Taken) -> None:
        with suppress(LedgerError):  # they stay taken, which is no harm
            self._ledger.give_back(taken)
        self.refresh()

    def settle(self, call: Call) -> None:
        """Look at what the provider said when it refused."""
        error = call.error
        if error is None or status_of(error) not in _BUSY_STATUSES:
            return
        asked = retry_after_seconds(error, now=self._wall_clock)
        if asked is not None:
            self._ledger.pause(asked)
        headers = headers_of(error)
        if headers is not None:
            self.heed(headers)

    def refresh(self) -> None:
        """Show the ledger's state; after each change, and now and then."""
        if self._limit.value != self._ledger.limit:  # as it is after a fork too
            self._limit.set(self._ledger.limit)
        try:
            self._remaining.set(self._ledger.remaining())
        except LedgerError as error:
            self._say_unavailable(error)

    def leave(self) -> None:
        """The process ends: within a minute a minute's permits are free again, and nobody would say so."""
        if self._ledger.window is Window.MINUTE:
            self._remaining.set(self._ledger.limit)

    def _ask(self, permits: int) -> Taken | Wait | None:
        try:
            answer = self._ledger.take(permits)
        except LedgerError as error:
            self._say_unavailable(error)
            return Wait(_SHORTEST_WAIT_SECONDS, is_unavailable=True)
        self._was_unavailable = False
        return answer

    def _say_unavailable(self, error: LedgerError) -> None:
        """Once, until it can be asked again."""
        if not self._was_unavailable:
            self._was_unavailable = True
            log.warning("rate_limit.unavailable dependency=%s reason=%s", self._dependency, error.strerror)

    def _let_pass(self, taken: Taken, started: float, *, has_waited: bool) -> Pass:
        if has_waited:
            self._decisions[RateLimitDecision.WAITED].inc()
            self._wait.observe(self._clock() - started)
        else:
            self._decisions[RateLimitDecision.ALLOWED].tick()
        self.refresh()
        return _Permits(self, taken)

    def _seconds_to_wait(self, answer: Wait, started: float) -> float:
        """So long, or an error."""
        waited = self._clock() - started
        if not answer.is_unavailable and waited + answer.seconds <= self._max_wait_seconds:
            return max(answer.seconds, _SHORTEST_WAIT_SECONDS)
        self._decisions[RateLimitDecision.REJECTED].inc()
        self.refresh()
        if answer.is_unavailable:
            raise RateLimitUnavailableError(self._dependency, retry_after_seconds=answer.seconds)
        raise RateLimitedError(
            self._dependency,
            limit=self._ledger.limit,
            window=self._ledger.window,
            retry_after_seconds=answer.seconds,
        )


class _Permits:
    """What one call has taken. Once it is sent, they are used, however it ends."""

    __slots__ = ("_gate", "_taken")

    def __init__(self, gate: RateLimit, taken: Taken) -> None:
        self._gate = gate
        self._taken = taken

    def settle(self, call: Call) -> None:
        self._gate.settle(call)

    def release(self, call: Call) -> None:
        del call
        self._gate.give_back(self._taken)
