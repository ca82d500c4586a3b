from __future__ import annotations

from tests.e2e.dashboards.rule_cases.case import PDF, Case
from tests.e2e.dashboards.rule_series import breaker, calls_succeed, probe

BREAKERS: tuple[Case, ...] = (
    Case(
        "BreakerOpen",
        breaker(opened="0 4x60", closed="4 0x60"),
        1,
        PDF,
        (breaker(opened="0x60"), breaker(opened="0 4x3 0x60")),
    ),
    Case(
        "BreakerOpen",
        breaker(opened="0 4 0 4 0 4 0 4 0 4", half_open="0 0 4 0 4 0 4 0 4 0", closed="4 0x60"),
        1,
        PDF,
        (),
    ),
    Case(
        "BreakerOpenProbeUp",
        breaker(opened="0 1x60") | probe("1x60"),
        1,
        PDF,
        (breaker(opened="1x60") | probe("0x60"), breaker(opened="0x60") | probe("1x60")),
    ),
    Case(
        "BreakerClosedProbeDown",
        breaker(opened="0x60") | probe("1x4 0x60") | calls_succeed("0+3x60"),
        5,
        PDF,
        (
            breaker(opened="0x60") | probe("0x60") | calls_succeed("7x60"),
            breaker(opened="4x60") | probe("0x60") | calls_succeed("0+3x60"),
            breaker(opened="0x60") | probe("1x60") | calls_succeed("0+3x60"),
        ),
    ),
)
