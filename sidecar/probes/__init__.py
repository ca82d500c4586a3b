"""One file per kind of probe; a new kind is a file here and a line in `PROBES`."""

from __future__ import annotations

from typing import Any

from sidecar.probes.anthropic import AnthropicOptions, AnthropicProbe
from sidecar.probes.dns import DnsOptions, DnsProbe
from sidecar.probes.firecrawl import FirecrawlOptions, FirecrawlProbe
from sidecar.probes.heartbeat import HeartbeatOptions, HeartbeatProbe
from sidecar.probes.http import HttpOptions, HttpProbe
from sidecar.probes.mongodb import MongodbOptions, MongodbProbe
from sidecar.probes.openai import OpenaiOptions, OpenaiProbe
from sidecar.probes.openrouter import OpenrouterOptions, OpenrouterProbe
from sidecar.probes.pdf import PdfOptions, PdfProbe
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
from sidecar.probes.tcp import TcpOptions, TcpProbe

PROBES: tuple[type[Probe[Any]], ...] = (
    HttpProbe,
    TcpProbe,
    DnsProbe,
    MongodbProbe,
    PdfProbe,
    FirecrawlProbe,
    OpenrouterProbe,
    OpenaiProbe,
    AnthropicProbe,
    HeartbeatProbe,
)

__all__ = [
    "PROBES",
    "AnthropicOptions",
    "AnthropicProbe",
    "DnsOptions",
    "DnsProbe",
    "Findings",
    "FirecrawlOptions",
    "FirecrawlProbe",
    "HeartbeatOptions",
    "HeartbeatProbe",
    "HttpFindings",
    "HttpOptions",
    "HttpProbe",
    "MongodbOptions",
    "MongodbProbe",
    "OpenaiOptions",
    "OpenaiProbe",
    "OpenrouterOptions",
    "OpenrouterProbe",
    "PdfOptions",
    "PdfProbe",
    "Phase",
    "Probe",
    "ProbeFailure",
    "ProbeOptions",
    "ProbeResult",
    "QuotaUnit",
    "Reason",
    "TcpOptions",
    "TcpProbe",
]
