"""The defects of circuitbreaker 2.1.3 in what it remembers, each as a question: does this class have it?"""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

from circuitbreaker import CircuitBreakerError, CircuitBreakerMonitor

from tests.pipeline.breaker.subject import Subject, broken, caught, guarded


async def a_cancelled_trial_closes_it(subject: Subject) -> bool:
    breaker = subject.half_open()
    trial = asyncio.create_task(breaker(asyncio.Event().wait)())
    await asyncio.sleep(0)
    trial.cancel()
    await asyncio.wait([trial])
    return bool(breaker.closed)


async def timeouts_round_it_never_open_it(subject: Subject) -> bool:
    breaker = subject.breaker()

    @guarded(breaker)
    async def hang() -> None:
        subject.clock.advance(60)
        await asyncio.Event().wait()

    for _ in range(50):
        try:
            async with asyncio.timeout(0):
                await hang()
        except (TimeoutError, CircuitBreakerError):
            pass
        if breaker.opened:
            return False
    return bool(breaker.closed) and breaker.failure_count == 0


async def _late(subject: Subject, breaker: Any, end: Callable[[], None]) -> None:
    """A call that starts now, ends after the breaker has opened, and 9 s into its recovery timeout."""
    go_on = asyncio.Event()

    @guarded(breaker)
    async def call() -> None:
        await go_on.wait()
        end()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    subject.fail(breaker, 3)
    subject.clock.advance(9)
    go_on.set()
    await asyncio.wait([task])
    task.exception()


async def a_late_success_closes_it(subject: Subject) -> bool:
    breaker = subject.breaker()
    await _late(subject, breaker, lambda: None)
    return bool(breaker.closed)


async def a_late_failure_counts_and_restarts_the_timer(subject: Subject) -> bool:
    breaker = subject.breaker()
    await _late(subject, breaker, broken)
    return bool(breaker.failure_count == 4 and breaker.open_remaining == 10)


async def half_open_admits_every_task(subject: Subject) -> bool:
    sent = 0

    @guarded(subject.half_open())
    async def call() -> None:
        nonlocal sent
        sent += 1
        await asyncio.sleep(0)

    await asyncio.gather(*(call() for _ in range(1000)), return_exceptions=True)
    assert sent in (1, 1000)
    return sent == 1000


async def half_open_admits_every_thread(subject: Subject) -> bool:
    everyone = threading.Barrier(64)
    sent = []

    @guarded(subject.half_open())
    def call() -> None:
        sent.append(1)
        everyone.wait(timeout=5)

    def run() -> None:
        if isinstance(caught(call), CircuitBreakerError):
            everyone.wait(timeout=5)

    threads = [threading.Thread(target=run) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(sent) == 64


def _forgets_failures(subject: Subject, error: BaseException, **options: Any) -> bool:
    """Whether the error counts as a success, which starts the count of failures anew."""

    def raise_it() -> None:
        raise error

    breaker = subject.breaker(**options)
    subject.fail(breaker)
    assert caught(lambda: breaker.call(raise_it)) is error
    return bool(breaker.failure_count == 0)


async def keyboard_interrupt_is_a_success(subject: Subject) -> bool:
    return _forgets_failures(subject, KeyboardInterrupt())


async def system_exit_is_a_success(subject: Subject) -> bool:
    return _forgets_failures(subject, SystemExit())


async def an_error_in_a_group_is_a_success(subject: Subject) -> bool:
    group = ExceptionGroup("", [ConnectionError()])
    return _forgets_failures(subject, group, expected_exception=ConnectionError)


async def a_failure_threshold_of_0_becomes_5(subject: Subject) -> bool:
    made: list[Any] = []
    refused = caught(lambda: made.append(subject.breaker(failure_threshold=0)))
    return refused is None and made[0]._failure_threshold == 5


async def a_recovery_timeout_of_0_becomes_30(subject: Subject) -> bool:
    return bool(subject.breaker(recovery_timeout=0)._recovery_timeout == 30)


async def a_predicate_that_raises_masks_the_error(subject: Subject) -> bool:
    breaker = subject.breaker(expected_exception=lambda *_: 1 / 0)
    return isinstance(caught(lambda: breaker.call(broken)), ZeroDivisionError)


def _refusal(subject: Subject, breaker: Any) -> CircuitBreakerError:
    error = caught(breaker(broken))
    assert isinstance(error, CircuitBreakerError)
    return error


async def a_refusal_says_something_else_later(subject: Subject) -> bool:
    breaker = subject.opened()
    error = _refusal(subject, breaker)
    said = str(error)
    subject.clock.advance(5)
    return str(error) != said


async def a_refusal_cannot_be_pickled(subject: Subject) -> bool:
    error = _refusal(subject, subject.opened())
    copy: list[Any] = []
    failed = caught(lambda: copy.append(pickle.loads(pickle.dumps(error))))
    return failed is not None or str(copy[0]) != str(error)


async def the_last_failure_pins_frame_locals(subject: Subject) -> bool:
    class Held:
        pass

    references = []

    def call() -> None:
        held = Held()
        references.append(weakref.ref(held))
        raise ConnectionError

    breaker = subject.breaker()
    caught(lambda: breaker.call(call))
    gc.collect()
    return references[0]() is not None


async def the_monitor_keeps_every_breaker_for_ever(subject: Subject) -> bool:
    call = subject.breaker(name="forgotten")(broken)
    del call
    gc.collect()
    return CircuitBreakerMonitor.get("forgotten") is not None


async def of_two_of_one_name_the_monitor_loses_one(subject: Subject) -> bool:
    both = [subject.breaker(name="twin"), subject.breaker(name="twin")]
    for breaker in both:
        breaker(broken)
    listed = list(CircuitBreakerMonitor.get_circuits())
    return not all(any(breaker is one for one in listed) for breaker in both)
