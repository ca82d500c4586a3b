"""Jobs whose cost is stated with their status, again and again, and is charged once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final
from weakref import WeakKeyDictionary

from pipeline.dependency import Dependency
from pipeline.forks import hold_over_forks

_REMEMBERED_JOBS: Final = 4096


class ChargedJobs:
    """Remembers the latest jobs by their id."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self._over_forks = hold_over_forks(self._lock)

    def add(self, job: str) -> bool:
        """Whether it is new."""
        with self._lock:
            if job in self._ids:
                return False
            self._ids[job] = None
            if len(self._ids) > _REMEMBERED_JOBS:
                self._ids.popitem(last=False)
            return True


def charged_jobs(dependency: Dependency) -> ChargedJobs:
    """Those of all clients of a dependency: one may ask for a job that another has begun."""
    with _lock:
        return _by_dependency.setdefault(dependency, ChargedJobs())


_lock: Final = threading.Lock()
_over_forks: Final = hold_over_forks(_lock)
_by_dependency: Final[WeakKeyDictionary[Dependency, ChargedJobs]] = WeakKeyDictionary()
