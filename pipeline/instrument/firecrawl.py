"""FireCrawl's SDK: each HTTP request is one call, and costs credits.

Its own HTTP layer is wrapped, method by method, because a `crawl` polls for minutes: what must answer in
time is the request. The frozen `.v1` interface is not guarded.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pipeline.dependency import Dependency
from pipeline.metrics import PriceSource
from pipeline.prices import Charge

CEILING_USD_PER_CREDIT: Final = 0.0064
"""What a credit costs in the dearest way to buy one, where the plan's price is not given."""

CEILING_CREDITS_PER_CALL: Final = 10
_METHODS: Final = ("post", "post_multipart", "get", "delete", "patch")
_PAID: Final = ("scrape", "search", "map", "extract", "parse")
_JOBS: Final = ("crawl", "batch", "extract", "agent")
_REMEMBERED_JOBS: Final = 4096


class _BadStatusError(Exception):
    """Carries an answer out of the guard, which judges errors; the SDK makes its own of the answer."""

    def __init__(self, response: Any) -> None:  # noqa: ANN401
        super().__init__(response.status_code)
        self.response = response


def install(client: object, dependency: Dependency, usd_per_credit: float | None) -> None:
    inner: Any = getattr(client, "_v2_client", client)
    credits_used = _Credits(usd_per_credit)
    layers = [getattr(inner, name, None) for name in ("http_client", "async_http_client")]
    for layer in layers:
        for name in _METHODS:
            method = getattr(layer, name, None)
            if method is not None:
                setattr(layer, name, _guarded(method, name, dependency, credits_used))


def _guarded(
    send: Callable[..., Any], method: str, dependency: Dependency, credits_used: _Credits
) -> Callable[..., Any]:
    def checked(response: Any) -> Any:  # noqa: ANN401
        if response.status_code >= 400:
            raise _BadStatusError(response)
        return response

    if inspect.iscoroutinefunction(send):

        async def request_async(endpoint: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            async def once() -> Any:  # noqa: ANN401
                return checked(await send(endpoint, *args, **{**kwargs, "retries": 1}))

            try:
                return await dependency.call(once, price=credits_used.price_of(method, endpoint))
            except _BadStatusError as bad:
                return bad.response

        return request_async

    def request(endpoint: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        def once() -> Any:  # noqa: ANN401
            return checked(send(endpoint, *args, **{**kwargs, "retries": 1}))

        try:
            return dependency.call_sync(once, price=credits_used.price_of(method, endpoint))
        except _BadStatusError as bad:
            return bad.response

    return request


class _Credits:
    """Credits to USD. A job's are stated with its status, again and again, and are charged once."""

    def __init__(self, usd_per_credit: float | None) -> None:
        self._source = PriceSource.CEILING if usd_per_credit is None else PriceSource.OVERRIDE
        self._usd_per_credit = CEILING_USD_PER_CREDIT if usd_per_credit is None else usd_per_credit
        self._charged: OrderedDict[str, None] = OrderedDict()

    def price_of(self, method: str, endpoint: str) -> Callable[[Any], Charge | None]:
        """The price of an answer to this request; None for a free one."""
        return lambda response: self._price(method, endpoint, _json(response))

    def _price(self, method: str, endpoint: str, answer: Mapping[str, Any]) -> Charge | None:
        # "/v2/crawl/<id>" or "https://host/v2/crawl/<id>?skip=10" → "crawl", "<id>"
        _, _, rest = endpoint.partition("/v2/")
        kind, _, job = rest.partition("?")[0].partition("/")
        if method == "get" and kind in _JOBS and job and answer.get("status") == "completed":
            if job in self._charged:
                return None
            self._charged[job] = None
            if len(self._charged) > _REMEMBERED_JOBS:
                self._charged.popitem(last=False)
            return self._charge(answer, kind)
        if method.startswith("post") and kind in _PAID and not job and "id" not in answer:
            return self._charge(answer, kind)
        return None

    def _charge(self, answer: Mapping[str, Any], kind: str) -> Charge:
        used = _credits_stated(answer)
        if used is None:
            usd = CEILING_CREDITS_PER_CALL * self._usd_per_credit
            return Charge(usd, PriceSource.CEILING, kind)
        return Charge(used * self._usd_per_credit, self._source, kind)


def _credits_stated(answer: Mapping[str, Any]) -> float | None:
    data = answer.get("data")
    metadata = data.get("metadata") if isinstance(data, Mapping) else None
    for holder in (answer, metadata):
        used = holder.get("creditsUsed") if isinstance(holder, Mapping) else None
        if isinstance(used, int | float) and not isinstance(used, bool) and 0 <= used < 1e9:
            return float(used)
    return None


def _json(response: Any) -> Mapping[str, Any]:  # noqa: ANN401
    try:
        parsed = response.json()
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", parsed) if isinstance(parsed, Mapping) else {}
