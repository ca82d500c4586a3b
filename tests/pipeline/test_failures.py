from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from pipeline import BreakerOpenError
from pipeline.failures import (
    counts_against_provider,
    is_replaceable,
    is_timeout,
    is_worth_a_retry,
    retry_after_seconds,
    status_of,
)


class SdkError(Exception):
    """As OpenAI's and Anthropic's."""

    def __init__(self, status_code: int, **headers: str) -> None:
        super().__init__(status_code)
        self.status_code = status_code
        self.response = SimpleNamespace(status_code=status_code, headers=headers)


class AiohttpError(Exception):
    """As aiohttp's ClientResponseError."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


class APITimeoutError(Exception):
    """As the SDKs'."""


@pytest.mark.parametrize("error", [SdkError, AiohttpError])
@pytest.mark.parametrize(
    ("status", "counts", "retried", "replaced"),
    [
        (200, True, True, True),  # a page, or a stream that ends in an error
        (302, True, True, True),
        (400, False, False, False),
        (401, False, False, False),
        (402, False, False, True),
        (404, False, False, False),
        (408, True, True, True),
        (409, False, True, True),
        (425, False, True, True),
        (429, True, True, True),
        (500, True, True, True),
        (529, True, True, True),
    ],
)
def test_a_status_decides(
    error: type[SdkError | AiohttpError], status: int, counts: bool, retried: bool, replaced: bool
) -> None:
    raised = error(status)
    assert status_of(raised) == status
    judged = (counts_against_provider(raised), is_worth_a_retry(raised), is_replaceable(raised))
    assert judged == (counts, retried, replaced)


@pytest.mark.parametrize(
    "error", [ConnectionResetError(), OSError(), TimeoutError(), APITimeoutError(), ValueError("bad JSON")]
)
def test_no_answer_and_a_broken_one_count(error: Exception) -> None:
    assert counts_against_provider(error)
    assert is_worth_a_retry(error)
    assert is_replaceable(error)


@pytest.mark.parametrize(
    "error",
    [
        TypeError(),
        AttributeError(),
        NameError(),
        ZeroDivisionError(),
        UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "half a character"),
    ],
)
def test_programming_errors_say_nothing_of_the_provider(error: Exception) -> None:
    assert not counts_against_provider(error)
    assert not is_worth_a_retry(error)
    assert not is_replaceable(error)


def test_our_own_refusals_are_replaced_but_not_tried_again() -> None:
    error = BreakerOpenError("openrouter", 12.0)
    assert not counts_against_provider(error)
    assert not is_worth_a_retry(error)
    assert is_replaceable(error)
    assert retry_after_seconds(error) == 12.0
    assert retry_after_seconds(BreakerOpenError("openrouter", float("inf"))) is None


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt()])
def test_being_stopped_is_no_failure(error: BaseException) -> None:
    assert not counts_against_provider(error)
    assert not is_timeout(error)


def test_timeouts_of_clients_are_known_by_name() -> None:
    assert is_timeout(APITimeoutError())
    assert is_timeout(TimeoutError())
    assert not is_timeout(ConnectionError())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-1", None),
    ],
)
@pytest.mark.parametrize("error", [SdkError, AiohttpError])
def test_retry_after_is_seconds_or_a_date(
    error: type[SdkError | AiohttpError], text: str, seconds: float | None
) -> None:
    raised = error(429, **{"Retry-After": text})
    assert retry_after_seconds(raised, now=lambda: 1445412480.0) == seconds


def test_no_retry_after_is_none() -> None:
    assert retry_after_seconds(ConnectionError()) is None
    assert retry_after_seconds(SdkError(429)) is None
