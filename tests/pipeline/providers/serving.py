"""Servers that answer as a test says, and providers that talk to them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer

from pipeline import Meter
from pipeline.limits import Limits
from pipeline.prices import Prices
from pipeline.providers import Guards, Providers
from pipeline.settings import ServiceAccess, Settings

CHAT = "/api/v1/chat/completions"
CONVERT = "/forms/chromium/convert/html"
NOBODY = "http://127.0.0.1:1"
BASE_PATHS = {"openrouter": "/api/v1", "openai": "/v1", "anthropic": ""}
MODELS = {"openrouter": "openai/gpt-4o-mini", "openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
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


def message(text: str) -> Reply:
    """A message of Anthropic's with this text, for 10 and 5 tokens."""
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODELS["anthropic"],
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
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


def settings_at(
    *,
    models: Mapping[str, str] | None = None,
    firecrawl: str | None = None,
    pdf_service: str = NOBODY,
    mongodb: str | None = None,
    cv: str = "# Ada\n\n## Experience\n\n- Cooked at Old Inn",
    prices: Prices | None = None,
) -> Settings:
    """Services by URL, the models in the order of `models`; nobody is at the others, or they are left out."""
    models = {"openrouter": NOBODY} if models is None else models
    return Settings(
        language_models=tuple(
            ServiceAccess(
                name=name, api_key=f"{name}-secret", base_url=url + BASE_PATHS[name], model=MODELS[name]
            )
            for name, url in models.items()
        ),
        firecrawl=None
        if firecrawl is None
        else ServiceAccess(name="firecrawl", api_key="firecrawl-secret", base_url=firecrawl),
        pdf_service_url=pdf_service,
        mongodb_uri=mongodb,
        candidate_cv=cv,
        prices=Prices() if prices is None else prices,
    )


@asynccontextmanager
async def providers_of(
    settings: Settings, meter: Meter | None = None, limits: Limits | None = None
) -> AsyncIterator[Providers]:
    # Loading the certificates of the world's authorities takes longer than most tests.
    with patch("ssl.create_default_context", return_value=_TLS):
        providers = Providers.open(settings, Guards(meter=Meter() if meter is None else meter, limits=limits))
    for dependency in providers.dependencies.values():
        dependency.retries = None
    try:
        yield providers
    finally:
        await providers.close()


@asynccontextmanager
async def providers_at(
    *,
    openrouter: str = NOBODY,
    models: Mapping[str, str] | None = None,
    firecrawl: str | None = None,
    pdf_service: str = NOBODY,
    meter: Meter | None = None,
) -> AsyncIterator[Providers]:
    """Without retries: a test counts what is sent."""
    models = {"openrouter": openrouter} if models is None else models
    settings = settings_at(models=models, firecrawl=firecrawl, pdf_service=pdf_service)
    async with providers_of(settings, meter) as providers:
        yield providers
