"""Processes that fork while calls are under way: a child neither hangs nor waits for its parent's calls."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import Breaker, BreakerOpenError, CachedResponses, Dependency, Meter
from pipeline.breaker import registry
from pipeline.forks import ForkGuard, HeldOverForks
from pipeline.instrument import charged_once
from pipeline.metrics import BreakerOutcome, BreakerState

CHILDREN = 100
PATIENCE_SECONDS = 20

LockAndUse = tuple[Any, Callable[[], object]]
"""A lock, and what takes it."""


def in_child(work: Callable[[], object]) -> bool:
    """Whether a forked child does the work; not if it raises or hangs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is the point
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    ended = os.pidfd_open(pid)
    if not select.select([ended], [], [], PATIENCE_SECONDS)[0]:
        os.kill(pid, signal.SIGKILL)
    os.close(ended)
    return os.waitpid(pid, 0)[1] == 0


@contextlib.contextmanager
def busy(work: Callable[[], object]) -> Iterator[None]:
    """Four threads at it."""
    ended = threading.Event()

    def again_and_again() -> None:
        while not ended.is_set():
            work()

    threads = [threading.Thread(target=again_and_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_child_of_a_process_whose_threads_see_failures_does_not_hang() -> None:
    dependency = Dependency(
        "openrouter", meter=Meter(), failure_threshold=2, success_threshold=1, recovery_timeout_seconds=0
    )

    def refuse() -> None:
        raise ConnectionError

    def fail() -> None:
        with contextlib.suppress(ConnectionError, BreakerOpenError):
            dependency.call_sync(refuse)

    with busy(fail):
        assert [in_child(fail) for _ in range(CHILDREN)] == [True] * CHILDREN


def test_a_child_of_a_process_whose_threads_keep_answers_does_not_hang() -> None:
    responses = CachedResponses[int](max_entries=4, ttl_seconds=60)

    def keep() -> None:
        for key in range(20):
            responses.keep(key, key)

    with busy(keep):
        assert [in_child(keep) for _ in range(CHILDREN)] == [True] * CHILDREN


@pytest.mark.parametrize("in_thread", [True, False])
def test_a_child_does_not_wait_for_its_parents_trial(in_thread: bool) -> None:
    dependency = Dependency(
        "openrouter", meter=Meter(), failure_threshold=1, success_threshold=1, recovery_timeout_seconds=0
    )
    with pytest.raises(ConnectionError), dependency.calling():
        raise ConnectionError
    trial = dependency.begin()

    def call() -> None:
        dependency.call_sync(lambda: None)

    if in_thread:
        thread = threading.Thread(target=dependency.enter, args=(trial,))
        thread.start()
        thread.join()
        with pytest.raises(BreakerOpenError):
            call()
    else:
        dependency.enter(trial)
    assert in_child(call)
    dependency.settle(trial, None)
    assert dependency.breaker.closed


def test_two_threads_may_fork_at_the_same_time() -> None:
    waiting = threading.Semaphore(0)
    lock = threading.Lock()

    def acquire() -> bool:
        waiting.release()
        return lock.acquire()

    guard, held = ForkGuard(), HeldOverForks(SimpleNamespace(acquire=acquire, release=lock.release))
    guard.add(held)
    well: list[bool] = []
    threads = [threading.Thread(target=lambda: well.append(in_child(int)), daemon=True) for _ in range(2)]
    with lock:
        for thread in threads:
            thread.start()
        for _ in threads:
            assert waiting.acquire(timeout=PATIENCE_SECONDS)
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert well == [True, True]
    assert not lock.locked()


def test_a_signal_handler_may_fork_while_its_thread_is_about_to() -> None:
    lock = threading.RLock()
    forked: list[bool] = []

    def acquire() -> bool:
        if not forked:
            forked.append(False)
            forked[0] = in_child(int)
        return lock.acquire()

    guard, held = ForkGuard(), HeldOverForks(SimpleNamespace(acquire=acquire, release=lock.release))
    first = HeldOverForks(threading.RLock())
    guard.add(first)
    guard.add(held)
    assert in_child(int)
    assert forked == [True]
    free: list[bool] = []
    thread = threading.Thread(
        target=lambda: free.extend(each.acquire() for each in (lock, first._lock)), daemon=True
    )
    thread.start()
    thread.join(PATIENCE_SECONDS)
    assert free == [True, True]


def test_what_is_made_during_a_fork_leaves_what_is_there_held() -> None:
    class Member:
        held = 0

        def before_fork(self) -> None:
            self.held += 1

        def after_fork_in_parent(self) -> None:
            pass

        def after_fork_in_child(self) -> None:
            pass

    guard, done = ForkGuard(), threading.Event()
    members = [Member() for _ in range(20_000)]
    for member in members:
        guard.add(member)

    def make() -> None:
        while not done.is_set():
            guard.add(Member())

    interval = sys.getswitchinterval()
    thread = threading.Thread(target=make)
    try:
        sys.setswitchinterval(1e-6)
        thread.start()
        assert [in_child(int) for _ in range(10)] == [True] * 10
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert {member.held for member in members} == {10}


def use_breaker(breaker: Breaker) -> None:
    breaker.force_open()
    breaker.reset()


def in_a_breaker() -> LockAndUse:
    breaker = Breaker(listener=Silent())
    return breaker._lock, lambda: use_breaker(breaker)


def in_its_transitions() -> LockAndUse:
    breaker = Breaker(listener=Silent())
    assert breaker._untold is not None
    return breaker._untold._lock, lambda: use_breaker(breaker)


def in_the_registry() -> LockAndUse:
    return registry._lock, lambda: Breaker(name="another")(int)


def in_cached_responses() -> LockAndUse:
    responses = CachedResponses[int](max_entries=4, ttl_seconds=60)
    return responses._lock, lambda: responses.keep("key", 1)


def in_charged_jobs() -> LockAndUse:
    jobs = charged_once.ChargedJobs()
    return jobs._lock, lambda: jobs.add("job")


def in_the_charged_jobs_of_all() -> LockAndUse:
    dependency = Dependency("firecrawl", meter=Meter())
    return charged_once._lock, lambda: charged_once.charged_jobs(dependency)


class Silent:
    def on_outcome(self, outcome: BreakerOutcome) -> None:
        pass

    def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
        pass


@pytest.mark.parametrize(
    "where",
    [
        in_a_breaker,
        in_its_transitions,
        in_the_registry,
        in_cached_responses,
        in_charged_jobs,
        in_the_charged_jobs_of_all,
    ],
)
def test_a_fork_waits_until_no_other_thread_is_in_the_middle(where: Callable[[], LockAndUse]) -> None:
    lock, use = where()
    taken = threading.Event()

    def take() -> None:
        with lock:
            taken.set()
            time.sleep(0.1)

    thread = threading.Thread(target=take)
    thread.start()
    assert taken.wait(PATIENCE_SECONDS)
    assert in_child(use)
    thread.join()


def test_a_child_of_a_process_whose_listener_is_being_told_tells_its_own() -> None:
    parent, told = os.getpid(), threading.Event()
    go_on, in_the_child = threading.Event(), []

    class Slow(Silent):
        def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
            if os.getpid() != parent:
                in_the_child.append(to_state)
            else:
                told.set()
                assert go_on.wait(PATIENCE_SECONDS)

    breaker = Breaker(listener=Slow())
    thread = threading.Thread(target=breaker.force_open)
    thread.start()
    assert told.wait(PATIENCE_SECONDS)

    def close() -> None:
        breaker.reset()
        assert in_the_child == [BreakerState.CLOSED]

    well = in_child(close)
    go_on.set()
    thread.join()
    assert well


def outage(dependency: Dependency) -> int:
    """How many of many calls are sent into it."""
    sent = []

    def refuse() -> None:
        sent.append(1)
        raise ConnectionError

    for _ in range(10):
        with contextlib.suppress(ConnectionError, BreakerOpenError):
            dependency.call_sync(refuse)
    return len(sent)


def test_a_child_that_was_forked_inside_a_call_has_a_breaker() -> None:
    dependency = Dependency("openrouter", meter=Meter(), failure_threshold=2)

    def call() -> None:
        assert outage(dependency) == 2

    with dependency.calling():
        assert in_child(call)
    assert dependency.breaker.closed


def test_how_the_parents_trial_ends_is_not_the_childs_to_say() -> None:
    dependency = Dependency(
        "openrouter", meter=Meter(), failure_threshold=1, success_threshold=1, recovery_timeout_seconds=0
    )
    with pytest.raises(ConnectionError), dependency.calling():
        raise ConnectionError
    trial = dependency.begin()
    dependency.enter(trial)

    def end() -> None:
        dependency.settle(trial, None)
        assert dependency.breaker.state == "half_open"

    assert in_child(end)
    dependency.settle(trial, None)
    assert dependency.breaker.closed
