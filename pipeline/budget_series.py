"""The budget in the metrics."""

from __future__ import annotations

from pipeline import metrics
from pipeline.ledger.protocol import BudgetState, to_usd
from pipeline.meter import Meter
from pipeline.metrics import BudgetDecision
from pipeline.series import Gauge


class BudgetSeries:
    """The budget's series, looked up once."""

    def __init__(self, meter: Meter, warn_ratio: float) -> None:
        self.decisions = {
            decision: meter.counter(metrics.PIPELINE_BUDGET_DECISIONS, decision.value)
            for decision in BudgetDecision
        }
        self._meter = meter
        self._spent = meter.gauge(metrics.PIPELINE_BUDGET_SPENT)
        self._reserved = meter.gauge(metrics.PIPELINE_BUDGET_RESERVED)
        self._limit = meter.gauge(metrics.PIPELINE_BUDGET_LIMIT)
        self._warn = meter.gauge(metrics.PIPELINE_BUDGET_WARN_RATIO)
        self._warn_ratio = warn_ratio
        self._period_end: Gauge | None = None

    def show(self, state: BudgetState) -> None:
        # Known before anything of the ledger is: nothing spent of a limit of nothing would be a budget spent.
        _set_if_changed(self._limit, to_usd(state.limit_nano_usd))
        _set_if_changed(self._warn, self._warn_ratio)
        if not state.is_known:
            return
        self._spent.set(to_usd(state.spent_nano_usd))
        self._reserved.set(to_usd(state.reserved_nano_usd))
        if state.resets_at is not None:
            if self._period_end is None:
                self._period_end = self._meter.gauge(metrics.PIPELINE_BUDGET_PERIOD_END)
            _set_if_changed(self._period_end, state.resets_at)


def _set_if_changed(gauge: Gauge, value: float) -> None:
    if gauge.value != value:  # as it is after a fork too
        gauge.set(value)
