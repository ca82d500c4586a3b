"""A dependency behind a budget and a rate limit in memory, and what they counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from pipeline import Charge, Dependency, Meter
from pipeline.budget import Budget
from pipeline.ledger import Period, RateLedger, to_nano_usd
from pipeline.ledger.local_budget import LocalBudget
from pipeline.metrics import PriceSource
from pipeline.ratelimit import RateLimit
from tests.clock import Clock

NOON = 20_000 * 86_400.0 + 43_200


class Limited:
    """`wall_clock` tells Unix time, noon of a day at first; waiting moves `clock`."""

    def __init__(
        self,
        limit_usd: float = 1.0,
        *,
        enforce: bool = True,
        period: Period = Period.DAY,
        rates: RateLedger | None = None,
        max_wait_seconds: float = 0.0,
        clock: Clock | None = None,
        ledger: LocalBudget | None = None,
        **options: Any,
    ) -> None:
        self.wall_clock = Clock(NOON)
        self.clock = Clock() if clock is None else clock
        self.meter = Meter()
        if ledger is None:
            ledger = LocalBudget(to_nano_usd(limit_usd), period, clock=self.wall_clock)
        self.ledger = ledger
        self.budget = Budget(self.ledger, self.meter, enforce=enforce, clock=self.wall_clock)
        self.rate_limit = (
            None
            if rates is None
            else RateLimit(
                "openrouter",
                rates,
                self.meter,
                max_wait_seconds=max_wait_seconds,
                clock=self.clock,
                sleep=self.clock.advance,
                sleep_async=self._sleep_async,
                wall_clock=self.wall_clock,
            )
        )
        self.dependency = Dependency(
            "openrouter",
            meter=self.meter,
            paid=True,
            budget=self.budget,
            rate_limit=self.rate_limit,
            **options,
        )
        self.registry = CollectorRegistry()
        self.registry.register(self.meter)

    async def _sleep_async(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def call(self, cost_usd: float = 0.0, *, max_usd: float | None = None, **ask: Any) -> None:
        charge = Charge(cost_usd, PriceSource.REPORTED, "m")
        await self.dependency.call(_answer, price=lambda _: charge, max_usd=max_usd, **ask)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def decisions(self, gate: str) -> Mapping[str, float]:
        """Of `budget` or `rate_limit`; those there were."""
        return {
            sample.labels["decision"]: sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"pipeline_{gate}_decisions_total" and sample.value
        }

    def money(self) -> tuple[float | None, float | None, float | None]:
        """Limit, spent and reserved, as the metrics say."""
        return (
            self.value("pipeline_budget_limit_usd"),
            self.value("pipeline_budget_spent_usd"),
            self.value("pipeline_budget_reserved_usd"),
        )


async def _answer() -> str:
    return "answer"
