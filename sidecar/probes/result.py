"""What one run of a probe found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
class ProbeResult:
    """One run. `reason` is None exactly when the target is well.

    `detail` is one line for the log, without anything secret.
    """

    duration_seconds: float
    reason: Reason | None = None
    detail: str = ""
    phase_seconds: Mapping[Phase, float] = field(default_factory=dict)
    http_status_code: int | None = None
    certificate_expiry_timestamp_seconds: float | None = None

    @property
    def success(self) -> bool:
        return self.reason is None
