"""What comes in between: signal handlers, finalizers, threads and forks in the middle of a count."""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from pipeline import metrics, mirror
from pipeline.meter import Meter
from pipeline.series import Counter, Histogram

INSIDE = ("mirror.py", "spool.py", "meter.py", "series.py")


def served_by_prometheus_client(directory: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    return registry


class Interruption:
    """Calls a handler once, before the line of that number inside the meter, as a signal would."""

    def __init__(self, at_line: int, handler: Any) -> None:
        self._left = at_line
        self._handler = handler
        self.happened = False

    def __call__(self, frame: FrameType, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.endswith(INSIDE):
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.happened = True
                self._handler()
        return self

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)


def test_a_signal_handler_may_count_between_any_two_lines(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    counter = meter.counter(metrics.PIPELINE_JOBS, "failed")

    def handler() -> None:
        counter.inc()
        meter.counter(metrics.PIPELINE_JOBS, "succeeded").inc()
        meter.counter(metrics.PIPELINE_COST, "none", "openrouter", f"handled-{number}").inc()

    for number in itertools.count(1):
        interruption = Interruption(number, handler)
        with interruption:
            # A long name, so that every few the file must grow.
            meter.counter(metrics.PIPELINE_COST, "none", "openrouter", f"{number}" + "x" * 5000).inc()
            meter.histogram(metrics.PIPELINE_CALL_DURATION, "none", f"d{number}").observe(1)
        if not interruption.happened:
            break
    assert number > 30
    registry = served_by_prometheus_client(tmp_path)
    for outcome in ("failed", "succeeded"):
        assert registry.get_sample_value("pipeline_jobs_total", {"outcome": outcome}) == number - 1
    (costs,) = (family for family in registry.collect() if family.name == "pipeline_cost_usd")
    assert len(costs.samples) == 2 * number - 1
    assert {sample.value for sample in costs.samples} == {1}
    meter.close()


def test_a_signal_handler_may_count_while_a_forked_child_opens_its_files(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    counter = meter.counter(metrics.PIPELINE_JOBS, "failed")
    other = meter.counter(metrics.PIPELINE_JOBS, "succeeded")
    meter.histogram(metrics.PIPELINE_JOB_DURATION)
    for number in itertools.count(1):
        child = os.fork()
        if child == 0:
            interruption = Interruption(number, other.inc)
            with interruption:
                counter.inc()
            os._exit(0 if interruption.happened else 1)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1:
            break
    assert number > 20
    registry = served_by_prometheus_client(tmp_path)
    assert registry.get_sample_value("pipeline_jobs_total", {"outcome": "failed"}) == number
    assert registry.get_sample_value("pipeline_jobs_total", {"outcome": "succeeded"}) == number - 1
    meter.close()


def test_a_signal_handler_may_count_while_what_found_no_room_is_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate = os.posix_fallocate
    monkeypatch.setattr(mirror, "RETRY_SECONDS", 0.0)

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for number in itertools.count(1):
        spool = tmp_path / str(number)
        meter = Meter.spooling(spool)
        with monkeypatch.context() as patch:
            patch.setattr(os, "posix_fallocate", full)
            counter = meter.counter(metrics.PIPELINE_JOBS, "failed")
            other = meter.counter(metrics.PIPELINE_JOBS, "succeeded")
            seconds = meter.histogram(metrics.PIPELINE_JOB_DURATION)
            for series in (counter, other):
                series.inc()
        assert os.posix_fallocate is allocate

        def handler(other: Counter = other, seconds: Histogram = seconds) -> None:
            other.inc()
            seconds.observe(1)

        interruption = Interruption(number, handler)
        with interruption:
            counter.inc()
        meter.close()
        registry = served_by_prometheus_client(spool)
        expected = 1 + interruption.happened
        assert registry.get_sample_value("pipeline_jobs_total", {"outcome": "failed"}) == 2
        assert registry.get_sample_value("pipeline_jobs_total", {"outcome": "succeeded"}) == expected
        assert registry.get_sample_value("pipeline_job_duration_seconds_count") == expected - 1
        if not interruption.happened:
            break
    assert number > 20


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forks_while_threads_count_neither_hang_nor_count_twice(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    stop = threading.Event()
    counted = []

    def count() -> None:
        number = 0
        while not stop.is_set():
            meter.counter(metrics.PIPELINE_COST, "none", "openrouter", f"{number % 50}").inc()
            number += 1
        counted.append(number)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        child = os.fork()
        if child == 0:
            meter.counter(metrics.PIPELINE_COST, "none", "openrouter", "0").inc()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stop.set()
    for thread in threads:
        thread.join()
    (costs,) = (
        family
        for family in served_by_prometheus_client(tmp_path).collect()
        if family.name == "pipeline_cost_usd"
    )
    assert sum(sample.value for sample in costs.samples) == sum(counted) + 40
    meter.close()


def test_a_server_that_forks_by_itself_and_tells_python_afterwards_is_a_fork_too(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    counter = meter.counter(metrics.PIPELINE_JOBS, "failed")
    counter.inc(10)
    child = ctypes.PyDLL(None).fork()  # as uWSGI does
    if child == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        counter.inc(5)
        os._exit(0 if counter.value == 5 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    counter.inc()
    registry = served_by_prometheus_client(tmp_path)
    assert registry.get_sample_value("pipeline_jobs_total", {"outcome": "failed"}) == 16
    meter.close()
