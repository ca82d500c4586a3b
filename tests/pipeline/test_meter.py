from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from pipeline import metrics
from pipeline.meter import Meter


def served_by_prometheus_client(directory: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    return registry


def use_every_type(meter: Meter) -> None:
    meter.counter(metrics.PIPELINE_CALLS, "none", "openrouter", "success").inc(3)
    meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS).set(2)
    for seconds in (0.005, 0.3, 1e9):
        meter.histogram(metrics.PIPELINE_CALL_DURATION, "none", "openrouter").observe(seconds)


def test_prometheus_clients_own_collector_reads_the_spool(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    use_every_type(meter)
    in_memory = CollectorRegistry()
    in_memory.register(meter)
    assert sorted(generate_latest(served_by_prometheus_client(tmp_path)).splitlines()) == sorted(
        generate_latest(in_memory).splitlines()
    )
    meter.close()


def test_a_series_exists_with_0_from_the_start(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    meter.counter(metrics.PIPELINE_JOBS, "failed")
    registry = served_by_prometheus_client(tmp_path)
    assert registry.get_sample_value("pipeline_jobs_total", {"outcome": "failed"}) == 0
    meter.close()


def test_the_same_labels_are_the_same_series() -> None:
    meter = Meter()
    meter.counter(metrics.PIPELINE_JOBS, "failed").inc()
    meter.counter(metrics.PIPELINE_JOBS, "failed").inc()
    assert meter.counter(metrics.PIPELINE_JOBS, "failed").value == 2


def test_a_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        Meter().counter(metrics.PIPELINE_JOBS, "failed", "more")


@pytest.mark.parametrize("amount", [-1.0, float("nan")])
def test_a_counter_only_goes_up(amount: float) -> None:
    counter = Meter().counter(metrics.PIPELINE_JOBS, "failed")
    with pytest.raises(ValueError, match="only goes up"):
        counter.inc(amount)
    assert counter.value == 0


def test_a_file_grows_past_its_first_size(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    for number in range(1000):
        meter.counter(metrics.PIPELINE_COST, "none", "openrouter", f"model-{number}").inc(number)
    registry = served_by_prometheus_client(tmp_path)
    labels = {"layer": "none", "dependency": "openrouter", "model": "model-999"}
    assert registry.get_sample_value("pipeline_cost_usd_total", labels) == 999
    assert next(tmp_path.glob("counter_*.db")).stat().st_size > 1 << 16
    meter.close()


def test_counts_survive_the_meter(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    counter = meter.counter(metrics.PIPELINE_JOBS, "failed")
    counter.inc()
    meter.close()
    counter.inc()  # in memory alone
    registry = served_by_prometheus_client(tmp_path)
    assert registry.get_sample_value("pipeline_jobs_total", {"outcome": "failed"}) == 1
    assert counter.value == 2


def test_threads_lose_no_count() -> None:
    meter = Meter()
    counter = meter.counter(metrics.PIPELINE_JOBS, "failed")

    def count() -> None:
        for _ in range(2000):
            counter.inc()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 16_000


def test_a_forked_child_counts_in_files_of_its_own(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    counter = meter.counter(metrics.PIPELINE_JOBS, "failed")
    counter.inc(10)
    child = os.fork()
    if child == 0:
        counter.inc(5)
        os._exit(0 if counter.value == 5 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    counter.inc()
    registry = served_by_prometheus_client(tmp_path)
    assert registry.get_sample_value("pipeline_jobs_total", {"outcome": "failed"}) == 16
    assert len(list(tmp_path.glob("*.lease"))) == 2
    meter.close()


def test_a_forked_child_shows_the_breaker_it_inherited(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    state = meter.gauge(metrics.CIRCUIT_BREAKER_STATE, "openrouter", "open")
    state.set(1)
    running = meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS)
    running.set(3)
    child = os.fork()
    if child == 0:
        inherited = state.value, running.value
        running.inc()
        os._exit(0 if inherited == (1, 0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    registry = served_by_prometheus_client(tmp_path)
    assert (
        registry.get_sample_value("circuit_breaker_state", {"dependency": "openrouter", "state": "open"}) == 2
    )
    meter.close()


def test_a_forked_child_has_not_set_what_its_parent_set(tmp_path: Path) -> None:
    """Else its 0 would be as recent as the parent's value."""
    meter = Meter.spooling(tmp_path)
    meter.gauge(metrics.PIPELINE_BUDGET_LIMIT).set(100)
    meter.before_fork()
    meter.after_fork_in_child()
    meter.counter(metrics.PIPELINE_JOBS, "failed").inc()
    read: Any = MmapedDict.read_all_values_from_file
    found = [entry for path in tmp_path.glob("gauge_*.db") for entry in read(str(path))]
    assert sorted((value, timestamp > 0) for _, value, timestamp, _ in found) == [(0, False), (100, True)]
    meter.close()


def test_a_forked_child_that_never_counts_leaves_no_trace(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    use_every_type(meter)
    before = sorted(tmp_path.iterdir())
    child = os.fork()
    if child == 0:
        meter.counter(metrics.PIPELINE_JOBS, "failed")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sorted(tmp_path.iterdir()) == before
    meter.close()


def test_a_forked_child_has_every_series_in_its_files_from_its_first_count_on(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    use_every_type(meter)
    child = os.fork()
    if child == 0:
        gauge = meter.gauge(metrics.PIPELINE_LAST_PROGRESS)
        gauge.set(7)
        use_every_type(meter)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    registry = served_by_prometheus_client(tmp_path)
    assert registry.get_sample_value("pipeline_last_progress_timestamp_seconds") == 7
    labels = {"layer": "none", "dependency": "openrouter"}
    assert registry.get_sample_value("pipeline_call_duration_seconds_count", labels) == 6
    assert registry.get_sample_value("pipeline_calls_total", labels | {"outcome": "success"}) == 6
    meter.close()


def test_a_half_read_collection_holds_nobody_up() -> None:
    meter = Meter()
    counter = meter.counter(metrics.PIPELINE_JOBS, "failed")
    meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS)
    half_read = iter(meter.collect())
    next(half_read)
    other = threading.Thread(target=counter.inc, daemon=True)
    other.start()
    other.join(timeout=5)
    assert counter.value == 1


def test_a_disk_that_fills_up_leaves_no_half_of_a_histogram(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Meter.spooling(tmp_path)
    meter.histogram(metrics.PIPELINE_CALL_DURATION, "none", "d0")
    allocate = os.posix_fallocate

    def nearly_full(fd: int, offset: int, length: int) -> None:
        if offset:
            raise OSError(28, "No space left on device")
        allocate(fd, offset, length)

    monkeypatch.setattr(os, "posix_fallocate", nearly_full)
    for number in range(60):
        meter.histogram(metrics.PIPELINE_CALL_DURATION, "none", f"d{number}").observe(1)
    families = served_by_prometheus_client(tmp_path).collect()
    samples = [sample for family in families for sample in family.samples]
    names = {sample.labels["dependency"] for sample in samples}
    assert 1 < len(names) < 60
    assert len(samples) == len(names) * (len(metrics.PIPELINE_CALL_DURATION.upper_bounds) + 2)
    meter.close()


def test_a_full_disk_costs_the_count_not_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    meter = Meter.spooling(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    counter = meter.counter(metrics.PIPELINE_JOBS, "failed")
    meter.histogram(metrics.PIPELINE_JOB_DURATION).observe(1)
    counter.inc()
    assert counter.value == 1
    assert caplog.text.count("No space left on device") == 1
    assert list(tmp_path.glob("*.new")) == []
    meter.close()
