from __future__ import annotations

from tests.e2e.dashboards.rule_cases.case import Case
from tests.e2e.dashboards.rule_series import MONTH_SECONDS, WORKER_2, budget, permits

LIMITS: tuple[Case, ...] = (
    Case(
        "BudgetWarning",
        budget(spent="79 79 80x60"),
        2,
        {},
        (
            budget(spent="79.9x60"),
            budget(spent="100x60"),
            budget(spent="85x60", refusing="1x60"),
            # Of two machines that share the budget one was refused.
            budget(spent="85x60") | budget(spent="85x60", refusing="1x60", target=WORKER_2),
        ),
        # The last worker ended before the period did.
        ended=((budget(spent="79 79 80x60", ends="600x60"), 11),),
    ),
    Case(
        "BudgetSpent",
        budget(spent="99 99 100x60"),
        2,
        {},
        (budget(spent="99.9x60"),),
        ended=((budget(spent="99 99 100x60", ends="600x60"), 11),),
    ),
    Case(
        "BudgetSpent",
        # What is left is less than a call may cost.
        budget(spent="78x60", refusing="0 0 1x60"),
        2,
        {},
        (budget(spent="78x60"), budget(spent="99.9x60")),
        ended=(
            (budget(spent="78x60", refusing="0 0 1x3 0x60"), 6),
            (budget(spent="78x60", refusing="0 0 1x60", ends="600x60"), 11),
            # The worker that was refused has ended.
            (budget(spent="78x60", refusing="0 0 1x3 stale"), 6),
        ),
    ),
    Case(
        "BudgetRunsOut",
        budget(spent="0+1x100", ends="7200x100"),
        45,
        {},
        (
            budget(spent="0+0.1x100", ends="7200x100"),
            budget(spent="1+1x100"),
            budget(spent="100x100", ends="7200x100"),
            budget(spent="100x100", ends="60x100"),
        ),
    ),
    Case(
        "BudgetRunsOut",
        # 8 USD an hour from the month's first hour on, of 100 USD; the month before, 95 were spent.
        budget(spent="95x60 0+0.1333x300", ends=f"3660x60 {3_660 + MONTH_SECONDS}x300"),
        86,
        {},
        (
            # A batch of 2 USD on the first day, the first that was ever seen.
            budget(spent="0+0.2x10 2x500", ends=f"{MONTH_SECONDS}x600"),
            # All was spent last month by whom has not worked since; who works now is in a new month.
            budget(spent="100x600", ends="1x600")
            | budget(spent="1x600", ends=f"{MONTH_SECONDS}x600", target=WORKER_2),
        ),
    ),
    Case(
        "RateLimitNearEnd",
        permits("61 61 60x60"),
        2,
        {"dependency": "firecrawl", "window": "day"},
        (permits("61x60"), permits("60x3 600x60")),
        # A worker that was killed said last that nothing is left; one beside another sidecar goes on.
        ended=(
            (permits("61 61 0x300", allowed="0 5 10x300"), 65),
            (permits("61 61 0x300", allowed="0 5 10x300") | permits("600x300", target=WORKER_2), 65),
        ),
    ),
)
