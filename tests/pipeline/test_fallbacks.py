from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import pytest

from pipeline import (
    UNKNOWN,
    Answer,
    BreakerOpenError,
    CachedResponses,
    Unavailable,
    error_as,
    error_value,
    first_of,
    placeholder,
    running_layer,
    synthetic,
)
from pipeline.metrics import FallbackKind
from pipeline.providers.error import ProviderError
from tests.clock import Clock
from tests.pipeline.counted import Counted


async def answer() -> str:
    return "answer"


async def refuse() -> NoReturn:
    raise ConnectionError("refused")


async def test_a_real_answer_is_marked_as_one() -> None:
    counted = Counted()
    assert await counted.dependency.call(answer, fallback=placeholder(UNKNOWN)) == Answer("answer")
    assert counted.fallbacks() == {}


async def test_a_placeholder_stands_in_and_says_why() -> None:
    counted = Counted()
    with running_layer("company_research"):
        given = await counted.dependency.call(refuse, fallback=placeholder(UNKNOWN))
    assert (given.value, given.fallback, given.is_real) == ("unknown", FallbackKind.PLACEHOLDER, False)
    assert isinstance(given.error, ConnectionError)
    assert counted.fallbacks("company_research") == {"placeholder": 1}


async def test_a_fallback_is_never_a_success_of_the_provider() -> None:
    counted = Counted(failure_threshold=2)
    for _ in range(4):
        await counted.dependency.call(refuse, fallback=placeholder(None))
    assert counted.calls() == {"error": 2, "rejected_breaker": 2}
    assert counted.judged() == {"failure": 2, "rejected": 2}
    assert counted.fallbacks() == {"placeholder": 4}


async def test_a_synthetic_answer_is_made_on_the_spot() -> None:
    counted = Counted()
    given = await counted.dependency.call(refuse, fallback=synthetic(lambda: len("abc")))
    assert (given.value, given.fallback) == (3, FallbackKind.SYNTHETIC)


async def test_an_error_value_shows_no_exception_text() -> None:
    counted = Counted(failure_threshold=1, recovery_timeout_seconds=30)
    first = await counted.dependency.call(refuse, fallback=error_value())
    assert first.value == Unavailable("ConnectionError", None)
    second = await counted.dependency.call(answer, fallback=error_value())
    assert second.value == Unavailable("BreakerOpenError", 30.0)
    assert counted.fallbacks() == {"error": 2}


async def test_an_error_value_can_be_the_callers_own() -> None:
    given = await Counted().dependency.call(
        refuse, fallback=error_as(lambda error: f"{type(error).__name__}!")
    )
    assert (given.value, given.fallback) == ("ConnectionError!", FallbackKind.ERROR)


async def test_a_cached_response_stands_in_under_its_key() -> None:
    counted = Counted()
    pages = CachedResponses[str](max_entries=10, ttl_seconds=60, clock=counted.clock)
    await counted.dependency.call(answer, fallback=pages.under("a"))
    given = await counted.dependency.call(refuse, fallback=pages.under("a"))
    assert (given.value, given.fallback) == ("answer", FallbackKind.CACHED)
    with pytest.raises(ConnectionError):
        await counted.dependency.call(refuse, fallback=pages.under("b"))
    assert counted.fallbacks() == {"cached": 1}


async def test_the_first_fallback_that_has_an_answer_gives_it() -> None:
    counted = Counted()
    pages = CachedResponses[str](max_entries=10, ttl_seconds=60)
    fallback = first_of(pages.under("a"), placeholder("unknown"))
    assert (await counted.dependency.call(refuse, fallback=fallback)).fallback is FallbackKind.PLACEHOLDER
    await counted.dependency.call(answer, fallback=fallback)
    assert (await counted.dependency.call(refuse, fallback=fallback)).fallback is FallbackKind.CACHED


@pytest.mark.parametrize("error", [TypeError("ours"), ProviderError("openrouter", "status 401", 401)])
async def test_a_mistake_of_ours_and_a_wrong_request_are_not_papered_over(error: Exception) -> None:
    async def fail() -> NoReturn:
        raise error

    with pytest.raises(type(error)):
        await Counted().dependency.call(fail, fallback=placeholder(UNKNOWN))


@pytest.mark.parametrize("status", [402, 408, 409, 429, 500, 503])
async def test_trouble_of_the_providers_is_replaced(status: int) -> None:
    async def fail() -> NoReturn:
        raise ProviderError("openrouter", f"status {status}", status)

    assert not (await Counted().dependency.call(fail, fallback=placeholder(UNKNOWN))).is_real


