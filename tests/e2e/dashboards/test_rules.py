"""The rules as promtool sees them: valid; every alert silent just before its time, firing just after."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.alerts import ALERTS
from dashboards.generate import GENERATED, RULES
from tests.e2e.conftest import Program
from tests.e2e.dashboards.rule_cases import CASES, Case
from tests.e2e.dashboards.rule_series import TARGET, Series, probe, second_sidecar
from tests.e2e.servers.process import REPOSITORY

RULE_FILE = Path(GENERATED) / RULES
ALERT = {alert.name: alert for alert in ALERTS}


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_valid(program: Program) -> None:
    assert "SUCCESS" in run(
        program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(RULE_FILE)
    )


def test_the_configuration_with_the_rules_is_valid(program: Program) -> None:
    told = run(program("promtool"), "check", "config", str(REPOSITORY / "prometheus.yml"))
    assert "1 rule files found" in told


def test_vmalert_takes_the_rules_too(program: Program) -> None:
    run(program("vmalert"), f"-rule={RULE_FILE}", "-dryRun", "-loggerLevel=ERROR")


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == {*ALERT}
    assert all(case.good for case in CASES if Counter(one.alert for one in CASES)[case.alert] == 1)


def firing(case: Case, *, minute: int, labels: dict[str, str] | None) -> dict[str, Any]:
    """A promtool assertion: the alert fires with exactly these labels, or not at all."""
    expected = []
    if labels is not None:
        every = {
            "alertname": case.alert,
            "alertstate": "firing",
            "severity": ALERT[case.alert].severity.value,
            **labels,
        }
        inner = ", ".join(f'{name}="{value}"' for name, value in every.items())
        expected = [{"labels": f"ALERTS{{{inner}}}", "value": 1}]
    return {
        "expr": f'ALERTS{{alertname="{case.alert}", alertstate="firing"}}',
        "eval_time": f"{minute}m",
        "exp_samples": expected,
    }


def promtool_test(series: Series, *assertions: dict[str, Any]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": list(assertions),
    }


def unit_tests(case: Case) -> list[dict[str, Any]]:
    hold_minutes, rest = divmod(ALERT[case.alert].hold_seconds, 60)
    assert rest == 0, "the cases count in minutes"
    fires_at = case.begins + hold_minutes
    return [
        promtool_test(
            case.bad,
            firing(case, minute=fires_at - 1, labels=None),
            firing(case, minute=fires_at, labels=case.labels),
        ),
        *(
            promtool_test(good, *(firing(case, minute=minute, labels=None) for minute in range(fires_at + 5)))
            for good in case.good
        ),
        *(
            promtool_test(
                series,
                firing(case, minute=fires_at, labels=case.labels),
                firing(case, minute=minute, labels=None),
            )
            for series, minute in case.ended
        ),
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_is_silent_just_before_and_fires_just_after(
    program: Program, tmp_path: Path, case: Case
) -> None:
    file = tmp_path / "test.yml"
    content = {"rule_files": [str(RULE_FILE)], "evaluation_interval": "1m", "tests": unit_tests(case)}
    file.write_text(yaml.dump(content))
    run(program("promtool"), "test", "rules", str(file))


def said_by(promtool: str, file: Path, cases: Iterable[Case]) -> list[str]:
    """What each alert says: promtool shows it when it is told to expect none."""
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in case.bad.items()],
            "alert_rule_test": [
                {
                    "alertname": case.alert,
                    "eval_time": f"{case.begins + ALERT[case.alert].hold_seconds // 60}m",
                    "exp_alerts": [],
                }
            ],
        }
        for case in cases
    ]
    file.write_text(yaml.dump({"rule_files": [str(RULE_FILE)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if "Annotations:{" in line]


def test_what_an_alert_says_is_filled_in(program: Program, tmp_path: Path) -> None:
    told = said_by(program("promtool"), tmp_path / "test.yml", CASES)
    assert len(told) == len(CASES)
    assert [line for line in told if re.search(r"\{\{|<|%!", line)] == [], "a template that failed"


def test_a_reason_that_two_sidecars_found_is_told_once(program: Program, tmp_path: Path) -> None:
    series = probe("0x60") | second_sidecar("0x60")
    for target in (TARGET, TARGET.replace("worker-1", "worker-2")):
        series[f'probe_failure_reason{{{target},dependency="pdf_service",reason="connect"}}'] = "1x60"
    (told,) = said_by(program("promtool"), tmp_path / "test.yml", [Case("ProbeDown", series, 1, {}, good=())])
    assert "for two minutes (connect)." in told
