"""Applications that use prometheus_client's multiprocess mode and never heard of us."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.spool.chaos import killed_at_the_end, serve

PATIENCE_SECONDS = 30.0

POOL = """
import multiprocessing, os, sys
from prometheus_client import Counter, Gauge, Histogram, Summary

calls = Counter("calls", "Calls.", ["who"])
size = Histogram("size_bytes", "Sizes.", buckets=(10, 100))
wait = Summary("wait_seconds", "Waits.")
highest = Gauge("highest", "Highest.", multiprocess_mode="max")
running = Gauge("running", "Running.", multiprocess_mode="livesum")
of_each = Gauge("of_each", "Of each.", multiprocess_mode="all")

def work(number, may_end):
    calls.labels(who=f"worker {number}").inc(number)
    size.observe(10 * number + 1)
    wait.observe(number)
    highest.set(number)
    running.set(1)
    of_each.set(number)
    os.write(1, b"working\\n")
    may_end.wait()

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    may_end = context.Event()
    workers = [context.Process(target=work, args=(number, may_end)) for number in range(1, 5)]
    for worker in workers:
        worker.start()
    sys.stdin.readline()
    may_end.set()
    for worker in workers:
        worker.join()
    print("ended", flush=True)
    sys.stdin.readline()
"""
WEB = """
import os
from prometheus_client import Counter, Histogram
requests = Counter("requests", "Requests.")
seconds = Histogram("request_seconds", "Time.")

def app(environ, start_response):
    requests.inc()
    seconds.observe(0.1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


class Scraper:
    def __init__(self, url: str) -> None:
        self._url = url

    def values(self) -> dict[str, float]:
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=30) as answer:  # noqa: S310
            text = answer.read().decode()
        return {
            sample.name + "".join(f" {text}" for _, text in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def wait_for(self, holds: Callable[[dict[str, float]], bool]) -> dict[str, float]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds(values := self.values()):
            assert time.monotonic() < deadline, values
            time.sleep(0.01)
        return values

    def wait_for_upkeep(self) -> None:
        """A run that began after this call has ended."""
        name = "sidecar_spool_compaction_duration_seconds_count"
        before = self.values()[name]
        self.wait_for(lambda values: values[name] >= before + 2)


@pytest.fixture
def scraper(tmp_path: Path) -> Iterator[Scraper]:
    (tmp_path / "spool").mkdir()
    context = multiprocessing.get_context("forkserver")
    with killed_at_the_end(context, serve, tmp_path / "spool") as (_, sidecar):
        yield Scraper(sidecar.recv())


@contextmanager
def running(tmp_path: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "spool")}
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_a_multiprocessing_application_is_served_and_compacted(tmp_path: Path, scraper: Scraper) -> None:
    (tmp_path / "pool.py").write_text(POOL)
    with running(tmp_path, sys.executable, "pool.py") as application:
        assert application.stdin is not None
        assert application.stdout is not None
        for _ in range(4):
            assert application.stdout.readline() == "working\n"
        living = scraper.values()
        assert living["running"] == 4
        assert len([series for series in living if series.startswith("of_each")]) == 1 + 4
        scraper.wait_for_upkeep()
        print(file=application.stdin, flush=True)
        assert application.stdout.readline() == "ended\n"
        values = scraper.wait_for(lambda values: values["sidecar_spool_compacted_files_total"] >= 4 * 6)
        # The first process of the application lives on, and never counted.
        assert values["running"] == 0
        assert len([series for series in values if series.startswith("of_each")]) == 1
    scraper.wait_for(lambda _: not list((tmp_path / "spool").glob("*.db")))
    values = scraper.values()
    assert {series: value for series, value in values.items() if series.startswith("calls")} == {
        f"calls_total worker {number}": number for number in range(1, 5)
    }
    assert (values["wait_seconds_count"], values["wait_seconds_sum"]) == (4, 10)
    assert [values[f"size_bytes_bucket {bound}"] for bound in ("10.0", "100.0", "+Inf")] == [0, 4, 4]
    assert values["highest"] == 4
    assert not any(series.startswith(("running", "of_each")) for series in values)


def test_a_gunicorn_application_is_served_and_compacted(tmp_path: Path, scraper: Scraper) -> None:
    (tmp_path / "web.py").write_text(WEB)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gunicorn = (sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "web:app")
    with running(tmp_path, *gunicorn, "--log-level", "critical"):
        for killed in range(3):
            pids = {answered_by(port) for _ in range(20)}
            scraper.wait_for_upkeep()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            scraper.wait_for(
                lambda values, least=2 * (killed + 1): (  # type: ignore[misc]
                    values["sidecar_spool_compacted_files_total"] >= least
                )
            )
            values = scraper.values()
            assert values["requests_total"] == 20 * (killed + 1)
            assert values["request_seconds_count"] == 20 * (killed + 1)


def answered_by(port: int) -> int:
    """The pid of the worker that answered; a worker that was killed is replaced in a moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
                return int(answer.read())
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
