"""Which Anthropic requests cost money, and what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from pipeline.dependency import Dependency
from pipeline.instrument import stainless
from pipeline.instrument.stainless import as_mapping
from pipeline.instrument.streams import Usage
from pipeline.prices import Charge, Flavor, Prices

_PAID: Final = ("/v1/messages", "/v1/messages?beta=true", "/v1/complete")
# English has about four characters a token; what has been sent must not be priced too low.
_FEWEST_CHARACTERS_PER_TOKEN: Final = 2


def install(client: object, dependency: Dependency, prices: Prices) -> None:
    stainless.install(client, dependency, _Anthropic(prices))


class _Anthropic:
    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def prepare(self, options: Any, *, stream: bool) -> None:  # noqa: ANN401
        """Nothing to ask for: a stream always states its usage."""

    def price(self, path: str, body: Mapping[str, Any], answer: Mapping[str, Any]) -> Charge | None:
        if path not in _PAID:
            return None
        model = str(body.get("model") or "")
        return self._prices.of_answer(answer, provider="anthropic", model=model, flavor=Flavor.ANTHROPIC)

    def most_usd(self, path: str, body: Mapping[str, Any]) -> float:
        return stainless.most_usd(self._prices, "anthropic", body) if path in _PAID else 0.0

    def usage(self, path: str, body: Mapping[str, Any]) -> Usage:
        return _RunningUsage(self, path, body)


class _RunningUsage:
    """The input at the start, the output at the end; in between the text that came tells the output."""

    def __init__(self, dialect: _Anthropic, path: str, body: Mapping[str, Any]) -> None:
        self._dialect = dialect
        self._path = path
        self._body = body
        self._model: object = None
        self._usage: dict[str, Any] = {}
        self._characters = 0
        self._complete = False

    def see(self, item: Any) -> None:  # noqa: ANN401
        kind = getattr(item, "type", None)
        if kind == "message_start":
            self._model = item.message.model
            self._usage.update(_stated(item.message.usage))
        elif kind == "message_delta":
            self._usage.update(_stated(item.usage))
            self._complete = True
        elif kind == "content_block_delta":
            delta = item.delta
            texts = (getattr(delta, name, None) for name in ("text", "partial_json", "thinking"))
            self._characters += sum(len(text) for text in texts if isinstance(text, str))

    def charge(self) -> Charge | None:
        usage = dict(self._usage)
        if usage and not self._complete:
            sent = math.ceil(self._characters / _FEWEST_CHARACTERS_PER_TOKEN)
            usage["output_tokens"] = max(usage.get("output_tokens", 0), sent)
        answer = {"model": self._model, "usage": usage} if usage else {}
        return self._dialect.price(self._path, self._body, answer)


def _stated(usage: object) -> dict[str, Any]:
    return {key: value for key, value in as_mapping(usage).items() if value is not None}
