"""One look into the spool: every worker's metrics as families, whatever else lies in the directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import Metric

from sidecar.spool.files import BadFileError, MetricFile, read_file
from sidecar.spool.leases import Leases
from sidecar.spool.merge import merge

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SpoolReading:
    families: tuple[Metric, ...]
    workers: int
    files: int
    unreadable_files: int


class SpoolReader:
    """Reads a spool directory, which need not exist yet."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._told: set[str] = set()
        self._last_good: dict[Path, MetricFile] = {}

    def read(self) -> SpoolReading:
        """Look at every file once.

        A bad file is counted, and told of in the log once. What was last read of it before it went bad
        stays in, so that no counter ever goes backwards.
        """
        leases = Leases.of(self._directory)
        files: dict[Path, MetricFile] = {}
        paths = sorted(self._directory.glob("*.db"))
        unreadable = 0
        for path in paths:
            try:
                files[path] = read_file(path)
            except FileNotFoundError:
                continue
            except BadFileError as error:
                unreadable += 1
                self._tell_once(path, error)
                if path in self._last_good:
                    files[path] = self._last_good[path]
        self._last_good = files
        counted = (file for file in files.values() if not _is_left_by_the_dead(file, leases))
        return SpoolReading(tuple(merge(counted)), len(leases.living), len(paths), unreadable)

    def _tell_once(self, path: Path, error: BadFileError) -> None:
        if path.name not in self._told:
            self._told.add(path.name)
            log.warning("spool.file_unreadable", file=path.name, problem=str(error))


def _is_left_by_the_dead(file: MetricFile, leases: Leases) -> bool:
    """Gauges of a `live…` mode count for as long as their worker lives."""
    return file.name.mode.startswith("live") and file.name.worker in leases.dead
