"""Streams that nobody reads to their end: what they hold is settled, once."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading

import openai
import pytest

from pipeline.instrument import instrument
from pipeline.lost import lost, settle_lost
from tests.e2e.instrument.bad_answers.conftest import (
    CHUNK,
    HELLO,
    Provider,
    holds_nothing,
    judged,
    openai_client,
)
from tests.pipeline.limited import Limited


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
