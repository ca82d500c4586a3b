"""Which generation of merged files counts, and which files in `dead/` it already holds.

The manifest is replaced by one rename: whoever looks sees the generation before or the one after.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidecar.spool.disk import read_whole, sync_directory, write_file
from sidecar.spool.layout import COMPACTED, MANIFEST

_VERSION: Final = 1
_MAX_BYTES: Final = 16 * 1024 * 1024
_GENERATION: Final = re.compile(r"[0-9]{12}")

_SECOND_NS: Final = 1_000_000_000

Identity = tuple[int, ...]
"""Tells one manifest from the next: device, inode, size and time of change, and the content if it must."""


@dataclass(frozen=True, slots=True)
class Manifest:
    generation: str | None = None
    """Name of the directory in `compacted/`; None: nothing is merged yet."""
    absorbed: frozenset[str] = frozenset()
    """Names in `dead/` that the generation holds already."""

    def next_generation(self) -> str:
        return f"{int(self.generation or 0) + 1:012}"

    def to_json(self) -> bytes:
        document = {"version": _VERSION, "generation": self.generation, "absorbed": sorted(self.absorbed)}
        return json.dumps(document).encode()


def identify(directory: Path) -> Identity | None:
    """The identity of the manifest as it is now, None if there is none.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        status = (directory / MANIFEST).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    identity = status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns
    if status.st_ctime_ns % _SECOND_NS:
        return identity
    # Whole seconds: of two in one second the second may have the inode of the one before the first.
    return *identity, hash(read_whole(directory / MANIFEST, _MAX_BYTES))


def read_manifest(directory: Path) -> Manifest:
    """What the manifest says.

    Every generation holds a copy of its own, written last. One that is lost or damaged is made up for
    by the copy of the newest generation that is complete.

    Raises:
        OSError: it cannot be looked at, which is not to say that there is none.
    """
    manifest = _parsed(directory / MANIFEST)
    if manifest is not None:
        return manifest
    for path in sorted((directory / COMPACTED).glob("*"), reverse=True):
        copy = _parsed(path / MANIFEST)
        if copy is not None and copy.generation == path.name:
            return copy
    return Manifest()


def _parsed(path: Path) -> Manifest | None:
    try:
        document = json.loads(read_whole(path, _MAX_BYTES) or b"")
        version, generation, absorbed = document["version"], document["generation"], document["absorbed"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if version != _VERSION or not isinstance(generation, str) or not _GENERATION.fullmatch(generation):
        return None
    if not isinstance(absorbed, list) or not all(map(_is_file_name, absorbed)):
        return None
    return Manifest(generation, frozenset(absorbed))


def _is_file_name(name: object) -> bool:
    """Whether it can name a file in `dead/`. What is absorbed is removed, so it must not lead elsewhere."""
    if not isinstance(name, str) or name in {"", ".", ".."} or "/" in name or "\0" in name:
        return False
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def restore_manifest(directory: Path) -> None:
    """Write the manifest again if it was lost or damaged.

    Raises:
        OSError: the spool cannot be read or written.
    """
    manifest = read_manifest(directory)
    if manifest.generation is not None and _parsed(directory / MANIFEST) != manifest:
        write_file(directory / MANIFEST, manifest.to_json())
        sync_directory(directory, through_link=True)
