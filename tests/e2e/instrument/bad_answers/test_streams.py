"""Streams whose events are not as promised, and one whose reader takes his time."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from pipeline import Dependency, Rates
from pipeline.instrument import instrument
from pipeline.prices import CEILING_USD_PER_CALL
from tests.e2e.instrument.bad_answers.conftest import (
    CHUNK,
    HELLO,
    Provider,
    holds_nothing,
    judged,
    openai_client,
    spent_usd,
)
from tests.pipeline.limited import Limited

START = {
    "type": "message_start",
    "message": {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [],
        "usage": {"input_tokens": 10, "output_tokens": 1},
    },
}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Well"}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}


def changed(event: dict[str, Any], **message: Any) -> dict[str, Any]:
    return {**event, "message": {**event["message"], **message}}


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "message_start"}, TEXT, END],
        [{"type": "message_start", "message": None}, TEXT, END],
        [changed(START, usage={"input_tokens": 10, "output_tokens": [5]}), TEXT],
        [changed(START, usage={"input_tokens": 10, "output_tokens": "5"}), TEXT],
        [changed(START, usage=3), TEXT, END],
        [START, {"type": "content_block_delta", "index": 0}, END],
        [START, {"type": "message_delta"}],
    ],
)
async def test_whatever_is_in_a_stream_the_caller_gets_it_and_it_is_paid_for(
    provider: Provider, events: list[Any]
) -> None:
    provider.events = events
    limited = Limited()
    async with anthropic.AsyncAnthropic(api_key="sk-test", base_url=provider.url) as client:
        instrument(client, limited.dependency)
        stream = await client.messages.create(**HELLO, stream=True)
        assert len([event async for event in stream]) == len(events)
    assert judged(limited) == {"success": 1}
    assert holds_nothing(limited)
    assert spent_usd(limited) > 0


async def test_a_stream_whose_input_is_not_stated_costs_the_ceiling(provider: Provider) -> None:
    provider.events = [{"type": "message_start"}, TEXT, END]
    limited = Limited()
    async with anthropic.AsyncAnthropic(api_key="sk-test", base_url=provider.url) as client:
        instrument(client, limited.dependency)
        [event async for event in await client.messages.create(**HELLO, stream=True)]
    assert spent_usd(limited) == CEILING_USD_PER_CALL


async def test_an_item_that_cannot_be_read_is_logged_once_and_costs_the_ceiling(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pipeline.instrument.openai._LastUsage.see", lambda *_: 1 / 0)
    provider.events = [CHUNK, CHUNK]
    limited = Limited()
    async with openai_client(provider, limited) as client:
        stream = await client.chat.completions.create(**HELLO, stream=True)
        assert len([chunk async for chunk in stream]) == 2
    assert spent_usd(limited) == CEILING_USD_PER_CALL
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "price.item_not_read dependency=openrouter"
    ]


async def test_the_time_that_a_streams_reader_takes_is_not_the_providers(provider: Provider) -> None:
    provider.events = [CHUNK] * 3
    limited = Limited()
    limited.dependency = Dependency(
        "openai",
        meter=limited.meter,
        rates=Rates(slow_call_rate=0.5, window_calls=10, minimum_calls=2),
        slow_call_seconds=5,
        clock=limited.clock,
    )
    async with openai_client(provider, limited) as client:
        for _ in range(3):
            stream = await client.chat.completions.create(model="m", max_tokens=1, messages=[], stream=True)
            limited.clock.advance(10)
            async for _ in stream:
                limited.clock.advance(10)
    assert judged(limited) == {"success": 3}
