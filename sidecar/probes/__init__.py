"""One file per kind of probe; a new kind is a file here and a line in `PROBES`."""

from __future__ import annotations

from typing import Any

from sidecar.probes.http import HttpOptions, HttpProbe
from sidecar.probes.mongodb import MongodbOptions, MongodbProbe
from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.result import (
    Findings,
    HttpFindings,
    Phase,
    ProbeFailure,
    ProbeResult,
    QuotaUnit,
    Reason,
)

PROBES: tuple[type[Probe[Any]], ...] = (HttpProbe, MongodbProbe)

__all__ = [
    "PROBES",
    "Findings",
    "HttpFindings",
    "HttpOptions",
    "HttpProbe",
    "MongodbOptions",
    "MongodbProbe",
    "Phase",
    "Probe",
    "ProbeFailure",
    "ProbeOptions",
    "ProbeResult",
    "QuotaUnit",
    "Reason",
]
