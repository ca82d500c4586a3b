from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.pipeline.demo.calling import CALLS, CHAT

if TYPE_CHECKING:
    from tests.pipeline.demo.conftest import Client, Start


async def calls(client: Client) -> dict[str, Any]:
    body: dict[str, Any] = await (await client.get("/_calls")).json()
    return body


async def test_requests_are_counted_by_endpoint_and_status(start: Start) -> None:
    client = await start("anthropic")
    await CALLS["anthropic"].paid(client)
    await CALLS["anthropic"].paid(client)
    await CALLS["anthropic"].probe(client)
    await client.post("/v1/messages", data=b"{")
    await client.put("/_fault", json={"mode": "fail", "status": 529})
    await CALLS["anthropic"].paid(client)
    assert (await calls(client))["requests"] == {
        "POST /v1/messages": {"200": 2, "400": 1, "529": 1},
        "GET /v1/models": {"200": 1},
    }


async def test_unknown_paths_share_one_entry(start: Start) -> None:
    client = await start("openai")
    for path in ("/a", "/b", "/c"):
        await client.get(path)
    assert (await calls(client))["requests"] == {"unknown": {"404": 3}}


async def test_cost_and_tokens_are_the_sum_of_what_the_answers_stated(start: Start) -> None:
    client = await start("openrouter")
    usages = []
    for words in (3, 50, 700):
        body = CHAT | {"messages": [{"role": "user", "content": "word " * words}]}
        answer = await (await client.post("/api/v1/chat/completions", json=body)).json()
        usages.append(answer["usage"])
    seen = await calls(client)
    assert seen["cost_usd"] == pytest.approx(sum(usage["cost"] for usage in usages), abs=1e-12)
    assert seen["tokens"] == {
        "input": sum(usage["prompt_tokens"] for usage in usages),
        "output": sum(usage["completion_tokens"] for usage in usages),
    }


async def test_an_answer_that_failed_costs_nothing(start: Start) -> None:
    client = await start("openrouter")
    await client.put("/_fault", json={"mode": "fail"})
    await CALLS["openrouter"].paid(client)
    seen = await calls(client)
    assert (seen["cost_usd"], seen["tokens"]) == (0, {"input": 0, "output": 0})


async def test_two_applications_share_no_counts(start: Start) -> None:
    first, second = await start("openai"), await start("openai")
    await CALLS["openai"].paid(first)
    assert (await calls(second))["requests"] == {}
