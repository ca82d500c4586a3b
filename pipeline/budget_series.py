"""The budget in the metrics."""

from __future__ import annotations

from pipeline import metrics
from pipeline.ledger.protocol import BudgetState, to_usd
from pipeline.meter import Meter
from pipeline.metrics import BudgetDecision
from pipeline.series import GaugePair


class BudgetSeries:
    """The budget's series, looked up once."""

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

    def begin_in_child(self) -> None:
        """Its own gauges show nothing yet."""
        self._shown_limit = self._shown_end = None
