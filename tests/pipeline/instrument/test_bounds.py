"""What a budget holds for a request whose body does not say all that the model will read."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.instrument.bounds import Unseen, most_usd, unseen_input
from pipeline.prices import CEILING_USD_PER_CALL, Prices

INPUT_USD, OUTPUT_USD, CONTEXT = 0.15e-6, 0.6e-6, 128_000
ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "max_tokens": 100, "service_tier": "default"}
SCHEMA = {"type": "object", "properties": {"file_id": {"type": "string"}, "url": {"type": "string"}}}


def part(**content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [content]}]}


@pytest.mark.parametrize(
    "body",
    [
        {"previous_response_id": "resp_0"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1"}},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://e.com/a.pdf"}]}]},
        part(type="file", file={"file_id": "file_1"}),
        part(type="file", file={"file_data": "https://example.com/a.pdf"}),
        {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
        part(type="video_url", video_url={"url": "https://example.com/a.mp4"}),
        part(type="document", source={"type": "url", "url": "https://example.com/a.pdf"}),
        part(type="document", source={"type": "file", "file_id": "file_1"}),
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        {"tools": [{"type": "mcp", "server_url": "https://example.com/"}]},
        {"web_search_options": {"search_context_size": "high"}},
        {"plugins": [{"id": "web"}]},
        {"mcp_servers": [{"type": "url", "url": "https://example.com/"}]},
        {"model": "openai/gpt-4o-mini:online"},
        {"input": [["x"] for _ in range(10_001)]},
    ],
)
def test_what_the_model_reads_beside_the_body_may_fill_its_context(body: dict[str, Any]) -> None:
    assert unseen_input(body).is_open
    held = most_usd(Prices(), "openai", ASKED | {key: body[key] for key in body if key != "model"})
    if "model" not in body:
        assert held > CONTEXT * INPUT_USD + 100 * OUTPUT_USD


@pytest.mark.parametrize(
    "body",
    [
        part(type="text", text="see https://example.com/a.pdf"),
        {"prompt": "Once upon a time"},
        {"audio": {"voice": "alloy", "format": "mp3"}},
        {"tools": [{"type": "function", "function": {"name": "open", "parameters": SCHEMA}}]},
        {"tools": [{"name": "open", "input_schema": SCHEMA}, {"type": "bash_20250124", "name": "bash"}]},
        part(type="file", file={"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}),
        part(type="document", source={"type": "base64", "data": "AAAA"}),
    ],
)
def test_what_is_all_in_the_body_is_held_by_its_length(body: dict[str, Any]) -> None:
    assert unseen_input(body) == Unseen(0, is_open=False)


@pytest.mark.parametrize(
    "image",
    [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ],
)
def test_an_image_is_held_at_the_most_tokens_that_one_is_taken_for(image: dict[str, Any]) -> None:
    body = ASKED | {"messages": [{"role": "user", "content": [image, image]}]}
    assert unseen_input(body) == Unseen(2, is_open=False)
    assert most_usd(Prices(), "openai", body) > 2 * 48_169 * INPUT_USD  # eight tiles of high detail


@pytest.mark.parametrize(("key", "choices"), [("n", 3), ("best_of", 5), ("n", True), ("n", -1), ("n", "2")])
def test_each_choice_may_be_as_long_as_allowed(key: str, choices: Any) -> None:
    one = most_usd(Prices(), "openai", ASKED)
    many = most_usd(Prices(), "openai", ASKED | {key: choices})
    expected = choices if isinstance(choices, int) and choices > 1 else 1
    assert many - one == pytest.approx(100 * (expected - 1) * OUTPUT_USD, abs=20 * INPUT_USD)


@pytest.mark.parametrize(
    ("prompt", "texts"), [(["hi"] * 100, 100), ([[1, 2], [3]], 2), ([1, 2, 3], 1), ([], 1), ("hi", 1)]
)
def test_each_text_that_is_to_be_completed_may_be_as_long_as_allowed(prompt: object, texts: int) -> None:
    held = most_usd(Prices(), "openai", ASKED | {"prompt": prompt, "n": 2})
    assert held == pytest.approx(2 * texts * 100 * OUTPUT_USD, abs=1000 * INPUT_USD)


@pytest.mark.parametrize(
    ("models", "as_dear_as"),
    [
        (["openai/gpt-4o-mini", "anthropic/claude-opus-4"], "anthropic/claude-opus-4"),
        (["openai/gpt-4o-mini"] * 16, ""),  # so many are not looked up
        (["openai/gpt-4o-mini", None, 5], "openai/gpt-4o-mini"),
        ("anthropic/claude-opus-4", "openai/gpt-4o-mini"),
    ],
)
def test_the_dearest_model_that_may_stand_in_is_held(models: object, as_dear_as: str) -> None:
    asked = {"model": "openai/gpt-4o-mini", "max_tokens": 10**6, "models": models}
    held = most_usd(Prices(), "openrouter", asked)
    expected = most_usd(Prices(), "openrouter", {"model": as_dear_as, "max_tokens": 10**6})
    assert held == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("tools", "searches"),
    [
        ([{"type": "web_search_20250305", "max_uses": 30}], 30),
        ([{"type": "web_search"}, {"type": "web_search_20250305", "max_uses": -1}], 20),
        ([{"type": "web_search", "max_uses": 10**400}], 1000),
        ([{"type": "web_fetch_20250910", "max_uses": 5}, {"type": 5}, "web_search"], 0),
        ("web_search", 0),
    ],
)
def test_a_search_on_the_web_costs_more_than_what_is_read_there(tools: object, searches: int) -> None:
    asked = {**ASKED, "previous_response_id": "resp_0"}
    held = most_usd(Prices(), "openai", asked | {"tools": tools}) - most_usd(Prices(), "openai", asked)
    assert held == pytest.approx(searches * 0.01, abs=1000 * INPUT_USD)


def test_a_dearer_tier_or_speed_is_held_where_it_is_asked_for() -> None:
    asked = {"model": "gpt-5", "max_tokens": 10**6}
    held = {
        tier: round(most_usd(Prices(), "openai", {**asked, "service_tier": tier}))
        for tier in ("default", "priority", "auto", None, "x" * 100)
    }
    assert held == {"default": 10, "priority": 20, "auto": 20, None: 20, "x" * 100: 20}
    fast = {"model": "claude-opus-4-8", "max_tokens": 10**6, "speed": "fast"}
    assert most_usd(Prices(), "anthropic", fast) == pytest.approx(50, rel=0.001)


def test_without_a_limit_each_choice_is_held_at_the_ceiling() -> None:
    assert most_usd(Prices(), "openai", {"model": "gpt-4o-mini", "n": 3}) == 3 * CEILING_USD_PER_CALL


def test_a_context_that_nobody_lists_is_held_at_the_ceiling() -> None:
    body = ASKED | {"model": "nobody/knows", "previous_response_id": "resp_0"}
    assert most_usd(Prices(), "openai", body) == CEILING_USD_PER_CALL


@pytest.mark.parametrize(
    "odd", [{"n": 10**400}, {"max_tokens": 10**400}, {"n": float("nan")}, {"model": 5}, {1: {2: object()}}]
)
def test_an_absurd_body_is_held_at_some_amount_and_never_raises(odd: dict[Any, Any]) -> None:
    assert 0 < most_usd(Prices(), "openai", ASKED | odd) < 1e9


def test_a_body_that_contains_itself_is_none_of_ours_to_refuse() -> None:
    body: dict[str, Any] = dict(ASKED)
    body["messages"] = [body]
    assert most_usd(Prices(), "openai", body) > 0
