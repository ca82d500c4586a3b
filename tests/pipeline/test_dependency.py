from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from pipeline import Breaker, BreakerOpenError, Charge, Dependency, Meter, Rates, running_job, running_layer
from pipeline.metrics import MAX_MODEL_NAMES, FallbackKind, PriceSource, TokenType
from pipeline.prices import CEILING_USD_PER_CALL
from pipeline.providers.error import ProviderError
from tests.pipeline.counted import Counted


async def answer() -> str:
    return "answer"


async def refuse() -> NoReturn:
    raise ConnectionError("refused")


async def hang() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


def priced(usd: float = 0.25, model: str = "m-1", **tokens: int) -> Any:
    counts = {TokenType(name): count for name, count in tokens.items()}
    return lambda _: Charge(usd, PriceSource.REPORTED, model, counts)


async def test_a_call_is_counted_under_the_layer_that_runs() -> None:
    counted = Counted()
    with running_layer("pain_points"):
        assert await counted.dependency.call(answer) == "answer"
    assert counted.calls("pain_points") == {"success": 1}
    assert counted.calls("none") == {}


async def test_the_duration_of_a_call_is_observed() -> None:
    counted = Counted()

    async def slow() -> None:
        counted.clock.advance(2.5)

    await counted.dependency.call(slow)
    assert counted.value("pipeline_call_duration_seconds_sum", layer="none") == 2.5


async def test_an_error_is_counted_and_goes_on() -> None:
    counted = Counted()
    with pytest.raises(ConnectionError):
        await counted.dependency.call(refuse)
    assert counted.calls() == {"error": 1}


async def test_a_hung_call_ends_at_its_timeout() -> None:
    counted = Counted(call_timeout_seconds=0.01)
    with pytest.raises(TimeoutError):
        await counted.dependency.call(hang)
    assert counted.calls() == {"timeout": 1}


async def test_a_cancelled_call_is_counted_as_cancelled() -> None:
    counted = Counted()
    task = asyncio.create_task(counted.dependency.call(hang))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counted.calls() == {"cancelled": 1}


async def test_an_open_breaker_rejects_before_anything_is_sent() -> None:
    counted = Counted(failure_threshold=2)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await counted.dependency.call(refuse)
    with pytest.raises(BreakerOpenError):
        await counted.dependency.call(lambda: pytest.fail("it was sent"))
    assert counted.calls() == {"error": 2, "rejected_breaker": 1}
    assert counted.value("pipeline_call_duration_seconds_count", layer="none") == 2
    assert counted.value("circuit_breaker_calls_total", outcome="rejected") == 1
    assert counted.value("circuit_breaker_transitions_total", from_state="closed", to_state="open") == 1


async def test_the_state_gauges_say_where_the_breaker_is() -> None:
    counted = Counted(failure_threshold=1, success_threshold=1, recovery_timeout_seconds=10)

    def states() -> list[float | None]:
        return [
            counted.value("circuit_breaker_state", state=state) for state in ("closed", "half_open", "open")
        ]

    assert states() == [1, 0, 0]
    with pytest.raises(ConnectionError):
        await counted.dependency.call(refuse)
    assert states() == [0, 0, 1]
    counted.clock.advance(10)
    await counted.dependency.call(answer)
    assert states() == [1, 0, 0]


async def test_cost_and_tokens_are_counted_and_charged_to_the_job() -> None:
    counted = Counted()
    with running_job() as account, running_layer("pain_points"):
        await counted.dependency.call(answer, price=priced(0.25, input=100, output=20))
        await counted.dependency.call(answer, price=priced(0.5, input=1))
    where = {"layer": "pain_points", "model": "m-1"}
    assert counted.value("pipeline_cost_usd_total", **where) == 0.75
    assert counted.value("pipeline_tokens_total", **where, type="input") == 101
    assert counted.value("pipeline_tokens_total", **where, type="output") == 20
    assert counted.value("pipeline_priced_calls_total", source="reported") == 2
    assert account.spent_usd_by_layer == {"pain_points": 0.75}


