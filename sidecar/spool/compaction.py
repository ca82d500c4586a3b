"""Merge what the dead have left, so that a spool costs what its living workers cost.

Exactly once, whenever it is killed: at any moment what counts is what `list_sources` says. The dead's
files, renamed aside before, are merged with the generation before into the next one, and one rename of
the manifest makes that generation count instead of them. What no longer counts is removed after that,
or by whoever comes next.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from sidecar.spool.absorption import Absorption
from sidecar.spool.disk import make_directory, sync_directory, write_file
from sidecar.spool.files import MAX_FILE_BYTES, BadFileError
from sidecar.spool.holders import FileId
from sidecar.spool.layout import COMPACTED, DEAD, MANIFEST
from sidecar.spool.manifest import Manifest, read_manifest
from sidecar.spool.sources import Source, State, ends_with_its_worker, source_at, sources_in

FILES_AT_ONCE: Final = 1000
"""Files that one generation takes in: bounds memory, and what a crash makes to be done again."""


class Compactor:
    """Merges the files in `dead/` of one spool; the caller holds the spool's lock."""

    def __init__(
        self,
        directory: Path,
        *,
        breathe: Callable[[], None] = lambda: None,
        step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """Touch nothing yet.

        Args:
            directory: the spool.
            breathe: called between two files; what it raises ends the run, with the spool as right as ever.
            step: called after every change on the disk, with its name.
        """
        self._directory = directory
        self._breathe = breathe
        self._step = step
        self.damaged: dict[Path, str] = {}
        """Files that the last run could not merge, and why."""

    def sweep(self) -> None:
        """Remove what no longer counts, after a publication or a crash.

        Raises:
            OSError: the spool cannot be written.
        """
        manifest = read_manifest(self._directory)
        dead = self._directory / DEAD
        removed = 0
        for name in manifest.absorbed:
            self._breathe()
            removed += self._remove(dead / name)
        if removed:
            # Durable before the next manifest, which won't name them any more.
            sync_directory(dead)
        with suppress(OSError):
            # A directory that was once large takes long to list even when it is empty.
            dead.rmdir()
        for generation in (self._directory / COMPACTED).glob("*"):
            if generation.name != manifest.generation:
                shutil.rmtree(generation, ignore_errors=True)
                self._step("remove generation")

    def merge(self, kept: frozenset[FileId]) -> int:
        """Merge the files in `dead/`; how many that were.

        Args:
            kept: files that are not to be merged now, as those that a process could still write to.

        Raises:
            OSError: the spool cannot be written.
        """
        self.damaged = {}
        dead = self._directory / DEAD
        device = self._directory.stat().st_dev
        absorbed = read_manifest(self._directory).absorbed
        with os.scandir(dead) as entries:
            waiting = [
                (entry.name, entry.inode())
                for entry in entries
                if entry.name not in absorbed and (device, entry.inode()) not in kept
            ]
        if any((device, source.inode) in kept for source in self._generation_files()):
            return 0  # it is mended first
        merged = 0
        for start in range(0, len(waiting), FILES_AT_ONCE):
            # No more objects at once: the collector of garbage would hold everybody up to look at them.
            batch = (
                source_at(dead, name, inode, State.DEAD)
                for name, inode in waiting[start : start + FILES_AT_ONCE]
            )
            merged += self._merge([source for source in batch if source is not None])
        return merged

    def _merge(self, batch: list[Source]) -> int:
        before = read_manifest(self._directory)
        absorption = Absorption(self._breathe)
        generation = self._generation_files()
        if self._absorb(absorption, generation) != generation:
            return 0  # a damaged generation is mended first: what it held must not be lost
        taken = self._absorb(absorption, batch)
        contents = dict(absorption.contents())
        if not taken or any(len(content) > MAX_FILE_BYTES for content in contents.values()):
            return 0
        self._publish(before, contents, frozenset(source.path.name for source in taken))
        self.sweep()
        return len(taken)

    def _generation_files(self) -> list[Source]:
        generation = read_manifest(self._directory).generation
        return sources_in(self._directory / COMPACTED / generation, State.COMPACTED) if generation else []

    def _absorb(self, absorption: Absorption, sources: Iterable[Source]) -> list[Source]:
        """Those that could be read."""
        taken = []
        for source in sources:
            try:
                # Gauges that end with their worker are taken and dropped, whatever they hold.
                if not ends_with_its_worker(source.name):
                    absorption.add(source)
            except BadFileError as error:
                self.damaged[source.path] = str(error)
            except FileNotFoundError:
                continue
            else:
                taken.append(source)
        return taken

    def _publish(self, before: Manifest, contents: dict[str, bytes], absorbed: frozenset[str]) -> None:
        left = {path.name for path in (self._directory / DEAD).iterdir()} & before.absorbed
        manifest = Manifest(before.next_generation(), absorbed | left)
        generation = self._directory / COMPACTED / str(manifest.generation)
        make_directory(generation.parent)
        generation.mkdir(mode=0o750)
        self._step("make generation")
        for name, content in contents.items():
            write_file(generation / name, content)
            self._step("write generation")
        # The copy comes last: a generation that has one is complete.
        write_file(generation / MANIFEST, manifest.to_json())
        self._step("complete generation")
        sync_directory(generation)
        sync_directory(generation.parent)
        write_file(self._directory / MANIFEST, manifest.to_json())
        self._step("publish")
        sync_directory(self._directory, through_link=True)

    def _remove(self, path: Path) -> bool:
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        self._step("remove absorbed")
        return True
