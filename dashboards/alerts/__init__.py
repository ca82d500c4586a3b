"""Alerts and the recording rules they need, as data beside the metrics they are made of."""

from __future__ import annotations

from typing import Final

from dashboards.alerts.breakers import BREAKERS
from dashboards.alerts.dependencies import DEPENDENCIES
from dashboards.alerts.jobs import JOBS
from dashboards.alerts.latency import LATENCY
from dashboards.alerts.limits import LIMITS
from dashboards.alerts.sidecar import SIDECAR
from dashboards.rules import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (DEPENDENCIES, BREAKERS, JOBS, LATENCY, LIMITS, SIDECAR)

ALERTS: Final[tuple[Alert, ...]] = tuple(alert for group in GROUPS for alert in group.alerts)
