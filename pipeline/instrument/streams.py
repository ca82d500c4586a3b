"""A stream is one call until its end, however it ends; its usage is read on the way."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

from pipeline.dependency import Dependency
from pipeline.gates import Call
from pipeline.prices import Charge


class Usage(Protocol):
    """What a stream's items say of its cost."""

    def see(self, item: object) -> None: ...

    def charge(self) -> Charge | None:
        """By what has been seen so far; where that says nothing, the ceiling. None for a free call."""


class StreamedCall:
    """One call whose answer is a stream. It is settled once; a stream closed early is a success.

    `dependency.call_timeout_seconds` limits the wait for the head and for each item, not the whole.
    """

    def __init__(self, dependency: Dependency, call: Call, usage: Usage) -> None:
        """The call has entered the gates."""
        self._dependency = dependency
        self._call = call
        self._usage = usage
        self._reading = False
        self._ended = False
        self._late = False

    def follow_async(self, stream: Any, abandoned: deque[StreamedCall]) -> None:  # noqa: ANN401
        """Read along with whoever reads the SDK's stream, and notice its end."""
        stream._iterator = self._items_async(stream._iterator)  # noqa: SLF001
        response, close = stream.response, stream.response.aclose

        async def aclose() -> None:
            try:
                await close()
            finally:
                self._closed()

        response.aclose = aclose
        self._notice_loss(stream, abandoned)

    def follow(self, stream: Any, abandoned: deque[StreamedCall]) -> None:  # noqa: ANN401
        """As `follow_async`, for a thread's."""
        stream._iterator = self._items(stream._iterator)  # noqa: SLF001
        response, close_response = stream.response, stream.response.close

        def close() -> None:
            try:
                close_response()
            finally:
                self._closed()

        response.close = close
        self._notice_loss(stream, abandoned)

    def end(self, error: BaseException | None = None) -> None:
        """Settle; a second time does nothing."""
        if self._ended:
            return
        self._ended = True
        self._call.charge = self._usage.charge()
        if error is None and self._late:
            error = TimeoutError(f"no answer within {self._dependency.call_timeout_seconds:g} s")
        self._dependency.settle(self._call, error)

    def waited(self, seconds: float) -> None:
        """A thread waited so long for the head or an item, and could not be interrupted."""
        self._late = self._late or seconds > self._dependency.call_timeout_seconds

    def _closed(self) -> None:
        # While an item is being read, the SDK closes the response for a reason that the reader will see.
        if not self._reading:
            self.end()

    async def _items_async(self, items: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        limit_seconds = self._dependency.call_timeout_seconds
        try:
            while True:
                self._reading = True
                try:
                    async with asyncio.timeout(limit_seconds):
                        item = await anext(items)
                except StopAsyncIteration:
                    break
                self._reading = False
                self._usage.see(item)
                yield item
        except GeneratorExit:
            await items.aclose()
            self.end()
            raise
        except BaseException as error:
            self.end(error)
            raise
        self.end()

    def _items(self, items: Any) -> Iterator[Any]:  # noqa: ANN401
        try:
            while True:
                self._reading = True
                started = time.monotonic()
                try:
                    item = next(items)
                except StopIteration:
                    break
                finally:
                    self.waited(time.monotonic() - started)
                self._reading = False
                self._usage.see(item)
                yield item
        except GeneratorExit:
            items.close()
            self.end()
            raise
        except BaseException as error:
            self.end(error)
            raise
        self.end()

    def _notice_loss(self, stream: object, abandoned: deque[StreamedCall]) -> None:
        """A stream that is dropped unread is settled by the client's next call.

        Not here and now: the collector may run while this thread holds the breaker's lock.
        """
        weakref.finalize(stream, abandoned.append, self).atexit = False
