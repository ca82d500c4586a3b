"""The guard that every provider has round its calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipeline.breaker import Rates
from pipeline.dependency import Dependency
from pipeline.failures import ErrorTest, is_replaceable
from pipeline.meter import Meter
from pipeline.providers.error import ProviderError
from pipeline.retries import Retries

if TYPE_CHECKING:
    from pipeline.limits import Limits

T = TypeVar("T")

RETRIES: Final = Retries(attempts=3, first_wait_seconds=0.25, max_wait_seconds=4.0, max_total_seconds=30.0)
"""For a service that has no substitute."""

RATES: Final = Rates(failure_rate=0.5, window_seconds=120.0, minimum_calls=40)
"""For who fails half of the time, and never so often in a row."""

_LEAST_FAILURES: Final = 5
_SHARE_OF_FAILURES: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What the guards of all providers have in common.

    Attributes:
        meter: Where their calls are counted.
        limits: Budget and rate limits; None for none.
        jobs_at_once: How many jobs call them at a time.
    """

    meter: Meter
    limits: Limits | None = None
    jobs_at_once: int = 1

    @property
    def failure_threshold(self) -> int:
        """Failures in a row that open a breaker.

        Of many calls at once those that fail come back first, without anybody being down: of 50, at 10 %
        errors, five in a row, and once in 10,000 times fifteen.
        """
        return max(_LEAST_FAILURES, math.ceil(_SHARE_OF_FAILURES * self.jobs_at_once))

    def guarded(
        self,
        name: str,
        *,
        paid: bool = False,
        retries: Retries | None = None,
        falls_back_on: ErrorTest = is_replaceable,
    ) -> Dependency:
        """A dependency with its limits; its series exist from now on."""
        limits = self.limits
        return Dependency(
            name,
            meter=self.meter,
            paid=paid,
            budget=None if limits is None or not paid else limits.budget,
            failure_threshold=self.failure_threshold,
            rates=RATES,
            rate_limit=None if limits is None else limits.rate_limit(name),
            retries=retries,
            falls_back_on=falls_back_on,
        )


async def answered(dependency: Dependency, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What a guarded call gives.

    Raises:
        ProviderError: in place of the TimeoutError of a call that did not end in time.
    """
    try:
        return await call()
    except TimeoutError:
        raise ProviderError(
            dependency.name, f"no answer within {dependency.call_timeout_seconds:g} s"
        ) from None
