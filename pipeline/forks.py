"""Tells every object that holds a lock or a lease when this process forks."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Protocol


class Lock(Protocol):
    """Of either kind."""

    def acquire(self) -> bool: ...

    def release(self) -> None: ...


class KnowsForks(Protocol):
    """What `before_fork` takes, one of the two others gives back."""

    def before_fork(self) -> None: ...

    def after_fork_in_parent(self) -> None: ...

    def after_fork_in_child(self) -> None: ...


class HeldOverForks:
    """A lock that the forking thread takes: in the child, too, nobody is in the middle of what it guards."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        self._lock.release()


def hold_over_forks(lock: Lock) -> HeldOverForks:
    """For as long as the caller keeps the result."""
    held = HeldOverForks(lock)
    _locks.add(held)
    return held


class ForkGuard:
    """Holds its members weakly. `after_fork_in_child` runs in the order in which they were added."""

    def __init__(self) -> None:
        self._members: weakref.WeakValueDictionary[int, KnowsForks] = weakref.WeakValueDictionary()
        self._added = 0
        self._held: list[KnowsForks] = []
        os.register_at_fork(
            before=self._before, after_in_parent=self._after_in_parent, after_in_child=self._after_in_child
        )

    def add(self, member: KnowsForks) -> None:
        self._added += 1
        self._members[self._added] = member

    def _before(self) -> None:
        self._held = [member for _, member in sorted(self._members.items())]
        for member in self._held:
            member.before_fork()

    def _after_in_parent(self) -> None:
        self._tell(lambda member: member.after_fork_in_parent())

    def _after_in_child(self) -> None:
        if not self._held:
            # uWSGI forks by itself and tells Python only afterwards.
            self._before()
        self._tell(lambda member: member.after_fork_in_child())

    def _tell(self, say: Callable[[KnowsForks], None]) -> None:
        held, self._held = self._held, []
        with ExitStack() as stack:
            # It calls the last one first, and all of them though one fails: each holds its lock.
            for member in reversed(held):
                stack.callback(say, member)


_locks: Final = ForkGuard()
