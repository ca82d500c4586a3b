from __future__ import annotations

import gzip

import pytest
from aiohttp import web

from pipeline.fallbacks import placeholder
from pipeline.providers import ProviderError, bounded
from pipeline.providers.language_model import Message
from tests.pipeline.providers.serving import CHAT, Scripted, providers_at, serving

PACKED = gzip.compress(b'{"a": "' + b"x" * 10_000_000)
MODELS = {"openrouter": CHAT, "openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


def bomb() -> Scripted:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return Scripted(lambda: web.Response(body=PACKED, headers=headers))


@pytest.fixture(autouse=True)
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_ANSWER_BYTES", 100_000)


@pytest.mark.parametrize("name", MODELS)
async def test_a_models_answer_that_unpacks_to_more_than_the_limit_is_given_up(name: str) -> None:
    async with serving(MODELS[name], bomb()) as url, providers_at(models={name: url}) as providers:
        answer = await providers.language_models.ask(
            [Message("user", "x")], max_output_tokens=5, fallback=placeholder(None)
        )
    assert isinstance(answer.error, ProviderError)
    assert "AnswerTooLongError" in str(answer.error)


async def test_a_search_that_unpacks_to_more_than_the_limit_is_given_up() -> None:
    async with serving("/v2/search", bomb()) as url, providers_at(firecrawl=url) as providers:
        assert providers.firecrawl is not None
        answer = await providers.firecrawl.search("x", limit=3, fallback=placeholder(None))
    assert isinstance(answer.error, ProviderError)
    assert "AnswerTooLongError" in str(answer.error)
