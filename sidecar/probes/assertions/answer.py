"""Judges headers and body of an answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from sidecar.probes.assertions.json_path import compile_path, read_json, selects, selects_equal
from sidecar.probes.exchange import Answer
from sidecar.probes.pattern import Pattern
from sidecar.probes.result import ProbeFailure, Reason

MAX_JSON_BYTES: Final = 4 * 1024 * 1024
"""A longer body can't be judged as JSON: reading it would hold up every other probe."""
_IN_A_THREAD_FROM_BYTES: Final = 16_384

_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([a-z0-9_-]+)""")
# Python knows many more, among them some that take very long.
_CHARSETS: Final = re.compile(
    r"(iso-8859-\d{1,2}|windows-125\d|utf-16(le|be)?|shift_jis|euc-jp|euc-kr|gbk|big5)"
)


class Assertions:
    """Everything an answer must be; all of it has to hold."""

    def __init__(
        self,
        *,
        body_must_match: str | None = None,
        body_must_not_match: str | None = None,
        headers_must_match: Mapping[str, str] | None = None,
        json_must_equal: Mapping[str, JsonValue] | None = None,
        json_must_exist: tuple[str, ...] = (),
    ) -> None:
        """Take texts of patterns and paths.

        Raises:
            ValueError: one of them is none.
        """
        self._match = None if body_must_match is None else Pattern(body_must_match)
        self._not_match = None if body_must_not_match is None else Pattern(body_must_not_match)
        self._headers = {name: Pattern(text) for name, text in (headers_must_match or {}).items()}
        self._equal = [(text, compile_path(text), value) for text, value in (json_must_equal or {}).items()]
        self._exist = [(text, compile_path(text)) for text in json_must_exist]

    async def judge(self, answer: Answer) -> None:
        """Compare; long bodies in a thread.

        Raises:
            ProbeFailure: `body`: something doesn't hold; the detail has none of the answer.
        """
        failure = self._judge_headers(answer.headers)
        if failure is None and len(answer.body) < _IN_A_THREAD_FROM_BYTES:
            failure = self._judge_body(answer)
        elif failure is None:
            failure = await asyncio.to_thread(self._judge_body, answer)
        if failure is not None:
            raise ProbeFailure(Reason.BODY, failure)

    def _judge_headers(self, headers: Mapping[str, str]) -> str | None:
        for name, pattern in self._headers.items():
            value = headers.get(name.lower())
            if value is None:
                return f"header {name} is missing"
            if not pattern.found_in(value.encode()):
                return f"header {name} does not match"
        return None

    def _judge_body(self, answer: Answer) -> str | None:
        if self._match is not None or self._not_match is not None:
            text = _utf8(answer)
            if self._match is not None and not self._match.found_in(text):
                return "the body does not match body_must_match"
            if self._not_match is not None and self._not_match.found_in(text):
                return "the body matches body_must_not_match"
        return self._judge_json(answer.body) if self._equal or self._exist else None

    def _judge_json(self, body: bytes) -> str | None:
        if len(body) > MAX_JSON_BYTES:
            return f"body longer than {MAX_JSON_BYTES} bytes, too long to be judged as JSON"
        try:
            document = read_json(body)
        except ValueError:
            return "the body is not JSON"
        try:
            for text, path in self._exist:
                if not selects(path, document):
                    return f"nothing is at {text}"
            for text, path, expected in self._equal:
                if not selects_equal(path, document, expected):
                    return f"something else is at {text}"
        except ValueError:
            return "the JSON is nested too deep"
        return None


def _utf8(answer: Answer) -> bytes:
    """The body in UTF-8, which is what it is in unless its type names one of a few other charsets."""
    named = _CHARSET.search(answer.headers.get("content-type", "").lower())
    if named is None or not _CHARSETS.fullmatch(named[1]):
        return answer.body
    try:
        return answer.body.decode(named[1], errors="replace").encode()
    except LookupError:
        return answer.body
