"""FireCrawl's credits, as its answers state them, in USD."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pipeline.instrument.stainless import as_mapping
from pipeline.prices import CEILING_CREDITS_PER_CALL, Charge, Overrides, Prices

_PAID: Final = ("scrape", "search", "map", "extract", "parse")
_JOBS: Final = ("crawl", "batch", "extract", "agent", "deep-research", "llmstxt")
_REMEMBERED_JOBS: Final = 4096
# "/v2/crawl/<id>" or "https://host/v1/crawl/<id>?skip=10" → "crawl", "<id>"
_ENDPOINT: Final = re.compile(r"/v[12]/(?P<kind>[^/?]*)/?(?P<job>[^?]*)")


class Credits:
    """Credits to USD. A job's are stated with its status, again and again, and are charged once."""

    def __init__(self, usd_per_credit: float | None) -> None:
        self._usd_per_credit = usd_per_credit
        self._charged: OrderedDict[str, None] = OrderedDict()

    def price_of(self, method: str, endpoint: str) -> Callable[[Any], Charge | None]:
        """The price of an answer to this request, as a response or parsed; None for a free one."""
        return lambda answer: self._price(method.lower(), endpoint, _parsed(answer))

    def most_usd(self, method: str, endpoint: str) -> float | None:
        """What a request costs at most; None where nobody knows, as a job's status may tell all it cost."""
        found = _ENDPOINT.search(endpoint)
        kind, job = ("", "") if found is None else found.group("kind", "job")
        if method.lower() == "get" and kind in _JOBS and job:
            return None
        if method.lower().startswith("post") and kind in _PAID and not job:
            most = _prices(self._usd_per_credit).of_credits(CEILING_CREDITS_PER_CALL, operation=kind)
            return most.usd
        return 0.0

    def _price(self, method: str, endpoint: str, answer: Mapping[str, Any]) -> Charge | None:
        found = _ENDPOINT.search(endpoint)
        kind, job = ("", "") if found is None else found.group("kind", "job")
        if method == "get" and kind in _JOBS and job and answer.get("status") == "completed":
            if job in self._charged:
                return None
            self._charged[job] = None
            if len(self._charged) > _REMEMBERED_JOBS:
                self._charged.popitem(last=False)
            return price_credits(answer, kind=kind, usd_per_credit=self._usd_per_credit)
        if method.startswith("post") and kind in _PAID and not job and "id" not in answer:
            return price_credits(answer, kind=kind, usd_per_credit=self._usd_per_credit)
        return None


def price_credits(answer: Mapping[str, Any], *, kind: str, usd_per_credit: float | None = None) -> Charge:
    """What a paid answer cost, by the credits that it states; without them, by the ceiling.

    `kind` stands where other charges have a model's name.
    """
    return _prices(usd_per_credit).of_credits(_credits_stated(answer), operation=kind)


def _prices(usd_per_credit: float | None) -> Prices:
    return Prices(Overrides(firecrawl_usd_per_credit=usd_per_credit))


def _credits_stated(answer: Mapping[str, Any]) -> float | None:
    data = answer.get("data")
    for holder in (
        answer,
        answer.get("metadata"),
        data.get("metadata") if isinstance(data, Mapping) else None,
    ):
        used = holder.get("creditsUsed") if isinstance(holder, Mapping) else None
        if isinstance(used, int | float) and not isinstance(used, bool) and 0 <= used < 1e9:
            return float(used)
    return None


def _parsed(answer: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """The JSON object of a response, of what the SDK made of one, or the object itself."""
    if isinstance(answer, Mapping):
        return answer
    if hasattr(answer, "model_dump"):
        return as_mapping(answer)
    try:
        parsed = answer.json()
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", parsed) if isinstance(parsed, Mapping) else {}
