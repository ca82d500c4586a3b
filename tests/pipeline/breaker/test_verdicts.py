from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipeline.breaker import BreakerOpenError
from pipeline.rejections import BudgetExceededError
from tests.clock import Clock
from tests.pipeline.breaker.told import Told, make


def judged(error: BaseException, /, **options: Any) -> str:
    """The outcome of a call that ends with this error."""
    told = Told()
    breaker = make(listener=told, **options)
    breaker.settle_raised(breaker.admit(), error)
    (outcome,) = told.outcomes
    return outcome


class TestOneException:
    def test_a_matched_one_is_a_failure(self) -> None:
        assert judged(ConnectionError(), expected_exception=OSError) == "failure"

    def test_an_unmatched_one_means_that_the_provider_answered(self) -> None:
        assert judged(ValueError(), expected_exception=ConnectionError) == "success"

    def test_several_types_may_match(self) -> None:
        assert judged(KeyError(), expected_exception=[OSError, KeyError]) == "failure"

    def test_an_ignored_one_is_neutral_though_it_matches(self) -> None:
        assert judged(KeyError(), ignored_exception=LookupError) == "ignored"

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
    def test_what_says_nothing_about_the_provider_is_neutral(self, error: BaseException) -> None:
        assert judged(error) == "ignored"

    @pytest.mark.parametrize("expected", [SystemExit, (OSError, SystemExit)])
    def test_what_is_no_exception_fails_where_it_is_named(self, expected: Any) -> None:
        assert judged(SystemExit(), expected_exception=expected) == "failure"

    def test_any_breakers_refusal_is_neutral(self) -> None:
        assert judged(BreakerOpenError("inner", 1.0), expected_exception=Exception) == "ignored"

    def test_a_refusal_by_a_budget_or_a_rate_limit_is_neutral(self) -> None:
        refused = BudgetExceededError("inner", limit_usd=1, spent_usd=1, asked_usd=1)
        assert judged(refused, expected_exception=Exception) == "ignored"


class TestGroup:
    def test_a_matched_exception_deep_inside_is_a_failure(self) -> None:
        group = ExceptionGroup("both", [ValueError(), ExceptionGroup("in", [ConnectionError()])])
        assert judged(group, expected_exception=ConnectionError) == "failure"

    def test_without_a_matched_one_it_is_a_success(self) -> None:
        assert judged(ExceptionGroup("", [ValueError()]), expected_exception=ConnectionError) == "success"

    def test_refusals_alone_are_neutral(self) -> None:
        assert judged(ExceptionGroup("", [BreakerOpenError("inner", 1.0)])) == "ignored"

    def test_cancellation_alone_is_neutral(self) -> None:
        assert judged(BaseExceptionGroup("", [asyncio.CancelledError()])) == "ignored"

    def test_a_predicate_may_match_the_group_itself(self) -> None:
        def is_big(_type: type, error: BaseException) -> bool:
            return isinstance(error, ExceptionGroup) and len(error.exceptions) > 1

        assert judged(ExceptionGroup("", [ValueError(), KeyError()]), expected_exception=is_big) == "failure"


class TestPredicate:
    def test_it_decides(self) -> None:
        def is_server_error(_type: type, error: BaseException) -> bool:
            return bool(error.args[0] >= 500)

        assert judged(OSError(503), expected_exception=is_server_error) == "failure"
        assert judged(OSError(404), expected_exception=is_server_error) == "success"

    def test_one_that_raises_is_a_failure_and_the_original_error_goes_on(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(_type: object, _error: object) -> bool:
            raise RuntimeError("the predicate's own")

        told = Told()
        with pytest.raises(ValueError, match="original"), make(listener=told, expected_exception=broken):
            raise ValueError("original")
        assert told.outcomes == ["failure"]
        assert "breaker.predicate_failed" in caplog.text

    def test_one_of_ignored_errors_that_raises_ignores_nothing(self) -> None:
        assert judged(ValueError(), ignored_exception=lambda *_: 1 / 0) == "failure"

    def test_it_is_not_asked_about_cancellation(self) -> None:
        assert judged(asyncio.CancelledError(), expected_exception=lambda *_: True) == "ignored"


class TestCancellation:
    @pytest.mark.parametrize(
        ("ran_seconds", "outcome"), [(0, "ignored"), (4.9, "ignored"), (5, "failure"), (60, "failure")]
    )
    @pytest.mark.parametrize("limit", ["call_timeout_seconds", "slow_call_seconds"])
    async def test_it_is_a_failure_once_the_call_has_run_too_long(
        self, limit: str, ran_seconds: float, outcome: str
    ) -> None:
        clock, told = Clock(), Told()
        breaker = make(clock, listener=told, **{limit: 5})

        async def hang() -> None:
            clock.advance(ran_seconds)
            await asyncio.Event().wait()

        call = asyncio.create_task(breaker.call_async(hang))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert told.outcomes == [outcome]

    def test_an_interrupt_is_neutral_however_long_the_call_has_run(self) -> None:
        clock, told = Clock(), Told()
        breaker = make(clock, listener=told, call_timeout_seconds=5)
        permit = breaker.admit()
        clock.advance(60)
        breaker.settle_raised(permit, KeyboardInterrupt())
        assert told.outcomes == ["ignored"]

    @pytest.mark.parametrize("caller", ["timeout", "wait_for"])
    async def test_a_hung_backend_opens_it_at_the_threshold_whoever_holds_the_timeout(
        self, caller: str
    ) -> None:
        clock = Clock()
        breaker = make(clock, failure_threshold=3, call_timeout_seconds=5)
        sent = 0

        @breaker
        async def hang() -> None:
            nonlocal sent
            sent += 1
            clock.advance(5)
            await asyncio.Event().wait()

        async def call() -> None:
            if caller == "wait_for":
                await asyncio.wait_for(hang(), 0.001)
            else:
                async with asyncio.timeout(0):
                    await hang()

        for _ in range(3):
            assert breaker.closed
            with pytest.raises(TimeoutError):
                await call()
        assert breaker.opened
        with pytest.raises(BreakerOpenError):
            await call()
        assert sent == 3
