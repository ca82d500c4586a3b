"""A question to language models; a stand-in for the answer is raised as the error that it stands for."""

from __future__ import annotations

from pipeline import Meter
from pipeline.fallbacks import placeholder
from pipeline.metrics import FallbackKind
from pipeline.providers import Providers
from pipeline.providers.language_model import Message
from tests.pipeline.providers.serving import providers_at

QUESTION = Message("user", "What are the pain_points?")
MESSAGES = "/v1/messages"
"""Anthropic's path."""


async def ask(url: str, meter: Meter | None = None, *, name: str = "openrouter") -> str:
    async with providers_at(models={name: url}, meter=meter) as providers:
        return await ask_of(providers)


async def ask_of(providers: Providers) -> str:
    answer = await providers.language_models.ask(
        [QUESTION], max_output_tokens=500, fallback=placeholder(None)
    )
    if answer.value is None:
        assert answer.fallback is FallbackKind.PLACEHOLDER
        assert answer.error is not None
        raise answer.error
    return answer.value
