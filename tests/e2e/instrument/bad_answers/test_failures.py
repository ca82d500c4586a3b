"""Failures that come with status 200, or with nothing at all."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from pipeline import BreakerOpenError, Retries
from pipeline.instrument import instrument
from tests.e2e.instrument.bad_answers.conftest import (
    HELLO,
    Provider,
    holds_nothing,
    judged,
    openai_client,
    spent_usd,
)
from tests.pipeline.limited import Limited

FAILED = {
    "type": "response.failed",
    "sequence_number": 1,
    "response": {"id": "r", "object": "response", "status": "failed", "error": {"code": "server_error"}},
}


@pytest.mark.parametrize(
    "answer", [{"error": {"message": "No instances available", "code": 502}}, {}, "<html>maintenance</html>"]
)
async def test_a_failure_with_status_200_counts_costs_nothing_and_is_returned_as_it_came(
    provider: Provider, answer: object
) -> None:
    provider.answer = answer
    limited = Limited(failure_threshold=3)
    async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{provider.url}/v1") as plain:
        expected = await plain.chat.completions.create(**HELLO)
    async with openai_client(provider, limited) as client:
        for _ in range(2):
            assert await client.chat.completions.create(**HELLO) == expected
        raw = await client.chat.completions.with_raw_response.create(**HELLO)
        assert raw.status_code == 200
        with pytest.raises(BreakerOpenError):
            await client.chat.completions.create(**HELLO)
    assert judged(limited) == {"failure": 3, "rejected": 1}
    assert (spent_usd(limited), holds_nothing(limited)) == (0, True)


async def test_a_failure_that_states_a_usage_is_paid_for(provider: Provider) -> None:
    provider.answer = {"error": {"code": 500}, "usage": {"prompt_tokens": 9, "cost": 0.5}}
    limited = Limited()
    async with openai_client(provider, limited) as client:
        await client.chat.completions.create(**HELLO)
    assert judged(limited) == {"failure": 1}
    assert spent_usd(limited) == 0.5


async def test_a_failure_with_status_200_is_retried_by_the_guard(provider: Provider) -> None:
    provider.answer = {"error": {"code": 502}}
    limited = Limited(retries=Retries(attempts=3, first_wait_seconds=0.01, jitter_seconds=0))
    async with openai_client(provider, limited) as client:
        answer = await client.chat.completions.create(**HELLO)
    assert answer.choices is None
    assert judged(limited) == {"failure": 3}


async def test_a_sync_client_gets_a_failure_with_status_200_as_it_came(provider: Provider) -> None:
    provider.answer = {"error": {"code": 502}}
    limited = Limited()

    def use() -> None:
        with openai.OpenAI(api_key="sk-test", base_url=f"{provider.url}/v1") as client:
            instrument(client, limited.dependency)
            assert client.chat.completions.create(**HELLO).choices is None

    await asyncio.to_thread(use)
    assert judged(limited) == {"failure": 1}


@pytest.mark.parametrize("events", [[FAILED], [{"type": "error", "code": "server_error"}], []])
async def test_a_stream_that_says_it_failed_or_says_nothing_is_a_failure_and_costs_nothing(
    provider: Provider, events: list[Any]
) -> None:
    provider.events = events
    limited = Limited()
    async with openai_client(provider, limited) as client:
        stream = await client.responses.create(model="gpt-5", input="x", stream=True)
        assert len([event async for event in stream]) == len(events)
    assert judged(limited) == {"failure": 1}
    assert (spent_usd(limited), holds_nothing(limited)) == (0, True)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_whose_head_hangs_until_the_caller_gives_up_is_a_failure(
    provider: Provider, *, stream: bool
) -> None:
    provider.hangs = True
    limited = Limited(failure_threshold=2, slow_call_seconds=0.05)
    async with openai_client(provider, limited) as client:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.chat.completions.create(**HELLO, stream=stream)
        with pytest.raises(BreakerOpenError):
            await client.chat.completions.create(**HELLO, stream=stream)
    assert judged(limited) == {"failure": 2, "rejected": 1}
