"""Clients that are copied, and requests whose cost does not stand in them."""

from __future__ import annotations

import asyncio

import openai
import pytest

from pipeline import BudgetExceededError, Dependency
from pipeline.instrument import instrument
from tests.e2e.instrument.bad_answers.conftest import Provider, judged, openai_client, spent_usd
from tests.pipeline.limited import Limited


async def test_copies_and_parts_of_an_instrumented_client_are_instrumented_already(
    provider: Provider,
) -> None:
    async with openai_client(provider, limited := Limited()) as client:
        for copied in (client.copy(), client.with_options(timeout=5).with_options(timeout=6)):
            with pytest.raises(ValueError, match="instrumented already"):
                instrument(copied, limited.dependency)


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
