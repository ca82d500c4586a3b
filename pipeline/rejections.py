"""Refusals of our own: nothing was sent, and they say nothing about the provider."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import ClassVar

from pipeline.metrics import CallOutcome, Window


class RejectedError(Exception):
    """A gate refused the call; nothing was sent. Fresh for each refusal, and picklable.

    `retry_after_seconds` is None where waiting does not help.
    """

    outcome: ClassVar[CallOutcome]
    """How the refused call is counted."""

    dependency: str
    retry_after_seconds: float | None

    def __reduce__(self) -> tuple[object, ...]:
        # By its attributes: what it was made from need not be what it was made with.
        return _rebuild, (type(self), self.args), self.__dict__


class BudgetExceededError(RejectedError):
    """The call could cost more than the budget has left."""

    outcome = CallOutcome.REJECTED_BUDGET

    def __init__(
        self,
        dependency: str,
        *,
        limit_usd: float,
        spent_usd: float,
        asked_usd: float,
        retry_after_seconds: float | None = None,
    ) -> None:
        """`spent_usd` includes what is held for calls under way; the wait is that to the next period."""
        super().__init__(dependency, limit_usd, spent_usd, asked_usd, retry_after_seconds)
        self.dependency = dependency
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        self.asked_usd = asked_usd
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        wait = self.retry_after_seconds
        left = "" if wait is None else f"; it resets in {_clock(wait)}"
        return (
            f"{self.dependency}: the call may cost {self.asked_usd:.6g} USD, and {self.spent_usd:.6g}"
            f" of the budget of {self.limit_usd:.6g} USD are spent or held{left}"
        )


class _LedgerUnavailableError(RejectedError):
    """Nobody knows whether the call may be made, and what is not known is refused."""

    kept: ClassVar[str]

    def __init__(self, dependency: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(dependency, retry_after_seconds)
        self.dependency = dependency
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return f"{self.dependency}: refused, as the ledger of its {self.kept} cannot be asked"


class BudgetUnavailableError(_LedgerUnavailableError):
    """The ledger of the budget can't be asked, and the settings say that then nothing is spent."""

    outcome = CallOutcome.REJECTED_BUDGET
    kept = "budget"


class RateLimitUnavailableError(_LedgerUnavailableError):
    """The ledger of the permits can't be asked, and the settings say that then nothing is sent."""

    outcome = CallOutcome.REJECTED_RATE_LIMIT
    kept = "rate limit"


class RateLimitedError(RejectedError):
    """No permit is left in the window, and the wait for one is longer than allowed.

    `retry_after_seconds` is infinite where the call asks for more permits than a window has.
    """

    outcome = CallOutcome.REJECTED_RATE_LIMIT

    def __init__(self, dependency: str, *, limit: int, window: Window, retry_after_seconds: float) -> None:
        super().__init__(dependency, limit, window, retry_after_seconds)
        self.dependency = dependency
        self.limit = limit
        self.window = window
        self.retry_after_seconds: float = retry_after_seconds

    def __str__(self) -> str:
        if math.isinf(self.retry_after_seconds):
            return (
                f"{self.dependency}: the call asks for more than all its {self.limit} a {self.window.value}"
            )
        return (
            f"{self.dependency}: its {self.limit} calls a {self.window.value} are used up;"
            f" try again in {self.retry_after_seconds:.1f} s"
        )


def _clock(seconds: float) -> str:
    """As days, hours, minutes and seconds: `8 days, 6:06:39`."""
    return str(timedelta(seconds=math.ceil(seconds)))


def _rebuild(kind: type[RejectedError], args: tuple[object, ...]) -> RejectedError:
    return kind.__new__(kind, *args)
