"""The ways to make a guarded call besides `await dependency.call(…)`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, ParamSpec, TypeVar

import pytest

from pipeline import BreakerOpenError, Charge, running_job
from pipeline.fallbacks import placeholder
from pipeline.metrics import PriceSource
from tests.pipeline.counted import Counted

P = ParamSpec("P")
T = TypeVar("T")


async def hang() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


def priced(usd: float) -> Any:
    return lambda _: Charge(usd, PriceSource.REPORTED, "m-1")


async def test_a_block_is_one_call_and_its_charge_is_set_inside() -> None:
    counted = Counted()
    with running_job() as account:
        async with counted.dependency.calling(operation="summarise") as call:
            assert call.operation == "summarise"
            call.charge = Charge(0.5, PriceSource.REPORTED, "m-1")
    assert counted.calls() == {"success": 1}
    assert account.spent_usd == 0.5


async def test_a_block_that_hangs_ends_at_its_timeout() -> None:
    counted = Counted(call_timeout_seconds=0.01)
    with pytest.raises(TimeoutError):
        async with counted.dependency.calling():
            await hang()
    assert counted.calls() == {"timeout": 1}


def test_a_block_in_a_thread_is_one_call() -> None:
    counted = Counted()
    with pytest.raises(ConnectionError), counted.dependency.calling():
        raise ConnectionError
    assert counted.calls() == {"error": 1}
    assert counted.judged() == {"failure": 1}


def test_a_sync_call_is_counted_and_priced() -> None:
    counted = Counted()
    assert counted.dependency.call_sync(lambda: "answer", price=priced(0.25)) == "answer"
    assert counted.calls() == {"success": 1}
    assert counted.value("pipeline_cost_usd_total", layer="none", model="m-1") == 0.25


def test_a_sync_answer_that_comes_too_late_is_kept_and_counted_as_a_timeout() -> None:
    counted = Counted(call_timeout_seconds=5)

    def late() -> str:
        counted.clock.advance(6)
        return "answer"

    assert counted.dependency.call_sync(late) == "answer"
    assert counted.calls() == {"timeout": 1}
    assert counted.judged() == {"failure": 1}


async def test_a_sync_call_inside_a_task_is_not_interrupted_by_the_loop() -> None:
    counted = Counted()
    assert counted.dependency.call_sync(lambda: 1) == 1
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_guarded_function_keeps_its_name_and_arguments() -> None:
    counted = Counted()

    @counted.dependency.guard()
    async def greet(name: str, *, mark: str = "!") -> str:
        return f"Hello {name}{mark}"

    @counted.dependency.guard(operation="add")
    def add(one: int, other: int) -> int:
        return one + other

    assert await greet("you", mark=".") == "Hello you."
    assert add(1, other=2) == 3
    assert (greet.__name__, add.__name__) == ("greet", "add")
    assert counted.calls() == {"success": 2}


async def test_an_object_whose_call_is_async_is_guarded_as_such() -> None:
    counted = Counted()

    class Greeter:
        async def __call__(self) -> str:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await counted.dependency.guard()(Greeter())()
    assert counted.calls() == {"error": 1}


@pytest.mark.parametrize("by_method", [True, False])
async def test_an_sdks_plain_function_round_an_async_one_is_guarded_as_that(by_method: bool) -> None:
    """Their methods check their arguments in a function of their own."""
    counted = Counted(failure_threshold=2)

    class Completions:
        @required_args("model")
        async def create(self, *, model: str) -> str:
            raise ConnectionError(model)

    @required_args("model")
    async def create(*, model: str) -> str:
        raise ConnectionError(model)

    guarded = counted.dependency.guard()(Completions().create if by_method else create)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await guarded(model="m")
    with pytest.raises(BreakerOpenError):
        await guarded(model="m")
    assert counted.calls() == {"error": 2, "rejected_breaker": 1}


def required_args(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """As the OpenAI and Anthropic SDKs have it."""

    def inner(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            assert name in kwargs
            return function(*args, **kwargs)

        return wrapper

    return inner


def test_a_plain_function_that_runs_the_async_one_in_it_stays_plain() -> None:
    counted = Counted()

    def run(function: Callable[..., Coroutine[Any, Any, str]]) -> Callable[..., str]:
        @functools.wraps(function)
        def runs(question: str) -> str:
            coroutine = function(question)
            with pytest.raises(StopIteration) as end:
                coroutine.send(None)
            return str(end.value.value)

        return runs

    @counted.dependency.guard()
    @run
    async def ask(question: str) -> str:
        return f"{question} 42"

    assert ask("How many?") == "How many? 42"
    assert counted.calls() == {"success": 1}


def test_a_plain_function_that_leaves_the_async_one_to_its_caller_is_refused() -> None:
    counted = Counted()

    def traced(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def trace(*args: P.args, **kwargs: P.kwargs) -> T:
            return function(*args, **kwargs)

        return trace

    @counted.dependency.guard()
    @traced
    async def ask() -> str:
        return "42"

    with pytest.raises(TypeError, match="guard an async function"):
        ask()  # type: ignore[unused-coroutine]
    assert "success" not in counted.judged()


@pytest.mark.parametrize("fallback", [None, placeholder("unknown")])
def test_a_sync_call_that_sends_nothing_yet_is_no_success(fallback: Any) -> None:
    counted = Counted()

    async def send() -> str:
        return "answer"

    with pytest.raises(TypeError, match="by `call`"):
        counted.dependency.call_sync(lambda: send(), fallback=fallback)  # noqa: PLW0108
    assert counted.calls() == {"error": 1}
    assert "success" not in counted.judged()


def test_a_generator_function_is_refused() -> None:
    with pytest.raises(TypeError, match="calling"):

        @Counted().dependency.guard()
        def numbers() -> Any:
            yield 1
