"""What came with status 200: an answer, or a failure that the guard has to know of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.failures import counts_against_provider
from pipeline.instrument.answers import body_of, failure_in


@pytest.mark.parametrize(
    ("body", "is_providers"),
    [
        ({}, True),
        ({"error": {"message": "No instances", "code": 502}}, True),
        ({"error": {"message": "Slow down", "code": 429}, "choices": []}, True),
        ({"error": "overloaded"}, True),
        ({"choices": [{"error": {"code": 500}, "finish_reason": "error"}]}, True),
        ({"output": [], "status": "failed", "error": {"code": "server_error"}}, True),
        ({"output": [], "status": "failed", "error": None}, True),
        ({"type": "error", "error": {"type": "overloaded_error"}}, True),
        ({"output": [], "status": "failed", "error": {"code": "invalid_prompt"}}, False),
        ({"error": {"code": 402, "message": "Add credits"}}, False),
        ({"error": {"type": "invalid_request_error"}}, False),
    ],
)
def test_a_failure_is_the_providers_unless_it_says_what_was_wrong_with_the_request(
    body: dict[str, Any], is_providers: bool
) -> None:
    failure = failure_in(body, ("choices", "output"))
    assert failure is not None
    assert counts_against_provider(failure) is is_providers


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {"choices": [{"message": {"content": "Well"}}], "error": None},
        {"output": [], "status": "incomplete", "error": None},
        {"usage": {"prompt_tokens": 3}},
    ],
)
def test_what_has_choices_or_output_or_usage_is_an_answer(body: dict[str, Any]) -> None:
    assert failure_in(body, ("choices", "output")) is None


class Unread:
    @property
    def content(self) -> bytes:
        raise RuntimeError("read it first")


def raw(content: bytes) -> object:
    return SimpleNamespace(http_response=SimpleNamespace(content=content))


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ({"choices": []}, {"choices": []}),
        (raw(b'{"choices": []}'), {"choices": []}),
        (SimpleNamespace(content=b'{"a": 1}'), {"a": 1}),
        ("<html>down for maintenance</html>", {}),
        (raw(b"<html>"), {}),
        (raw(b"\xff"), {}),
        (raw(b"[1]"), {}),
        (Unread(), None),
        (SimpleNamespace(http_response=Unread()), None),
        (object(), None),
        (None, None),
    ],
)
def test_only_what_can_be_read_is_judged(answer: object, body: object) -> None:
    assert body_of(answer) == body
