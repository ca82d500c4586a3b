"""What a panel says of series that are known: not only that it has data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from dashboards.drawing.answers import filled
from tests.e2e.conftest import Program
from tests.e2e.dashboards.asking import queries
from tests.e2e.dashboards.rule_series import TARGET, Series, budget
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


SAID = (
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


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.panel)
def test_a_panel_says_what_is_so(program: Program, tmp_path: Path, said: Said) -> None:
    asked = next(one for one in queries() if (one.board, one.panel) == (said.board, said.panel))
    expression = filled(asked.expression, 60 * MINUTES, 60).replace("[20s]", "[4m]")
    expected = {
        "expr": expression,
        "eval_time": f"{MINUTES}m",
        "exp_samples": [] if said.value is None else [{"labels": said.labels, "value": said.value}],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.dump({"tests": [promtool_test(said.series, expected)]}))
    run(program("promtool"), "test", "rules", str(file))
