"""Nothing is lost, nothing is counted twice and nothing goes backwards, whoever is killed and whenever."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import random
import signal
import time
import urllib.request
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from sidecar.spool.files import Entry
from sidecar.spool.sources import list_sources
from sidecar.spool.upkeep import Upkeep
from tests.e2e.spool.chaos import Tally, killed_at_the_end, raise_workers, serve
from tests.sidecar.spool.spools import counter, dead_worker, names, total, write

WORKERS = 1000
SIDECARS = 50
PATIENCE_SECONDS = 120.0


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.e2e.spool.chaos"])
    return context


class Watcher:
    """Scrapes, and remembers the highest value of every counter over all sidecars."""

    def __init__(self) -> None:
        self.highest: dict[str, float] = {}
        self.scrapes = 0

    def scrape(self, url: str) -> dict[str, float]:
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:  # noqa: S310
            assert answer.status == 200
            text = answer.read().decode()
        values = {}
        for line in text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.startswith(("pipeline_jobs_total", "pipeline_cost", "pipeline_job_duration")):
                values[series] = float(value)
        for series, value in self.highest.items():
            assert values.get(series, -math.inf) >= value, f"{series} went back from {value}"
        self.highest |= values
        self.scrapes += 1
        return values


def test_every_count_of_a_thousand_killed_workers_is_there_once_whoever_kills_the_sidecar(
    tmp_path: Path, context: ForkServerContext
) -> None:
    chance = random.Random(5)  # noqa: S311
    watcher = Watcher()
    spool = tmp_path / "spool"
    with killed_at_the_end(context, raise_workers, spool, WORKERS) as (_, workers):
        for _ in range(SIDECARS):
            with killed_at_the_end(context, serve, spool) as (_, sidecar):
                url = sidecar.recv()
                dies_at = time.monotonic() + chance.uniform(0, 0.2)
                watcher.scrape(url)
                while time.monotonic() < dies_at:
                    watcher.scrape(url)
        assert workers.poll(PATIENCE_SECONDS), "the workers don't end"
        tally: Tally = workers.recv()
    with killed_at_the_end(context, serve, spool) as (_, sidecar):
        url = sidecar.recv()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while list(spool.glob("*.lease")) or list(spool.glob("dead/*")):
            assert time.monotonic() < deadline, "the dead are not merged"
            watcher.scrape(url)
        values = watcher.scrape(url)
    assert watcher.scrapes > SIDECARS
    assert values['pipeline_jobs_total{outcome="succeeded"}'] == tally.counted
    killed = values['pipeline_jobs_total{outcome="failed"}']
    assert 0 < tally.killed_at_least <= killed <= tally.killed_at_most
    assert tally.killed_at_most - tally.killed_at_least < WORKERS / 2
    (cost,) = (value for series, value in values.items() if series.startswith("pipeline_cost"))
    assert cost == tally.cost_usd
    assert values["pipeline_job_duration_seconds_sum"] == tally.cost_usd
    assert values["pipeline_job_duration_seconds_count"] == tally.counted
    assert values['pipeline_job_duration_seconds_bucket{le="+Inf"}'] == tally.counted
    # Of leases that were being made when their worker died, some wait for an hour.
    left = {path.name for path in spool.iterdir() if not path.name.endswith(".lease.new")}
    assert left - {"foreign.json"} == {"compacted", "compacted.json", "compaction.lock"}


class KilledError(BaseException):
    pass


def killed_after(steps: int, kill: Callable[[], None]) -> Callable[[str], None]:
    left = itertools.count(steps, -1)

    def step(_name: str) -> None:
        if next(left) == 0:
            kill()

    return step


def nobody(_step: str) -> None:
    pass


def upkeep(spool: Path, step: Callable[[str], None]) -> None:
    Upkeep(spool, foreign_max_age_seconds=1e9, step=step).run()


def test_killed_at_any_step_it_counts_everything_once_and_the_next_run_goes_on(tmp_path: Path) -> None:
    def kill() -> None:
        raise KilledError

    steps = 0
    for number in itertools.count():
        spool = tmp_path / str(number)
        spool.mkdir()
        dead_worker(spool, "a", counter(1))
        upkeep(spool, nobody)
        dead_worker(spool, "b", counter(10))
        dead_worker(spool, "c", counter(100))
        write(spool / "gauge_livesum_c.db", Entry("level", "level", (), "", 1.0, 1.0))
        write(spool / "histogram_c.new")
        try:
            upkeep(spool, killed_after(number, kill))
            break
        except KilledError:
            steps += 1
        assert total(spool) == 111
        upkeep(spool, nobody)
        assert total(spool) == 111
        generation = list_sources(spool).manifest.generation
        assert names(spool) == {
            "compaction.lock",
            "compacted.json",
            f"compacted/{generation}/compacted.json",
            f"compacted/{generation}/counter_compacted.db",
        }
    assert steps > 12


def test_compaction_killed_by_the_kernel_at_every_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    for number in itertools.count():
        dead_worker(tmp_path, f"a{number}", counter(1))
        dead_worker(tmp_path, f"b{number}", counter(0.1, name="cost"))
        child = os.fork()
        if child == 0:
            upkeep(tmp_path, killed_after(number, lambda: os.kill(os.getpid(), signal.SIGKILL)))
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert total(tmp_path) == number + 1
        assert total(tmp_path, "cost_total") == math.fsum([0.1] * (number + 1))
        if status == 0:
            break
    assert number > 10
