"""What a provider's headers say over its answers holds the next call back; a budget what it may cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import openai
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pipeline import BudgetExceededError, Dependency, Meter, RateLimitedError
from pipeline.budget import Budget
from pipeline.instrument import instrument
from pipeline.ledger import to_nano_usd
from pipeline.ledger.local_budget import LocalBudget
from pipeline.ledger.minute_rates import MinuteRates
from pipeline.ratelimit import RateLimit
from tests.pipeline.answers import CHAT_COMPLETION

ASK: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "Hello?"}],
    "max_tokens": 1000,
}


async def answer(_: web.Request) -> web.Response:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}
    return web.json_response(CHAT_COMPLETION, headers=headers)


async def ask_in_thread(client: openai.OpenAI) -> object:
    def ask() -> object:
        return client.chat.completions.create(**ASK)

    return await asyncio.to_thread(ask)


@pytest.fixture
async def url() -> Any:
    app = web.Application()
    app.router.add_post("/chat/completions", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


@pytest.mark.parametrize("is_async", [True, False])
async def test_an_answer_that_says_nothing_remains_pauses_the_next_call(url: str, is_async: bool) -> None:
    meter = Meter()
    rates = MinuteRates(100)
    dependency = Dependency("openai", meter=meter, rate_limit=RateLimit("openai", rates, meter))
    ask: Callable[[], Any]
    if is_async:
        client = instrument(openai.AsyncOpenAI(api_key="key", base_url=url), dependency)
        copied = client.with_options(timeout=30)

        async def ask() -> object:
            return await copied.chat.completions.create(**ASK)

        close = client.close()
    else:
        in_thread = instrument(openai.OpenAI(api_key="key", base_url=url), dependency)

        async def ask() -> object:
            return await ask_in_thread(in_thread)

        close = asyncio.to_thread(in_thread.close)
    await ask()
    assert rates.remaining() == 99
    with pytest.raises(RateLimitedError) as refused:
        await ask()
    assert 300 < refused.value.retry_after_seconds <= 360
    await close


async def test_a_request_is_refused_that_could_cost_more_than_is_left(url: str) -> None:
    """1,000 tokens out at 0.6 and 100 bytes in at 0.15 USD a million; a project's own tier may be dearer."""
    meter = Meter()
    usual: dict[str, Any] = {"service_tier": "default"}
    for limit_usd, tier, fits in ((0.00055, usual, False), (0.00065, usual, True), (0.00065, {}, False)):
        ledger = LocalBudget(to_nano_usd(limit_usd))
        dependency = Dependency("openai", meter=meter, paid=True, budget=Budget(ledger, meter))
        async with openai.AsyncOpenAI(api_key="key", base_url=url) as client:
            instrument(client, dependency)
            if fits:
                await client.chat.completions.create(**ASK, **tier)
                assert ledger.state().spent_nano_usd == to_nano_usd(0.000435)
            else:
                with pytest.raises(BudgetExceededError):
                    await client.chat.completions.create(**ASK, **tier)
