"""What the OpenAI and Anthropic SDKs share: every request of every resource goes through `client.request`.

That one bound method is replaced on the client that is given. A hook below it, in the HTTP client, would
have its refusals wrapped in connection errors and retried; one above it would miss resources.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pipeline.dependency import Dependency
from pipeline.gates import Call
from pipeline.instrument.answers import NoAnswerError, body_of
from pipeline.instrument.limit_headers import listen_to_limits
from pipeline.instrument.mark import mark
from pipeline.instrument.requests import Request, request_of
from pipeline.instrument.streams import StreamedCall, Usage
from pipeline.prices import Charge
from pipeline.prices.usage import usage_of

log = logging.getLogger(__name__)


class Dialect(Protocol):
    """Where the SDKs differ."""

    def prepare(self, options: Any, *, stream: bool) -> None:  # noqa: ANN401
        """Change a request's options, which are a copy, before it is sent."""

    def price(self, request: Request, answer: Mapping[str, Any]) -> Charge | None:
        """What a whole answer cost; None for a free call."""

    def failure(self, request: Request, answer: Mapping[str, Any]) -> NoAnswerError | None:
        """What is wrong with what came with status 200; None for an answer."""

    def is_free(self, request: Request) -> bool:
        """Whether it costs nothing to have sent it, whatever its answer tells of others."""

    def most_usd(self, request: Request) -> float:
        """What a request that is not free costs at most."""

    def usage(self, request: Request) -> Usage:
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
    mark(client)


class _Requests:
    def __init__(self, send: Callable[..., Any], dependency: Dependency, dialect: Dialect) -> None:
        self._send = send
        self._dependency = dependency
        self._dialect = dialect

    async def request_async(
        self,
        cast_to: Any,  # noqa: ANN401
        options: Any,  # noqa: ANN401
        *,
        stream: bool = False,
        stream_cls: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        options = self._prepared(options, stream=stream)
        request = request_of(options)

        async def send() -> Any:  # noqa: ANN401
            return await self._send(cast_to, options, stream=stream, stream_cls=stream_cls)

        async def once() -> Any:  # noqa: ANN401
            return await (self._open_async if stream else self._ask_async)(send, request)

        retries, name = self._dependency.retries, self._dependency.name
        try:
            return await (once() if retries is None else retries.call(once, dependency=name))
        except NoAnswerError as none:
            return none.answer

    def request(
        self,
        cast_to: Any,  # noqa: ANN401
        options: Any,  # noqa: ANN401
        *,
        stream: bool = False,
        stream_cls: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        options = self._prepared(options, stream=stream)
        request = request_of(options)

        def send() -> Any:  # noqa: ANN401
            return self._send(cast_to, options, stream=stream, stream_cls=stream_cls)

        def once() -> Any:  # noqa: ANN401
            return (self._open if stream else self._ask)(send, request)

        retries, name = self._dependency.retries, self._dependency.name
        try:
            return once() if retries is None else retries.call_sync(once, dependency=name)
        except NoAnswerError as none:
            return none.answer

    async def _ask_async(self, send: Callable[[], Any], request: Request) -> Any:  # noqa: ANN401
        operation, most_usd = request.path, self._most_usd(request)
        async with self._dependency.calling(operation=operation, max_usd=most_usd) as call:
            return self._judged(call, request, await send())

    def _ask(self, send: Callable[[], Any], request: Request) -> Any:  # noqa: ANN401
        operation, most_usd = request.path, self._most_usd(request)
        with self._dependency.calling(operation=operation, max_usd=most_usd) as call:
            return self._judged(call, request, send())

    def _judged(self, call: Call, request: Request, answer: Any) -> Any:  # noqa: ANN401
        """The answer, priced; where it is none, it leaves the guard as an error. Else never raises."""
        body = failure = None
        try:
            body = body_of(answer)
            failure = None if body is None else self._dialect.failure(request, body)
        except Exception:
            log.exception("answer.not_read dependency=%s", self._dependency.name)
        known = {} if body is None else body
        if failure is None or any(usage_of(known).values()):
            self._dependency.set_price(call, lambda stated: self._dialect.price(request, stated), known)
        if failure is not None:
            failure.answer = answer
            raise failure
        return answer

    async def _open_async(self, send: Callable[[], Any], request: Request) -> Any:  # noqa: ANN401
        call = self._dependency.begin(is_stream=True)
        call.ask(operation=request.path, max_usd=self._most_usd(request))
        await self._dependency.enter_async(call)
        try:
            async with asyncio.timeout(self._dependency.call_timeout_seconds):
                stream = await send()
        except BaseException as error:
            self._dependency.settle(call, error)
            raise
        streamed = StreamedCall(self._dependency, call, self._dialect.usage(request))
        if hasattr(stream, "_iterator"):
            streamed.follow_async(stream)
        else:
            streamed.end()  # a raw response, which nobody but the caller may read
        return stream

    def _open(self, send: Callable[[], Any], request: Request) -> Any:  # noqa: ANN401
        call = self._dependency.begin(is_stream=True)
        call.ask(operation=request.path, max_usd=self._most_usd(request))
        self._dependency.enter(call)
        started = time.monotonic()
        try:
            stream = send()
        except BaseException as error:
            self._dependency.settle(call, error)
            raise
        streamed = StreamedCall(self._dependency, call, self._dialect.usage(request))
        streamed.waited(time.monotonic() - started)
        if hasattr(stream, "_iterator"):
            streamed.follow(stream)
        else:
            streamed.end()
        return stream

    def _prepared(self, options: Any, *, stream: bool) -> Any:  # noqa: ANN401
        options = options.model_copy()
        options.max_retries = 0
        self._dialect.prepare(options, stream=stream)
        return options

    def _most_usd(self, request: Request) -> float | None:
        if self._dialect.is_free(request):
            return 0.0
        return self._dialect.most_usd(request) if self._dependency.has_budget else None
