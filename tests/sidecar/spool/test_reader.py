from __future__ import annotations

import os
import random
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from structlog.testing import capture_logs

from pipeline import metrics
from pipeline.meter import Meter
from sidecar.exposition import TEXT, Renderer
from sidecar.spool import reader as module
from sidecar.spool.descriptors import Descriptors
from sidecar.spool.files import BadFileError, parse_name
from sidecar.spool.reader import SpoolReader, SpoolReading
from sidecar.spool.sources import Sources, list_sources


class Fixed(Collector):
    def __init__(self, families: tuple[Metric, ...]) -> None:
        self.families = families

    def collect(self) -> tuple[Metric, ...]:
        return self.families


def lines(collector: Collector) -> list[bytes]:
    registry = CollectorRegistry()
    registry.register(collector)
    return sorted(generate_latest(registry).splitlines())


def value(reading: SpoolReading, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(Fixed(reading.families))
    return registry.get_sample_value(name, labels)


def count_jobs(spool: Path, outcome: str, amount: float) -> None:
    meter = Meter.spooling(spool)
    meter.counter(metrics.PIPELINE_JOBS, outcome).inc(amount)
    meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS).set(1)
    meter.histogram(metrics.PIPELINE_JOB_DURATION).observe(2.0)
    meter.gauge(metrics.PIPELINE_LAST_PROGRESS).set(amount)
    meter.gauge(metrics.PIPELINE_BUDGET_SPENT).set(amount)
    meter.close()


def test_it_reads_what_prometheus_clients_own_collector_reads(tmp_path: Path) -> None:
    living = [Meter.spooling(tmp_path) for _ in range(3)]
    for number, meter in enumerate(living):
        meter.counter(metrics.PIPELINE_JOBS, "failed").inc(number)
        meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS).set(number)
        meter.gauge(metrics.PIPELINE_LAST_PROGRESS).set(number)
        meter.gauge(metrics.PIPELINE_BUDGET_LIMIT).set(number)
        meter.histogram(metrics.PIPELINE_JOB_COST).observe(0.003 * number)
    stock = MultiProcessCollector(None, str(tmp_path))  # type: ignore[no-untyped-call]
    assert lines(Fixed(SpoolReader(tmp_path).read().families)) == lines(stock)
    for meter in living:
        meter.close()


def test_the_dead_keep_their_counters_and_lose_their_live_gauges(tmp_path: Path) -> None:
    count_jobs(tmp_path, "failed", 3)
    alive = Meter.spooling(tmp_path)
    alive.counter(metrics.PIPELINE_JOBS, "failed").inc(4)
    alive.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS).set(1)
    reading = SpoolReader(tmp_path).read()
    assert reading.workers == 1
    assert value(reading, "pipeline_jobs_total", outcome="failed") == 7
    assert value(reading, "pipeline_jobs_in_progress") == 1
    alive.close()


def test_a_directory_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert SpoolReader(tmp_path / "none").read() == SpoolReading((), 0, 0, 0)


ENTRY = b'["x", "x_total", {}, "h"]'


def file_with(used: int, rest: bytes = b"") -> bytes:
    return struct.pack("i4x", used) + rest


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("counter_1.db", b""),
        ("counter_1.db", b"\0\0\0"),
        ("counter_1.db", file_with(1 << 30)),
        ("counter_1.db", file_with(-5)),
        ("counter_1.db", file_with(64, struct.pack("i", 1000) + b"x" * 100)),
        ("counter_1.db", file_with(64, struct.pack("i", -8) + b"x" * 100)),
        ("counter_1.db", file_with(48, struct.pack("i", 4) + b"\xff\xff\xff\xff" + b" " * 8 + b"\0" * 24)),
        ("counter_1.db", file_with(48, struct.pack("i", 4) + b"nope" + b" " * 8 + b"\0" * 24)),
        ("counter_1.db", file_with(48, struct.pack("i", 4) + b"[[]]" + b" " * 8 + b"\0" * 24)),
        ("gauge_1.db", file_with(8)),
        ("gauge_sideways_1.db", file_with(8)),
        ("unknown_1.db", file_with(8)),
    ],
)
def test_one_bad_file_is_counted_and_harms_no_other(tmp_path: Path, name: str, content: bytes) -> None:
    count_jobs(tmp_path, "failed", 3)
    (tmp_path / name).write_bytes(content)
    reading = SpoolReader(tmp_path).read()
    assert reading.unreadable_files == 1
    assert value(reading, "pipeline_jobs_total", outcome="failed") == 3


def keyed(key: str) -> bytes:
    """A counter file with one entry of value 1 under this key."""
    encoded = key.encode()
    padded = encoded + b" " * (8 - (len(encoded) + 4) % 8)
    entry = struct.pack("i", len(encoded)) + padded + struct.pack("dd", 1.0, 0.0)
    return file_with(8 + len(entry), entry)


@pytest.mark.parametrize(
    "key",
    [
        '["", "", {}, "h"]',
        '["app", "dependency_info", {}, "h"]',
        '["app", "app_total", {"": "x"}, "h"]',
        '["app", "app_total", {"__name__": "x"}, "h"]',
        '["app", "app_total", {"a.b": "x", "a b": "y"}, "h"]',
    ],
)
def test_a_key_that_no_exposition_can_hold_is_a_bad_file(tmp_path: Path, key: str) -> None:
    (tmp_path / "counter_1.db").write_bytes(keyed(key))
    reading = SpoolReader(tmp_path).read()
    assert (reading.unreadable_files, reading.families) == (1, ())


