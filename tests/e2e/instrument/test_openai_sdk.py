"""The real OpenAI SDK against the stand-in, over sockets."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer

from pipeline import BreakerOpenError, Retries
from pipeline.instrument import instrument
from pipeline.prices import CEILING_USD_PER_CALL
from pipeline.retries import log_retries_as_ours
from tests.e2e.instrument.conftest import Serve, Served

HELLO: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How do you do? " * 20}]}


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve("openai", failure_threshold=2, call_timeout_seconds=5)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{served.url}/v1") as client:
        yield instrument(client, served.dependency)


def sync_client(served: Served) -> openai.OpenAI:
    return instrument(openai.OpenAI(api_key="sk-test", base_url=f"{served.url}/v1"), served.dependency)


async def test_answer_is_guarded_counted_and_priced_by_the_table(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    answer = await client.chat.completions.create(**HELLO)
    assert answer.choices[0].message.content
    assert served.calls() == {"success": 1}
    assert served.priced() == {"table": 1}
    assert answer.usage is not None
    assert served.tokens() == {
        "input": answer.usage.prompt_tokens,
        "output": answer.usage.completion_tokens,
    }


async def test_resource_that_was_looked_up_before_is_guarded_too(served: Served) -> None:
    async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{served.url}/v1") as client:
        completions = client.chat.completions
        instrument(client, served.dependency)
        await completions.create(**HELLO)
    assert served.calls() == {"success": 1}


async def test_free_request_is_guarded_and_costs_nothing(served: Served, client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()]
    assert served.calls() == {"success": 1}
    assert served.priced() == {}


async def test_stream_is_one_call_whose_usage_is_read_at_its_end(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    stream = await client.chat.completions.create(**HELLO, stream=True)
    assert served.calls() == {}
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].usage is not None
    assert served.calls() == {"success": 1}
    assert served.priced() == {"table": 1}
    assert served.tokens()["output"] == chunks[-1].usage.completion_tokens


async def test_callers_word_on_the_streams_usage_stands(served: Served, client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        **HELLO, stream=True, stream_options={"include_usage": False}
    )
    assert all(chunk.usage is None for chunk in [chunk async for chunk in stream])
    assert served.priced() == {"ceiling": 1}
    assert served.cost_usd() == CEILING_USD_PER_CALL


async def test_stream_that_is_closed_early_is_settled_at_the_ceiling(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    async with await client.chat.completions.create(**HELLO, stream=True) as stream:
        async for _ in stream:
            break
    assert served.calls() == {"success": 1}
    assert served.priced() == {"ceiling": 1}


async def test_stream_that_is_dropped_unread_is_settled_by_the_next_call(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    stream = await client.chat.completions.create(**HELLO, stream=True)
    await stream.response.aread()
    del stream
    gc.collect()
    await client.models.list()
    assert served.calls() == {"success": 2}


async def test_sdks_own_stream_helper_is_guarded(served: Served, client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(**HELLO) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content
    assert served.calls() == {"success": 1}
    assert served.priced() == {"table": 1}


async def test_raw_response_is_priced_by_its_body(served: Served, client: openai.AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(**HELLO)
    assert raw.status_code == 200
    assert served.priced() == {"table": 1}


async def test_response_whose_body_nobody_but_the_caller_reads_costs_the_ceiling(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    async with client.chat.completions.with_streaming_response.create(**HELLO) as response:
        assert (await response.parse()).choices
    assert served.calls() == {"success": 1}
    assert served.priced() == {"ceiling": 1}


async def test_copied_clients_are_guarded_by_the_same_dependency(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    for copied in (client.copy(timeout=3), client.with_options(max_retries=5)):
        await copied.with_options(timeout=4).chat.completions.create(**HELLO)
    assert served.calls() == {"success": 2}


async def test_failures_open_the_breaker_and_nothing_more_is_sent(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    await served.misbehave(mode="fail", status=503)
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(**HELLO)
    with pytest.raises(BreakerOpenError):
        await client.chat.completions.create(**HELLO)
    with pytest.raises(BreakerOpenError):
        await client.chat.completions.create(**HELLO, stream=True)
    assert await served.requests() == {"POST /v1/chat/completions": {"503": 2}}
    assert served.calls() == {"error": 2, "rejected_breaker": 2}


async def test_wrong_request_leaves_the_breaker_closed(served: Served, client: openai.AsyncOpenAI) -> None:
    for _ in range(4):
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="m", messages=[])
    assert served.judged() == {"success": 4}


async def test_hung_request_ends_at_the_guards_timeout(serve: Serve) -> None:
    served = await serve("openai", call_timeout_seconds=0.1)
    await served.misbehave(mode="hang")
    async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{served.url}/v1") as client:
        instrument(client, served.dependency)
        with pytest.raises(TimeoutError):
            await client.chat.completions.create(**HELLO)
        with pytest.raises(TimeoutError):
            await client.chat.completions.create(**HELLO, stream=True)
    assert served.calls() == {"timeout": 2}
    assert served.judged() == {"failure": 2}


async def test_sdks_own_timeout_counts_as_one(served: Served, client: openai.AsyncOpenAI) -> None:
    await served.misbehave(mode="hang")
    with pytest.raises(openai.APITimeoutError):
        await client.chat.completions.create(**HELLO, timeout=0.1)
    assert served.calls() == {"timeout": 1}


async def test_retries_are_the_guards_and_each_attempt_is_counted(serve: Serve) -> None:
    retries = Retries(attempts=3, first_wait_seconds=0.01, jitter_seconds=0)
    served = await serve("openai", retries=retries)
    await served.misbehave(mode="fail", status=503, remaining=2)
    async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{served.url}/v1") as client:
        instrument(client, served.dependency)
        await client.chat.completions.create(**HELLO)
        await served.misbehave(mode="fail", status=503, remaining=1)
        stream = await client.chat.completions.create(**HELLO, stream=True)
        assert [chunk async for chunk in stream]
    assert served.calls() == {"error": 3, "success": 2}


async def test_a_retry_is_logged_with_the_dependencys_name(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    retries = Retries(attempts=2, first_wait_seconds=0.01, jitter_seconds=0)
    served = await serve("openai", retries=retries)
    log_retries_as_ours()
    try:
        await served.misbehave(mode="fail", status=503, remaining=1)
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{served.url}/v1") as client:
            await instrument(client, served.dependency).chat.completions.create(**HELLO)
        await served.misbehave(mode="fail", status=503, remaining=1)
        with sync_client(served) as in_a_thread:
            await asyncio.to_thread(lambda: in_a_thread.chat.completions.create(**HELLO))
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    retried = "call.retried dependency=openai attempt=2 wait_seconds=0.01 reason=InternalServerError"
    assert [message for message in caplog.messages if "call.retried" in message] == [retried, retried]


async def test_sync_client_is_guarded_whole_and_streamed(served: Served) -> None:
    def use() -> None:
        with sync_client(served) as client:
            client.chat.completions.create(**HELLO)
            assert list(client.chat.completions.create(**HELLO, stream=True))
            with client.chat.completions.create(**HELLO, stream=True) as stream:
                next(iter(stream))
            with client.chat.completions.stream(**HELLO) as helper:
                helper.until_done()

    await asyncio.to_thread(use)
    assert served.calls() == {"success": 4}
    assert served.priced() == {"table": 3, "ceiling": 1}


@asynccontextmanager
async def streaming_server(then: Callable[[web.Request], Awaitable[None]]) -> AsyncIterator[str]:
    """Answers with the first chunk of a stream, and then does this."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    choice = {"index": 0, "delta": {"content": "Well"}, "finish_reason": None}

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n".encode())
        await then(request)
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/v1"))


async def break_off(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


async def hang(_request: web.Request) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("then", "error", "outcome"),
    [(break_off, openai.APIConnectionError, "error"), (hang, TimeoutError, "timeout")],
)
async def test_stream_that_stops_in_the_middle_is_a_failure_and_costs(
    then: Callable[[web.Request], Awaitable[None]], error: type[Exception], outcome: str
) -> None:
    async with streaming_server(then) as url, openai.AsyncOpenAI(api_key="sk-test", base_url=url) as client:
        served = Served("openai", url, call_timeout_seconds=0.2)
        instrument(client, served.dependency)
        stream = await client.chat.completions.create(**HELLO, stream=True)
        with pytest.raises(error):
            [chunk async for chunk in stream]
    assert served.calls() == {outcome: 1}
    assert served.judged() == {"failure": 1}
    assert served.priced() == {"ceiling": 1}


async def test_client_is_instrumented_once(served: Served, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(ValueError, match="instrumented already"):
        instrument(client, served.dependency)
