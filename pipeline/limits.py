"""What holds this process's calls back: one budget, and a rate limit for each dependency that has one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from types import TracebackType
from typing import Final, Self

from pipeline.budget import Budget
from pipeline.gates import Gate
from pipeline.ledger.opening import open_ledgers
from pipeline.ledger.protocol import BudgetLedger, RateLedger
from pipeline.ledger.settings import LedgerSettings
from pipeline.lost import settle_lost
from pipeline.meter import Meter
from pipeline.ratelimit import RateLimit

log = logging.getLogger(__name__)

_REFRESH_SECONDS: Final = 5.0


class Limits:
    """The gates that the settings ask for, made once in a process and shared by its dependencies."""

    def __init__(
        self,
        budget: Budget | None = None,
        rate_limits: Mapping[str, RateLimit] | None = None,
        *,
        job_nano_usd: int | None = None,
    ) -> None:
        self._budget = budget
        self._rate_limits = {} if rate_limits is None else dict(rate_limits)
        self._job_nano_usd = job_nano_usd
        self._ledgers: list[BudgetLedger | RateLedger] = []
        self._refreshing: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(cls, settings: LedgerSettings, meter: Meter) -> Self:
        """Open the ledgers. Their series exist from now on; in a running loop they are kept up to date.

        Raises:
            LedgerError: a ledger can't be opened; `strerror` is one line and names the remedy.
        """
        limits = cls(job_nano_usd=settings.job_nano_usd)
        money, rates = open_ledgers(settings)
        if money is not None:
            limits._ledgers.append(money)
            if settings.directory is None and settings.mongodb_uri is None:
                log.warning(
                    "budget.in_memory remedy='set LEDGER_DIRECTORY, or a restart forgets what was spent'"
                )
            limits._budget = Budget(money, meter, enforce=settings.enforce, warn_ratio=settings.warn_ratio)
        for dependency, permits in rates.items():
            limits._ledgers.append(permits)
            limits._rate_limits[dependency] = RateLimit(
                dependency, permits, meter, max_wait_seconds=settings.max_wait_seconds
            )
        limits._keep_fresh()
        return limits

    @property
    def budget(self) -> Gate | None:
        """None where nothing limits what is spent."""
        return self._budget

    def rate_limit(self, dependency: str) -> Gate | None:
        """None where nothing limits this dependency."""
        return self._rate_limits.get(dependency)

    def job(self) -> AbstractAsyncContextManager[None]:
        """Round all the layers of a job: holds what the settings reserve for a whole job, if anything.

        Raises:
            BudgetExceededError: on entry; the budget has not so much left. BudgetUnavailableError: likewise.
        """
        if self._budget is None or self._job_nano_usd is None:
            return nullcontext()
        return self._budget.job(self._job_nano_usd)

    def refresh(self) -> None:
        """Show in the metrics what the ledgers say now: time passes without a call too."""
        gates = (*self._rate_limits.values(), *(() if self._budget is None else (self._budget,)))
        for gate in gates:
            gate.refresh()

    async def close(self) -> None:
        """Give back what is held for nobody; the ledgers know everything when it returns."""
        settle_lost()
        if self._refreshing is not None:
            self._refreshing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refreshing
            self._refreshing = None
        for gate in self._rate_limits.values():
            gate.leave()
        async with AsyncExitStack() as stack:
            for ledger in self._ledgers:
                stack.push_async_callback(ledger.close)
            self._ledgers = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _keep_fresh(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._ledgers:
            self._refreshing = loop.create_task(self._refresh_now_and_then())

    async def _refresh_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            try:
                self.refresh()
            except Exception:
                log.exception("limits.refresh_failed")
