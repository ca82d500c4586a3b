"""The chat completions API that OpenAI defined and OpenRouter speaks too."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from aiohttp import web

from pipeline.demo.bodies import read_json_object
from pipeline.demo.calls import CALLS, Charge
from pipeline.demo.completion import Completion, complete
from pipeline.demo.event_stream import event, send_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aiohttp.typedefs import Handler

_LIMIT_KEYS = ("max_completion_tokens", "max_tokens")


def _nothing() -> dict[str, object]:
    return {}


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where a provider differs from the API as OpenAI defined it.

    Attributes:
        id_prefix: What its answers' ids begin with.
        extra_fields: Goes into every answer and every chunk.
        cost_usd: The cost it states in `usage.cost`; None for a provider that states none.
        always_streams_usage: Whether a stream ends with the usage though nobody asked for it.
        stream_begins_with: What is sent before the first chunk.
    """

    id_prefix: str
    extra_fields: Mapping[str, object] = field(default_factory=_nothing)
    cost_usd: Callable[[Completion], float] | None = None
    always_streams_usage: bool = False
    stream_begins_with: str = ""


def chat_completions(dialect: Dialect) -> Handler:
    """A handler of `POST …/chat/completions`; each has its own run of ids."""
    numbers = count(1)

    async def handler(request: web.Request) -> web.StreamResponse:
        body = await read_json_object(request)
        completion = complete(body, limit_keys=_LIMIT_KEYS)
        head: dict[str, object] = {
            "id": f"{dialect.id_prefix}-{next(numbers):08d}",
            "created": int(time.time()),
            "model": completion.model,
            **dialect.extra_fields,
        }
        usage, charge = _usage(completion, dialect)
        response: web.StreamResponse
        if body.get("stream") is True:
            options = body.get("stream_options")
            asked = isinstance(options, dict) and options.get("include_usage") is True
            final_usage = usage if asked or dialect.always_streams_usage else None
            events = _chunks(head, completion, final_usage)
            response = await send_events(request, [dialect.stream_begins_with, *events])
        else:
            response = web.json_response(_whole_answer(head, completion, usage))
        request.app[CALLS].charge(response, charge)
        return response

    return handler


def _usage(completion: Completion, dialect: Dialect) -> tuple[dict[str, object], Charge]:
    usage: dict[str, object] = {
        "prompt_tokens": completion.input_tokens,
        "completion_tokens": completion.output_tokens,
        "total_tokens": completion.input_tokens + completion.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    if dialect.cost_usd is None:
        return usage, Charge(completion.input_tokens, completion.output_tokens)
    cost_usd = dialect.cost_usd(completion)
    return usage | {"cost": cost_usd}, Charge(completion.input_tokens, completion.output_tokens, cost_usd)


def _finish_reason(completion: Completion) -> str:
    return "length" if completion.cut_short else "stop"


def _whole_answer(
    head: Mapping[str, object], completion: Completion, usage: Mapping[str, object]
) -> dict[str, object]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": completion.text, "refusal": None},
        "logprobs": None,
        "finish_reason": _finish_reason(completion),
    }
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}


def _chunks(
    head: Mapping[str, object], completion: Completion, usage: Mapping[str, object] | None
) -> Iterator[str]:
    def chunk(delta: Mapping[str, str], finish_reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return event({**head, "object": "chat.completion.chunk", "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    for piece in completion.pieces():
        yield chunk({"content": piece})
    yield chunk({}, _finish_reason(completion))
    if usage is not None:
        yield event({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"
