"""That a budget refuses, as the sidecar shows it of workers that live, die and fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import BudgetExceededError, Dependency, Meter
from pipeline.budget import Budget
from pipeline.ledger import to_nano_usd
from pipeline.ledger.local_budget import LocalBudget
from pipeline.metrics import PIPELINE_BUDGET_REFUSING
from sidecar.health.pipeline import budget_entry
from sidecar.health.samples import Samples
from sidecar.spool.reader import SpoolReader
from tests.e2e.local_ledger.test_forks_and_threads import in_child
from tests.e2e.local_ledger.test_one_budget_for_all import ROOT

TIMEOUT_SECONDS = 30


class Worker:
    """A process of `caller`: all of one directory share a dollar."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.local_ledger.caller", str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._answer() == "begun"

    def call(self, cost_usd: float, max_usd: float) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{cost_usd} {max_usd}\n")
        self.process.stdin.flush()
        return self._answer()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=TIMEOUT_SECONDS)

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    workers = Worker(tmp_path), Worker(tmp_path)
    yield workers
    for worker in workers:
        worker.kill()


def shown(spool: Path) -> tuple[float | None, str]:
    """The gauge, and what the document makes of it."""
    samples = Samples(SpoolReader(spool).read().families)
    entry = budget_entry(samples, time.time())
    assert entry is not None
    return samples.value(PIPELINE_BUDGET_REFUSING), entry["state"]


def test_the_document_says_spent_while_any_live_worker_is_refused(
    two_workers: tuple[Worker, Worker], tmp_path: Path
) -> None:
    one, other = two_workers
    assert shown(tmp_path) == (0, "ok")
    assert one.call(0.85, 0.9) == "granted"
    assert shown(tmp_path) == (0, "warning")
    assert one.call(0.1, 0.2) == "refused"
    assert other.call(0.01, 0.1) == "granted"
    assert shown(tmp_path) == (1, "spent")
    assert one.call(0.01, 0.1) == "granted"
    assert shown(tmp_path) == (0, "warning")


def test_a_worker_that_was_refused_says_so_no_longer_when_it_is_dead(
    two_workers: tuple[Worker, Worker], tmp_path: Path
) -> None:
    one, other = two_workers
    assert one.call(0.75, 0.9) == "granted"
    assert other.call(0.1, 0.3) == "refused"
    assert shown(tmp_path) == (1, "spent")
    other.kill()
    assert shown(tmp_path) == (0, "ok")


async def test_a_forked_child_was_refused_nothing_yet(tmp_path: Path) -> None:
    meter = Meter()
    gauge = meter.gauge(PIPELINE_BUDGET_REFUSING)
    ledger = LocalBudget(to_nano_usd(1.0), directory=tmp_path)
    budget = Budget(ledger, meter)
    dependency = Dependency("openrouter", meter=meter, paid=True, budget=budget)

    def is_refused() -> bool:
        try:
            dependency.call_sync(os.getpid, max_usd=1.5)
        except BudgetExceededError:
            return True
        return False

    def child() -> bool:
        budget.refresh()
        return gauge.value == 0 and is_refused() and gauge.value == 1

    assert is_refused()
    assert in_child(child)
    budget.refresh()
    assert gauge.value == 1
    await ledger.close()
