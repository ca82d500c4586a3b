"""Servers that answer as a test says, and providers that talk to them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer

from pipeline import Meter
from pipeline.providers import Providers
from pipeline.settings import Settings

CHAT = "/api/v1/chat/completions"
CONVERT = "/forms/chromium/convert/html"
NOBODY = "http://127.0.0.1:1"
_TLS = ssl.create_default_context()

Reply = Callable[[], web.StreamResponse]


class Scripted:
    """Gives its replies one after the other, the last for ever, and keeps what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.headers: list[dict[str, str]] = []
        self.bodies: list[Any] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        is_json = request.content_type == "application/json"
        self.bodies.append(await request.json() if is_json else await request.read())
        return (self._replies.pop(0) if len(self._replies) > 1 else self._replies[0])()


def completion(content: str | None, **usage: Any) -> Reply:
    """A chat completion with this text; `usage` goes beside its 10 and 5 tokens."""
    body = {
        "id": "gen-1",
        "object": "chat.completion",
        "created": 1,
        "model": "openai/gpt-4o-mini",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15} | usage,
    }
    return lambda: web.json_response(body)


def answer(body: bytes | str, *, status: int = 200, content_type: str = "application/json") -> Reply:
    content = body.encode() if isinstance(body, str) else body
    return lambda: web.Response(body=content, status=status, content_type=content_type)


@asynccontextmanager
async def serving(path: str, reply: Scripted) -> AsyncIterator[str]:
    """The URL of a server that has this one path."""
    app = web.Application()
    app.router.add_post(path, reply.handle)
    async with serving_app(app) as url:
        yield url


@asynccontextmanager
async def serving_app(app: web.Application) -> AsyncIterator[str]:
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def providers_at(
    *, openrouter: str = NOBODY, pdf_service: str = NOBODY, meter: Meter | None = None
) -> AsyncIterator[Providers]:
    settings = Settings(
        openrouter_api_key="sk-or-secret",
        openrouter_base_url=f"{openrouter}/api/v1",
        pdf_service_url=pdf_service,
    )
    # Loading the certificates of the world's authorities takes longer than most tests.
    with patch("ssl.create_default_context", return_value=_TLS):
        providers = Providers.open(settings, Meter() if meter is None else meter)
    try:
        yield providers
    finally:
        await providers.close()
