from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sidecar.spool import quarantine
from sidecar.spool.files import Entry
from sidecar.spool.holders import Holders
from sidecar.spool.keeping import damaged_files
from sidecar.spool.quarantine import DAMAGED_FOR_SECONDS, Quarantine
from sidecar.spool.reader import SpoolReader
from sidecar.spool.upkeep import Upkeep
from tests.sidecar.spool.spools import counter, dead_worker, total, write


class Sidecar:
    """Reader and upkeep of one spool, with a clock."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.seconds = 0.0
        self.reader = SpoolReader(spool)
        self.upkeep = Upkeep(
            spool,
            foreign_max_age_seconds=1e9,
            unreadable=lambda: damaged_files(self.reader),
            look=lambda _probe, _workers: Holders(),
            monotonic=lambda: self.seconds,
        )

    def after(self, seconds: float) -> int:
        """Time passes; how many files were set aside."""
        self.seconds += seconds
        report = self.upkeep.run()
        assert report is not None
        return report.set_aside

    def value(self) -> float:
        return sum(
            sample.value
            for family in self.reader.read().families
            for sample in family.samples
            if sample.name == "jobs_total"
        )


def live_file(spool: Path, *values: float) -> Path:
    """Of a process out of sight: nobody knows whether it lives."""
    entries = [counter(value, number=str(number)) for number, value in enumerate(values)]
    return write(spool / "counter_elsewhere.db", *entries)


def test_what_stays_damaged_is_set_aside_and_its_last_good_values_stay(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    path = live_file(tmp_path, 1, 2)
    assert sidecar.value() == 3
    path.write_bytes(b"\x01" * 100)
    assert sidecar.after(0) == 0
    assert sidecar.after(DAMAGED_FOR_SECONDS - 1) == 0
    with capture_logs() as logs:
        assert sidecar.after(1) == 1
    assert [entry["event"] for entry in logs] == ["spool.file_set_aside"]
    assert sidecar.value() == 3
    assert total(tmp_path) == 3  # for a sidecar that never saw it well, too
    (kept,) = (tmp_path / "bad").iterdir()
    assert kept.read_bytes() == b"\x01" * 100
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 0


def test_a_damaged_file_is_set_aside_in_a_spool_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    link = tmp_path / "link"
    link.symlink_to("spool")
    sidecar = Sidecar(link)
    path = live_file(link, 1, 2)
    assert sidecar.value() == 3
    path.write_bytes(b"\x01")
    assert sidecar.after(0) == 0
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 1
    assert sidecar.value() == 3


def test_a_file_that_was_damaged_at_first_and_mended_is_kept_as_a_whole(tmp_path: Path) -> None:
    path = live_file(tmp_path, 1, 2, 4)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    sidecar = Sidecar(tmp_path)
    assert sidecar.value() == 3
    path.write_bytes(whole)
    assert sidecar.value() == 7
    path.write_bytes(b"\x01")
    assert sidecar.after(0) == 0
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 1
    assert sidecar.value() == 7
    assert total(tmp_path) == 7


def test_a_file_that_is_being_made_is_left_alone(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    path = tmp_path / "counter_elsewhere.db"
    path.touch()
    assert sidecar.after(0) == 0
    live_file(tmp_path, 1)
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 0
    path.write_bytes(b"")
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 0
    assert sidecar.after(1) == 0


def test_what_nobody_read_before_the_damage_keeps_what_stands_before_it(tmp_path: Path) -> None:
    path = live_file(tmp_path, 1, 2, 4)
    path.write_bytes(path.read_bytes()[:-20])
    sidecar = Sidecar(tmp_path)
    sidecar.after(0)
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 1
    assert sidecar.value() == 3


def test_a_damaged_file_of_the_dead_is_mended_and_merged(tmp_path: Path) -> None:
    dead_worker(tmp_path, "w", counter(1), counter(2, outcome="ok"))
    path = tmp_path / "counter_w.db"
    path.write_bytes(path.read_bytes()[:-20])
    sidecar = Sidecar(tmp_path)
    sidecar.after(0)
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 1
    assert sidecar.value() == 1
    assert not (tmp_path / "dead").exists()


def test_a_damaged_generation_is_mended_from_what_was_last_good(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(1))
    sidecar = Sidecar(tmp_path)
    sidecar.after(0)
    assert sidecar.value() == 1
    (merged,) = (tmp_path / "compacted").glob("*/*.db")
    merged.write_bytes(b"")
    dead_worker(tmp_path, "b", counter(2))
    sidecar.after(0)
    assert sidecar.value() == 3
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 1
    assert sidecar.value() == 3
    assert total(tmp_path) == 3


def test_strange_things_with_the_name_of_a_metric_file_are_moved_out_of_the_way(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    outside = live_file(tmp_path / "elsewhere", 1)
    (tmp_path / "counter_a.db").mkdir()
    (tmp_path / "counter_b.db").symlink_to(outside)
    os.mkfifo(tmp_path / "counter_c.db")
    sidecar.after(0)
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 3
    assert outside.exists()
    assert sorted(path.name.partition(".")[2] for path in (tmp_path / "bad").iterdir()) == [
        "counter_a.db",
        "counter_b.db",
        "counter_c.db",
    ]


def test_what_was_set_aside_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MAX_KEPT", 2)
    sidecar = Sidecar(tmp_path)
    for number in range(4):
        (tmp_path / f"counter_{number}.db").touch()
    sidecar.after(0)
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 4
    assert len(list((tmp_path / "bad").iterdir())) == 2


def test_killed_while_it_sets_a_file_aside_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    class KilledError(BaseException):
        pass

    for number in itertools.count():
        spool = tmp_path / str(number)
        spool.mkdir()
        sidecar = Sidecar(spool)
        path = live_file(spool, 1, 2)
        assert sidecar.value() == 3
        path.write_bytes(b"\x01")
        sidecar.after(0)
        left = itertools.count(number, -1)

        def step(_name: str, left: itertools.count[int] = left) -> None:
            if next(left) == 0:
                raise KilledError

        sidecar.upkeep._quarantine._step = step
        try:
            sidecar.after(DAMAGED_FOR_SECONDS)
            break
        except KilledError:
            assert sidecar.value() == 3
    assert number == 2


def test_what_a_dead_worker_has_lost_of_its_file_is_not_merged_away(tmp_path: Path) -> None:
    path = live_file(tmp_path, 1, 2)
    sidecar = Sidecar(tmp_path)
    assert sidecar.value() == 3
    shorter = live_file(tmp_path / "other", 1).read_bytes()
    path.write_bytes(shorter)
    (tmp_path / "elsewhere.lease").touch()
    sidecar.after(0)
    assert sidecar.value() == 3
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 1
    assert sidecar.value() == 3
    assert total(tmp_path) == 3


def test_a_generation_that_lost_a_part_is_mended_before_more_is_merged(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(1), counter(2, outcome="ok"))
    sidecar = Sidecar(tmp_path)
    sidecar.after(0)
    assert sidecar.value() == 3
    (merged,) = (tmp_path / "compacted").glob("*/*.db")
    merged.write_bytes(live_file(tmp_path / "other", 1).read_bytes())
    dead_worker(tmp_path, "b", counter(4))
    sidecar.after(0)
    assert sidecar.value() == 7
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 1
    assert sidecar.value() == 7
    assert total(tmp_path) == 7


def test_what_nobody_read_before_the_damage_counts_at_once(tmp_path: Path) -> None:
    """Not only once it is set aside: a total that comes back is counted twice by who takes the increase."""
    path = live_file(tmp_path, 1, 2, 4)
    path.write_bytes(path.read_bytes()[:-20])
    sidecar = Sidecar(tmp_path)
    assert sidecar.value() == 3
    sidecar.after(0)
    assert sidecar.value() == 3


def test_what_is_kept_of_a_damaged_file_is_no_damaged_file(tmp_path: Path) -> None:
    buckets = [
        Entry("took", "took_bucket", (("le", bound),), "Help.", 1.0, 0.0) for bound in ("1.0", "many", "2.0")
    ]
    write(tmp_path / "histogram_elsewhere.db", *buckets)
    sidecar = Sidecar(tmp_path)
    sidecar.after(0)
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 1
    assert sidecar.reader.read().unreadable_files == 0
    sidecar.after(0)
    assert sidecar.after(DAMAGED_FOR_SECONDS) == 0


def test_one_file_that_cant_be_set_aside_does_not_stop_the_upkeep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_permitted(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    live_file(tmp_path).write_bytes(b"")
    sidecar = Sidecar(tmp_path)
    sidecar.after(0)
    dead_worker(tmp_path, "w", counter(1))
    monkeypatch.setattr(Quarantine, "_set_aside", not_permitted)
    with capture_logs() as logs:
        assert sidecar.after(DAMAGED_FOR_SECONDS) == 0
        assert sidecar.after(DAMAGED_FOR_SECONDS) == 0
    assert [entry["event"] for entry in logs] == ["spool.file_not_movable"]
    assert (tmp_path / "compacted").is_dir()
    assert sidecar.value() == 1


def test_names_that_are_too_long_to_be_moved_do_not_stop_the_upkeep(tmp_path: Path) -> None:
    long = "w" * 240
    dead_worker(tmp_path, long, counter(1))
    write(tmp_path / f"counter_{long}x.db").write_bytes(b"")
    dead_worker(tmp_path, "w", counter(2))
    sidecar = Sidecar(tmp_path)
    with capture_logs() as logs:
        sidecar.after(0)
        assert sidecar.after(DAMAGED_FOR_SECONDS) == 0
        assert sidecar.after(DAMAGED_FOR_SECONDS) == 0
    assert [entry["event"] for entry in logs].count("spool.file_not_movable") == 2
    assert [path.stem for path in tmp_path.glob("*.lease")] == [long]  # or else it would be taken for living
    assert (tmp_path / "compacted").is_dir()
    assert sidecar.value() == 3
