"""Answers that are objects: the SDKs' models, and what is no answer at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.dataclasses import dataclass

from pipeline.metrics import PriceSource
from pipeline.prices import CEILING_USD_PER_CALL, Flavor, price_answer, price_chat_completion
from tests.pipeline.answers import CHAT_COMPLETION, MESSAGE, OPENROUTER, RESPONSE


class Sdk:
    """As the SDKs' objects, which are pydantic models."""

    def __init__(self, dump: Callable[[], object]) -> None:
        self._dump = dump

    def model_dump(self, *, warnings: bool) -> object:
        assert not warnings
        return self._dump()


class Details(BaseModel, extra="allow"):
    pass


class Usage(BaseModel, extra="allow"):
    prompt_tokens_details: Details | None = None
    input_tokens_details: Details | None = None


class SdksAnswer(BaseModel, extra="allow"):
    model: str
    usage: Usage | None = None


@pytest.mark.parametrize(
    ("answer", "provider", "flavor"),
    [
        (CHAT_COMPLETION, "openai", Flavor.CHAT),
        (CHAT_COMPLETION | {"service_tier": "priority"}, "openai", Flavor.CHAT),
        (OPENROUTER, "openrouter", Flavor.CHAT),
        (RESPONSE, "openai", Flavor.RESPONSES),
        (MESSAGE, "anthropic", Flavor.ANTHROPIC),
    ],
)
def test_an_sdks_model_is_read_as_far_as_its_price_goes_and_never_dumped(
    answer: dict[str, Any], provider: str, flavor: Flavor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SdksAnswer.model_validate(answer)
    monkeypatch.setattr(BaseModel, "model_dump", explode)
    charge = price_answer(made, provider=provider, model="m", flavor=flavor)
    assert charge == price_answer(answer, provider=provider, model="m", flavor=flavor)


def test_an_sdks_object_is_priced_as_its_json() -> None:
    assert price_chat_completion(
        Sdk(lambda: CHAT_COMPLETION), provider="openai", model="m"
    ) == price_chat_completion(CHAT_COMPLETION, provider="openai", model="gpt-4o-mini")


def explode(*_: object, **__: object) -> object:
    raise RuntimeError


@dataclass
class NoModel:
    """Pydantic's, and yet without what its models have beside their fields."""

    cached_tokens: int = 0


@pytest.mark.parametrize("details", [NoModel(), Details.__new__(Details), object(), [1], "text"])
def test_strange_details_of_an_answer_count_as_none(details: object) -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 100}
    answer = {"model": "gpt-4o-mini", "usage": usage}
    strange = answer | {"usage": usage | {"prompt_tokens_details": details, "cost_details": details}}
    assert price_chat_completion(strange, provider="openai", model="m") == price_chat_completion(
        answer, provider="openai", model="m"
    )


def test_a_usage_without_end_is_priced_by_what_is_counted() -> None:
    usage = dict(MESSAGE["usage"])
    usage["more"] = usage
    endless = price_answer(
        MESSAGE | {"usage": usage}, provider="anthropic", model="m", flavor=Flavor.ANTHROPIC
    )
    assert endless.source is PriceSource.TABLE


@pytest.mark.parametrize("answer", [None, "text", [1], Sdk(explode), Sdk(lambda: 5), object()])
def test_what_is_no_answer_costs_the_ceiling(answer: object) -> None:
    charge = price_chat_completion(answer, provider="openai", model="gpt-4o-mini")
    assert (charge.usd, charge.source) == (CEILING_USD_PER_CALL, PriceSource.CEILING)
