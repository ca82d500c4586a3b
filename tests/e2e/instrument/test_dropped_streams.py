"""Streams that nobody reads to their end nor closes are settled, at the latest when the process ends."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from pipeline.instrument import instrument
from pipeline.prices import CEILING_USD_PER_CALL
from tests.clock import Clock
from tests.e2e.instrument.conftest import Serve, Served

HELLO: Any = {
    "model": "m",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "How do you do?"}],
    "stream": True,
}

SCRIPT = """
import sys
import openai
from pipeline import Dependency, Meter
from pipeline.instrument import instrument

url, spool = sys.argv[1:]
dependency = Dependency("openai", meter=Meter.spooling(spool), paid=True)
client = instrument(openai.OpenAI(api_key="sk-test", base_url=f"{url}/v1"), dependency)
messages = [{"role": "user", "content": "How do you do?"}]
"""
OPEN = 'client.chat.completions.create(model="m", messages=messages, stream=True)'


def seconds(served: Served) -> float:
    (total,) = (
        sample.value
        for family in served.meter.collect()
        for sample in family.samples
        if sample.name == "pipeline_call_duration_seconds_sum"
    )
    return total


async def test_a_dropped_stream_has_taken_the_time_until_it_was_dropped(serve: Serve) -> None:
    clock = Clock()
    served = await serve("openai", clock=clock)

    def drop() -> None:
        with openai.OpenAI(api_key="sk-test", base_url=f"{served.url}/v1") as client:
            stream = instrument(client, served.dependency).chat.completions.create(**HELLO)
            next(iter(stream))
            clock.advance(3)
            del stream
            gc.collect()

    await asyncio.to_thread(drop)
    clock.advance(7200)
    assert served.calls() == {}
    served.dependency.call_sync(lambda: None)
    assert served.calls() == {"success": 2}
    assert seconds(served) == 3


@pytest.mark.parametrize(
    "end",
    [
        f"for _ in {OPEN}: break",
        f"stream = {OPEN}\nnext(iter(stream))",
        f"stream = {OPEN}",
        f"{OPEN}\ndependency.name",
    ],
    ids=["half_read", "half_read_and_open", "unread_and_open", "unread"],
)
async def test_what_is_dropped_or_open_when_the_process_ends_is_counted(
    serve: Serve, tmp_path: Path, end: str
) -> None:
    served = await serve("openai")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT + end, served.url, str(tmp_path), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(tmp_path))  # type: ignore[no-untyped-call]
    samples = [sample for family in registry.collect() for sample in family.samples if sample.value]
    calls = [sample for sample in samples if sample.name == "pipeline_calls_total"]
    assert [(sample.labels["outcome"], sample.value) for sample in calls] == [("success", 1)]
    cost_usd = [sample.value for sample in samples if sample.name == "pipeline_cost_usd_total"]
    assert cost_usd == [CEILING_USD_PER_CALL]


async def test_the_sdks_methods_are_guarded_as_the_async_functions_in_them(serve: Serve) -> None:
    served, another = await serve("openai"), await serve("anthropic")
    asked = {key: value for key, value in HELLO.items() if key != "stream"}
    async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{served.url}/v1") as client:
        answer = await served.dependency.guard()(client.chat.completions.create)(**asked)
    assert answer.choices
    async with anthropic.AsyncAnthropic(api_key="sk-test", base_url=another.url) as claude:
        message = await another.dependency.guard()(claude.messages.create)(**asked)
    assert message.content
    assert (served.calls(), another.calls()) == ({"success": 1}, {"success": 1})