async def test_a_price_that_raises_costs_the_ceiling_and_keeps_the_answer() -> None:
    counted = Counted()

    def broken(_: str) -> Charge:
        raise KeyError("usage")

    assert await counted.dependency.call(answer, price=broken) == "answer"
    spent = counted.value("pipeline_cost_usd_total", layer="none", model="other")
    assert spent == CEILING_USD_PER_CALL
    assert counted.value("pipeline_priced_calls_total", source="ceiling") == 1


async def test_no_more_than_so_many_model_names_become_labels_of_each_dependency() -> None:
    counted = Counted()
    for number in range(MAX_MODEL_NAMES + 3):
        await counted.dependency.call(answer, price=priced(1.0, model=f"model-{number}"))
    assert counted.value("pipeline_cost_usd_total", layer="none", model="other") == 3
    assert counted.value("pipeline_cost_usd_total", layer="none", model=f"model-{MAX_MODEL_NAMES}") is None

    another = Dependency("anthropic", meter=counted.meter, clock=counted.clock)
    await another.call(answer, price=priced(1.0, model="model-0"))
    await another.call(answer, price=priced(1.0, model="a-later-one"))
    for name in ("model-0", "a-later-one"):
        spent = counted.value("pipeline_cost_usd_total", dependency="anthropic", layer="none", model=name)
        assert spent == 1


def test_every_series_of_a_declared_layer_exists_with_0() -> None:
    counted = Counted(paid=True)
    counted.dependency.declare("publish")
    for kind in FallbackKind:
        assert counted.value("pipeline_fallbacks_total", layer="publish", kind=kind.value) == 0
    for source in PriceSource:
        assert counted.value("pipeline_priced_calls_total", source=source.value) == 0
    assert counted.value("pipeline_calls_total", layer="publish", outcome="rejected_budget") == 0
    assert counted.value("pipeline_call_duration_seconds_count", layer="publish") == 0


@pytest.mark.parametrize("name", ["", "PDF", "pdf-service", "1st", "a b", 'a"b'])
def test_a_name_that_cant_be_a_label_key_and_element_id_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must match"):
        Dependency(name, meter=Meter())


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_call_timeout_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="call_timeout_seconds"):
        Dependency("openrouter", meter=Meter(), call_timeout_seconds=seconds)


def test_the_breaker_is_circuitbreakers() -> None:
    assert isinstance(Counted().dependency.breaker, Breaker)


async def test_a_call_without_a_price_is_free() -> None:
    counted = Counted(paid=True)
    assert await counted.dependency.call(answer, price=lambda _: None) == "answer"
    assert (
        sum(counted.value("pipeline_priced_calls_total", source=source) or 0 for source in PriceSource) == 0
    )


async def test_the_time_that_pricing_takes_is_not_the_calls() -> None:
    counted = Counted()

    def slow(_: str) -> Charge:
        counted.clock.advance(3)
        return Charge(0.1, PriceSource.TABLE, "m")

    await counted.dependency.call(answer, price=slow)
    assert counted.value("pipeline_call_duration_seconds_sum", layer="none") == 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_a_wrong_request_never_opens_the_breaker(status: int) -> None:
    counted = Counted(failure_threshold=1)

    async def answered() -> NoReturn:
        raise ProviderError("openrouter", f"status {status}", status)

    for _ in range(3):
        with pytest.raises(ProviderError):
            await counted.dependency.call(answered)
    assert counted.calls() == {"error": 3}
    assert counted.judged() == {"success": 3}


