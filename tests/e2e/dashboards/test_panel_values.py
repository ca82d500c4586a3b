"""What a panel says of series that are known: not only that it has data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from dashboards.drawing.answers import filled
from tests.e2e.conftest import Program
from tests.e2e.dashboards.asking import queries
from tests.e2e.dashboards.rule_series import MONTH_SECONDS, TARGET, WORKER_2, Series, budget, state
from tests.e2e.dashboards.test_rules import promtool_test, run

MINUTES = 10


@dataclass(frozen=True)
class Said:
    """The one value of a panel's first query, ten minutes after the series began; None: it is empty."""

    board: str
    panel: str
    series: Series
    value: float | None
    labels: str = "{}"


def calls(outcome: str, values: str) -> Series:
    labels = f'{TARGET},layer="pain_points",dependency="openrouter",outcome="{outcome}"'
    return {f"pipeline_calls_total{{{labels}}}": values}


DISAGREED: Series = (
    state({"up": "1x20"}, dependency="mongodb")
    | state({"down": "1x20"}, dependency="mongodb", target=WORKER_2)
    | state({"up": "1x20"}, dependency="openrouter")
    | state({"degraded": "1x20"}, dependency="openrouter", target=WORKER_2)
    | state({"degraded": "1x20"}, dependency="firecrawl")
    | state({"unknown": "1x20"}, dependency="search")
)

SAID = (
    # Of two sidecars one does not reach mongodb: it is down, and not up as well.
    Said("pipeline-overview", "Dependencies up", DISAGREED, 2.0),
    Said("pipeline-overview", "Dependencies down", DISAGREED, 1.0),
    Said("pipeline-overview", "Dependencies up", state({"down": "1x20"}, dependency="mongodb"), 0.0),
    Said("pipeline-overview", "Dependencies up", {}, None),
    Said(
        "pipeline-limits",
        "When the period ends",
        # Who has not worked since last month spends nothing of this one.
        budget(spent="100x20", ends="300x20")
        | budget(spent="1x20", ends=f"{MONTH_SECONDS}x20", target=WORKER_2),
        0.01,
    ),
    Said(
        "pipeline-calls",
        "Share of calls that failed",
        # The breaker is open, and each of its trials fails.
        calls("success", "7x20") | calls("timeout", "0+1x20") | calls("rejected_breaker", "0+99x20"),
        1.0,
        '{dependency="openrouter"}',
    ),
    Said(
        "pipeline-overview",
        "Sidecars",
        {f"up{{{TARGET}}}": "1x20", 'up{job="node",instance="worker-1:9100"}': "1x20"},
        1.0,
    ),
    *(
        # The last worker ended before the period did.
        Said(board, panel, budget(spent="100x20", ends=ends), value)
        for ends, value in (("3600x20", 1.0), ("300x20", 0.0))
        for board, panel in (("pipeline-overview", "Budget spent"), ("pipeline-limits", "Share spent"))
    ),
    Said(
        "pipeline-jobs",
        "Last progress",
        {f"pipeline_last_progress_timestamp_seconds{{{TARGET}}}": "0 0 0 120x20"},
        480.0,
    ),
    Said(
        "pipeline-jobs",
        "Last progress",
        # The first job's first layer has not ended: not since 1970.
        {f"pipeline_last_progress_timestamp_seconds{{{TARGET}}}": "0x20"},
        None,
    ),
)


def query_of(board: str, panel: str) -> str:
    """The panel's first."""
    return next(one.expression for one in queries() if (one.board, one.panel) == (board, panel))


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.panel)
def test_a_panel_says_what_is_so(program: Program, tmp_path: Path, said: Said) -> None:
    asked = query_of(said.board, said.panel)
    expression = filled(asked, 60 * MINUTES, 60, scrape_seconds=60)
    expected = {
        "expr": expression,
        "eval_time": f"{MINUTES}m",
        "exp_samples": [] if said.value is None else [{"labels": said.labels, "value": said.value}],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.dump({"tests": [promtool_test(said.series, expected)]}))
    run(program("promtool"), "test", "rules", str(file))


@pytest.mark.parametrize("scrape", range(9, 13))
def test_a_rare_event_is_in_one_bar_whichever_scrape_saw_it_first(
    program: Program, tmp_path: Path, scrape: int
) -> None:
    """Scraped every 15 seconds; the bars of the minutes end 7 seconds after a scrape, as by chance."""
    bar = filled(query_of("pipeline-overview", "Jobs that ended"), 600, 60, scrape_seconds=15)
    series = f'pipeline_jobs_total{{{TARGET},outcome="failed"}}'
    expected = [
        {
            "expr": f"round({bar}, 0.01)",
            "eval_time": f"{minute}m7s",
            "exp_samples": [{"labels": '{outcome="failed"}', "value": int(minute == 3)}],
        }
        for minute in (2, 3, 4)
    ]
    test = promtool_test({series: f"5x{scrape - 1} 6x40"}, *expected) | {"interval": "15s"}
    file = tmp_path / "test.yml"
    file.write_text(yaml.dump({"tests": [test]}))
    run(program("promtool"), "test", "rules", str(file))
