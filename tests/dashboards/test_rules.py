from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import pipeline.metrics
import sidecar.metrics
from dashboards.alerts import ALERTS, GROUPS
from dashboards.queries import ScrapeSeries
from dashboards.rules import Alert, Severity, duration, rules_yaml
from pipeline.definitions import HistogramDefinition

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["## What it means", "## How to look", "## What to do"]

DEFINED = {
    name
    for definition in (*pipeline.metrics.METRICS, *sidecar.metrics.METRICS)
    for name in (
        [f"{definition.name}{suffix}" for suffix in ("_bucket", "_count", "_sum")]
        if isinstance(definition, HistogramDefinition)
        else [definition.name]
    )
}
PROMETHEUS_OWN = {series.value for series in ScrapeSeries} | {"ALERTS"}


def metrics_in(expression: str) -> set[str]:
    """The names that are no function, keyword, label, variable or duration."""
    bare = re.sub(
        r'"[^"]*"|\$\w+|\[[^\]]*\]|(?:by|without|on|ignoring|group_left) \([^)]*\)',
        " ",
        re.sub(r"\{[^}]*\}", " ", expression),
    )
    names = set(re.findall(r"(?<!\w)[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])", bare))
    return names - {"and", "or", "unless", "bool", "by", "on", "offset"}


def test_the_test_itself_finds_metrics() -> None:
    found = metrics_in(
        'sum by (le) (rate(a_total{b="c_d"}[5m])) / on (x) b:c:d > bool 0 unless b_total offset 1h + time()'
    )
    assert found == {"a_total", "b_total", "b:c:d"}


def test_every_metric_in_a_rule_is_in_the_catalogue() -> None:
    recorded = {recording.name for group in GROUPS for recording in group.recordings}
    expressions = [
        rule["expr"] for group in yaml.safe_load(rules_yaml(GROUPS))["groups"] for rule in group["rules"]
    ]
    used = {name for expression in expressions for name in metrics_in(expression)}
    assert used - DEFINED - PROMETHEUS_OWN - recorded == set()
    assert recorded <= used, "a recording that no alert uses"


def test_names_follow_prometheus_conventions() -> None:
    names = [alert.name for alert in ALERTS]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []
    recorded = [recording.name for group in GROUPS for recording in group.recordings]
    assert [name for name in recorded if not re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", name)] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_has_a_runbook_that_says_what_to_do(alert: Alert) -> None:
    page = (RUNBOOKS / f"{alert.name}.md").read_text()
    assert page.startswith(f"# {alert.name}\n")
    assert [line for line in page.splitlines() if line.startswith("## ")] == SECTIONS
    assert f"**{alert.severity}**" in page
    assert metrics_in_code(page) - DEFINED - PROMETHEUS_OWN == set()


def metrics_in_code(page: str) -> set[str]:
    """Names in the page's code that look like metrics of ours."""
    prefixes = r"(?:probe|dependency|circuit_breaker|pipeline|sidecar)_[a-z_]+"
    return set(re.findall(rf"(?<![\w/.]){prefixes}(?=[{{\[`)\s])", " ".join(re.findall(r"`[^`]+`", page))))


def test_there_is_no_runbook_of_an_alert_that_is_gone() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {alert.name for alert in ALERTS} | {"README"}


def test_the_page_of_dashboards_lists_every_alert() -> None:
    page = (ROOT / "docs" / "dashboards.md").read_text()
    assert {alert.name for alert in ALERTS} <= {*re.findall(r"`([A-Z]\w+)`", page)}
    assert f"{len(ALERTS)} alerts" in (ROOT / "README.md").read_text()


def test_alerts_carry_what_the_receiver_needs() -> None:
    content = yaml.safe_load(rules_yaml(GROUPS, runbooks_url="https://example.org/runbooks/"))
    for group in content["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                assert rule["labels"]["severity"] in set(Severity)
                assert {*rule["annotations"]} == {"summary", "description", "runbook_url"}
                assert (
                    rule["annotations"]["runbook_url"] == f"https://example.org/runbooks/{rule['alert']}.md"
                )
                assert "keep_firing_for" not in rule, "vmalert refuses it"


def test_nothing_holds_longer_than_it_is_told() -> None:
    content = yaml.safe_load(rules_yaml(GROUPS, hold_seconds=2))
    holds = [rule.get("for") for group in content["groups"] for rule in group["rules"]]
    assert {*holds} == {None, "2s"}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (90, "90s"), (300, "5m"), (3600, "1h"), (5400, "90m"), (259_200, "3d")]
)
def test_durations_are_written_as_prometheus_does(seconds: int, text: str) -> None:
    assert duration(seconds) == text