async def test_a_mistake_of_ours_tells_the_breaker_nothing() -> None:
    counted = Counted(failure_threshold=2, success_threshold=1, recovery_timeout_seconds=10)
    with pytest.raises(ConnectionError):
        await counted.dependency.call(refuse)
    with pytest.raises(TypeError):
        await counted.dependency.call(lambda: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(ConnectionError):
        await counted.dependency.call(refuse)
    assert counted.judged() == {"failure": 2, "ignored": 1}
    assert counted.value("circuit_breaker_state", state="open") == 1


async def test_what_counts_as_a_failure_can_be_told() -> None:
    counted = Counted(failure_threshold=1, counts_as_failure=lambda error: isinstance(error, KeyError))
    with pytest.raises(ConnectionError):
        await counted.dependency.call(refuse)
    assert counted.judged() == {"success": 1}


async def test_a_test_of_failures_that_fails_itself_hides_nothing() -> None:
    def broken(_: BaseException) -> bool:
        raise LookupError

    counted = Counted(counts_as_failure=broken, failure_threshold=1)

    async def mistake() -> None:
        raise TypeError("ours")

    with pytest.raises(TypeError, match="ours"):
        await counted.dependency.call(mistake)
    assert counted.calls() == {"error": 1}
    assert counted.judged() == {"failure": 1}


async def test_a_rate_of_failures_opens_the_breaker_though_few_come_in_a_row() -> None:
    counted = Counted(rates=Rates(failure_rate=0.5, window_calls=4, minimum_calls=4))
    for send in (answer, refuse, answer, refuse):
        with contextlib.suppress(ConnectionError):
            await counted.dependency.call(send)
    assert counted.value("circuit_breaker_state", state="open") == 1


@pytest.mark.parametrize("usd", [float("nan"), float("inf"), -1.0])
async def test_a_charge_that_is_none_costs_the_ceiling_and_keeps_the_answer(usd: float) -> None:
    counted = Counted()
    assert await counted.dependency.call(answer, price=priced(usd)) == "answer"
    spent = counted.value("pipeline_cost_usd_total", layer="none", model="other")
    assert spent == CEILING_USD_PER_CALL


@pytest.mark.parametrize(
    "charge",
    [
        lambda: Charge(0.01, PriceSource.TABLE, None),  # type: ignore[arg-type]
        lambda: Charge(0.01, "table-ish", "m"),  # type: ignore[arg-type]
        lambda: Charge(0.01, PriceSource.TABLE, "m", {"thoughts": 5}),  # type: ignore[dict-item]
        lambda: Charge(0.01, PriceSource.REPORTED, "m", table_usd=float("nan")),
        lambda: Charge(0.01, PriceSource.REPORTED, "m", table_usd=-1),
    ],
)
async def test_a_charge_that_cannot_be_counted_costs_the_ceiling_and_keeps_the_answer(
    charge: Callable[[], Charge],
) -> None:
    counted = Counted()
    assert await counted.dependency.call(answer, price=lambda _: charge()) == "answer"
    assert counted.value("pipeline_cost_usd_total", layer="none", model="other") == CEILING_USD_PER_CALL


async def test_a_trial_has_its_place_for_as_long_as_a_good_answer_may_take() -> None:
    counted = Counted(failure_threshold=1, success_threshold=1, call_timeout_seconds=900)
    with pytest.raises(ConnectionError), counted.dependency.calling():
        raise ConnectionError
    counted.clock.advance(60)

    async def slow_answer() -> str:
        counted.clock.advance(400)
        with pytest.raises(BreakerOpenError):
            counted.dependency.breaker.admit()
        return "answer"

    await counted.dependency.call(slow_answer)
    assert counted.dependency.breaker.closed


async def test_a_model_name_that_cant_be_shown_is_other() -> None:
    counted = Counted()
    await counted.dependency.call(answer, price=priced(1.0, model="\ud800"))
    assert counted.value("pipeline_cost_usd_total", layer="none", model="other") == 1


@pytest.mark.parametrize("name", ["", "Job 17", "https://x", "a" * 41, "läyer"])
def test_a_layer_is_named_like_a_label_and_not_by_an_id(name: str) -> None:
    with pytest.raises(ValueError, match="layer name"), running_layer(name):
        pytest.fail("it ran")
