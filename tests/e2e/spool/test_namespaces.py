"""Workers in containers: pid namespaces in which the same pids mean other processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.spool.unsharing import unshare_command

ROOT = Path(__file__).parents[3]
MAX_AGE_SECONDS = 100

OURS = """
import os, sys
from pipeline import metrics
from pipeline.meter import Meter
counter = Meter.spooling(sys.argv[1]).counter(metrics.PIPELINE_JOBS, "failed")
for amount in sys.stdin:
    counter.inc(float(amount))
    print(os.getpid(), flush=True)
"""
STOCK = """
import os, sys
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
from prometheus_client import Counter
counter = Counter("stock", "Of an application that never heard of us.")
for amount in sys.stdin:
    counter.inc(float(amount))
    print(os.getpid(), flush=True)
"""
SIDECAR = f"""
import sys
from pathlib import Path
from sidecar.spool.upkeep import Upkeep
from tests.sidecar.spool.spools import total
spool, seconds = Path(sys.argv[1]), 0.0
upkeep = Upkeep(spool, foreign_max_age_seconds={MAX_AGE_SECONDS}, monotonic=lambda: seconds)
for later in sys.stdin:
    seconds += float(later)
    print(upkeep.run().moved, total(spool, "pipeline_jobs_total"), total(spool, "stock_total"), flush=True)
"""


class Container:
    """A program in a pid namespace of its own; it answers each line with one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, line: object) -> list[float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "it has ended"
        return [float(part) for part in answer.split()]

    def kill(self) -> None:
        self._process.kill()
        assert self._process.stdout is not None
        self._process.stdout.read()  # ends when the last process in it has


@pytest.fixture(scope="module")
def unshare() -> tuple[str, ...]:
    """The command that gives a program a pid namespace of its own."""
    return unshare_command("--pid", "--fork", "--kill-child", "--mount-proc")


@contextmanager
def container(unshare: tuple[str, ...], program: str, spool: Path) -> Iterator[Container]:
    with subprocess.Popen(
        [*unshare, sys.executable, "-c", program, str(spool)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        running = Container(process)
        try:
            yield running
        finally:
            running.kill()


def test_workers_with_one_pid_in_three_containers_are_told_apart(
    unshare: tuple[str, ...], tmp_path: Path
) -> None:
    start = partial(container, unshare)
    with ExitStack() as stack:
        first = stack.enter_context(start(OURS, tmp_path))
        second = stack.enter_context(start(OURS, tmp_path))
        stock = stack.enter_context(start(STOCK, tmp_path))
        assert first.ask(3) == second.ask(4) == stock.ask(5) == [1]  # their pid
        sidecar = stack.enter_context(start(SIDECAR, tmp_path))
        assert sidecar.ask(0) == [0, 7, 5]

        first.kill()
        assert sidecar.ask(0) == [1, 7, 5]
        second.ask(10)
        assert sidecar.ask(MAX_AGE_SECONDS - 1) == [0, 17, 5]

        # Out of sight, but what changes is alive.
        stock.ask(5)
        assert sidecar.ask(1) == [0, 17, 10]
        assert sidecar.ask(MAX_AGE_SECONDS - 1) == [0, 17, 10]
        stock.kill()
        assert sidecar.ask(1) == [1, 17, 10]

        second.ask(1)
        assert sidecar.ask(MAX_AGE_SECONDS * 10) == [0, 18, 10]
