from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from pipeline.spool import SpoolError, WorkerSpool, worker_id


def test_worker_ids_are_unique_and_hold_no_underscore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "a_host/with:odd_parts")
    first, second = worker_id(), worker_id()
    assert first != second
    assert not set("_/:") & set(first)


def test_the_lease_is_held_until_the_spool_is_closed(tmp_path: Path) -> None:
    spool = WorkerSpool(tmp_path)
    lease = next(tmp_path.glob("*.lease")).open()
    with pytest.raises(BlockingIOError):
        fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
    spool.close()
    fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
    lease.close()


def test_a_killed_worker_loses_its_lease(tmp_path: Path) -> None:
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        WorkerSpool(tmp_path)
        os.write(tell, b"!")
        os.read(os.pipe()[0], 1)
    os.read(ready, 1)
    lease = next(tmp_path.glob("*.lease")).open()
    with pytest.raises(BlockingIOError):
        fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.kill(child, 9)
    os.waitpid(child, 0)
    fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
    lease.close()
    os.close(ready)
    os.close(tell)


def test_a_missing_directory_is_made_when_its_parent_is_there(tmp_path: Path) -> None:
    WorkerSpool(tmp_path / "spool").close()
    assert (tmp_path / "spool").is_dir()


@pytest.mark.parametrize("where", ["missing/spool", "a-file"])
def test_a_directory_that_cant_be_written_is_one_clear_error(tmp_path: Path, where: str) -> None:
    (tmp_path / "a-file").write_text("")
    with pytest.raises(SpoolError, match="make it a directory that this user can write"):
        WorkerSpool(tmp_path / where)


def test_a_file_appears_only_once_it_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = WorkerSpool(tmp_path)
    seen: list[list[str]] = []
    allocate = os.posix_fallocate

    def look(fd: int, offset: int, length: int) -> None:
        seen.append([path.name for path in tmp_path.glob("*.db")])
        allocate(fd, offset, length)

    monkeypatch.setattr(os, "posix_fallocate", look)
    spool.file("counter")
    assert seen == [[]]
    assert len(list(tmp_path.glob("counter_*.db"))) == 1
    spool.close()
