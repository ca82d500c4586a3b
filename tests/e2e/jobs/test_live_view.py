"""The live view: drawn on a real pseudo-terminal, and from metrics."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console

from pipeline import Meter, metrics
from pipeline.jobs import JobReport
from pipeline.metrics import RunOutcome
from pipeline.progress import Summary
from pipeline.progress.live import LiveView
from tests.e2e.jobs.standing_in import world


def test_view_shows_jobs_layers_money_and_breakers() -> None:
    meter = Meter()
    meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS).set(2)
    meter.gauge(metrics.PIPELINE_LAYER_JOBS_IN_PROGRESS, "research").set(2)
    meter.counter(metrics.PIPELINE_COST, "research", "openai", "m").inc(0.25)
    meter.gauge(metrics.PIPELINE_BUDGET_LIMIT).set(1)
    meter.gauge(metrics.CIRCUIT_BREAKER_STATE, "pdf_service", "open").set(1)
    view = LiveView(Summary(5), meter)
    view.ended(JobReport(id="1", source="a.md", outcome=RunOutcome.DEGRADED))
    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    console.print(view)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for words in ("1/5", "2 running", "1 degraded", "0.2500 USD spent, 1.0000 USD of the budget left"):
        assert words in shown
    assert re.search(r"^research +2 +0\.2500 *$", shown, re.MULTILINE)
    assert "breakers not closed: pdf_service" in shown


async def test_terminal_shows_the_view_and_then_the_table(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(2)
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pipeline", "run", str(at.postings), "--output", str(at.output)),
            env=at.environment() | {"TERM": "xterm-256color", "COLUMNS": "120"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = await asyncio.to_thread(read_to_the_end, ours)
        assert await process.wait() == 0
    assert "USD spent" in shown
    assert re.search(r"\d/2", shown)
    assert "job.started" not in shown  # the view shows it
    assert "2 jobs: 2 succeeded" in shown
    assert "[1/2]" not in shown


def read_to_the_end(terminal: int) -> str:
    read = b""
    try:
        while chunk := os.read(terminal, 65_536):
            read += chunk
    except OSError:  # Linux' way to say that nobody writes to it any more
        pass
    finally:
        os.close(terminal)
    return read.decode(errors="replace")
