"""FireCrawl's SDK: each HTTP request is one call, and costs credits.

Its own HTTP layer is wrapped, method by method, because a `crawl` polls for minutes: what must answer in
time is the request. The frozen `.v1` interface has no such layer; its ways out are wrapped one by one.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from pipeline.dependency import Dependency
from pipeline.instrument.charged_once import charged_jobs
from pipeline.instrument.credits import Credits
from pipeline.instrument.mark import mark

log = logging.getLogger(__name__)

_METHODS: Final = ("post", "post_multipart", "get", "delete", "patch")
_V1_REQUESTS: Final = {"_post_request": "post", "_get_request": "get", "_delete_request": "delete"}
_V1_WITHOUT_LAYER: Final = {"scrape_url": "/v1/scrape", "search": "/v1/search", "map_url": "/v1/map"}
"""Methods of the sync v1 interface that send their one request themselves."""

_ONE_TRY: Final = {"retries": 1}
_ONE_TRY_OF_V1: Final = {"retries": 1, "backoff_factor": 0.0}
"""It waits after its last try as well."""


class _BadStatusError(Exception):
    """Carries an answer out of the guard, which judges errors; the SDK makes its own of the answer."""

    def __init__(self, response: Any) -> None:  # noqa: ANN401
        super().__init__(response.status_code)
        self.response = response


def install(client: object, dependency: Dependency, usd_per_credit: float | None) -> None:
    credits_used = Credits(usd_per_credit, charged_jobs(dependency))
    mark(client)
    if hasattr(client, "_prepare_headers"):
        _install_v1(client, dependency, credits_used)
        return
    inner: Any = getattr(client, "_v2_client", client)
    mark(inner)
    layers = [getattr(inner, name, None) for name in ("http_client", "async_http_client")]
    for layer in layers:
        for name in _METHODS:
            method = getattr(layer, name, None)
            if method is not None:
                setattr(layer, name, _guarded(method, name, dependency, credits_used, _ONE_TRY))
    try:
        proxy = getattr(client, "v1", None)
    except ValueError:  # without a key it can't be had, neither now nor later
        log.info("instrument.no_v1 dependency=%s", dependency.name)
        return
    if proxy is not None:
        mark(proxy._client)  # noqa: SLF001
        _install_v1(proxy._client, dependency, credits_used)  # noqa: SLF001
        for name in _V1_WITHOUT_LAYER:
            if name in vars(proxy):  # it keeps some of the methods that it found
                setattr(proxy, name, getattr(proxy._client, name))  # noqa: SLF001


def _install_v1(app: Any, dependency: Dependency, credits_used: Credits) -> None:  # noqa: ANN401
    if hasattr(app, "_async_request"):
        app._async_request = _guarded_v1(app._async_request, dependency, credits_used)  # noqa: SLF001
        app._handle_error = _with_status(app._handle_error)  # noqa: SLF001
        return
    for name, method in _V1_REQUESTS.items():
        request = _guarded(getattr(app, name), method, dependency, credits_used, _ONE_TRY_OF_V1)
        setattr(app, name, request)
    for name, endpoint in _V1_WITHOUT_LAYER.items():
        setattr(app, name, _guarded_v1_method(getattr(app, name), endpoint, dependency, credits_used))


def _guarded(
    send: Callable[..., Any],
    method: str,
    dependency: Dependency,
    credits_used: Credits,
    one_try: Mapping[str, Any],
) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(send):

        async def request_async(endpoint: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            async def once() -> Any:  # noqa: ANN401
                return _checked(await send(endpoint, *args, **{**kwargs, **one_try}))

            try:
                return await dependency.call(
                    once,
                    price=credits_used.price_of(method, endpoint),
                    max_usd=credits_used.most_usd(method, endpoint, _body(args, kwargs)),
                )
            except _BadStatusError as bad:
                return bad.response

        return request_async

    def request(endpoint: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        def once() -> Any:  # noqa: ANN401
            return _checked(send(endpoint, *args, **{**kwargs, **one_try}))

        try:
            return dependency.call_sync(
                once,
                price=credits_used.price_of(method, endpoint),
                max_usd=credits_used.most_usd(method, endpoint, _body(args, kwargs)),
            )
        except _BadStatusError as bad:
            return bad.response

    return request


def _checked(response: Any) -> Any:  # noqa: ANN401
    if response.status_code >= 400:
        raise _BadStatusError(response)
    return response


def _body(args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
    """What a request sends, as the SDK hands it over: after the endpoint, or by name."""
    return args[0] if args else kwargs.get("data")


def _guarded_v1(
    send: Callable[..., Awaitable[Any]], dependency: Dependency, credits_used: Credits
) -> Callable[..., Awaitable[Any]]:
    async def request(
        method: str, url: str, headers: object, data: object = None, *_retries: object
    ) -> object:
        return await dependency.call(
            lambda: send(method, url, headers, data, **_ONE_TRY_OF_V1),
            price=credits_used.price_of(method, url),
            max_usd=credits_used.most_usd(method, url, data),
        )

    return request


def _guarded_v1_method(
    method: Callable[..., Any], endpoint: str, dependency: Dependency, credits_used: Credits
) -> Callable[..., Any]:
    price = credits_used.price_of("post", endpoint)

    @functools.wraps(method)
    def request(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        asked = {"limit": kwargs.get("limit"), "scrapeOptions": kwargs.get("scrape_options")}
        return dependency.call_sync(
            lambda: method(*args, **kwargs),
            price=price,
            operation=method.__name__,
            max_usd=credits_used.most_usd("post", endpoint, asked),
        )

    return request


def _with_status(raise_error: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The async v1 interface tells an error's status in its text alone; the guard needs it as a number."""

    @functools.wraps(raise_error)
    async def raise_with_status(response: Any, action: str) -> None:  # noqa: ANN401
        try:
            await raise_error(response, action)
        except Exception as error:
            error.status = response.status  # type: ignore[attr-defined]
            raise

    return raise_with_status
