"""The guard is one visible list of gates; gates of our own prove its order."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pipeline import (
    BreakerOpenError,
    BudgetExceededError,
    Call,
    Charge,
    Dependency,
    Meter,
    RateLimitedError,
    RejectedError,
)
from pipeline.gates import BreakerGate
from pipeline.metrics import CallOutcome, PriceSource, Window
from pipeline.timeouts import TimeoutGate
from tests.pipeline.counted import Counted


def out_of_money() -> RejectedError:
    return BudgetExceededError(
        "openrouter", limit_usd=10, spent_usd=9.5, asked_usd=1, retry_after_seconds=3600
    )


def too_often() -> RejectedError:
    return RateLimitedError("openrouter", limit=60, window=Window.MINUTE, retry_after_seconds=1.5)


class Gate:
    """Notes who passes, and how the pass ends."""

    def __init__(self, name: str, events: list[str], refusal: Callable[[], Exception] | None = None) -> None:
        self.name = name
        self.events = events
        self.refusal = refusal
        self.settled: list[tuple[CallOutcome, Charge | None]] = []
        self.asked: list[tuple[str | None, float | None, int]] = []

    def enter(self, call: Call) -> Gate:
        self.asked.append((call.operation, call.max_usd, call.permits))
        if self.refusal is not None:
            raise self.refusal()
        self.events.append(f"enter {self.name}")
        return self

    def settle(self, call: Call) -> None:
        self.events.append(f"settle {self.name}")
        self.settled.append((call.outcome, call.charge))

    def release(self, call: Call) -> None:
        self.events.append(f"release {self.name}")


class Waits(Gate):
    async def enter_async(self, call: Call) -> Gate:
        self.events.append(f"wait {self.name}")
        await asyncio.sleep(0)
        return self.enter(call)


class Gated(Counted):
    def __init__(
        self, *, rate_limit: Any = None, budget: Any = None, gate: type[Gate] = Gate, **options: Any
    ) -> None:
        self.events: list[str] = []
        self.rate_limit = gate("rate_limit", self.events, rate_limit)
        self.budget = gate("budget", self.events, budget)
        super().__init__(rate_limit=self.rate_limit, budget=self.budget, **options)

    async def send(self) -> str:
        self.events.append("send")
        return "answer"


def test_the_gates_are_rate_limit_budget_breaker_timeout() -> None:
    gated = Gated()
    rate_limit, budget, breaker, timeout = gated.dependency.gates
    assert (rate_limit, budget) == (gated.rate_limit, gated.budget)
    assert isinstance(breaker, BreakerGate)
    assert isinstance(timeout, TimeoutGate)


async def test_a_call_passes_in_order_and_is_settled_in_reverse() -> None:
    gated = Gated()
    await gated.dependency.call(gated.send)
    assert gated.events == ["enter rate_limit", "enter budget", "send", "settle budget", "settle rate_limit"]


async def test_gates_are_told_what_the_call_may_cost_and_what_it_did() -> None:
    gated = Gated()
    charge = Charge(0.25, PriceSource.REPORTED, "m")
    await gated.dependency.call(gated.send, price=lambda _: charge, operation="ask", max_usd=0.5, permits=2)
    assert gated.budget.asked == [("ask", 0.5, 2)]
    assert gated.budget.settled == [(CallOutcome.SUCCESS, charge)]


async def test_gates_are_told_of_a_failure_without_a_charge() -> None:
    gated = Gated(call_timeout_seconds=0.01)

    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await gated.dependency.call(hang)
    assert gated.budget.settled == [(CallOutcome.TIMEOUT, None)]


@pytest.mark.parametrize(
    ("refuser", "refusal", "outcome", "released"),
    [
        ("rate_limit", too_often, "rejected_rate_limit", []),
        ("budget", out_of_money, "rejected_budget", ["enter rate_limit", "release rate_limit"]),
    ],
)
async def test_a_refusal_releases_what_was_passed_and_leaves_the_breaker_alone(
    refuser: str, refusal: Callable[[], RejectedError], outcome: str, released: list[str]
) -> None:
    gated = Gated(failure_threshold=1, **dict[str, Any]({refuser: refusal}))
    for _ in range(3):
        with pytest.raises(RejectedError):
            await gated.dependency.call(gated.send)
    assert gated.events == released * 3
    assert gated.calls() == {outcome: 3}
    assert gated.judged() == {}
    assert gated.value("pipeline_call_duration_seconds_count", layer="none") == 0


async def test_an_open_breaker_releases_money_and_quota() -> None:
    gated = Gated(failure_threshold=1)
    with pytest.raises(ConnectionError):
        await gated.dependency.call(refuse_connection)
    gated.events.clear()
    with pytest.raises(BreakerOpenError):
        await gated.dependency.call(gated.send)
    assert gated.events == ["enter rate_limit", "enter budget", "release budget", "release rate_limit"]
    assert gated.calls() == {"error": 1, "rejected_breaker": 1}


async def refuse_connection() -> None:
    raise ConnectionError


async def test_a_gate_that_waits_is_awaited_by_async_calls() -> None:
    gated = Gated(gate=Waits)
    await gated.dependency.call(gated.send)
    assert gated.events[:3] == ["wait rate_limit", "enter rate_limit", "wait budget"]


def test_a_gate_that_waits_is_entered_at_once_by_sync_calls() -> None:
    gated = Gated(gate=Waits)
    gated.dependency.call_sync(lambda: "answer")
    assert gated.events == ["enter rate_limit", "enter budget", "settle budget", "settle rate_limit"]


async def test_a_call_cancelled_while_it_waits_was_never_sent() -> None:
    gated = Gated(gate=Waits)
    task = asyncio.create_task(gated.dependency.call(gated.send))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert gated.events[-1] == "wait budget"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gated.events[-1] == "release rate_limit"
    assert gated.calls() == {"cancelled": 1}
    assert gated.value("pipeline_call_duration_seconds_count", layer="none") == 0


async def by_call(dependency: Dependency) -> None:
    await dependency.call(refuse_connection)


async def by_call_sync(dependency: Dependency) -> None:
    dependency.call_sync(lambda: "answer")


async def by_with(dependency: Dependency) -> None:
    with dependency.calling():
        pass


async def by_async_with(dependency: Dependency) -> None:
    async with dependency.calling():
        pass


async def by_decorator(dependency: Dependency) -> None:
    await dependency.guard()(refuse_connection)()


@pytest.mark.parametrize("face", [by_call, by_call_sync, by_with, by_async_with, by_decorator])
async def test_every_face_passes_the_same_gates(face: Callable[[Dependency], Awaitable[None]]) -> None:
    gated = Gated(budget=out_of_money)
    with pytest.raises(BudgetExceededError):
        await face(gated.dependency)
    assert gated.calls() == {"rejected_budget": 1}


async def test_a_pass_that_cannot_be_settled_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    gated = Gated()

    def broken(_call: Call) -> None:
        raise OSError("the ledger is away")

    gated.budget.settle = broken  # type: ignore[method-assign, assignment]
    assert await gated.dependency.call(gated.send) == "answer"
    assert gated.events[-1] == "settle rate_limit"
    assert "gate.settle_failed" in caplog.text


async def test_a_pass_that_cannot_be_released_keeps_no_other_and_hides_no_refusal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gated = Gated()
    gated.dependency.breaker.force_open()

    def broken(_call: Call) -> None:
        raise OSError("the ledger is away")

    gated.budget.release = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(BreakerOpenError):
        await gated.dependency.call(gated.send)
    assert gated.events[-1] == "release rate_limit"
    assert gated.calls() == {"rejected_breaker": 1}
    assert "gate.release_failed" in caplog.text


async def test_an_inner_guards_refusal_tells_the_outer_breaker_nothing() -> None:
    inner = Dependency("firecrawl", meter=Meter(), budget=Gate("budget", [], out_of_money))
    outer = Counted(failure_threshold=1)
    with pytest.raises(BudgetExceededError):
        await outer.dependency.call(lambda: inner.call(refuse_connection))
    assert outer.judged() == {"ignored": 1}


@pytest.mark.parametrize("refusal", [out_of_money, too_often])
def test_refusals_are_picklable_and_say_when_to_come_back(refusal: Callable[[], RejectedError]) -> None:
    error = refusal()
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)
    assert copy.retry_after_seconds == error.retry_after_seconds


def test_a_refusal_by_the_budget_says_what_was_asked_and_what_is_left() -> None:
    assert str(out_of_money()) == (
        "openrouter: the call may cost 1 USD, and 9.5 of the budget of 10 USD are spent or held;"
        " it resets in 1:00:00"
    )
    assert str(too_often()) == "openrouter: its 60 calls a minute are used up; try again in 1.5 s"
