"""The real SDKs against answers that are not as promised: the caller keeps his, and no money is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pipeline.instrument import instrument
from tests.pipeline.limited import Limited

HELLO: Any = {
    "model": "claude-haiku-4-5",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "How do you do?"}],
}
CHUNK = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "delta": {"content": "Well"}, "finish_reason": None}],
}


class Provider:
    """Answers as it is told, with `events` to who asks for a stream."""

    def __init__(self) -> None:
        self.answer: object = {}
        self.events: list[Any] = []
        self.hangs = False
        self.url = ""

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if self.hangs:
            await asyncio.Event().wait()
        body = await request.json() if request.can_read_body else {}
        if not body.get("stream"):
            if isinstance(self.answer, str):
                return web.Response(text=self.answer, content_type="text/html")
            return web.json_response(self.answer)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in self.events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            await response.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        return response


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.respond)
    async with TestServer(app) as server:
        provider.url = str(server.make_url("")).rstrip("/")
        yield provider


def judged(limited: Limited) -> dict[str, float]:
    return {
        sample.labels["outcome"]: sample.value
        for family in limited.registry.collect()
        for sample in family.samples
        if sample.name == "circuit_breaker_calls_total" and sample.value
    }


def holds_nothing(limited: Limited) -> bool:
    return limited.ledger.state().reserved_nano_usd == 0


def spent_usd(limited: Limited) -> float:
    return limited.ledger.state().spent_nano_usd / 1e9


def openai_client(provider: Provider, limited: Limited) -> openai.AsyncOpenAI:
    return instrument(
        openai.AsyncOpenAI(api_key="sk-test", base_url=f"{provider.url}/v1"), limited.dependency
    )
