"""The budget in the metrics."""

from __future__ import annotations

from typing import NamedTuple

from pipeline import metrics
from pipeline.ledger.protocol import BudgetState, to_usd
from pipeline.meter import Meter
from pipeline.metrics import BudgetDecision
from pipeline.series import GaugePair


class Refusal(NamedTuple):
    """What was asked for and not granted, and how the budget stood then."""

    amount_nano_usd: int
    state: BudgetState

    def is_over_in(self, state: BudgetState) -> bool:
        """Whether the budget has begun anew since, or so much is left again."""
        return (
            state.resets_at != self.state.resets_at
            or state.spent_nano_usd < self.state.spent_nano_usd
            or state.remaining_nano_usd >= self.amount_nano_usd
        )


class BudgetSeries:
    """The budget's series, looked up once.

    `refusal` is the last one, None once it is over: money was granted since, or would be.
    """

    def __init__(self, meter: Meter, warn_ratio: float) -> None:
        self.allowed, self.would_reject, self.rejected = (
            meter.counter(metrics.PIPELINE_BUDGET_DECISIONS, decision.value)
            for decision in (BudgetDecision.ALLOWED, BudgetDecision.WOULD_REJECT, BudgetDecision.REJECTED)
        )
        self._meter = meter
        self._spent_and_reserved = GaugePair(
            meter.gauge(metrics.PIPELINE_BUDGET_SPENT), meter.gauge(metrics.PIPELINE_BUDGET_RESERVED)
        )
        self._limit = meter.gauge(metrics.PIPELINE_BUDGET_LIMIT)
        self._warn = meter.gauge(metrics.PIPELINE_BUDGET_WARN_RATIO)
        self._warn_ratio = warn_ratio
        self._refusing = meter.gauge(metrics.PIPELINE_BUDGET_REFUSING)
        self.refusal: Refusal | None = None
        self._shown_limit: int | None = None
        self._shown_end: float | None = None

    def show(self, state: BudgetState) -> None:
        # Known before anything of the ledger is: nothing spent of a limit of nothing would be a budget spent.
        if state.limit_nano_usd != self._shown_limit:
            self._shown_limit = state.limit_nano_usd
            self._limit.set(to_usd(state.limit_nano_usd))
            self._warn.set(self._warn_ratio)
        if not state.is_known:
            return
        self._spent_and_reserved.set(to_usd(state.spent_nano_usd), to_usd(state.reserved_nano_usd))
        if state.resets_at is not None and state.resets_at != self._shown_end:
            self._shown_end = state.resets_at
            self._meter.gauge(metrics.PIPELINE_BUDGET_PERIOD_END).set(state.resets_at)
        refusal = self.refusal  # another thread may take it away
        if refusal is not None and refusal.is_over_in(state):
            self.refuses_no_more()

    def refused(self, amount_nano_usd: int, state: BudgetState) -> None:
        # The gauge first, and in `refuses_no_more` last: then no thread leaves a 1 that nobody takes back.
        self._refusing.set(1)
        self.refusal = Refusal(amount_nano_usd, state)

    def refuses_no_more(self) -> None:
        self.refusal = None
        self._refusing.set(0)

    def begin_in_child(self) -> None:
        """Its own gauges show nothing yet."""
        self._shown_limit = self._shown_end = self.refusal = None
