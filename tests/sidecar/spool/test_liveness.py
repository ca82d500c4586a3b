from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.spool.holders import Holders
from sidecar.spool.leases import Leases
from sidecar.spool.upkeep import Upkeep
from tests.sidecar.spool.spools import change_in_place, counter, dead_worker, living_worker, total, write

DAY = 86_400.0


class World:
    """A spool whose files' holders are made up, and a clock."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.held: set[str] = set()
        self.sees_all = False
        self.hidden: frozenset[str] = frozenset()
        self.viewpoint = "boot/1"
        self.seconds = 0.0
        self.asked_for: set[str] = set()
        self.restart()

    def restart(self) -> None:
        self.upkeep = Upkeep(
            self.spool, foreign_max_age_seconds=DAY, look=self.look, monotonic=lambda: self.seconds
        )

    def look(self, _probe: Path, workers: set[str]) -> Holders:
        self.asked_for |= workers
        files = (self.spool / name for name in self.held)
        ids = frozenset((status.st_dev, status.st_ino) for status in (path.stat() for path in files))
        return Holders(ids, self.sees_all, self.hidden, self.viewpoint)

    def after(self, seconds: float) -> int:
        """Time passes; how many files were found to be the dead's."""
        self.seconds += seconds
        report = self.upkeep.run()
        assert report is not None
        return report.moved


def test_a_worker_lives_while_it_holds_its_lease(tmp_path: Path) -> None:
    world = World(tmp_path)
    lease = living_worker(tmp_path, "w", counter(1))
    assert world.after(10 * DAY) == 0
    os.close(lease)
    assert world.after(0) == 1
    assert list(tmp_path.glob("*.lease")) == []
    assert total(tmp_path) == 1


def test_a_worker_that_dies_during_the_look_leaves_nothing_behind_without_its_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    lease = living_worker(tmp_path, "w", counter(1))
    of = Leases.of

    def and_meanwhile(directory: Path) -> Leases:
        write(tmp_path / "histogram_w.db", counter(2))
        os.close(lease)
        return of(directory)

    with monkeypatch.context() as patch:
        patch.setattr(Leases, "of", and_meanwhile)
        assert world.after(0) == 2
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "compacted.json",
        "compaction.lock",
    }


def test_a_foreign_file_is_the_deads_once_who_held_it_holds_it_no_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    write(tmp_path / "counter_7.db", counter(1))
    world.held = {"counter_7.db"}
    assert world.after(10 * DAY) == 0
    world.held = set()
    assert world.after(0) == 1
    assert world.asked_for == {"7"}


def test_a_restarted_sidecar_knows_what_was_held_before(tmp_path: Path) -> None:
    world = World(tmp_path)
    write(tmp_path / "counter_7.db", counter(1))
    world.held = {"counter_7.db"}
    world.after(0)
    world.held = set()
    world.restart()
    assert world.after(0) == 1


def test_what_was_held_as_seen_from_elsewhere_says_nothing_here(tmp_path: Path) -> None:
    world = World(tmp_path)
    write(tmp_path / "counter_7.db", counter(1))
    world.held = {"counter_7.db"}
    world.after(0)
    world.held, world.viewpoint = set(), "boot/2"
    world.restart()
    assert world.after(0) == 0


def test_who_sees_every_process_knows_at_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sees_all = True
    write(tmp_path / "counter_7.db", counter(1))
    write(tmp_path / "counter_8.db", counter(1))
    world.held = {"counter_8.db"}
    assert world.after(0) == 1
    assert (tmp_path / "counter_8.db").exists()


def test_a_process_that_may_not_be_looked_into_may_hold_the_file_of_its_pid(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sees_all, world.hidden = True, frozenset({"7"})
    for worker in ("7", "8", "uwsgi-1"):
        write(tmp_path / f"counter_{worker}.db", counter(1))
    assert world.after(0) == 1
    assert not (tmp_path / "counter_8.db").exists()


@pytest.mark.parametrize(("worker", "hidden"), [("7", "7"), ("uwsgi-1", "7")])
def test_a_process_that_may_not_be_looked_into_any_more_is_not_dead_for_that(
    tmp_path: Path, worker: str, hidden: str
) -> None:
    world = World(tmp_path)
    write(tmp_path / f"counter_{worker}.db", counter(1))
    world.held = {f"counter_{worker}.db"}
    world.after(0)
    world.held, world.hidden = set(), frozenset({hidden})
    assert world.after(0) == 0
    world.hidden = frozenset({"8"} if worker == "7" else ())
    assert world.after(0) == 1


def test_a_foreign_file_of_a_process_out_of_sight_ages_while_it_does_not_change(tmp_path: Path) -> None:
    world = World(tmp_path)
    path = write(tmp_path / "counter_7.db", counter(1))
    assert world.after(DAY) == 0  # the first look
    assert world.after(DAY - 1) == 0
    change_in_place(path, counter(2))
    assert world.after(1) == 0
    os.utime(path)  # as `touch` does, which counts nothing
    assert world.after(DAY - 1) == 0
    world.restart()  # what was seen is kept; the time in between counts for nothing
    assert world.after(0) == 0
    assert world.after(1) == 1
    assert total(tmp_path) == 2


def test_an_observation_that_was_tampered_with_is_none(tmp_path: Path) -> None:
    write(tmp_path / "counter_7.db", counter(1))
    for text in ("", "[]", "{", '{"counter_7.db": 1}', '{"counter_7.db": {"inode": "x"}}', "[" * 100_000):
        (tmp_path / "foreign.json").write_text(text)
        assert World(tmp_path).after(10 * DAY) == 0


def test_what_a_worker_was_making_when_it_died_is_removed(tmp_path: Path) -> None:
    world = World(tmp_path)
    dead_worker(tmp_path, "w", counter(1))
    lease = living_worker(tmp_path, "alive", counter(1))
    for name in ("histogram_w.new", "histogram_alive.new", "other.lease.new", "old.lease.new", "notes.new"):
        (tmp_path / name).touch()
    os.utime(tmp_path / "old.lease.new", (0, 0))
    os.utime(tmp_path / "histogram_alive.new", (0, 0))
    world.after(0)
    assert {path.name for path in tmp_path.glob("*.new")} == {
        "histogram_alive.new",
        "other.lease.new",
        "notes.new",
    }
    os.close(lease)


def test_what_is_no_metric_file_stays_where_it_is(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sees_all = True
    (tmp_path / "gauge_1.db").touch()
    (tmp_path / "shop.db").mkdir()
    assert world.after(10 * DAY) == 0
    assert (tmp_path / "gauge_1.db").exists()


def test_a_lease_that_cant_be_removed_does_not_stop_the_upkeep(tmp_path: Path) -> None:
    (tmp_path / "a.lease").mkdir()
    dead_worker(tmp_path, "b", counter(1))
    report = Upkeep(tmp_path, foreign_max_age_seconds=1e9, look=lambda _probe, _workers: Holders()).run()
    assert report is not None
    assert report.merged == 1
