"""What one run of a probe found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class HttpFindings:
    """What only a probe over HTTP can tell. `status_code` is 0 when no answer came."""

    phase_seconds: Mapping[Phase, float]
    status_code: int = 0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One run. `reason` is None exactly when the target is well.

    `detail` is one line for the log, without anything secret.
    """

    duration_seconds: float
    reason: Reason | None = None
    detail: str = ""
    http: HttpFindings | None = None

    @property
    def success(self) -> bool:
        return self.reason is None
