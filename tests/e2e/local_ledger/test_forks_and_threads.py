"""A forked child and many threads: nobody settles another's money, nothing is counted twice, nobody hangs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import BudgetExceededError, Charge, Dependency, Meter
from pipeline.budget import Budget
from pipeline.ledger import BudgetState, Granted, LedgerError, Taken, cells
from pipeline.ledger.local_budget import LocalBudget
from pipeline.ledger.minute_rates import MinuteRates
from pipeline.metrics import PriceSource
from pipeline.ratelimit import RateLimit
from pipeline.rejections import RateLimitUnavailableError

LIMIT = 1_000_000
PATIENCE_SECONDS = 30


def in_child(work: Callable[[], bool]) -> bool:
    """What `work` returns in a forked child; False if it raises or hangs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is the point
        pid = os.fork()
    if pid == 0:
        signal.alarm(PATIENCE_SECONDS)
        status = 1
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def money(state: BudgetState) -> tuple[int, int]:
    return state.spent_nano_usd, state.reserved_nano_usd


@pytest.mark.parametrize("in_file", [False, True])
def test_a_child_does_not_settle_what_its_parent_holds(tmp_path: Path, in_file: bool) -> None:
    ledger = LocalBudget(LIMIT, directory=tmp_path if in_file else None)
    ledger.reserve("spent", 100, layer="none", enforce=True)
    ledger.settle("spent", 100, layer="none")
    ledger.reserve("parents", 300, layer="none", enforce=True)

    def child() -> bool:
        inherited = money(ledger.state()) == ((100, 300) if in_file else (100, 0))
        ledger.settle("parents", 250, layer="none")
        ledger.reserve("childs", 50, layer="none", enforce=True)
        ledger.settle("childs", 40, layer="none")
        return inherited and money(ledger.state()) == ((140, 300) if in_file else (140, 0))

    assert in_child(child)
    assert money(ledger.state()) == ((140, 300) if in_file else (100, 300))
    ledger.settle("parents", 200, layer="none")
    assert money(ledger.state()) == ((340, 0) if in_file else (300, 0))
    asyncio.run(ledger.close())


def test_what_a_killed_child_held_is_spent_though_its_parent_lives(tmp_path: Path) -> None:
    ledger = LocalBudget(LIMIT, directory=tmp_path)

    def child() -> bool:
        ledger.reserve("childs", 50, layer="none", enforce=True)
        os.kill(os.getpid(), signal.SIGKILL)
        return True

    assert not in_child(child)
    assert money(ledger.state()) == (0, 50)
    other = LocalBudget(LIMIT, directory=tmp_path)
    assert money(ledger.state()) == (50, 0)
    for each in (ledger, other):
        asyncio.run(each.close())


def test_a_child_without_a_place_in_the_file_is_refused_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "MAX_PROCESSES", 1)
    ledger = LocalBudget(LIMIT, directory=tmp_path)
    rates = MinuteRates(LIMIT, path=tmp_path / "openai-minute.ledger")
    ledger.reserve("parents", 300, layer="none", enforce=True)
    has_forked, may_end = os.pipe(), os.pipe()

    def child() -> bool:
        why = []
        for ask in (
            lambda: ledger.reserve("childs", 50, layer="none", enforce=True),
            lambda: rates.take(1),
        ):
            with pytest.raises(LedgerError) as refused:
                ask()
            why.append(str(refused.value.strerror))
        os.write(has_forked[1], b".")
        os.read(may_end[0], 1)
        return all("1 processes share it already" in line for line in why)

    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(in_child, child)
        try:
            os.read(has_forked[0], 1)
            ledger.settle("parents", 200, layer="none")
            assert money(ledger.read()) == (200, 0)
            assert isinstance(rates.take(1), Taken)
        finally:
            os.write(may_end[1], b".")
        assert outcome.result()
    for pipe in (*has_forked, *may_end):
        os.close(pipe)
    for each in (ledger, rates):
        asyncio.run(each.close())


def test_calls_that_a_ledger_never_hears_of_take_no_memory_without_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, meter = LocalBudget(LIMIT, directory=tmp_path), Meter()
    dependency = Dependency("openrouter", meter=meter, paid=True, budget=Budget(ledger, meter, enforce=False))
    asyncio.run(ledger.close())
    caplog.set_level(logging.WARNING, logger="pipeline.telling")
    for _ in range(11_000):
        dependency.call_sync(lambda: "answer", max_usd=1e-6)
    loggers = [record.name for record in caplog.records]
    assert loggers == ["pipeline.budget", "pipeline.telling"], "one line for an outage"
    tracemalloc.start()
    for _ in range(1_000):
        dependency.call_sync(lambda: "answer", max_usd=1e-6)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    caplog.clear()
    assert grown < 100_000


def test_a_rate_limit_that_cannot_be_asked_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rates, meter = MinuteRates(LIMIT, path=tmp_path / "openai-minute.ledger"), Meter()
    dependency = Dependency("openai", meter=meter, rate_limit=RateLimit("openai", rates, meter))
    asyncio.run(rates.close())
    for _ in range(3):
        with pytest.raises(RateLimitUnavailableError):
            dependency.call_sync(lambda: "answer")
    assert [record.name for record in caplog.records] == ["pipeline.ratelimit"]


def test_a_fork_while_threads_reserve_leaves_no_lock_taken(tmp_path: Path) -> None:
    ledger = LocalBudget(LIMIT, directory=tmp_path)
    rates = MinuteRates(LIMIT, path=tmp_path / "openai-minute.ledger")
    stop = threading.Event()

    def reserve(thread: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{thread}-{number}"
            ledger.reserve(name, 1, layer="none", enforce=False)
            ledger.settle(name, 0, layer="none")
            rates.take(1)

    with ThreadPoolExecutor(4) as threads:
        working = [threads.submit(reserve, thread) for thread in range(4)]
        try:
            outcomes = [
                in_child(
                    lambda: (
                        isinstance(ledger.reserve("childs", 1, layer="none", enforce=True), Granted)
                        and rates.remaining() >= 0
                    )
                )
                for _ in range(10)
            ]
        finally:
            stop.set()
        for work in working:
            work.result()
    assert outcomes == [True] * 10
    for each in (ledger, rates):
        asyncio.run(each.close())


@pytest.mark.parametrize("in_file", [False, True])
def test_threads_spend_no_more_than_there_is(tmp_path: Path, in_file: bool) -> None:
    ledger = LocalBudget(LIMIT, directory=tmp_path if in_file else None)
    meter = Meter()
    dependency = Dependency("openrouter", meter=meter, paid=True, budget=Budget(ledger, meter))
    charge = Charge(5e-7, PriceSource.REPORTED, "m")  # 500 nano-USD

    def spend() -> int:
        sent = 0
        while True:
            try:
                dependency.call_sync(lambda: "answer", price=lambda _: charge, max_usd=1e-6)
            except BudgetExceededError:
                return sent
            sent += 1

    with ThreadPoolExecutor(8) as threads:
        sent = sum(work.result() for work in [threads.submit(spend) for _ in range(8)])
    state = ledger.state()
    assert money(state) == (500 * sent, 0)
    assert 0 <= state.remaining_nano_usd < 1000
    asyncio.run(ledger.close())
