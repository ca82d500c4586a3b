"""Who holds what, as a `/proc` that is made up shows it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sidecar.spool.holders import Holders, look_for_holders


def mapping(file: Path) -> str:
    """The line of `maps` for a process that has the file mapped for writing."""
    status = file.stat()
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    return f"7f0000000000-7f0000010000 rw-s 00000000 {device} {status.st_ino} {file}\n"


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

    def look(self) -> Holders:
        return look_for_holders(self.probe, {"7"}, proc=self.path)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def failing_for(path: Path, number: int, patch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def read_bytes(self: Path) -> bytes:
        if self == path:
            raise OSError(number, os.strerror(number))
        return read(self)

    patch.setattr(Path, "read_bytes", read_bytes)


def test_what_a_process_has_mapped_for_writing_is_held(proc: Proc) -> None:
    status = proc.file.stat()
    assert proc.look().held == {(status.st_dev, status.st_ino)}


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
