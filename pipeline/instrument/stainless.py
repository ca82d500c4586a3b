"""What the OpenAI and Anthropic SDKs share: every request of every resource goes through `client.request`.

That one bound method is replaced on the client that is given. A hook below it, in the HTTP client, would
have its refusals wrapped in connection errors and retried; one above it would miss resources.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, cast

from pipeline.dependency import Dependency
from pipeline.instrument.limit_headers import listen_to_limits
from pipeline.instrument.streams import StreamedCall, Usage
from pipeline.prices import Charge, Prices

log = logging.getLogger(__name__)

_OUTPUT_LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")


class Dialect(Protocol):
    """Where the SDKs differ."""

    def prepare(self, options: Any, *, stream: bool) -> None:  # noqa: ANN401
        """Change a request's options, which are a copy, before it is sent."""

    def price(self, path: str, body: Mapping[str, Any], answer: Mapping[str, Any]) -> Charge | None:
        """What a whole answer cost; None for a free call."""

    def most_usd(self, path: str, body: Mapping[str, Any]) -> float:
        """What a request costs at most; 0 for a free one."""

    def usage(self, path: str, body: Mapping[str, Any]) -> Usage:
        """Reads the items of a stream."""


def install(client: Any, dependency: Dependency, dialect: Dialect) -> None:  # noqa: ANN401
    """Guard this client, and what is copied from it."""
    if client.max_retries:
        log.info("instrument.sdk_retries_off dependency=%s was=%d", dependency.name, client.max_retries)
    listen_to_limits(client._client, dependency)  # noqa: SLF001
    guarded = _Requests(client.request, dependency, dialect)
    is_async = inspect.iscoroutinefunction(client.request)
    client.request = guarded.request_async if is_async else guarded.request
    copy = client.copy

    def copy_guarded(*args: object, **kwargs: object) -> object:
        copied = copy(*args, **kwargs)
        install(copied, dependency, dialect)
        return copied

    client.copy = client.with_options = copy_guarded


class _Requests:
    def __init__(self, send: Callable[..., Any], dependency: Dependency, dialect: Dialect) -> None:
        self._send = send
        self._dependency = dependency
        self._dialect = dialect
        self._abandoned: deque[StreamedCall] = deque()

    async def request_async(
        self,
        cast_to: Any,  # noqa: ANN401
        options: Any,  # noqa: ANN401
        *,
        stream: bool = False,
        stream_cls: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        options = self._prepared(options, stream=stream)

        async def send() -> Any:  # noqa: ANN401
            return await self._send(cast_to, options, stream=stream, stream_cls=stream_cls)

        if not stream:
            price, operation, most_usd = self._price_of(options), _path(options), self._most_usd(options)
            return await self._dependency.call(send, price=price, operation=operation, max_usd=most_usd)
        retries = self._dependency.retries
        if retries is None:
            return await self._open_async(send, options)
        return await retries.call(lambda: self._open_async(send, options))

    def request(
        self,
        cast_to: Any,  # noqa: ANN401
        options: Any,  # noqa: ANN401
        *,
        stream: bool = False,
        stream_cls: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        options = self._prepared(options, stream=stream)

        def send() -> Any:  # noqa: ANN401
            return self._send(cast_to, options, stream=stream, stream_cls=stream_cls)

        if not stream:
            price, operation, most_usd = self._price_of(options), _path(options), self._most_usd(options)
            return self._dependency.call_sync(send, price=price, operation=operation, max_usd=most_usd)
        retries = self._dependency.retries
        if retries is None:
            return self._open(send, options)
        return retries.call_sync(lambda: self._open(send, options))

    async def _open_async(self, send: Callable[[], Any], options: Any) -> Any:  # noqa: ANN401
        call = self._dependency.begin(is_stream=True)
        call.ask(operation=_path(options), max_usd=self._most_usd(options))
        await self._dependency.enter_async(call)
        try:
            async with asyncio.timeout(self._dependency.call_timeout_seconds):
                stream = await send()
        except BaseException as error:
            self._dependency.settle(call, error)
            raise
        streamed = StreamedCall(self._dependency, call, self._usage_of(options))
        if hasattr(stream, "_iterator"):
            streamed.follow_async(stream, self._abandoned)
        else:
            streamed.end()  # a raw response, which nobody but the caller may read
        return stream

    def _open(self, send: Callable[[], Any], options: Any) -> Any:  # noqa: ANN401
        call = self._dependency.begin(is_stream=True)
        call.ask(operation=_path(options), max_usd=self._most_usd(options))
        self._dependency.enter(call)
        started = time.monotonic()
        try:
            stream = send()
        except BaseException as error:
            self._dependency.settle(call, error)
            raise
        streamed = StreamedCall(self._dependency, call, self._usage_of(options))
        streamed.waited(time.monotonic() - started)
        if hasattr(stream, "_iterator"):
            streamed.follow(stream, self._abandoned)
        else:
            streamed.end()
        return stream

    def _prepared(self, options: Any, *, stream: bool) -> Any:  # noqa: ANN401
        while self._abandoned:
            self._abandoned.popleft().end()
        options = options.model_copy()
        options.max_retries = 0
        self._dialect.prepare(options, stream=stream)
        return options

    def _price_of(self, options: Any) -> Callable[[Any], Charge | None]:  # noqa: ANN401
        return lambda answer: self._dialect.price(_path(options), _body(options), as_mapping(answer))

    def _most_usd(self, options: Any) -> float | None:  # noqa: ANN401
        return self._dialect.most_usd(_path(options), _body(options)) if self._dependency.has_budget else None

    def _usage_of(self, options: Any) -> Usage:  # noqa: ANN401
        return self._dialect.usage(_path(options), _body(options))


def as_mapping(answer: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """An SDK's answer as its JSON object; empty where it is none, or where its body is still unread."""
    if hasattr(answer, "model_dump"):
        return cast("Mapping[str, Any]", answer.model_dump(warnings=False))
    try:
        parsed = json.loads(answer.http_response.content)
    except Exception:  # noqa: BLE001  (the caller's answer is good, whatever its body is)
        return {}
    return parsed if isinstance(parsed, Mapping) else {}


def most_usd(prices: Prices, provider: str, body: Mapping[str, Any]) -> float:
    """What a request for text costs at most, by the length of its body and the answers' greatest length."""
    lengths = (body.get(key) for key in _OUTPUT_LIMITS)
    longest = next((length for length in lengths if isinstance(length, int) and length >= 0), None)
    choices = body.get("n")
    if longest is not None and isinstance(choices, int) and choices > 1:
        longest *= choices
    try:
        prompt_bytes = len(json.dumps(body, default=str).encode())
    except (TypeError, ValueError, RecursionError):
        prompt_bytes = 0
    model = body.get("model")
    return prices.upper_bound_usd(
        provider=provider,
        model=model if isinstance(model, str) else "",
        prompt_bytes=prompt_bytes,
        max_output_tokens=longest,
    )


def _path(options: Any) -> str:  # noqa: ANN401
    return str(options.url)


def _body(options: Any) -> Mapping[str, Any]:  # noqa: ANN401
    return options.json_data if isinstance(options.json_data, Mapping) else {}
