"""Every file of the spool that counts: of the living, of the dead that no generation holds, the merged.

A reader lists, opens what is listed, and asks `is_still_current()`. If that says no, or a listed file
has gone, it lists again: compaction has moved on in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from sidecar.spool.files import BadFileError, FileName, parse_name
from sidecar.spool.layout import COMPACTED, DEAD, name_of_dead
from sidecar.spool.leases import Leases, giving_way
from sidecar.spool.listing import NOTHING, Listing, list_directory
from sidecar.spool.manifest import Identity, Manifest, identify, read_manifest

log = structlog.get_logger()

_DIRECTORIES_KNOWN: Final = 4


class State(StrEnum):
    LIVE = "live"
    DEAD = "dead"
    COMPACTED = "compacted"


class Source(NamedTuple):
    """One metric file that counts. A worker's file keeps its inode when it moves from live to dead.

    In a compacted file of what is added up (gauges of the mode `sum` too), the timestamp's place holds
    what rounding the sum lost: a total is `math.fsum` over the values of all sources and over those. Summed
    exactly, a total cannot step back by a rounding error when files are merged or listed in another order.
    """

    path: Path
    name: FileName
    state: State
    inode: int


@dataclass(frozen=True, slots=True)
class Sources:
    """What counts. Gauges of the dead in the modes `all` and `live…` are left out already."""

    directory: Path
    files: tuple[Source, ...]
    misnamed: tuple[Path, ...]
    """Entries that end in `.db` without being named as metric files are."""
    leases: Leases
    manifest: Manifest
    _identity: Identity | None
    _listings: tuple[Listing, ...] = ()
    """Of the directory itself, of `dead/` and of the generation."""

    def is_still_current(self) -> bool:
        """Whether no compaction was published since: asked after all files were opened."""
        try:
            return identify(self.directory) == self._identity
        except OSError:
            return True  # as far as anybody can tell


def list_sources(directory: Path) -> Sources:
    """List a spool, which need not exist yet. One that cannot be listed just now is as it was last.

    The order matters. The manifest comes first, because `is_still_current` holds from then on. The living
    come before the dead: a file renamed in between is found twice and counted once, never missed.
    """
    last = _listed.get(directory)
    try:
        sources = giving_way(lambda: _list(directory, last))
    except OSError as error:
        if directory not in _not_listed:
            log.warning(
                "spool.not_listed", directory=str(error.filename or directory), problem=error.strerror
            )
        _not_listed.add(directory)
        nobody = Leases(frozenset(), frozenset())
        return last or Sources(directory, (), (), nobody, Manifest(), None)
    _not_listed.discard(directory)
    if last is None and len(_listed) >= _DIRECTORIES_KNOWN:
        _listed.clear()
    _listed[directory] = sources
    return sources


def _list(directory: Path, last: Sources | None) -> Sources:
    identity = identify(directory)
    top = list_directory(directory, through_link=True)
    if identity is not None:
        manifest = _known_manifest(directory, identity)
    else:
        manifest = read_manifest(directory) if COMPACTED in top.names else Manifest()
    leases = Leases.among(directory, top.leases)
    # Whether or not it was among the entries: it may have been made while they were listed.
    dead = list_directory(directory / DEAD)
    compacted = NOTHING
    if manifest.generation is not None and not (directory / COMPACTED).is_symlink():
        compacted = list_directory(directory / COMPACTED / manifest.generation)
    listings = (top, dead, compacted)
    if last is not None and (last._identity, last._listings, last.leases, last.manifest) == (  # noqa: SLF001
        identity,
        listings,
        leases,
        manifest,
    ):
        return last
    known = {} if last is None else {str(file.path): file for file in last.files}
    files, misnamed = _counted(directory, listings, manifest, leases, known)
    return Sources(directory, files, misnamed, leases, manifest, identity, listings)


def _counted(
    directory: Path,
    listings: tuple[Listing, Listing, Listing],
    manifest: Manifest,
    leases: Leases,
    known: dict[str, Source],
) -> tuple[tuple[Source, ...], tuple[Path, ...]]:
    """The files that count, and what is not named as one."""
    top, dead, compacted = listings
    of_dead = [
        _known_at(f"{directory}/{DEAD}/{name}", inode, known)
        or source_at(directory / DEAD, name, inode, State.DEAD)
        for name, inode in dead.metric_files
    ]
    moved = {source.inode for source in of_dead if source is not None}
    files = [
        source
        for source in of_dead
        if source is not None
        and source.path.name not in manifest.absorbed
        and not ends_with_its_worker(source.name)
    ]
    misnamed = []
    for name, inode in top.metric_files:
        if inode not in moved:
            source = _known_at(f"{directory}/{name}", inode, known) or source_at(
                directory, name, inode, State.LIVE
            )
            if source is None:
                misnamed.append(directory / name)
            elif source.name.worker not in leases.dead or not ends_with_its_worker(source.name):
                files.append(source)
    merged = (
        source_at(directory / COMPACTED / str(manifest.generation), name, inode, State.COMPACTED)
        for name, inode in compacted.metric_files
    )
    files += [source for source in merged if source is not None]
    return tuple(files), tuple(misnamed)


def _known_at(path: str, inode: int, known: dict[str, Source]) -> Source | None:
    """What is known of a path, if the same file is still there: one that was damaged is replaced in place."""
    source = known.get(path)
    return source if source is not None and source.inode == inode else None


def sources_in(directory: Path, state: State) -> list[Source]:
    """Metric files of a generation or of `dead/`, whether they count or not.

    Raises:
        OSError: the directory is there and cannot be listed.
    """
    found = (
        source_at(directory, name, inode, state) for name, inode in list_directory(directory).metric_files
    )
    return [source for source in found if source is not None]


def source_at(directory: Path, name: str, inode: int, state: State) -> Source | None:
    """The source of that name, None if it is not named as metric files are."""
    try:
        return Source(directory / name, parse_name(name_of_dead(name)), state, inode)
    except BadFileError:
        return None


def ends_with_its_worker(name: FileName) -> bool:
    """Gauges that say something of a living worker, or of one by its name, end with it."""
    return name.mode == "all" or name.mode.startswith("live")


_listed: Final[dict[Path, Sources]] = {}
"""What was listed last, and no more: what is made for each file costs more than to find it again."""

_not_listed: Final[set[Path]] = set()
"""Told of in the log already."""


@lru_cache(maxsize=4)
def _known_manifest(directory: Path, _identity: Identity) -> Manifest:
    return read_manifest(directory)
