"""Anthropic: messages and the list of models."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from aiohttp import web

from pipeline.demo.bodies import optional_count, read_json_object
from pipeline.demo.calls import CALLS, Charge
from pipeline.demo.completion import Completion, complete
from pipeline.demo.event_stream import event, send_events
from pipeline.demo.stand_in import RefusedError, StandIn, missing_bearer_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.typedefs import Handler

MODELS = (("claude-sonnet-4-5", "Claude Sonnet 4.5"), ("claude-haiku-4-5", "Claude Haiku 4.5"))

_CREATED_AT = "2025-01-01T00:00:00Z"
_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _error(status: int, message: str) -> web.Response:
    kind = _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_stand_in"}
    return web.json_response(body, status=status, headers={"request-id": "req_stand_in"})


def _missing_credential(request: web.Request) -> str | None:
    """The SDK sends the key as `x-api-key` until its version 1, and as a bearer token since."""
    if request.headers.get("x-api-key", "").strip() or missing_bearer_token(request) is None:
        return None
    return "no API key: send the header x-api-key, or Authorization: Bearer KEY"


def _usage(completion: Completion, *, output_tokens: int) -> dict[str, int]:
    return {
        "input_tokens": completion.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
    }


def _message(
    message_id: str, completion: Completion, *, text: str | None, output_tokens: int
) -> dict[str, object]:
    """The message; `text` None is the empty one that opens a stream."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": completion.model,
        "content": [] if text is None else [{"type": "text", "text": text}],
        "stop_reason": None if text is None else _stop_reason(completion),
        "stop_sequence": None,
        "usage": _usage(completion, output_tokens=output_tokens),
    }


def _stop_reason(completion: Completion) -> str:
    return "max_tokens" if completion.cut_short else "end_turn"


def _events(message_id: str, completion: Completion) -> Iterator[str]:
    def named(name: str, **data: object) -> str:
        return event({"type": name, **data}, name=name)

    start = _message(message_id, completion, text=None, output_tokens=1)
    yield named("message_start", message=start)
    yield named("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield named("ping")
    for piece in completion.pieces():
        yield named("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield named("content_block_stop", index=0)
    yield named(
        "message_delta",
        delta={"stop_reason": _stop_reason(completion), "stop_sequence": None},
        usage={"output_tokens": completion.output_tokens},
    )
    yield named("message_stop")


def _messages() -> Handler:
    numbers = count(1)

    async def handler(request: web.Request) -> web.StreamResponse:
        if "anthropic-version" not in request.headers:
            raise RefusedError(400, "the header anthropic-version is required")
        body = await read_json_object(request)
        if optional_count(body, "max_tokens", highest=1_000_000) is None:
            raise RefusedError(400, "max_tokens: a value is required")
        completion = complete(body, limit_keys=("max_tokens",), system=body.get("system"))
        message_id = f"msg_{next(numbers):08d}"
        response: web.StreamResponse
        if body.get("stream") is True:
            response = await send_events(request, _events(message_id, completion))
        else:
            response = web.json_response(
                _message(message_id, completion, text=completion.text, output_tokens=completion.output_tokens)
            )
        charge = Charge(completion.input_tokens, completion.output_tokens)
        request.app[CALLS].charge(response, charge)
        return response

    return handler


async def _list_models(_request: web.Request) -> web.Response:
    models = [
        {"type": "model", "id": name, "display_name": display_name, "created_at": _CREATED_AT}
        for name, display_name in MODELS
    ]
    ends = {"first_id": MODELS[0][0], "last_id": MODELS[-1][0]}
    return web.json_response({"data": models, "has_more": False, **ends})


def _install(app: web.Application) -> None:
    app.router.add_post("/v1/messages", _messages())
    app.router.add_get("/v1/models", _list_models)


ANTHROPIC = StandIn(name="anthropic", install=_install, error=_error, missing_credential=_missing_credential)
