from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.demo.stand_ins import create_app
from tests.pipeline.demo.calling import CALLS

if TYPE_CHECKING:
    from tests.pipeline.demo.conftest import Client, Start

BODY: dict[str, Any] = CALLS["anthropic"].body or {}


async def ask(client: Client, **changes: Any) -> dict[str, Any]:
    response = await client.post("/v1/messages", json=BODY | changes)
    assert response.status == 200, await response.text()
    body: dict[str, Any] = await response.json()
    return body


async def test_an_answer_is_a_message_with_text_and_usage(start: Start) -> None:
    message = await ask(await start("anthropic"), system=[{"type": "text", "text": "x" * 40}])
    text = message["content"][0]["text"]
    assert message["content"] == [{"type": "text", "text": "This is a stand-in's answer to: Say something"}]
    assert (message["type"], message["role"], message["stop_reason"]) == ("message", "assistant", "end_turn")
    assert message["usage"] == {
        "input_tokens": 10 + 4,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": -(-len(text) // 4),
    }


async def test_a_token_limit_cuts_the_answer_short(start: Start) -> None:
    message = await ask(await start("anthropic"), max_tokens=2)
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("max_tokens", 2)


async def test_a_stream_runs_from_message_start_to_message_stop(start: Start) -> None:
    client = await start("anthropic")
    whole = await ask(client)
    response = await client.post("/v1/messages", json=BODY | {"stream": True})
    assert response.content_type == "text/event-stream"
    events = []
    for block in (await response.text()).strip().split("\n\n"):
        name, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    kinds = [event["type"] for event in events if event["type"] not in {"ping", "content_block_delta"}]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    texts = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(texts) == whole["content"][0]["text"]
    start_message, delta = events[0]["message"], events[-2]
    assert start_message["content"] == []
    assert start_message["stop_reason"] is None
    assert start_message["usage"]["input_tokens"] == whole["usage"]["input_tokens"]
    assert delta["usage"]["output_tokens"] == whole["usage"]["output_tokens"]
    assert delta["delta"]["stop_reason"] == "end_turn"


async def test_the_models_are_listed_in_pages(start: Start) -> None:
    body = await (await (await start("anthropic")).get("/v1/models")).json()
    assert body["has_more"] is False
    assert (body["first_id"], body["last_id"]) == (body["data"][0]["id"], body["data"][-1]["id"])
    assert set(body["data"][0]) == {"type", "id", "display_name", "created_at"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "authentication_error"), (404, "not_found_error"), (500, "api_error"), (529, "overloaded_error")],
)
async def test_every_error_has_its_own_type(start: Start, status: int, kind: str) -> None:
    client = await start("anthropic")
    await client.put("/_fault", json={"mode": "fail", "status": status})
    response = await client.post("/v1/messages", json=BODY)
    body = await response.json()
    assert (response.status, body["type"], body["error"]["type"]) == (status, "error", kind)


async def test_the_limit_of_output_tokens_is_required(start: Start) -> None:
    body = {key: value for key, value in BODY.items() if key != "max_tokens"}
    response = await (await start("anthropic")).post("/v1/messages", json=body)
    assert response.status == 400
    assert "max_tokens" in (await response.json())["error"]["message"]


async def test_the_version_header_is_required(aiohttp_client: Any) -> None:
    client = await aiohttp_client(create_app("anthropic"), headers={"x-api-key": "test-key"})
    response = await client.post("/v1/messages", json=BODY)
    assert response.status == 400
    assert "anthropic-version" in (await response.json())["error"]["message"]


@pytest.mark.parametrize("header", [{"x-api-key": "key"}, {"Authorization": "Bearer key"}])
async def test_the_key_is_taken_from_either_header(aiohttp_client: Any, header: dict[str, str]) -> None:
    client = await aiohttp_client(create_app("anthropic"), headers=header)
    assert (await client.get("/v1/models")).status == 200


@pytest.mark.parametrize("header", [{}, {"x-api-key": " "}, {"Authorization": "Basic key"}])
async def test_without_a_key_in_either_header_it_refuses(aiohttp_client: Any, header: dict[str, str]) -> None:
    client = await aiohttp_client(create_app("anthropic"), headers=header)
    assert (await client.get("/v1/models")).status == 401
