"""The real SDKs against answers that are not as promised: the caller keeps his, and no money is lost."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pipeline import BreakerOpenError, BudgetExceededError, Dependency, Rates, Retries
from pipeline.instrument import instrument
from pipeline.lost import lost, settle_lost
from pipeline.prices import CEILING_USD_PER_CALL
from tests.pipeline.limited import Limited

HELLO: Any = {
    "model": "claude-haiku-4-5",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "How do you do?"}],
}
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
CHUNK = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "delta": {"content": "Well"}, "finish_reason": None}],
}
FAILED = {
    "type": "response.failed",
    "sequence_number": 1,
    "response": {"id": "r", "object": "response", "status": "failed", "error": {"code": "server_error"}},
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


async def test_copies_and_parts_of_an_instrumented_client_are_instrumented_already(
    provider: Provider,
) -> None:
    async with openai_client(provider, limited := Limited()) as client:
        for copied in (client.copy(), client.with_options(timeout=5).with_options(timeout=6)):
            with pytest.raises(ValueError, match="instrumented already"):
                instrument(copied, limited.dependency)


async def test_streams_that_are_dropped_unread_hold_no_money_whichever_client_opened_them(
    provider: Provider,
) -> None:
    provider.events = [CHUNK]
    limited = Limited(1.0)  # four of these are all that it can hold
    async with openai_client(provider, limited) as client:
        for _ in range(3):
            await client.with_options(timeout=5).chat.completions.create(model="m", messages=[], stream=True)
    async with openai_client(provider, limited) as another:
        await another.models.list()
    assert judged(limited) == {"success": 4}
    assert holds_nothing(limited)


async def test_what_a_dropped_stream_holds_is_free_for_any_call_of_the_dependency(
    provider: Provider,
) -> None:
    provider.events = [CHUNK]
    limited = Limited(1.0)
    async with openai_client(provider, limited) as client:
        await client.chat.completions.create(model="m", max_tokens=1000, messages=[], stream=True)
    assert limited.ledger.state().reserved_nano_usd > 0.5e9
    await limited.call(0.0, max_usd=0.75)  # the stream has cost its ceiling, and holds nothing more
    assert holds_nothing(limited)


async def test_a_stream_that_a_thread_leaves_half_read_is_settled_by_the_next_call(
    provider: Provider,
) -> None:
    provider.events = [CHUNK, CHUNK]
    limited = Limited()

    def use() -> None:
        with openai.OpenAI(api_key="sk-test", base_url=f"{provider.url}/v1") as client:
            instrument(client, limited.dependency)
            for _ in client.chat.completions.create(**HELLO, stream=True):
                break

    await asyncio.to_thread(use)
    assert judged(limited) == {}
    await limited.call(0.0)
    assert judged(limited) == {"success": 2}
    assert holds_nothing(limited)


async def test_a_fork_settles_nothing_of_its_parents_streams(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.events = [CHUNK]
    limited = Limited()
    async with openai_client(provider, limited) as client:
        stream = await client.chat.completions.create(**HELLO, stream=True)
        with monkeypatch.context() as forked:
            forked.setattr("os.getpid", lambda: -1)
            await stream.close()
        assert judged(limited) == {}
        await stream.close()
    assert judged(limited) == {"success": 1}


def test_threads_that_settle_what_was_lost_at_the_same_time_raise_nothing() -> None:
    ended: list[int] = []
    failed: list[BaseException] = []
    done = threading.Event()

    def settle() -> None:
        try:
            while not done.is_set():
                settle_lost()
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=settle) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for number in range(20_000):
            lost.append(("openrouter", functools.partial(ended.append, number)))
    finally:
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    settle_lost()
    assert not failed
    assert sorted(ended) == list(range(20_000))


async def test_an_enforced_budget_holds_for_what_lies_at_the_provider(provider: Provider) -> None:
    provider.answer = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-4.1",
        "output": [],
        "usage": {"input_tokens": 250_000, "output_tokens": 100, "total_tokens": 250_100},
    }
    limited = Limited(5.0)

    async def go_on(client: openai.AsyncOpenAI) -> bool:
        try:
            await client.responses.create(
                model="gpt-4.1", previous_response_id="resp_0", input="go on", max_output_tokens=100
            )
        except BudgetExceededError:
            return False
        return True

    limited.dependency = Dependency("openai", meter=limited.meter, paid=True, budget=limited.budget)
    async with openai_client(provider, limited) as client:
        went_on = await asyncio.gather(*(go_on(client) for _ in range(32)))
    assert 0 < sum(went_on) < 10
    assert spent_usd(limited) <= 5


async def test_a_list_of_stored_completions_costs_nothing(provider: Provider) -> None:
    provider.answer = {"object": "list", "data": [], "has_more": False}
    limited = Limited()
    async with openai_client(provider, limited) as client:
        assert [stored async for stored in client.chat.completions.list()] == []
    assert (spent_usd(limited), judged(limited)) == (0, {"success": 1})


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
