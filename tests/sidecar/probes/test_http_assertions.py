from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from sidecar.probes import HttpOptions, HttpProbe, ProbeResult, Reason
from sidecar.probes.assertions import Assertions
from sidecar.probes.assertions.json_path import compile_path, selects, selects_equal
from sidecar.probes.exchange import Answer
from sidecar.probes.result import ProbeFailure
from tests.sidecar.probes.exchange.targets import behaving, saying

DOCUMENT: JsonValue = {
    "status": "ok",
    "credits": 12.0,
    "ready": True,
    "nothing": None,
    "items": [{"id": 1, "up": True}, {"id": 2, "up": False}],
    "nested": {"id": 7},
}


async def probe(body: bytes, headers: bytes = b"", **options: Any) -> ProbeResult:
    head = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (headers, len(body))
    async with behaving(saying(head + body)) as port:
        return await HttpProbe("target", HttpOptions(url=f"http://127.0.0.1:{port}/", **options)).run()


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        ({"body_must_match": '"status": "(ok|up)"'}, True),
        ({"body_must_match": "maintenance"}, False),
        ({"body_must_not_match": "(?i)error"}, True),
        ({"body_must_not_match": '"up": false'}, False),
        ({"json_must_equal": {"$.status": "ok"}}, True),
        ({"json_must_equal": {"$.status": "OK"}}, False),
        ({"json_must_exist": ("$.items[?@.up == true]",)}, True),
        ({"json_must_exist": ("$.items[?@.id > 5]",)}, False),
        ({"body_must_match": "ok", "json_must_equal": {"$.credits": 12}}, True),
        ({"body_must_match": "ok", "json_must_equal": {"$.credits": 13}}, False),
        ({"body_must_match": "absent", "json_must_equal": {"$.credits": 12}}, False),
        ({"headers_must_match": {"content-type": "^application/json(;|$)"}}, True),
        ({"headers_must_match": {"Content-Type": "html"}}, False),
        ({"headers_must_match": {"X-Absent": ".*"}}, False),
    ],
)
async def test_what_is_asserted_has_to_hold(options: dict[str, Any], *, holds: bool) -> None:
    result = await probe(json.dumps(DOCUMENT).encode(), b"Content-Type: application/json\r\n", **options)
    assert result.reason is (None if holds else Reason.BODY), result.detail


async def test_the_status_is_judged_before_the_body() -> None:
    async with behaving(saying(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")) as port:
        options = HttpOptions(url=f"http://127.0.0.1:{port}/", body_must_match="ok")
        assert (await HttpProbe("target", options).run()).reason is Reason.STATUS


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"a": ', b"[" * 100_000, b"1" * 10_000, b"\xff\xfe\xfd"],
    ids=["empty", "HTML", "cut short", "deep", "long number", "no text"],
)
async def test_what_is_no_json_fails_a_json_assertion(body: bytes) -> None:
    assert (await probe(body, json_must_exist=("$.a",))).reason is Reason.BODY


async def test_a_document_too_deep_to_search_is_a_failure() -> None:
    body = b"[" * 500 + b"]" * 500
    assert (await probe(body, json_must_exist=("$..absent",))).detail == "the JSON is nested too deep"


async def test_a_text_is_searched_in_its_charset() -> None:
    latin = b"Content-Type: text/plain; charset=ISO-8859-1\r\n"
    assert (await probe("größer".encode("latin-1"), latin, body_must_match="größer")).success
    assert (await probe("größer".encode(), body_must_match="größer")).success


async def test_no_charset_is_looked_up_that_takes_long() -> None:
    assert (
        await probe(b"xn--" * 1000, b"Content-Type: text/plain; charset=punycode\r\n", body_must_match="x")
    ).success


@pytest.mark.parametrize(
    ("path", "expected", "equal"),
    [
        ("$.status", "ok", True),
        ("$.credits", 12, True),
        ("$.ready", True, True),
        ("$.ready", 1, False),
        ("$.nothing", None, True),
        ("$.absent", None, False),
        ("$.items[*].id", 2, True),
        ("$..id", 7, True),
        ("$.items[-1]", {"id": 2, "up": False}, True),
        ("$.items[0]", {"id": 1, "up": 1}, False),
        ("$.items[*].up", [True, False], False),
        ("$['nested']", {"id": 7}, True),
    ],
)
def test_a_path_is_equal_when_one_of_its_values_is(path: str, expected: Any, *, equal: bool) -> None:
    assert selects_equal(compile_path(path), DOCUMENT, expected) is equal


def test_a_document_that_is_only_a_text_is_found_at_its_root() -> None:
    assert selects_equal(compile_path("$"), "[1]", "[1]")
    assert not selects(compile_path("$[0]"), "[1]")


@pytest.mark.parametrize(
    "options",
    [
        {"body_must_match": "(open"},
        {"body_must_match": "(?=look)"},
        {"json_must_exist": ("status",)},
        {"json_must_exist": ("$.a[",)},
        {"json_must_exist": ("",)},
        {"json_must_equal": {"$.a | $.b": 1}},
        {"json_must_equal": {"$..a..b": 1}},
        {"json_must_equal": {"$..[?@.a == 1]": 1}},
        {"json_must_equal": {"$.a[?@..b]": 1}},
        {"json_must_equal": {"$.a[?$.b]": 1}},
        {"json_must_equal": {"$.a[?match(@.b, '(x+x+)+y')]": 1}},
    ],
)
def test_what_is_no_pattern_or_path_or_could_take_for_ever_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpOptions(url="http://localhost/", **options)


async def test_a_pattern_that_runs_away_elsewhere_ends_here() -> None:
    assertions = Assertions(body_must_match="(x+x+)+y")
    async with asyncio.timeout(1):
        with pytest.raises(ProbeFailure):
            await assertions.judge(Answer(200, {}, b"x" * 1_000_000))


async def test_a_long_body_is_judged_while_others_run() -> None:
    assertions = Assertions(json_must_equal={"$..id": "absent"})
    body = json.dumps([{"id": number} for number in range(6_000)]).encode()
    judging = asyncio.create_task(_fails(assertions, body))
    turns = 0
    while not judging.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 1


async def _fails(assertions: Assertions, body: bytes) -> None:
    with pytest.raises(ProbeFailure):
        await assertions.judge(Answer(200, {}, body))
