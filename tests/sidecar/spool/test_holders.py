"""Who holds what, as a `/proc` that is made up shows it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sidecar.spool import holders
from sidecar.spool.holders import Holders, look_for_holders


def mapping(file: Path, *, permissions: str = "rw-s", called: str = "") -> str:
    """The line of `maps` for a process that has the file mapped: for writing, if nothing else is said."""
    status = file.stat()
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    path = called or file
    return f"7f0000000000-7f0000010000 {permissions} 00000000 {device} {status.st_ino}          {path}\n"


class Proc:
    """We, and process 7, which holds a file."""

    def __init__(self, folder: Path) -> None:
        self.probe = folder / "compaction.lock"
        self.probe.write_text("\n")
        self.file = folder / "counter_7.db"
        self.file.touch()
        self.path = folder / "proc"
        for process, file in (("self", self.probe), ("7", self.file)):
            (self.path / process).mkdir(parents=True)
            (self.path / process / "maps").write_text(mapping(file))
        (self.path / "7" / "fd").mkdir()
        (self.path / "7" / "status").write_text("Name:\tx\nNSpid:\t900\t7\n")
        status = self.file.stat()
        self.id = (status.st_dev, status.st_ino)

    def look(self) -> Holders:
        return look_for_holders(self.probe, {"7"}, proc=self.path)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


@pytest.fixture
def initial_namespace(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    """We are in the machine's own pid namespace."""
    namespace = proc.path / "self" / "ns" / "pid"
    namespace.parent.mkdir()
    namespace.touch()
    monkeypatch.setattr(holders, "_INITIAL_PID_NAMESPACE", namespace.stat().st_ino)


def failing_for(path: Path, number: int, patch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def read_bytes(self: Path) -> bytes:
        if self == path:
            raise OSError(number, os.strerror(number))
        return read(self)

    patch.setattr(Path, "read_bytes", read_bytes)


def test_what_a_process_has_mapped_for_writing_is_held(proc: Proc) -> None:
    assert proc.look().held == {proc.id}


@pytest.mark.parametrize("permissions", ["rwxs", "-w-s", "-wxs"])
def test_all_that_lets_a_process_write_counts_and_nothing_else(proc: Proc, permissions: str) -> None:
    (proc.path / "7" / "maps").write_text(
        mapping(proc.probe, permissions="r--s")
        + mapping(proc.probe, permissions="rw-p")
        + mapping(proc.file, permissions=permissions)
    )
    assert proc.look().held == {proc.id}


@pytest.mark.parametrize("permissions", ["r--s", "rw-p", "rw-s"])
def test_a_path_is_not_taken_for_permissions(proc: Proc, permissions: str) -> None:
    """Whatever a process has mapped, its name must neither stop the look nor hold anything."""
    paths = ("/report rw-s 1", "/rw-s", "/a rwxs 00000000 fe:01 7 ", "/w-s w-s ", "/rw-s ")
    others = "".join(mapping(proc.probe, permissions=permissions, called=path) for path in paths)
    (proc.path / "7" / "maps").write_text(others + mapping(proc.file) + others)
    status = proc.probe.stat()
    probe = {(status.st_dev, status.st_ino)} if permissions == "rw-s" else set()
    assert proc.look().held == {proc.id} | probe


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESRCH])
def test_a_process_that_has_ended_meanwhile_holds_nothing(
    proc: Proc, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_for(proc.path / "7" / "maps", number, monkeypatch)
    found = proc.look()
    assert not found.held
    assert not found.hidden


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
@pytest.mark.parametrize("process", ["self", "7"])
def test_a_look_that_too_few_descriptors_have_cut_short_is_none(
    proc: Proc, process: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_for(proc.path / process / "maps", number, monkeypatch)
    with pytest.raises(OSError, match=os.strerror(number)):
        proc.look()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EIO])
def test_a_process_that_cant_be_looked_into_is_hidden(
    proc: Proc, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_for(proc.path / "7" / "maps", number, monkeypatch)
    assert proc.look().hidden == {"7"}


@pytest.mark.usefixtures("initial_namespace")
def test_in_the_machines_own_pid_namespace_every_process_is_seen(proc: Proc) -> None:
    first = proc.path / "1"
    first.mkdir()
    for name in ("maps", "status"):
        (first / name).touch()
    assert proc.look().sees_all


@pytest.mark.usefixtures("initial_namespace")
def test_where_others_processes_are_hidden_not_all_are_seen(proc: Proc) -> None:
    """As `/proc` is that is mounted with `hidepid`: there is no process 1 for us."""
    assert not proc.look().sees_all
