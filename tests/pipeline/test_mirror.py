"""Counting on a disk that is full, until it no longer is."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.mmap_dict import MmapedDict

from pipeline.mirror import RETRY_SECONDS, Mirror
from pipeline.series import Value
from pipeline.spool import WorkerSpool


class Disk:
    """A spool, a clock, and whether there is room."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.seconds = 1000.0
        self.is_full = True
        self.tries = 0
        self.mirror = Mirror(WorkerSpool(spool), monotonic=lambda: self.seconds)

    def allocate(self, fd: int, _offset: int, length: int) -> None:
        self.tries += 1
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.truncate(fd, os.fstat(fd).st_size + length)

    def value(self, name: str) -> Value:
        (value,) = self.mirror.values("counter", [key(name)])
        return value

    def written(self) -> dict[str, float]:
        return {json.loads(found)[0]: value for found, value in self.entries()}

    def timestamps(self) -> dict[str, float]:
        return {json.loads(found)[0]: timestamp for found, _, timestamp, _ in self._read()}

    def entries(self) -> list[tuple[str, float]]:
        return [(found, value) for found, value, _, _ in self._read()]

    def _read(self) -> list[tuple[str, float, float, int]]:
        """As prometheus_client reads them, from all files."""
        read: Any = MmapedDict.read_all_values_from_file
        return [entry for path in self.spool.glob("*.db") for entry in read(str(path))]


def key(name: str) -> str:
    return json.dumps([name, name, {}, "Help."])


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(tmp_path)
    monkeypatch.setattr(os, "posix_fallocate", disk.allocate)
    return disk


def test_a_worker_that_began_on_a_full_disk_counts_once_there_is_room(disk: Disk) -> None:
    jobs, idle = disk.value("jobs"), disk.value("idle")
    jobs.add(2)
    idle.add(1)
    disk.is_full = False
    disk.seconds += RETRY_SECONDS
    jobs.add(3)
    assert disk.written() == {"jobs": 5, "idle": 1}
    idle.add(1)
    assert disk.written() == {"jobs": 5, "idle": 2}
    disk.mirror.leave()


def test_a_new_series_has_what_found_no_room_tried_again(disk: Disk) -> None:
    disk.value("jobs").add(2)
    disk.is_full = False
    disk.value("calls").add(1)
    assert disk.written() == {"calls": 1}
    disk.seconds += RETRY_SECONDS
    disk.value("more")
    assert disk.written() == {"calls": 1, "jobs": 2, "more": 0}
    disk.mirror.leave()


def test_while_the_disk_is_full_a_count_costs_no_try_but_from_time_to_time(disk: Disk) -> None:
    jobs = disk.value("jobs")
    for tries in (1, 2, 3):
        for _ in range(5):
            jobs.add(1)
        assert disk.tries == tries
        disk.seconds += RETRY_SECONDS
    assert disk.written() == {}
    disk.mirror.leave()


def test_what_is_placed_later_is_placed_as_a_whole_and_once(disk: Disk) -> None:
    parts = disk.mirror.values("histogram", [key("sum"), key("low"), key("high")])
    for value in parts:
        value.add(1)
    disk.is_full = False
    disk.seconds += RETRY_SECONDS
    for value in parts:
        value.add(1)
    disk.seconds += RETRY_SECONDS
    parts[0].add(1)
    assert [found for found, _ in disk.entries()] == [key("sum"), key("low"), key("high")]
    assert disk.written() == {"sum": 3, "low": 2, "high": 2}
    disk.mirror.leave()


def test_who_has_left_the_spool_tries_no_more(disk: Disk) -> None:
    jobs = disk.value("jobs")
    disk.mirror.leave()
    disk.is_full = False
    disk.seconds += RETRY_SECONDS
    jobs.add(1)
    assert disk.written() == {}


def test_a_gauge_that_is_placed_later_keeps_the_time_at_which_it_was_set(disk: Disk) -> None:
    """Else the value of a worker that began long before would count for the more recent one."""
    (limit,) = disk.mirror.values("gauge_mostrecent", [key("limit")])
    limit.set(200, 1234.5)
    disk.is_full = False
    disk.seconds += RETRY_SECONDS
    disk.value("jobs")
    assert disk.timestamps()["limit"] == 1234.5
    disk.mirror.leave()


def test_a_child_places_what_its_parent_found_no_room_for_once(disk: Disk) -> None:
    jobs = disk.value("jobs")
    disk.mirror.begin_anew_in_child()
    disk.is_full = False
    jobs.add(1)
    disk.seconds += RETRY_SECONDS
    disk.value("more")
    assert disk.entries() == [(key("jobs"), 1), (key("more"), 0)]
    disk.mirror.leave()
