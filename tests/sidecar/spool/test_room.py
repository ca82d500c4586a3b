"""A full disk: what makes room goes on, and nothing that counts is lost for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sidecar.spool import compaction, disk, foreign, liveness, manifest, quarantine
from sidecar.spool.files import MetricFile, parse_name, read_file
from sidecar.spool.holders import Holders
from sidecar.spool.layout import name_of_dead
from sidecar.spool.liveness import Liveness
from sidecar.spool.quarantine import DAMAGED_FOR_SECONDS, Damaged
from sidecar.spool.reader import SpoolReader
from sidecar.spool.room import make_room
from sidecar.spool.upkeep import StoppedError, Upkeep
from tests.sidecar.spool.spools import counter, dead_worker, living_worker, names, total, write

RESERVED = 1 << 16
OURS = "host-812-18ea6b9b7042053a"
NONCE = "0123456789abcdef"
LEASED = f"{NONCE}-leased"
STOCK = "web-17-9f86d081884c7d659a2feaa0c55ad015"
"""As an application may call its processes by itself: host, pid and whatever is new each time."""


def reserve(path: Path) -> Path:
    """As a worker does, before it writes."""
    with path.open("ab") as file:
        file.write(bytes(RESERVED - path.stat().st_size))
    return path


def moved(spool: Path, worker: str, *, prefix: str = "counter", nonce: str = NONCE) -> Path:
    return reserve(write(spool / "dead" / f"{nonce}.{prefix}_{worker}.db", counter(1)))


def full(*_: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def if_there_is_room(spool: Path, work: Callable[..., Any]) -> Callable[..., Any]:
    """It fails as on a full disk, for as long as a file reserves what it does not use."""

    def fails_on_a_full_disk(*arguments: Any) -> Any:
        if any(file.stat().st_size == RESERVED for file in spool.rglob("*.db")):
            full()
        return work(*arguments)

    return fails_on_a_full_disk


def nobody_holds(_probe: Path, _workers: set[str]) -> Holders:
    return Holders()


def upkeep(spool: Path) -> Upkeep:
    return Upkeep(spool, foreign_max_age_seconds=1e9, look=nobody_holds)


def test_the_deads_files_are_cut_to_what_is_used_of_them(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(2))
    files = [reserve(tmp_path / "counter_a.db"), moved(tmp_path, OURS, nonce=LEASED)]
    assert total(tmp_path) == 3
    assert make_room(tmp_path, lambda _: Holders())
    assert all(path.stat().st_size < 200 for path in files)
    assert total(tmp_path) == 3
    assert not make_room(tmp_path, lambda _: Holders()), "there is no more"


def test_who_has_a_file_open_while_it_is_cut_reads_what_it_read_before(tmp_path: Path) -> None:
    path = moved(tmp_path, OURS, nonce=LEASED)
    reader = SpoolReader(tmp_path)
    before = reader.read()
    make_room(tmp_path, lambda _: Holders())
    for _ in range(5):  # closely, and as often as not
        reading = reader.read()
        assert reading.unreadable_files == 0
        assert [family.samples for family in reading.families] == [
            family.samples for family in before.families
        ]
    assert path.stat().st_size < 200


def test_what_a_process_may_still_write_to_is_not_cut(tmp_path: Path) -> None:
    """It would be killed by a write behind the end."""
    lease = living_worker(tmp_path, "a", counter(1))
    held, *others = (moved(tmp_path, worker) for worker in ("7", "elsewhere", STOCK, "9"))
    files = [reserve(tmp_path / "counter_a.db"), held, *others]
    files.append(reserve(write(tmp_path / "counter_12.db", counter(1))))
    status = held.stat()
    ids = frozenset({(status.st_dev, status.st_ino)})
    assert not make_room(tmp_path, lambda _: Holders(ids, sees_all=True, hidden=frozenset({"9"})))
    assert [path.stat().st_size for path in files] == [RESERVED] * len(files)
    os.close(lease)


def test_of_what_was_moved_aside_that_of_the_surely_dead_is_cut(tmp_path: Path) -> None:
    """And not what had merely been unchanged for long: its owner may live where nobody sees it."""
    dead_worker(tmp_path, OURS, counter(1))
    write(tmp_path / f"counter_{STOCK}.db", counter(1))
    for path in tmp_path.glob("*.db"):
        reserve(path)
    found = Liveness(tmp_path, foreign_max_age_seconds=0.0, look=lambda _: Holders())
    assert found.move_the_dead_aside() == 2
    assert make_room(tmp_path, lambda _: Holders())
    sizes = {name_of_dead(path.name): path.stat().st_size for path in (tmp_path / "dead").iterdir()}
    assert sizes.pop(f"counter_{STOCK}.db") == RESERVED
    assert sizes[f"counter_{OURS}.db"] < 200
    assert total(tmp_path) == 2


def test_room_can_be_ended_between_two_files(tmp_path: Path) -> None:
    files = [moved(tmp_path, OURS, prefix=f"gauge_{mode}", nonce=LEASED) for mode in ("min", "max", "sum")]
    breaths = iter(range(1))

    def breathe() -> None:
        if next(breaths, None) is None:
            raise StoppedError

    with pytest.raises(StoppedError):
        make_room(tmp_path, lambda _: Holders(), breathe=breathe)
    assert [path.stat().st_size < RESERVED for path in files].count(True) == 1


def test_a_file_of_a_process_that_would_be_seen_is_cut(tmp_path: Path) -> None:
    path = moved(tmp_path, "7")
    assert make_room(tmp_path, lambda _: Holders(sees_all=True))
    assert path.stat().st_size < 200


def test_damaged_files_stay_as_they_are(tmp_path: Path) -> None:
    damaged = moved(tmp_path, OURS, nonce=LEASED)
    damaged.write_bytes(b"\x40" + bytes(RESERVED - 1))
    better_known = moved(tmp_path, OURS, prefix="histogram", nonce=LEASED)
    assert not make_room(tmp_path, lambda _: Holders(), {better_known.stat().st_ino})
    assert damaged.stat().st_size == better_known.stat().st_size == RESERVED


def test_on_a_full_disk_the_dead_are_merged_into_the_room_that_they_had_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        dead_worker(tmp_path, f"host-{number}-18ea6b9b7042053a", counter(1))
    for path in tmp_path.glob("*.db"):
        reserve(path)
    monkeypatch.setattr(compaction, "write_file", if_there_is_room(tmp_path, disk.write_file))
    report = upkeep(tmp_path).run()
    assert report is not None
    assert (report.moved, report.merged) == (3, 3)
    assert total(tmp_path) == 3
    assert not (tmp_path / "dead").exists()


@pytest.mark.parametrize(
    ("owner", "function"),
    [(liveness, "make_directory"), (manifest, "write_file"), (compaction, "write_file")],
)
def test_room_is_made_for_whatever_step_finds_none(
    tmp_path: Path, owner: Any, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_worker(tmp_path, OURS, counter(1))
    upkeep(tmp_path).run()
    (tmp_path / "compacted.json").unlink()
    dead_worker(tmp_path, OURS, counter(2))
    reserve(tmp_path / f"counter_{OURS}.db")
    monkeypatch.setattr(owner, function, if_there_is_room(tmp_path, getattr(owner, function)))
    report = upkeep(tmp_path).run()
    assert report is not None
    assert (report.moved, report.merged) == (1, 1)
    assert total(tmp_path) == 3


def test_room_is_made_to_mend_what_keeps_the_dead_from_being_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or else a damaged generation would wait for room, and the room for the generation."""
    dead_worker(tmp_path, OURS, counter(1))
    upkeep(tmp_path).run()
    (merged,) = (tmp_path / "compacted").glob("*/*.db")
    last_good = read_file(merged)
    merged.write_bytes(b"\x01")
    dead_worker(tmp_path, OURS, counter(2))
    reserve(tmp_path / f"counter_{OURS}.db")
    monkeypatch.setattr(quarantine, "write_file", if_there_is_room(tmp_path, disk.write_file))
    seconds = [0.0]
    upkeep_with_clock = Upkeep(
        tmp_path,
        foreign_max_age_seconds=1e9,
        unreadable=lambda: [Damaged(merged, parse_name(merged.name), last_good)] if merged.exists() else [],
        look=nobody_holds,
        monotonic=lambda: seconds[0],
    )
    done = []
    for _ in range(3):
        report = upkeep_with_clock.run()
        assert report is not None
        done.append((report.set_aside, report.merged))
        seconds[0] += DAMAGED_FOR_SECONDS
    assert done == [(0, 0), (0, 0), (1, 1)]
    assert total(tmp_path) == 3


