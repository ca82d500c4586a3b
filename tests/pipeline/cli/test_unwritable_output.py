"""Standard output that takes nothing: a full disk, or a reader who has left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.ledger import LedgerSettings
from pipeline.ledger.opening import open_budget
from tests.pipeline.cli.conftest import posting


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [["budget", "history", "--json"], ["--help"], ["budget", "--help"]])
def test_a_result_that_cannot_be_written_is_one_line_and_status_1(
    command: list[str], unbuffered: str, tmp_path: Path
) -> None:
    ledger = open_budget(LedgerSettings(budget_nano_usd=10**9, directory=tmp_path))
    assert ledger is not None
    asyncio.run(ledger.close())
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": unbuffered,
        "TOKEN_BUDGET_USD": "1",
        "LEDGER_DIRECTORY": str(tmp_path),
    }
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "pipeline", *command],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=20,
        )
    assert ended.returncode == 1
    assert ended.stderr == "standard output cannot be written: No space left on device\n"


@pytest.mark.usefixtures("stand_ins")
def test_reader_of_the_summary_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    redirected: list[int] = []
    monkeypatch.setattr(os, "dup2", lambda _, number: redirected.append(number))
    with monkeypatch.context() as patch:
        stdout = os.fdopen(writing, "w")
        patch.setattr(sys, "stdout", stdout)
        assert main(["run", posting()]) == 1
    assert redirected == [1]
    with pytest.raises(BrokenPipeError):
        stdout.close()
