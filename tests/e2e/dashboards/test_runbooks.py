"""What a runbook tells somebody to do at night can be done: its commands, addresses and queries are real."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sidecar.web import PATHS
from tests.dashboards.test_rules import DEFINED, RUNBOOKS, metrics_in
from tests.e2e.conftest import Program

CODE = {snippet for page in RUNBOOKS.glob("*.md") for snippet in re.findall(r"`([^`]+)`", page.read_text())}
COMMANDS = sorted({match[0] for code in CODE if (match := re.match(r"(?:sidecar|pipeline) [a-z-]+", code))})
ADDRESSES = sorted({match[1] for code in CODE if (match := re.search(r"127\.0\.0\.1:9747(/[\w/]*)", code))})
QUERIES = sorted(code for code in CODE if "://" not in code and metrics_in(code) & DEFINED)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split(), "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_served(address: str) -> None:
    assert re.search(rf"^{re.escape(address)}[ ?]", PATHS, re.MULTILINE)


def test_queries_are_valid(program: Program, tmp_path: Path) -> None:
    assert len(QUERIES) > 10
    rules = [{"record": f"runbook:query:{number}", "expr": query} for number, query in enumerate(QUERIES)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.dump({"groups": [{"name": "runbooks", "rules": rules}]}))
    check = subprocess.run(
        [program("promtool"), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr
