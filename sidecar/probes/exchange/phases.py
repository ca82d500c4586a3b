"""Times a phase, also one that fails or is cut off: where the time went is most wanted then."""

from __future__ import annotations

import time
from types import TracebackType

from sidecar.probes.result import Findings, Phase


class Timed:
    """`with Timed(findings, Phase.CONNECT):` adds the seconds inside to that phase."""

    __slots__ = ("_findings", "_phase", "_started")

    def __init__(self, findings: Findings, phase: Phase) -> None:
        self._findings = findings
        self._phase = phase
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._findings.spent(self._phase, time.perf_counter() - self._started)
