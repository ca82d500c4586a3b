"""`make check` takes no rules that Prometheus refuses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Program
from tests.e2e.servers.process import REPOSITORY


def make(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_it_begins_with_the_rules() -> None:
    assert "check rules" in make("--dry-run", "check", "PROMTOOL=promtool")[1]


@pytest.mark.parametrize(
    ("expression", "status", "told"), [("up == 0", 0, "SUCCESS: 1 rules found"), ("up ==", 2, "parse error")]
)
def test_rules_that_prometheus_refuses_fail_it(
    program: Program, tmp_path: Path, expression: str, status: int, told: str
) -> None:
    program("promtool")
    rules = tmp_path / "rules.yml"
    rules.write_text(f'groups: [{{name: one, rules: [{{alert: Down, expr: "{expression}"}}]}}]')
    ended, said = make("check-rules", f"RULES={rules}")
    assert (ended, told in said) == (status, True), said


def test_without_promtool_it_says_so_in_one_line() -> None:
    status, said = make("check-rules", "PROMTOOL=")
    assert (status, said.count("\n")) == (0, 1)
    assert "promtool is not installed" in said
