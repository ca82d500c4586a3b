"""What one run of a probe found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MAX_TRACE_EVENTS: Final = 64
MAX_TRACE_CHARS: Final = 200


class Reason(StrEnum):
    """Why a probe failed; a closed set, so that it can be a label."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    STATUS = "status"
    AUTH = "auth"
    QUOTA = "quota"
    BODY = "body"
    PROTOCOL = "protocol"
    INTERNAL = "internal"


class Phase(StrEnum):
    """Where the time of an HTTP probe went, as blackbox_exporter names it."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    PROCESSING = "processing"
    TRANSFER = "transfer"


class QuotaUnit(StrEnum):
    CREDITS = "credits"
    USD = "usd"


class ProbeFailure(Exception):  # noqa: N818  (an outcome, not a defect)
    """How a check says that the target is not well. `detail` is one line without anything secret."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One step of a run, `at_seconds` after its start."""

    at_seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class HttpFindings:
    """What only a probe over HTTP can tell; requests add up. `status_code` is 0 when no answer came."""

    phase_seconds: Mapping[Phase, float]
    status_code: int = 0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One run. `reason` is None exactly when the target is well.

    `detail` and `trace` are for the log and for debugging, without anything secret.
    """

    duration_seconds: float
    reason: Reason | None = None
    detail: str = ""
    http: HttpFindings | None = None
    certificate_expiry_timestamp_seconds: float | None = None
    quota_remaining: Mapping[QuotaUnit, float] = field(default_factory=dict)
    trace: tuple[TraceEvent, ...] = ()

    @property
    def success(self) -> bool:
        return self.reason is None


class Findings:
    """What a run has found so far; it is kept when the run fails or meets its deadline."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started = clock()
        self._trace: list[TraceEvent] = []
        self._phase_seconds: dict[Phase, float] | None = None
        self.status_code = 0
        self.certificate_expiry_timestamp_seconds: float | None = None
        self.quota_remaining: dict[QuotaUnit, float] = {}

    def note(self, text: str) -> None:
        """Add a step to the trace: no URL, header, body or anything else that may be secret."""
        if len(self._trace) < MAX_TRACE_EVENTS:
            self._trace.append(TraceEvent(self._clock() - self._started, text[:MAX_TRACE_CHARS]))

    def speaks_http(self) -> None:
        """From here on the run is one over HTTP, whatever comes of it."""
        if self._phase_seconds is None:
            self._phase_seconds = {}

    def spent(self, phase: Phase, seconds: float) -> None:
        """Add to a phase of HTTP."""
        self.speaks_http()
        assert self._phase_seconds is not None  # noqa: S101
        self._phase_seconds[phase] = self._phase_seconds.get(phase, 0.0) + seconds

    def result(self, reason: Reason | None = None, detail: str = "") -> ProbeResult:
        return ProbeResult(
            self._clock() - self._started,
            reason,
            detail,
            None if self._phase_seconds is None else HttpFindings(self._phase_seconds, self.status_code),
            self.certificate_expiry_timestamp_seconds,
            self.quota_remaining,
            tuple(self._trace),
        )
