"""OpenAI and OpenRouter: one API, two dialects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.demo.openrouter import INPUT_USD_PER_MILLION_TOKENS, OUTPUT_USD_PER_MILLION_TOKENS
from pipeline.demo.stand_ins import create_app
from tests.pipeline.demo.calling import CALLS, CHAT

if TYPE_CHECKING:
    from tests.pipeline.demo.conftest import Client, Start

BOTH = pytest.mark.parametrize("name", ["openai", "openrouter"])


async def ask(client: Client, name: str, **changes: Any) -> dict[str, Any]:
    response = await client.post(CALLS[name].paid_path, json=CHAT | changes)
    assert response.status == 200, await response.text()
    body: dict[str, Any] = await response.json()
    return body


async def stream(client: Client, name: str, **changes: Any) -> list[dict[str, Any]]:
    """The chunks of a stream that ended as it should."""
    response = await client.post(CALLS[name].paid_path, json=CHAT | {"stream": True} | changes)
    assert response.content_type == "text/event-stream"
    lines = [line for line in (await response.text()).split("\n\n") if line.startswith("data: ")]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@BOTH
async def test_the_same_prompt_gets_the_same_answer(start: Start, name: str) -> None:
    client = await start(name)
    first, second = await ask(client, name), await ask(client, name)
    assert first["choices"] == second["choices"]
    assert first["id"] != second["id"]


@BOTH
async def test_four_characters_make_a_token_in_all_messages_together(start: Start, name: str) -> None:
    messages = [
        {"role": "system", "content": "x" * 40},
        {"role": "user", "content": [{"type": "text", "text": "y" * 41}]},
    ]
    answer = await ask(await start(name), name, messages=messages)
    usage, text = answer["usage"], answer["choices"][0]["message"]["content"]
    assert usage["prompt_tokens"] == 10 + 11
    assert usage["completion_tokens"] == -(-len(text) // 4)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


async def test_openrouter_states_the_cost_and_openai_does_not(start: Start) -> None:
    usage = (await ask(await start("openrouter"), "openrouter"))["usage"]
    assert usage["cost"] == pytest.approx(
        usage["prompt_tokens"] * INPUT_USD_PER_MILLION_TOKENS / 1e6
        + usage["completion_tokens"] * OUTPUT_USD_PER_MILLION_TOKENS / 1e6
    )
    assert "cost" not in (await ask(await start("openai"), "openai"))["usage"]


@BOTH
async def test_a_token_limit_cuts_the_answer_short(start: Start, name: str) -> None:
    client = await start(name)
    for key in ("max_tokens", "max_completion_tokens"):
        answer = await ask(client, name, **{key: 3})
        assert answer["usage"]["completion_tokens"] == 3
        assert answer["choices"][0]["finish_reason"] == "length"


@BOTH
async def test_a_stream_carries_the_same_text_and_usage(start: Start, name: str) -> None:
    client = await start(name)
    whole = await ask(client, name)
    chunks = await stream(client, name, stream_options={"include_usage": True})
    *with_text, last = chunks
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in with_text)
    assert text == whole["choices"][0]["message"]["content"]
    assert with_text[-1]["choices"][0]["finish_reason"] == "stop"
    assert (last["choices"], last["usage"]) == ([], whole["usage"])


async def test_only_openrouter_streams_a_usage_nobody_asked_for(start: Start) -> None:
    assert "usage" in (await stream(await start("openrouter"), "openrouter"))[-1]
    assert not any("usage" in chunk for chunk in await stream(await start("openai"), "openai"))


async def test_a_streamed_answer_is_charged_like_any(start: Start) -> None:
    client = await start("openrouter")
    usage = (await stream(client, "openrouter"))[-1]["usage"]
    seen = await (await client.get("/_calls")).json()
    assert seen["cost_usd"] == pytest.approx(usage["cost"], abs=1e-12)


@BOTH
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None}, "model: a text"),
        ({"messages": []}, "messages: a list with at least one"),
        ({"messages": ["hello"]}, r"messages[0]: an object"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content: a text"),
        ({"messages": [{"role": "system", "content": "x"}]}, "a message with the role 'user'"),
        ({"max_tokens": 0}, "max_tokens: a whole number"),
    ],
)
async def test_what_is_wrong_with_a_request_is_said(
    start: Start, name: str, changes: dict[str, Any], message: str
) -> None:
    response = await (await start(name)).post(CALLS[name].paid_path, json=CHAT | changes)
    assert response.status == 400
    assert message in (await response.json())["error"]["message"]


async def test_the_credit_of_an_openrouter_key_shrinks_by_the_cost(start: Start) -> None:
    client = await start("openrouter")
    cost_usd = (await ask(client, "openrouter"))["usage"]["cost"]
    key = (await (await client.get("/api/v1/key")).json())["data"]
    assert key["usage"] == pytest.approx(cost_usd, abs=1e-12)
    assert key["limit_remaining"] == pytest.approx(key["limit"] - cost_usd)
    assert key["is_free_tier"] is False
    assert set(key["rate_limit"]) == {"requests", "interval"}


async def test_openrouters_list_of_models_is_public(aiohttp_client: Any) -> None:
    client = await aiohttp_client(create_app("openrouter"))
    response = await client.get("/api/v1/models")
    assert response.status == 200
    model = (await response.json())["data"][0]
    assert float(model["pricing"]["prompt"]) * 1e6 == pytest.approx(INPUT_USD_PER_MILLION_TOKENS)


async def test_the_openai_sdk_understands_every_answer(start: Start) -> None:
    import openai  # loading it takes a second, which only this test should cost

    for name, prefix in (("openai", "/v1"), ("openrouter", "/api/v1")):
        client = await start(name)
        base_url = str(client.make_url(prefix))
        async with openai.AsyncOpenAI(base_url=base_url, api_key="test-key", max_retries=0) as sdk:
            messages: Any = [{"role": "user", "content": "Hello"}]
            answer = await sdk.chat.completions.create(model="some-model", messages=messages)
            assert answer.choices[0].message.content == "This is a stand-in's answer to: Hello"
            assert answer.usage is not None
            assert answer.usage.total_tokens > 0
            streamed = await sdk.chat.completions.create(model="some-model", messages=messages, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in streamed if chunk.choices]
            assert "".join(pieces) == answer.choices[0].message.content
            assert [model.id async for model in sdk.models.list()]
            await client.put("/_fault", json={"mode": "rate_limit", "retry_after_seconds": 3})
            with pytest.raises(openai.RateLimitError) as limited:
                await sdk.chat.completions.create(model="some-model", messages=messages)
            assert limited.value.response.headers["retry-after"] == "3"
            await client.put("/_fault", json={"mode": "fail", "status": 401})
            with pytest.raises(openai.AuthenticationError):
                await sdk.models.list()
