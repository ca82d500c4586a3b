"""How what is left of a quota is judged, in whatever unit."""

from __future__ import annotations

from sidecar.probes.result import Findings, ProbeFailure, QuotaUnit, Reason


def judge_quota(findings: Findings, unit: QuotaUnit, left: float | None, *, at_least: float) -> None:
    """Write down what is left; None: it is unknown, which is a failure only if something else was asked for.

    Raises:
        ProbeFailure: `quota` when nothing or less than `at_least` is left; `body` when that can't be told.
    """
    if left is None:
        findings.note(f"{unit} left: unknown")
        if at_least > 0:
            raise ProbeFailure(Reason.BODY, f"the answer does not tell the {unit} left")
        return
    findings.quota_remaining[unit] = left
    findings.note(f"{unit} left: {left:g}")
    if left <= 0:
        raise ProbeFailure(Reason.QUOTA, f"no {unit} left")
    if left < at_least:
        raise ProbeFailure(Reason.QUOTA, f"{left:g} {unit} left, at least {at_least:g} wanted")
