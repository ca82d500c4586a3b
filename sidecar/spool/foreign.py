"""Which files of other applications were left by the dead: they hold no lease, and their pid may be anyone's.

A file is its dead owner's once a process that held it holds it no more, if we may look into that of its pid;
at once, where we see every process of the machine and none holds it; and else, when it has not changed for
a day of our looking.
That day is counted while the sidecar runs: a clock that jumps ages nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final

from sidecar.spool.content import Scratch, open_file, read_content
from sidecar.spool.disk import read_whole, write_file
from sidecar.spool.errors import BadFileError
from sidecar.spool.files import FileName
from sidecar.spool.holders import FileId, Holders

OBSERVATIONS: Final = "foreign.json"
_SAVE_EVERY_SECONDS: Final = 60.0
_MAX_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Observation:
    inode: int
    digest: str | None
    """Of the content; None: it could not be read, and does not count as unchanged."""
    unchanged_seconds: float = 0.0
    held_in: str = ""
    """From where it was last seen held, as `Holders.viewpoint`."""


@dataclass(frozen=True, slots=True)
class ForeignFile:
    path: Path
    name: FileName
    id: FileId


class ForeignFiles:
    """What was seen of them, look by look, over restarts of the sidecar."""

    def __init__(self, directory: Path, max_age_seconds: float) -> None:
        self._path = directory / OBSERVATIONS
        self._max_age_seconds = max_age_seconds
        self._scratch = Scratch()
        self._seen = _read(self._path)
        self._written = self._seen
        self._unsaved_seconds = 0.0

    def dead(
        self, files: Collection[ForeignFile], holders: Holders, seconds_since_last: float
    ) -> list[ForeignFile]:
        """Those whose owner is dead."""
        dead = []
        seen = {}
        for file in files:
            now = self._look(file, holders, seconds_since_last)
            if file.id not in holders.held and (
                (now.held_in and now.held_in == holders.viewpoint and not holders.may_hide(file.name.worker))
                or holders.would_show(file.name.worker)
                or now.unchanged_seconds >= self._max_age_seconds
            ):
                dead.append(file)
            seen[file.path.name] = now
        self._seen = seen
        self._unsaved_seconds += seconds_since_last
        return dead

    def save(self) -> None:
        """Keep what was seen for the next sidecar; mere age and values only from time to time."""
        if _who(self._seen) != _who(self._written) or (
            self._seen != self._written and self._unsaved_seconds >= _SAVE_EVERY_SECONDS
        ):
            document = {name: asdict(observation) for name, observation in self._seen.items()}
            write_file(self._path, json.dumps(document).encode())
            self._written = self._seen
            self._unsaved_seconds = 0.0

    def _look(self, file: ForeignFile, holders: Holders, seconds_since_last: float) -> Observation:
        before = self._seen.get(file.path.name)
        if before is not None and before.inode != file.id[1]:
            before = None
        if file.id in holders.held:
            return Observation(file.id[1], None, held_in=holders.viewpoint)
        digest = _digest(file.path, self._scratch)
        if before is None:
            return Observation(file.id[1], digest)
        if digest is None or before.digest != digest:
            return replace(before, digest=digest, unchanged_seconds=0.0)
        return replace(before, unchanged_seconds=before.unchanged_seconds + seconds_since_last)


def _who(seen: Mapping[str, Observation]) -> dict[str, tuple[int, str]]:
    return {name: (observation.inode, observation.held_in) for name, observation in seen.items()}


def _digest(path: Path, scratch: Scratch) -> str | None:
    """Of the part that is used: a write through a mapping changes no time stamp."""
    try:
        fd = open_file(path)
    except (BadFileError, OSError):
        return None
    try:
        used, data, _ = read_content(fd, scratch)
        return hashlib.blake2b(data[:used], digest_size=16).hexdigest()
    except (BadFileError, OSError):
        return None
    finally:
        os.close(fd)


def _read(path: Path) -> dict[str, Observation]:
    try:
        document = json.loads(read_whole(path, _MAX_BYTES) or b"{}")
        return {str(name): _observation(value) for name, value in document.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _observation(value: Mapping[str, object]) -> Observation:
    inode, digest, unchanged, held_in = (value[field.name] for field in fields(Observation))
    if not (isinstance(inode, int) and isinstance(digest, str | None) and isinstance(held_in, str)):
        raise TypeError("not an observation")
    if not isinstance(unchanged, int | float):
        raise TypeError("not an observation")
    return Observation(inode, digest, float(unchanged), held_in)
