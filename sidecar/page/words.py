"""How the interface says what the document holds: the one table of words, for every view and the element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.metrics import BreakerState
from sidecar.health import Status
from sidecar.probes import Reason
from sidecar.state import DependencyState

STATUSES: Final[Mapping[str, str]] = {
    Status.HEALTHY: "Healthy",
    Status.DEGRADED: "Degraded",
    Status.UNHEALTHY: "Unhealthy",
}
STATES: Final[Mapping[str, str]] = {
    DependencyState.UP: "up",
    DependencyState.DEGRADED: "degraded",
    DependencyState.DOWN: "down",
    DependencyState.UNKNOWN: "not known",
}
REASONS: Final[Mapping[str, str]] = {
    Reason.DNS: "its name could not be resolved",
    Reason.CONNECT: "could not be connected to",
    Reason.TLS: "its certificate or encryption was not acceptable",
    Reason.TIMEOUT: "did not answer in time",
    Reason.STATUS: "answered with an error status",
    Reason.AUTH: "refused the credentials",
    Reason.QUOTA: "its quota is used up",
    Reason.BODY: "answered with something else than expected",
    Reason.PROTOCOL: "did not speak the expected protocol",
    Reason.INTERNAL: "the probe itself failed",
}
BREAKERS: Final[Mapping[str, str]] = {
    BreakerState.CLOSED: "closed",
    BreakerState.HALF_OPEN: "half-open",
    BreakerState.OPEN: "open",
}
NOT_CHECKED: Final = "not checked yet"
STALE: Final = "no probe has run of late"
ONLY_CALLED: Final = "called, not probed"


def reason_in_words(reason: str | None) -> str:
    """A reason that is not in the table is shown as it is."""
    return "" if reason is None else _look_up(REASONS, reason)


def state_in_words(state: str) -> str:
    return _look_up(STATES, state)


def breaker_in_words(state: str) -> str:
    return _look_up(BREAKERS, state)


def status_in_words(status: str) -> str:
    return _look_up(STATUSES, status)


def every_word() -> dict[str, Any]:
    """What the element is given, since it reads the document itself."""
    return {
        "statuses": STATUSES,
        "states": STATES,
        "reasons": REASONS,
        "breakers": BREAKERS,
        "notChecked": NOT_CHECKED,
        "stale": STALE,
        "onlyCalled": ONLY_CALLED,
    }


def _look_up(table: Mapping[str, str], key: str) -> str:
    return table.get(key, key)
