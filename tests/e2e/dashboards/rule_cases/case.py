"""What a case of an alert is, and the labels that many fire with."""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e.dashboards.rule_series import Series


@dataclass(frozen=True)
class Case:
    """An alert fires with `bad`, whose last good minute is the one before `begins`.

    Attributes:
        begins: the first minute at which the alert's expression has a result.
        good: each is silent at every minute, until after the one at which `bad` fires.
        ended: series that were bad and are good again, and a minute at which the alert is silent again.
    """

    alert: str
    bad: Series
    begins: int
    labels: dict[str, str]
    good: tuple[Series, ...]
    ended: tuple[tuple[Series, int], ...] = ()


PDF = {"dependency": "pdf_service"}
OPENROUTER = {"dependency": "openrouter"}
ON_WORKER_1 = {"job": "sidecar", "instance": "worker-1:9747"}