async def test_a_cancelled_call_has_no_fallback() -> None:
    counted = Counted()
    task = asyncio.create_task(counted.dependency.call(asyncio.Event().wait, fallback=placeholder(UNKNOWN)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counted.fallbacks() == {}


async def test_what_is_replaced_can_be_told() -> None:
    counted = Counted(failure_threshold=1, falls_back_on=lambda error: isinstance(error, BreakerOpenError))
    with pytest.raises(ConnectionError):
        await counted.dependency.call(refuse, fallback=placeholder(UNKNOWN))
    assert not (await counted.dependency.call(answer, fallback=placeholder(UNKNOWN))).is_real


async def test_a_fallback_that_fails_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    counted = Counted()
    with pytest.raises(ConnectionError):
        await counted.dependency.call(refuse, fallback=synthetic(lambda: 1 // 0))
    assert "fallback.failed" in caplog.text
    assert counted.fallbacks() == {}


async def test_a_decorated_functions_fallback_gets_its_key_from_the_arguments() -> None:
    counted = Counted()
    pages = CachedResponses[str](max_entries=10, ttl_seconds=60)
    up = True

    @counted.dependency.guard(fallback=pages.under)
    async def scrape(url: str) -> str:
        return f"page of {url}" if up else await refuse()

    assert (await scrape("a")).is_real
    up = False
    assert (await scrape("a")).value == "page of a"
    with pytest.raises(ConnectionError):
        await scrape("b")


def test_sync_calls_and_functions_fall_back_too() -> None:
    counted = Counted()

    @counted.dependency.guard(fallback=placeholder(0))
    def count() -> int:
        raise ConnectionError

    assert count().fallback is FallbackKind.PLACEHOLDER
    assert counted.dependency.call_sync(lambda: 1, fallback=placeholder(0)) == Answer(1)
    assert counted.fallbacks() == {"placeholder": 1}


async def test_a_fallback_that_cannot_learn_costs_nobody_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    counted = Counted()
    responses = CachedResponses[str](max_entries=2, ttl_seconds=60)
    under_a_list: Any = responses.under(["no key"])  # type: ignore[arg-type]
    given = await counted.dependency.call(answer, fallback=under_a_list)
    assert (given.value, given.is_real) == ("answer", True)
    given = counted.dependency.call_sync(lambda: "answer", fallback=under_a_list)
    assert (given.value, given.is_real) == ("answer", True)
    assert "fallback.failed" in caplog.text


async def test_of_several_fallbacks_one_that_cannot_learn_keeps_no_other_from_it() -> None:
    pages = CachedResponses[str](max_entries=5, ttl_seconds=60)
    fallback = first_of(pages.under([]), pages.under("b"))  # type: ignore[arg-type]  # a list is no key
    await Counted().dependency.call(answer, fallback=fallback)
    assert pages.recall("b") == ("answer",)


async def test_a_test_of_what_is_replaced_that_fails_itself_hides_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counted = Counted(falls_back_on=lambda _: 1 / 0)
    with pytest.raises(ConnectionError):
        await counted.dependency.call(refuse, fallback=placeholder(UNKNOWN))
    assert counted.fallbacks() == {}
    assert "fallback.test_failed dependency=openrouter" in caplog.text


def test_a_cached_response_is_forgotten_when_it_is_too_old() -> None:
    clock = Clock()
    cache = CachedResponses[str](max_entries=2, ttl_seconds=10, clock=clock)
    cache.keep("a", "one")
    clock.advance(9.9)
    assert cache.recall("a") == ("one",)
    clock.advance(0.1)
    assert cache.recall("a") is None
    assert len(cache) == 0


def test_the_response_longest_unused_makes_room() -> None:
    cache = CachedResponses[int | None](max_entries=2, ttl_seconds=10, clock=Clock())
    cache.keep("a", None)
    cache.keep("b", 2)
    assert cache.recall("a") == (None,)
    cache.keep("c", 3)
    assert (cache.recall("a"), cache.recall("b"), cache.recall("c")) == ((None,), None, (3,))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"max_entries": 0, "ttl_seconds": 1.0}, "max_entries"),
        ({"max_entries": 1, "ttl_seconds": 0.0}, "ttl_seconds"),
        ({"max_entries": 1, "ttl_seconds": float("inf")}, "ttl_seconds"),
    ],
)
def test_a_cache_without_bounds_is_refused(options: dict[str, float], key: str) -> None:
    with pytest.raises(ValueError, match=key):
        CachedResponses(**options)  # type: ignore[arg-type]