def test_half_a_surrogate_pair_in_a_label_is_exposed_as_a_question_mark(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").write_bytes(keyed('["app", "app_total", {"model": "\\ud800"}, "h\\udfff"]'))
    reading = SpoolReader(tmp_path).read()
    assert value(reading, "app_total", model="?") == 1
    assert lines(Fixed(reading.families))


def test_a_file_that_goes_bad_keeps_its_last_good_values(tmp_path: Path) -> None:
    count_jobs(tmp_path, "failed", 3)
    reader = SpoolReader(tmp_path)
    reader.read()
    next(tmp_path.glob("counter_*.db")).write_bytes(b"")
    for _ in range(2):
        reading = reader.read()
        assert reading.unreadable_files == 1
        assert value(reading, "pipeline_jobs_total", outcome="failed") == 3


def test_a_passing_lack_of_file_descriptors_moves_no_counter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_jobs(tmp_path, "failed", 3)
    reader = SpoolReader(tmp_path)
    reader.read()

    def none_left(*_: object) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", none_left)
        assert value(reader.read(), "pipeline_jobs_total", outcome="failed") == 3
    assert reader.read().unreadable_files == 0


def test_what_is_no_regular_file_is_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside.db"
    count_jobs(tmp_path / "spool", "failed", 3)
    next((tmp_path / "spool").glob("counter_*.db")).rename(outside)
    (tmp_path / "spool" / "counter_link.db").symlink_to(outside)
    (tmp_path / "spool" / "counter_dir.db").mkdir()
    os.mkfifo(tmp_path / "spool" / "counter_fifo.db")
    reading = SpoolReader(tmp_path / "spool").read()
    assert reading.unreadable_files == 3
    assert value(reading, "pipeline_jobs_total", outcome="failed") is None


def test_zeros_are_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").write_bytes(bytes(1 << 16))
    reading = SpoolReader(tmp_path).read()
    assert (reading.files, reading.unreadable_files) == (1, 0)


def test_random_damage_never_fails_a_read(tmp_path: Path) -> None:
    count_jobs(tmp_path, "failed", 3)
    path = next(tmp_path.glob("histogram_*.db"))
    whole = path.read_bytes()[:2048]
    chance = random.Random(7)  # noqa: S311
    for _ in range(50):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged[: chance.randint(0, len(damaged))])
        reading = SpoolReader(tmp_path).read()
        assert value(reading, "pipeline_jobs_total", outcome="failed") == 3
        assert lines(Fixed(reading.families))


@pytest.mark.parametrize("mode", ["all", "liveall", "min", "max", "sum", "mostrecent", "livemostrecent"])
def test_every_gauge_mode_has_its_file_name(mode: str) -> None:
    assert parse_name(f"gauge_{mode}_worker_7.db") == ("gauge", mode, "worker_7")


def test_another_file_is_no_metric_file() -> None:
    with pytest.raises(BadFileError):
        parse_name("notes.db")


def test_a_worker_whose_name_is_no_text_is_shown_with_question_marks(tmp_path: Path) -> None:
    content = keyed('["app", "app", {}, "h"]')
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/gauge_all_\xff.db")).write_bytes(content)
    reading = SpoolReader(tmp_path).read()
    assert b'app{pid="?"} 1.0\n' in Renderer().render(reading.families, TEXT)


def test_a_bad_file_is_told_of_once_wherever_it_is_moved(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").write_bytes(b"")
    reader = SpoolReader(tmp_path)
    with capture_logs() as logs:
        since = reader.read().bad[0].since
        (tmp_path / "dead").mkdir()
        (tmp_path / "counter_1.db").rename(tmp_path / "dead" / "0123456789abcdef.counter_1.db")
        (bad,) = reader.read().bad
    assert len(logs) == 1
    assert (bad.path.parent.name, bad.since) == ("dead", since)


def test_what_keeps_a_spool_from_being_read_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_jobs(tmp_path, "failed", 3)
    reader = SpoolReader(tmp_path)
    reader.read()

    def failing(_directory: Path) -> Sources:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(module, "list_sources", failing)
        for _ in range(2):
            assert value(reader.read(), "pipeline_jobs_total", outcome="failed") == 3
    assert [entry["event"] for entry in logs] == ["spool.unreadable"]


def compacting(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So often a file has gone by the time it is opened; what is seen meanwhile is only a part."""
    left = iter(range(times))

    def listed(directory: Path) -> Sources:
        sources = list_sources(directory)
        if next(left, None) is None:
            return sources
        gone = sources.files[0]._replace(path=directory / "gone.db", inode=0)
        return replace(sources, files=(gone,))

    monkeypatch.setattr(module, "list_sources", listed)


def test_a_first_reading_waits_for_a_long_compaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count_jobs(tmp_path, "failed", 3)
    compacting(100, monkeypatch)
    assert value(SpoolReader(tmp_path).read(), "pipeline_jobs_total", outcome="failed") == 3


def test_during_a_long_compaction_what_was_read_last_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_jobs(tmp_path, "failed", 3)
    reader = SpoolReader(tmp_path)
    before = reader.read()
    compacting(100, monkeypatch)
    assert reader.read() is before


def test_a_file_that_is_opened_anew_is_not_taken_for_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Descriptors, "keep", lambda *_: False)
    path = tmp_path / "counter_1.db"
    path.write_bytes(keyed('["app", "app_total", {"a": "x"}, "h"]'))
    reader = SpoolReader(tmp_path)
    reader.read()
    path.write_bytes(keyed('["app", "app_total", {"a": "y"}, "h"]'))
    assert reader.read().unreadable_files == 1
