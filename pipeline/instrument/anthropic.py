"""Which Anthropic requests cost money, and what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from pipeline.dependency import Dependency
from pipeline.instrument import stainless
from pipeline.instrument.answers import NoAnswerError, failure_in
from pipeline.instrument.bounds import most_usd
from pipeline.instrument.requests import Request
from pipeline.instrument.streams import Usage
from pipeline.prices import Charge, Flavor, Prices, as_mapping
from pipeline.prices.usage import usage_of

_PAID: Final = ("/v1/messages", "/v1/complete")
_HELD: Final = ("content", "completion")
# English has about four characters a token; what has been sent must not be priced too low.
_FEWEST_CHARACTERS_PER_TOKEN: Final = 2


def install(client: object, dependency: Dependency, prices: Prices) -> None:
    stainless.install(client, dependency, _Anthropic(prices))


class _Anthropic:
    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def prepare(self, options: Any, *, stream: bool) -> None:  # noqa: ANN401
        """Nothing to ask for: a stream always states its usage."""

    def price(self, request: Request, answer: Mapping[str, Any]) -> Charge | None:
        if request.method != "post" or (self.is_free(request) and not usage_of(answer)):
            return None
        model = str(request.body.get("model") or "")
        return self._prices.of_answer(answer, provider="anthropic", model=model, flavor=Flavor.ANTHROPIC)

    def failure(self, request: Request, answer: Mapping[str, Any]) -> NoAnswerError | None:
        return None if self.is_free(request) else failure_in(answer, _HELD)

    def is_free(self, request: Request) -> bool:
        return request.method != "post" or request.path not in _PAID

    def most_usd(self, request: Request) -> float:
        return most_usd(self._prices, "anthropic", request.body)

    def usage(self, request: Request) -> Usage:
        return _RunningUsage(self, request)


class _RunningUsage:
    """The input at the start, the output at the end; in between the text that came tells the output."""

    failure = None  # the SDK raises an error inside a stream

    def __init__(self, dialect: _Anthropic, request: Request) -> None:
        self._dialect = dialect
        self._request = request
        self._model: object = None
        self._usage: dict[str, Any] = {}
        self._characters = 0
        self._complete = False

    def see(self, item: Any) -> None:  # noqa: ANN401
        kind = getattr(item, "type", None)
        if kind == "message_start":
            message = getattr(item, "message", None)
            self._model = getattr(message, "model", None)
            self._usage.update(_stated(getattr(message, "usage", None)))
        elif kind == "message_delta":
            self._usage.update(_stated(getattr(item, "usage", None)))
            self._complete = True
        elif kind == "content_block_delta":
            delta = getattr(item, "delta", None)
            texts = (getattr(delta, name, None) for name in ("text", "partial_json", "thinking"))
            self._characters += sum(len(text) for text in texts if isinstance(text, str))

    def charge(self) -> Charge | None:
        usage = dict(self._usage)
        if usage and not self._complete:
            sent = math.ceil(self._characters / _FEWEST_CHARACTERS_PER_TOKEN)
            stated = usage.get("output_tokens", 0)
            usage["output_tokens"] = max(stated, sent) if isinstance(stated, int) else stated
        if usage:
            usage.setdefault("input_tokens", "not stated")  # no count, so that the price is a ceiling
        answer = {"model": self._model, "usage": usage} if usage else {}
        return self._dialect.price(self._request, answer)


def _stated(usage: object) -> dict[str, Any]:
    return {key: value for key, value in as_mapping(usage).items() if value is not None}
