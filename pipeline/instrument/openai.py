"""Which OpenAI requests cost money, and what; OpenRouter and others speak the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.dependency import Dependency
from pipeline.instrument import stainless
from pipeline.instrument.stainless import as_mapping
from pipeline.instrument.streams import Usage
from pipeline.metrics import PriceSource
from pipeline.prices import CEILING_USD_PER_CALL, Charge, Flavor, Prices

_FLAVORS: Final = {
    "/chat/completions": Flavor.CHAT,
    "/completions": Flavor.CHAT,
    "/responses": Flavor.RESPONSES,
    "/embeddings": Flavor.EMBEDDINGS,
}
_PAID_WITHOUT_TOKENS: Final = ("/images/", "/audio/", "/videos")
_USAGE_ON_REQUEST: Final = ("/chat/completions", "/completions")
_PRICE_TABLE_KNOWS: Final = ("openai", "openrouter")


def install(client: object, dependency: Dependency, prices: Prices) -> None:
    stainless.install(client, dependency, _OpenAI(dependency.name, prices))


class _OpenAI:
    def __init__(self, dependency: str, prices: Prices) -> None:
        self._prices = prices
        self._provider = dependency if dependency in _PRICE_TABLE_KNOWS else "openai"

    def prepare(self, options: Any, *, stream: bool) -> None:  # noqa: ANN401
        """Ask a stream for its usage, unless the caller has said anything about it.

        It comes in one more chunk at the end, whose list of choices is empty.
        """
        body = options.json_data
        if not (stream and isinstance(body, dict) and options.url in _USAGE_ON_REQUEST):
            return
        asked = body.get("stream_options")
        asked = asked if isinstance(asked, dict) else {}
        if "include_usage" not in asked:
            options.json_data = {**body, "stream_options": {**asked, "include_usage": True}}

    def price(self, path: str, body: Mapping[str, Any], answer: Mapping[str, Any]) -> Charge | None:
        model = str(body.get("model") or "")
        flavor = _FLAVORS.get(path)
        if flavor is not None:
            return self._prices.of_answer(answer, provider=self._provider, model=model, flavor=flavor)
        if path.startswith(_PAID_WITHOUT_TOKENS):
            return Charge(CEILING_USD_PER_CALL, PriceSource.CEILING, model)
        return None

    def most_usd(self, path: str, body: Mapping[str, Any]) -> float:
        if path in _FLAVORS:
            return stainless.most_usd(self._prices, self._provider, body)
        return CEILING_USD_PER_CALL if path.startswith(_PAID_WITHOUT_TOKENS) else 0.0

    def usage(self, path: str, body: Mapping[str, Any]) -> Usage:
        return _LastUsage(self, path, body)


class _LastUsage:
    """The usage of the last item that states one; a stream cut short before it costs the ceiling."""

    def __init__(self, dialect: _OpenAI, path: str, body: Mapping[str, Any]) -> None:
        self._dialect = dialect
        self._path = path
        self._body = body
        self._answer: Mapping[str, Any] = {}

    def see(self, item: Any) -> None:  # noqa: ANN401
        # A chunk of a chat completion states it itself, an event of a response in its `response`.
        for holder in (item, getattr(item, "response", None)):
            if getattr(holder, "usage", None) is not None:
                self._answer = as_mapping(holder)

    def charge(self) -> Charge | None:
        return self._dialect.price(self._path, self._body, self._answer)
