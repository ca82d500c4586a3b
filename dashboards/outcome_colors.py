"""One colour for one outcome, on every panel."""

from __future__ import annotations

from typing import Final

from dashboards.colors import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, YELLOW
from pipeline.metrics import BreakerOutcome, CallOutcome, RunOutcome

RUNS: Final = {
    RunOutcome.SUCCEEDED.value: GREEN,
    RunOutcome.DEGRADED.value: YELLOW,
    RunOutcome.FAILED.value: RED,
    RunOutcome.CANCELLED.value: GREY,
}

CALLS: Final = {
    CallOutcome.SUCCESS.value: GREEN,
    CallOutcome.ERROR.value: RED,
    CallOutcome.TIMEOUT.value: ORANGE,
    CallOutcome.CANCELLED.value: GREY,
    CallOutcome.REJECTED_BREAKER.value: YELLOW,
    CallOutcome.REJECTED_BUDGET.value: PURPLE,
    CallOutcome.REJECTED_RATE_LIMIT.value: BLUE,
}

BREAKER: Final = {
    BreakerOutcome.SUCCESS.value: GREEN,
    BreakerOutcome.FAILURE.value: RED,
    BreakerOutcome.IGNORED.value: GREY,
    BreakerOutcome.REJECTED.value: YELLOW,
    BreakerOutcome.STALE.value: PURPLE,
}
