"""Tells every object that holds a lock or a lease when this process forks."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
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
    """Holds its members weakly. `after_fork_in_child` runs in the order in which they were added.

    Threads may fork at the same time: as all take the members' locks in one order, the second waits for the
    first.
    """

    def __init__(self) -> None:
        self._members: weakref.WeakValueDictionary[int, KnowsForks] = weakref.WeakValueDictionary()
        self._numbers = count()
        self._of_thread = _HeldByThread()
        os.register_at_fork(
            before=self._before, after_in_parent=self._after_in_parent, after_in_child=self._after_in_child
        )

    def add(self, member: KnowsForks) -> None:
        self._members[next(self._numbers)] = member

    def _before(self) -> None:
        held: list[KnowsForks] = []
        self._of_thread.held.append(held)
        # Not `values()`: other threads may add members in the middle of that.
        for reference in self._members.valuerefs():
            member = reference()
            if member is not None:
                member.before_fork()
                held.append(member)

    def _after_in_parent(self) -> None:
        self._tell(lambda member: member.after_fork_in_parent())

    def _after_in_child(self) -> None:
        if not self._of_thread.held:
            # uWSGI forks by itself and tells Python only afterwards.
            self._before()
        self._tell(lambda member: member.after_fork_in_child())

    def _tell(self, say: Callable[[KnowsForks], None]) -> None:
        if not self._of_thread.held:
            return  # an interrupt came first
        held = self._of_thread.held.pop()
        with ExitStack() as stack:
            # It calls the last one first, and all of them though one fails: each holds its lock.
            for member in reversed(held):
                stack.callback(say, member)


class _HeldByThread(threading.local):
    """What the forking thread holds; the child's only thread is that one.

    One list for each fork: a signal handler may fork while its thread is about to.
    """

    def __init__(self) -> None:
        self.held: list[list[KnowsForks]] = []


_locks: Final = ForkGuard()
