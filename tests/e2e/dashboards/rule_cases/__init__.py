"""For each alert: series with which it fires, when they begin to be bad, and series with which it does not.

Values are in promtool's notation, one a minute: `0x5 1+2x3` is 0 0 0 0 0 0 1 3 5 7.
"""

from __future__ import annotations

from tests.e2e.dashboards.rule_cases.breakers import BREAKERS
from tests.e2e.dashboards.rule_cases.case import Case
from tests.e2e.dashboards.rule_cases.dependencies import DEPENDENCIES
from tests.e2e.dashboards.rule_cases.jobs import JOBS
from tests.e2e.dashboards.rule_cases.latency import LATENCY
from tests.e2e.dashboards.rule_cases.limits import LIMITS
from tests.e2e.dashboards.rule_cases.sidecar import SIDECAR

CASES: tuple[Case, ...] = (
    *DEPENDENCIES,
    *BREAKERS,
    *JOBS,
    *LATENCY,
    *LIMITS,
    *SIDECAR,
)

__all__ = ["CASES", "Case"]
