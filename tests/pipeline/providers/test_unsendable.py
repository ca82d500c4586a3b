"""A request that no bytes can be made of is ours: nothing is sent, paid for, or held against anybody."""

from __future__ import annotations

import pytest

from pipeline import Meter, running_job
from pipeline.fallbacks import placeholder
from pipeline.metrics import CIRCUIT_BREAKER_CALLS, PIPELINE_CALLS, BreakerOutcome
from pipeline.providers.language_model import Message
from pipeline.retries import Retries
from tests.pipeline.providers.asking import MESSAGES
from tests.pipeline.providers.serving import CHAT, Scripted, completion, message, providers_at, serving

HALF_A_CHARACTER = Message("user", "What are the pain_points? \ud83d")


@pytest.mark.parametrize(
    ("name", "path", "reply"),
    [
        ("openrouter", CHAT, completion("{}")),
        ("openai", "/v1/chat/completions", completion("{}")),
        ("anthropic", MESSAGES, message("{}")),
    ],
)
async def test_half_a_character_opens_no_breaker_and_costs_nothing(
    name: str, path: str, reply: object
) -> None:
    meter = Meter()
    model = Scripted(reply)  # type: ignore[arg-type]
    async with serving(path, model) as url, providers_at(models={name: url}, meter=meter) as providers:
        dependency = providers.dependencies[name]
        dependency.retries = Retries(first_wait_seconds=0.001, jitter_seconds=0)
        with running_job() as account:
            for _ in range(20):
                with pytest.raises(UnicodeEncodeError):
                    await providers.language_models.ask(
                        [HALF_A_CHARACTER], max_output_tokens=500, fallback=placeholder(None)
                    )
        assert dependency.breaker.closed
    assert model.bodies == []
    assert account.spent_usd == 0
    assert meter.counter(PIPELINE_CALLS, "none", name, "error").value == 20
    assert meter.counter(CIRCUIT_BREAKER_CALLS, name, BreakerOutcome.IGNORED).value == 20
