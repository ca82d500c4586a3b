"""Answers that the SDKs would read to their end, however long they are, are read to a limit."""

from __future__ import annotations

from typing import Any, Final

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Unpacked; many times the longest that any of the calls gives."""


class AnswerTooLongError(ValueError):
    """The answer goes on beyond `MAX_ANSWER_BYTES`; the rest is not read."""


def bound_answers(http_client: Any) -> None:  # noqa: ANN401
    """Of an httpx.AsyncClient, or one of httpx2, which Anthropic's SDK has; for calls that stream nothing."""
    hooks = http_client.event_hooks
    hooks["response"].append(_read)
    http_client.event_hooks = hooks


async def _read(response: Any) -> None:  # noqa: ANN401
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            await response.aclose()
            raise AnswerTooLongError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    # As its own `aread`, which finds it here and reads nothing more.
    response._content = bytes(content)  # noqa: SLF001
