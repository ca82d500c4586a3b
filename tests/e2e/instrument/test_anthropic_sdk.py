"""The real Anthropic SDK against the stand-in, over sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from pipeline import BreakerOpenError
from pipeline.instrument import instrument
from tests.e2e.instrument.conftest import Serve, Served

HELLO: Any = {
    "model": "claude-haiku-4-5",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "How do you do? " * 20}],
}


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve("anthropic", failure_threshold=2, call_timeout_seconds=5)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key="sk-test", base_url=served.url) as client:
        yield instrument(client, served.dependency)


async def test_message_is_guarded_counted_and_priced_by_the_table(
    served: Served, client: anthropic.AsyncAnthropic
) -> None:
    message = await client.messages.create(**HELLO)
    assert served.calls() == {"success": 1}
    assert served.priced() == {"table": 1}
    assert served.tokens() == {"input": message.usage.input_tokens, "output": message.usage.output_tokens}


async def test_stream_is_one_call_whose_usage_is_read_on_the_way(
    served: Served, client: anthropic.AsyncAnthropic
) -> None:
    whole = await client.messages.create(**HELLO)
    before = served.tokens()
    stream = await client.messages.create(**HELLO, stream=True)
    assert [event async for event in stream]
    assert served.calls() == {"success": 2}
    assert served.priced() == {"table": 2}
    assert served.tokens() == {name: 2 * count for name, count in before.items()}
    assert whole.usage.output_tokens == before["output"]


async def test_sdks_own_stream_helper_is_guarded(served: Served, client: anthropic.AsyncAnthropic) -> None:
    async with client.messages.stream(**HELLO) as stream:
        message = await stream.get_final_message()
    assert served.calls() == {"success": 1}
    assert served.tokens()["output"] == message.usage.output_tokens


async def test_stream_closed_early_is_priced_by_what_has_come(
    served: Served, client: anthropic.AsyncAnthropic
) -> None:
    text = ""
    async with client.messages.stream(**HELLO) as stream:
        async for piece in stream.text_stream:
            text += piece
            break
    assert served.calls() == {"success": 1}
    assert served.priced() == {"table": 1}
    assert served.tokens()["output"] >= len(text) / 4


async def test_overload_opens_the_breaker_and_a_wrong_request_does_not(
    served: Served, client: anthropic.AsyncAnthropic
) -> None:
    for _ in range(3):
        with pytest.raises(anthropic.BadRequestError):
            await client.messages.create(model="m", max_tokens=1, messages=[])
    await served.misbehave(mode="fail", status=529)
    for _ in range(2):
        with pytest.raises(anthropic.APIStatusError):
            await client.messages.create(**HELLO)
    with pytest.raises(BreakerOpenError):
        await client.messages.create(**HELLO)
    assert (await served.requests())["POST /v1/messages"] == {"400": 3, "529": 2}


async def test_sync_client_is_guarded_whole_and_streamed(served: Served) -> None:
    def use() -> None:
        with anthropic.Anthropic(api_key="sk-test", base_url=served.url) as client:
            instrument(client, served.dependency)
            client.messages.create(**HELLO)
            with client.messages.stream(**HELLO) as stream:
                stream.until_done()
            with client.messages.create(**HELLO, stream=True) as early:
                next(iter(early))

    await asyncio.to_thread(use)
    assert served.calls() == {"success": 3}
    assert served.priced() == {"table": 3}


async def test_raw_response_is_priced_by_its_body(served: Served, client: anthropic.AsyncAnthropic) -> None:
    raw = await client.messages.with_raw_response.create(**HELLO)
    assert raw.status_code == 200
    assert served.calls() == {"success": 1}
    assert served.priced() == {"table": 1}


async def test_response_whose_body_nobody_but_the_caller_reads_costs_the_ceiling(
    served: Served, client: anthropic.AsyncAnthropic
) -> None:
    async with client.messages.with_streaming_response.create(**HELLO) as response:
        assert (await response.parse()).content
    assert served.calls() == {"success": 1}
    assert served.priced() == {"ceiling": 1}


async def test_copied_clients_are_guarded_by_the_same_dependency(
    served: Served, client: anthropic.AsyncAnthropic
) -> None:
    for copied in (client.copy(timeout=3), client.with_options(max_retries=5), client.with_middleware()):
        await copied.with_options(timeout=4).messages.create(**HELLO)
    assert served.calls() == {"success": 3}


async def test_free_request_costs_nothing(served: Served, client: anthropic.AsyncAnthropic) -> None:
    await client.models.list()
    assert served.calls() == {"success": 1}
    assert served.priced() == {}
