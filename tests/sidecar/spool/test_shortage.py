"""When the sidecar's process may open no more files."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecar.spool import leases
from sidecar.spool.files import read_file
from sidecar.spool.leases import Leases, giving_way
from sidecar.spool.reader import SpoolReader
from tests.sidecar.spool.spools import counter, living_worker, write


@pytest.fixture(autouse=True)
def with_none_kept_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shortage is remembered for a while."""
    monkeypatch.setattr(leases, "_keep_from", 0.0)


def open_descriptors() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/fd").iterdir()]


@contextmanager
def limited_to(descriptors: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def none_left() -> Iterator[None]:
    """The rest of the process has them all."""
    hog: list[int] = []
    with limited_to(max(open_descriptors()) + 1):
        try:
            while True:
                hog.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            yield
        finally:
            for fd in hog:
                os.close(fd)


def jobs(reader: SpoolReader) -> float:
    return sum(sample.value for family in reader.read().families for sample in family.samples)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_file_that_cant_be_opened_just_now_is_no_damaged_one(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "counter_1.db", counter(1))

    def failing(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(OSError, match=os.strerror(number)):
        read_file(path)


def test_a_file_for_which_memory_is_short_just_now_is_no_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "counter_1.db", counter(1))

    def failing(*_: object) -> int:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(os, "preadv", failing)
    with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)):
        read_file(path)


def test_what_was_merged_does_not_vanish_while_the_new_file_cant_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "counter_1.db", counter(1))
    old = write(tmp_path / "counter_2.db", counter(1000))
    reader = SpoolReader(tmp_path)
    assert jobs(reader) == 1001
    new = write(tmp_path / "counter_3.db", counter(1000))
    old.unlink()
    open_file = os.open

    def all_but_the_new_one(path: Path, flags: int) -> int:
        if path == new:
            raise OSError(errno.EMFILE, "Too many open files")
        return open_file(path, flags)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", all_but_the_new_one)
        assert jobs(reader) == 1001
    assert jobs(reader) == 1001


def test_leases_are_let_go_where_nothing_else_can_be_opened(tmp_path: Path) -> None:
    held = [living_worker(tmp_path, f"w{number}", counter(1)) for number in range(4)]
    reader = SpoolReader(tmp_path)
    assert jobs(reader) == 4
    write(tmp_path / "counter_other.db", counter(10))
    with none_left():
        assert jobs(reader) == 14
    for fd in held:
        os.close(fd)


def test_after_a_shortage_no_lease_is_kept_open_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [living_worker(tmp_path, f"w{number}") for number in range(4)]
    before = len(open_descriptors())
    assert len(Leases.of(tmp_path).living) == 4
    assert len(open_descriptors()) == before + 4
    with none_left():
        giving_way(lambda: os.close(os.open("/dev/null", os.O_RDONLY)))
    assert len(Leases.of(tmp_path).living) == 4
    assert len(open_descriptors()) == before
    later = time.monotonic() + leases._KEEP_NONE_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert len(Leases.of(tmp_path).living) == 4
    assert len(open_descriptors()) == before + 4
    for fd in held:
        os.close(fd)
    Leases.of(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_lease_that_cant_be_asked_is_not_a_dead_ones_and_is_not_left_open(
    tmp_path: Path, number: int, is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = living_worker(tmp_path, "w")
    before = len(open_descriptors())
    if is_kept:
        Leases.of(tmp_path)

    def no_locks(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", no_locks)
        assert Leases.of(tmp_path) == Leases(frozenset({"w"}), frozenset())
        assert len(open_descriptors()) == before
    os.close(lease)
    assert Leases.of(tmp_path).dead == {"w"}


def test_a_lease_that_cant_be_opened_is_not_a_dead_ones(tmp_path: Path) -> None:
    held = [living_worker(tmp_path, f"w{number}", counter(1)) for number in range(4)]
    with none_left():
        found = Leases.among(tmp_path, [f"w{number}.lease" for number in range(4)])
    assert len(found.living) == 4
    for fd in held:
        os.close(fd)


def test_no_more_leases_stay_open_than_an_eighth_of_what_the_process_may_open(tmp_path: Path) -> None:
    held = [living_worker(tmp_path, f"w{number}") for number in range(40)]
    before = len(open_descriptors())
    with limited_to(128):
        assert len(Leases.of(tmp_path).living) == 40
    assert len(open_descriptors()) - before <= 16
    for fd in held:
        os.close(fd)
    Leases.of(tmp_path)