def test_a_full_disk_that_the_dead_have_nothing_of_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_worker(tmp_path, OURS, counter(1))
    monkeypatch.setattr(compaction, "write_file", full)
    with pytest.raises(OSError, match="No space left"):
        upkeep(tmp_path).run()
    assert total(tmp_path) == 1


@pytest.mark.parametrize(("owner", "function"), [(os, "pwrite"), (foreign, "write_file")])
def test_what_is_merely_noted_may_find_no_room(
    tmp_path: Path, owner: Any, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_worker(tmp_path, OURS, counter(1))
    write(tmp_path / "counter_7.db", counter(1))
    with monkeypatch.context() as patch:
        patch.setattr(owner, function, full)
        report = upkeep(tmp_path).run()
    assert report is not None
    assert report.merged == 1
    upkeep(tmp_path).run()
    assert (tmp_path / "compaction.lock").read_bytes() == b"\n"
    assert (tmp_path / "foreign.json").exists()


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"\x01"), lambda path: path.symlink_to("x")])
def test_a_damaged_file_waits_for_room_and_keeps_nobody_waiting(
    tmp_path: Path, make: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "counter_elsewhere.db"
    make(path)
    last_good = MetricFile(parse_name(path.name), (counter(4),))
    dead_worker(tmp_path, OURS, counter(1))
    seconds = [0.0]
    upkeep = Upkeep(
        tmp_path,
        foreign_max_age_seconds=1e9,
        unreadable=lambda: [Damaged(path, parse_name(path.name), last_good)],
        look=nobody_holds,
        monotonic=lambda: seconds[0],
    )
    upkeep.run()
    seconds[0] += DAMAGED_FOR_SECONDS
    dead_worker(tmp_path, f"{OURS}f", counter(2))
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(quarantine, "write_file", full)
        for merged in (1, 0):
            report = upkeep.run()
            assert report is not None
            assert (report.set_aside, report.merged) == (0, merged)
    assert [entry["event"] for entry in logs] == ["spool.file_not_movable"]
    assert not any(name.startswith("bad/") for name in names(tmp_path))
    assert os.path.lexists(path)
    report = upkeep.run()
    assert report is not None
    assert report.set_aside == 1
    assert total(tmp_path) == 7


def test_a_file_that_could_not_be_written_takes_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        disk.write_file(tmp_path / "file", b"content")
    assert names(tmp_path) == set()
