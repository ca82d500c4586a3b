"""OpenAI: chat completions and the list of models."""

from __future__ import annotations

from aiohttp import web

from pipeline.demo.chat_completions import Dialect, chat_completions
from pipeline.demo.stand_in import StandIn, missing_bearer_token

MODELS = ("gpt-4o", "gpt-4o-mini")

_CREATED = 1_735_689_600  # 2025-01-01, in seconds since 1970
_TYPES = {429: "requests"}
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def _error(status: int, message: str) -> web.Response:
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    error = {"message": message, "type": kind, "param": None, "code": _CODES.get(status)}
    return web.json_response({"error": error}, status=status)


async def _list_models(_request: web.Request) -> web.Response:
    models = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "system"} for name in MODELS]
    return web.json_response({"object": "list", "data": models})


def _install(app: web.Application) -> None:
    app.router.add_post("/v1/chat/completions", chat_completions(Dialect(id_prefix="chatcmpl")))
    app.router.add_get("/v1/models", _list_models)


OPENAI = StandIn(name="openai", install=_install, error=_error, missing_credential=missing_bearer_token)
