"""Room in a full spool: what the dead's files reserve and never used is given back to the disk.

A worker reserves 64 KiB for each file before it writes, so that a full disk does not kill it. Of a dead one's
file what is used counts, and that stays where it is: whoever reads it meanwhile, and whoever comes after
a crash, finds all of it. With what that frees the files can be merged, and then they are gone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from sidecar.spool.columns import columns_of
from sidecar.spool.content import Scratch, read_content
from sidecar.spool.errors import BadFileError
from sidecar.spool.holders import Holders
from sidecar.spool.layout import DEAD, had_lease
from sidecar.spool.leases import Leases
from sidecar.spool.listing import list_directory
from sidecar.spool.sources import Source, State, source_at, sources_in

_FLAGS: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def make_room(
    directory: Path,
    look: Callable[[set[str]], Holders],
    spared: Collection[int] = (),
    breathe: Callable[[], None] = lambda: None,
) -> bool:
    """Cut the dead's files to what is used of them; whether that freed anything.

    A process that has a file mapped is killed when it writes behind the end. So it is done only to files
    whose owner is known to be dead, and not merely unchanged for long.

    Args:
        directory: the spool; the caller holds its lock.
        look: who holds which file; given the workers to look at more closely.
        spared: inodes of files to leave as they are.
        breathe: called between two files; what it raises ends it.

    Raises:
        OSError: it cannot be told who lives.
    """
    scratch = Scratch()
    freed = False
    for source in _of_the_dead(directory, look):
        breathe()
        if source.inode not in spared:
            freed |= _cut(source, scratch)
    return freed


def _of_the_dead(directory: Path, look: Callable[[set[str]], Holders]) -> Iterator[Source]:
    dead_workers = Leases.of(directory).dead
    for name, inode in list_directory(directory, through_link=True).metric_files:
        source = source_at(directory, name, inode, State.LIVE)
        if source is not None and source.name.worker in dead_workers:
            yield source
    moved = sources_in(directory / DEAD, State.DEAD)
    # After they were listed: they have been renamed, so nobody opens one by its old name any more.
    holders = look({source.name.worker for source in moved}) if moved else Holders()
    device = directory.stat().st_dev
    for source in moved:
        if (device, source.inode) not in holders.held and (
            had_lease(source.path.name) or holders.would_show(source.name.worker)
        ):
            yield source


def _cut(source: Source, scratch: Scratch) -> bool:
    try:
        fd = os.open(source.path, _FLAGS)
    except OSError:
        return False
    try:
        before = os.fstat(fd)
        used, data, _ = read_content(fd, scratch)
        columns_of(data, used, buckets=source.name.type == "histogram")
        if before.st_size > used:
            os.ftruncate(fd, used)
        return os.fstat(fd).st_blocks < before.st_blocks
    except (BadFileError, OSError):
        return False  # a damaged one is looked at by others
    finally:
        os.close(fd)
