from __future__ import annotations

import json
from typing import Any

import pytest

import pipeline.metrics
import sidecar.metrics
from dashboards.boards import EVERY, TAG, Uid
from dashboards.generate import DASHBOARDS, GENERATED, generated, main
from dashboards.schema import problems
from tests.dashboards.test_rules import DEFINED, PROMETHEUS_OWN, metrics_in

FILES = generated()
BOARDS: dict[str, Any] = {name: json.loads(text) for name, text in FILES.items() if name.endswith(".json")}


def test_generated_files_are_fresh() -> None:
    assert main(["--check"]) == 0, "run make generate"
    assert {path.name for path in GENERATED.iterdir()} == {*FILES}


def test_a_stale_file_a_missing_one_and_one_too_many_are_told(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path)]) == 0
    assert main(["--output", str(tmp_path), "--check"]) == 0
    (tmp_path / "rules.yml").write_text("groups: []\n")
    (tmp_path / "pipeline-overview.json").unlink()
    (tmp_path / "pipeline-old.json").write_text("{}\n")
    assert main(["--output", str(tmp_path), "--check"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[0].rpartition("/")[2] for line in told] == [
        *("pipeline-old.json", "pipeline-overview.json", "rules.yml")
    ]


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_has_no_defect_that_grafana_would_take_silently(name: str) -> None:
    assert problems(BOARDS[name]) == []


@pytest.mark.parametrize("name", BOARDS)
def test_every_metric_in_a_panel_is_in_the_catalogue(name: str) -> None:
    used = {
        metric
        for panel in BOARDS[name]["panels"]
        for target in panel.get("targets", ())
        for metric in metrics_in(target["expr"])
    }
    assert used
    assert used - DEFINED - PROMETHEUS_OWN == set()


NOT_SHOWN = {
    "probe_last_success_timestamp_seconds",  # the share that succeeded and the state's timeline say more
}


def test_every_metric_of_the_catalogue_is_used() -> None:
    text = "".join(FILES[name] for name in BOARDS)
    names = [definition.name for definition in (*pipeline.metrics.METRICS, *sidecar.metrics.METRICS)]
    assert {name for name in names if name not in text} == NOT_SHOWN


LINKS = sorted(
    link["url"]
    for board in BOARDS.values()
    for panel in board["panels"]
    for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", ())
)


def test_a_link_keeps_what_is_chosen() -> None:
    assert LINKS
    for kept in ("${__url_time_range}", "&var-datasource=${datasource}"):
        assert all(kept in url for url in LINKS)
    for variable in EVERY:
        assert all(f"&${{{variable}:queryparam}}" in url for url in LINKS)


def test_bars_stand_side_by_side_for_a_minute_or_more() -> None:
    bars = [
        panel
        for board in BOARDS.values()
        for panel in board["panels"]
        if panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {}).get("drawStyle") == "bars"
    ]
    assert len(bars) > 5
    for panel in bars:
        assert panel["interval"] == "1m"
        assert all(" * $__interval_ms / 1000" in target["expr"] for target in panel["targets"])


def test_dashboards_find_each_other() -> None:
    assert {dashboard.uid for dashboard in DASHBOARDS} == {*Uid}
    for board in BOARDS.values():
        assert board["tags"] == [TAG]
        assert board["links"][0]["tags"] == [TAG]
        assert [one["name"] for one in board["templating"]["list"]][:3] == ["datasource", "job", "instance"]
