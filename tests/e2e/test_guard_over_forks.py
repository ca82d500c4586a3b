"""Processes that fork while calls are under way: a child neither hangs nor waits for its parent's calls."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest

from pipeline import BreakerOpenError, CachedResponses, Dependency, Meter

CHILDREN = 200
PATIENCE_SECONDS = 20


def in_child(work: Callable[[], object]) -> bool:
    """Whether a forked child does the work; not if it raises or hangs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is the point
        pid = os.fork()
    if pid == 0:
        signal.alarm(PATIENCE_SECONDS)
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
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
