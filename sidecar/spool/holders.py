"""Which files of the spool some process could still write to: what `/proc` shows of mappings and open files.

Of other applications' processes nobody holds a lease. But prometheus_client keeps its file mapped for
writing for as long as the process lives, whoever now has its pid.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidecar.spool.errors import raise_shortage

FileId = tuple[int, int]
"""Device and inode."""

_SHARED_FOR_WRITING: Final = (b"w-s ", b"wxs ")
"""The end of the permissions in a line of `maps`; they are looked for as bytes, in megabytes of lines."""
_MAPPING: Final = re.compile(rb"[0-9a-f]+-[0-9a-f]+ .w.s [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) (\d+)")
"""A line that has them where the permissions stand: address, permissions, offset, device, inode; path."""
_INITIAL_PID_NAMESPACE: Final = 0xEFFFFFFC
"""Its inode number is part of the kernel's interface (`PROC_PID_INIT_INO`)."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Who held what at one look."""

    held: frozenset[FileId] = frozenset()
    """Files that a process that we see could write to."""
    sees_all: bool = False
    """Whether we see every process of this machine: we are in its initial pid namespace."""
    hidden: frozenset[str] = frozenset()
    """Pids, each in its own namespace, of processes that we see but can't look into."""
    viewpoint: str = ""
    """Tells one pid namespace of one boot from every other: what was seen from there can be missed there."""

    def may_hide(self, worker: str) -> bool:
        """Whether the process with this pid as its name may be one that we can't look into.

        A name that is no pid says nothing of which process is meant: then it may be any of them.
        """
        return worker in self.hidden or (bool(self.hidden) and not worker.isdecimal())

    def would_show(self, worker: str) -> bool:
        """Whether a living process with this pid as its name would have been seen with its files."""
        return self.sees_all and not self.may_hide(worker)


def look_for_holders(probe: Path, workers: Collection[str], *, proc: Path = Path("/proc")) -> Holders:
    """Look into every process; nothing is known if what `/proc` shows of ourselves is not what is true.

    Args:
        probe: a file of ours in the spool, with at least one byte, to map for the test.
        workers: pids to look at more closely: whether they have opened a file and not mapped it yet.
        proc: where procfs is mounted.

    Raises:
        OSError: too many files are open, or memory is short, so that it can't be told who holds what.
    """
    if not _shows_files_as_they_are(probe, proc):
        return Holders()
    held: set[FileId] = set()
    hidden: set[str] = set()
    for process in _processes(proc):
        pid = _innermost_pid(process)
        try:
            held |= _mapped(process)
            if pid in workers:
                held |= _open_for_writing(process)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        except OSError as error:
            raise_shortage(error)
            hidden.add(pid)
    return Holders(frozenset(held), _sees_all(proc), frozenset(hidden), _viewpoint(proc))


def _shows_files_as_they_are(probe: Path, proc: Path) -> bool:
    """On some file systems the inode numbers in `maps` are others than those of `stat`."""
    try:
        fd = os.open(probe, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise_shortage(error)
        return False
    try:
        with mmap.mmap(fd, 1):
            return _file_id(os.fstat(fd)) in _mapped(proc / "self")
    except ValueError:
        return False  # it is empty
    except OSError as error:
        raise_shortage(error)
        return False
    finally:
        os.close(fd)


def _sees_all(proc: Path) -> bool:
    try:
        # With `hidepid` a user does not even see that there is a process 1.
        (proc / "1" / "status").read_bytes()
        return _pid_namespace(proc) == _INITIAL_PID_NAMESPACE
    except OSError as error:
        raise_shortage(error)
        return False


def _viewpoint(proc: Path) -> str:
    try:
        boot = (proc / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
        return f"{boot}/{_pid_namespace(proc)}"
    except OSError as error:
        raise_shortage(error)
        return ""


def _pid_namespace(proc: Path) -> int:
    return (proc / "self" / "ns" / "pid").stat().st_ino


def _processes(proc: Path) -> Iterator[Path]:
    own = str(os.getpid())
    return (path for path in proc.iterdir() if path.name.isdecimal() and path.name != own)


def _mapped(process: Path) -> set[FileId]:
    maps = (process / "maps").read_bytes()
    found = set()
    for permissions in _SHARED_FOR_WRITING:
        position = maps.find(permissions)
        while position >= 0:
            # A path may hold them too, but no end of a line: the kernel writes that as \012.
            mapping = _MAPPING.match(maps, maps.rfind(b"\n", 0, position) + 1)
            if mapping is not None:
                major, minor, inode = mapping.groups()
                found.add((os.makedev(int(major, 16), int(minor, 16)), int(inode)))
            position = maps.find(permissions, position + 1)
    return found


def _open_for_writing(process: Path) -> set[FileId]:
    found = set()
    for link in (process / "fd").iterdir():
        try:
            # The link's own permissions say how the file was opened.
            if link.lstat().st_mode & stat.S_IWUSR:
                found.add(_file_id(link.stat()))
        except OSError as error:
            raise_shortage(error)
            continue  # closed since
    return found


def _innermost_pid(process: Path) -> str:
    """The pid by which the process knows itself."""
    try:
        status = (process / "status").read_text(errors="replace")
    except OSError as error:
        raise_shortage(error)
        return process.name
    pids = re.search(r"^NSpid:\s.*?(\d+)$", status, re.MULTILINE)
    return process.name if pids is None else pids[1]


def _file_id(status: os.stat_result) -> FileId:
    return status.st_dev, status.st_ino
