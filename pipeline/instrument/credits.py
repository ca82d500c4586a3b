"""FireCrawl's credits, as its answers state them, in USD."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard, cast

from pipeline.instrument.charged_once import ChargedJobs
from pipeline.prices import CEILING_CREDITS_PER_CALL, Charge, Overrides, Prices, as_mapping
from pipeline.prices.usage import inside

_PAID: Final = ("scrape", "search", "map", "extract", "parse")
_JOBS: Final = ("crawl", "batch", "extract", "agent", "deep-research", "llmstxt")
_ENDED: Final = ("completed", "failed", "cancelled")
_SIZES: Final = ("limit", "maxUrls", "max_urls")
_DEARER: Final = ("scrapeOptions", "threatProtection", "enterprise", "zeroDataRetention")
"""In a body: what makes each page cost more than it does in the plain way."""

_RESULTS_WITHOUT_LIMIT: Final = 10
_CREDITS_PER_TEN_RESULTS: Final = 2
_PAGES_WITHOUT_LIMIT: Final = 100
"""Held for a job that states no limit, though FireCrawl's own is higher."""

_MOST_PAGES: Final = 1_000_000
# "/v2/crawl/<id>" or "https://host/v1/crawl/<id>?skip=10" → "crawl", "<id>"; "/v2/batch/scrape" is no id
_ENDPOINT: Final = re.compile(r"/v[12]/(?P<kind>[^/?]*)(?:(?<=/batch)/scrape)?/?(?P<job>[^?]*)")


class Credits:
    """Credits to USD. A job's are stated with its status, again and again, and are charged once."""

    def __init__(self, usd_per_credit: float | None, charged: ChargedJobs) -> None:
        self._prices = Prices(Overrides(firecrawl_usd_per_credit=usd_per_credit))
        self._charged = charged

    def price_of(self, method: str, endpoint: str) -> Callable[[Any], Charge | None]:
        """The price of an answer to this request, as a response or parsed; None for a free one."""
        return lambda answer: self._price(method.lower(), endpoint, _parsed(answer))

    def most_usd(self, method: str, endpoint: str, body: object = None) -> float:
        """What a request costs at most, by its `body` where it begins a job or searches.

        A job's status costs nothing: what it tells of is spent already.
        """
        kind, job = _kind_and_job(endpoint)
        if not method.lower().startswith("post") or job:
            return 0.0
        asked = body if isinstance(body, (dict, Mapping)) else {}
        if kind == "search":
            return self._usd(_most_credits_of_search(asked), kind)
        if kind in _JOBS:
            return self._usd(_most_credits(asked), kind)
        return self._usd(CEILING_CREDITS_PER_CALL, kind) if kind in _PAID else 0.0

    def _price(self, method: str, endpoint: str, answer: Mapping[str, Any]) -> Charge | None:
        kind, job = _kind_and_job(endpoint)
        stated = credits_stated(answer)
        if method == "get":
            has_ended = kind in _JOBS and bool(job) and answer.get("status") in _ENDED
            # Of one that failed nobody knows that it cost anything, unless it is stated.
            is_paid = has_ended and (stated is not None or answer.get("status") == "completed")
            if not is_paid or not self._charged.add(job):
                return None
        else:
            is_begun = kind in _JOBS and "id" in answer  # other answers have an id, too
            is_answer = method.startswith("post") and not is_begun and answer.get("success") is not False
            if not is_answer or (stated is None and (kind not in _PAID or job)):
                return None
        return self._prices.of_credits(stated, operation=kind)

    def _usd(self, credits_used: float, kind: str) -> float:
        return self._prices.of_credits(credits_used, operation=kind).usd


def _kind_and_job(endpoint: str) -> tuple[str, str]:
    found = _ENDPOINT.search(endpoint)
    return ("", "") if found is None else (found["kind"], found["job"])


def _most_credits(body: Mapping[str, Any]) -> int:
    """A page costs one credit, unless it is asked for in ways that cost more; an agent is told its most."""
    most = body.get("maxCredits")
    if _is_count(most):
        return min(most, _MOST_PAGES)
    urls = body.get("urls")
    sizes = (len(urls) if isinstance(urls, list) else None, *(body.get(key) for key in _SIZES))
    pages = next((size for size in sizes if _is_count(size)), None)
    if pages is None:
        return _PAGES_WITHOUT_LIMIT * CEILING_CREDITS_PER_CALL
    is_plain = isinstance(body.get("url"), str) and not _is_dearer(body)
    return min(pages, _MOST_PAGES) * (1 if is_plain else CEILING_CREDITS_PER_CALL)


def _most_credits_of_search(body: Mapping[str, Any]) -> int:
    """Two credits for ten results; each source has as many as the limit says, and each may be scraped."""
    limit, sources = body.get("limit"), body.get("sources")
    results = min(limit, _MOST_PAGES) if _is_count(limit) else _RESULTS_WITHOUT_LIMIT
    results *= max(len(sources), 1) if isinstance(sources, list) else 1
    most = -(-results // 10) * _CREDITS_PER_TEN_RESULTS
    if _is_dearer(body):
        most += results * CEILING_CREDITS_PER_CALL
    # What doesn't say how many credits it used costs so many.
    return max(most, CEILING_CREDITS_PER_CALL)


def _is_dearer(body: Mapping[str, Any]) -> bool:
    return any(body.get(key) not in (None, False) for key in _DEARER)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def credits_stated(answer: Mapping[str, Any]) -> float | None:
    """How many credits an answer says it cost; None where it says nothing that can be."""
    for holder in (answer, inside(answer, "metadata"), inside(inside(answer, "data"), "metadata")):
        used = holder.get("creditsUsed")
        if isinstance(used, int | float) and not isinstance(used, bool) and 0 <= used < 1e9:
            return float(used)
    return None


def _parsed(answer: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """The JSON object of a response, of what the SDK made of one, or the object itself."""
    if isinstance(answer, (dict, Mapping)):
        return answer
    if hasattr(answer, "model_dump"):
        return as_mapping(answer)
    try:
        parsed = answer.json()
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", parsed) if isinstance(parsed, (dict, Mapping)) else {}
