"""The dashboards there are, in the order in which one reads them."""

from __future__ import annotations

from typing import Final

from dashboards.budget_and_limits import BUDGET_AND_LIMITS
from dashboards.calls_and_breakers import CALLS_AND_BREAKERS
from dashboards.dependencies import DEPENDENCIES
from dashboards.overview import OVERVIEW
from dashboards.pipeline import PIPELINE
from dashboards.sidecar import SIDECAR

DASHBOARDS: Final = (
    OVERVIEW,
    DEPENDENCIES,
    CALLS_AND_BREAKERS,
    PIPELINE,
    BUDGET_AND_LIMITS,
    SIDECAR,
)
