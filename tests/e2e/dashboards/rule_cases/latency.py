from __future__ import annotations

from tests.e2e.dashboards.rule_cases.case import OPENROUTER, Case
from tests.e2e.dashboards.rule_series import calls

LATENCY: tuple[Case, ...] = (
    Case(
        "LatencySloBurnFast",
        calls(fast="0+8x300", every="0+10x300"),
        2,
        OPENROUTER,
        (calls(fast="0+9x300", every="0+10x300"), calls(fast="0x300", every="0+0.1x300")),
        # In the last hour most calls were slow, in the last five minutes none was.
        ended=((calls(fast="0x60 10+10x60", every="0+10x120"), 68),),
    ),
    Case(
        "LatencySloBurnMedium",
        calls(fast="0+9x300", every="0+10x300"),
        2,
        OPENROUTER,
        (calls(fast="0+95x300", every="0+100x300"),),
    ),
    Case(
        "LatencySloBurnSlow",
        calls(fast="0+98x300", every="0+100x300"),
        1,
        OPENROUTER,
        (calls(fast="0+995x300", every="0+1000x300"),),
    ),
)
