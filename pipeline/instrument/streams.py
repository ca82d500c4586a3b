"""A stream is one call until its end, however it ends; its usage is read on the way."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, Protocol

from pipeline.dependency import Dependency
from pipeline.gates import Call
from pipeline.instrument.answers import NoAnswerError
from pipeline.lost import lost
from pipeline.metrics import PriceSource
from pipeline.prices import CEILING_USD_PER_CALL, Charge

log = logging.getLogger(__name__)


class Usage(Protocol):
    """What a stream's items say of its cost, and of how it ended."""

    @property
    def failure(self) -> NoAnswerError | None:
        """What an item said that went wrong."""

    def see(self, item: object) -> None: ...

    def charge(self) -> Charge | None:
        """By what has been seen so far; where that says nothing, the ceiling. None for a free call."""


class StreamedCall:
    """One call whose answer is a stream. It is settled once; a stream closed early is a success.

    `dependency.call_timeout_seconds` limits the wait for the head and for each item, not the whole. What its
    reader does between two items is not the provider's time.
    """

    def __init__(self, dependency: Dependency, call: Call, usage: Usage) -> None:
        """The call has entered the gates, and its head has come."""
        self._dependency = dependency
        self._call = call
        self._usage = usage
        self._process = os.getpid()
        self._reading = False
        self._ended = False
        self._late = False
        self._is_empty = True
        self._is_readable = True
        self._paused_at: float | None = None
        self._lost_at: float | None = None
        call.has_head = True

    def follow_async(self, stream: Any) -> None:  # noqa: ANN401
        """Read along with whoever reads the SDK's stream, and notice its end."""
        stream._iterator = self._items_async(_items_of(stream))  # noqa: SLF001
        response, close = stream.response, stream.response.aclose

        async def aclose() -> None:
            try:
                await close()
            finally:
                self._closed()

        response.aclose = aclose
        self._notice_loss(stream)
        self._pause()

    def follow(self, stream: Any) -> None:  # noqa: ANN401
        """As `follow_async`, for a thread's."""
        stream._iterator = self._items(_items_of(stream))  # noqa: SLF001
        response, close_response = stream.response, stream.response.close

        def close() -> None:
            try:
                close_response()
            finally:
                self._closed()

        response.close = close
        self._notice_loss(stream)
        self._pause()

    def end(self, error: BaseException | None = None) -> None:
        """Settle; a second time does nothing, nor does it in a fork: the parent has the call."""
        if self._ended or os.getpid() != self._process:
            return
        self._ended = True
        self._resume()
        if error is None and self._late:
            error = TimeoutError(f"no answer within {self._dependency.call_timeout_seconds:g} s")
        if error is None:
            error = self._usage.failure
        self._dependency.set_price(self._call, self._charge, error)
        if self._lost_at is not None:
            self._call.ended = self._lost_at
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
                self._resume()
                self._reading = True
                try:
                    async with asyncio.timeout(limit_seconds):
                        item = await anext(items)
                except StopAsyncIteration:
                    break
                self._reading = False
                self._see(item)
                self._pause()
                yield item
        except GeneratorExit:
            await items.aclose()
            self.end()
            raise
        except BaseException as error:
            self.end(error)
            raise
        self._exhausted()

    def _items(self, items: Any) -> Iterator[Any]:  # noqa: ANN401
        try:
            while True:
                self._resume()
                self._reading = True
                started = time.monotonic()
                try:
                    item = next(items)
                except StopIteration:
                    break
                finally:
                    self.waited(time.monotonic() - started)
                self._reading = False
                self._see(item)
                self._pause()
                yield item
        except GeneratorExit:
            self._reading = True  # what the SDK closes now is no end that may be settled here
            items.close()
            self._lose()
            raise
        except BaseException as error:
            self.end(error)
            raise
        self._exhausted()

    def _exhausted(self) -> None:
        """To the SDKs, a page with status 200 is a stream of no items; a free one may have none."""
        is_answer = not self._is_empty or self._call.max_usd == 0 or self._late
        self.end(None if is_answer else NoAnswerError())

    def _see(self, item: object) -> None:
        self._is_empty = False
        try:
            self._usage.see(item)
        except Exception:
            # The item is paid for and good; the caller gets it.
            if self._is_readable:
                log.exception("price.item_not_read dependency=%s", self._dependency.name)
            self._is_readable = False

    def _charge(self, error: BaseException | None) -> Charge | None:
        if self._is_empty and isinstance(error, NoAnswerError):
            return None
        charge = self._usage.charge()
        if charge is None or self._is_readable or charge.usd >= CEILING_USD_PER_CALL:
            return charge
        return replace(charge, usd=CEILING_USD_PER_CALL, source=PriceSource.CEILING)

    def _pause(self) -> None:
        self._paused_at = self._dependency.breaker.clock()

    def _resume(self) -> None:
        """As the breaker's own generators do: its permit is as much younger as its reader took."""
        permit, paused_at = self._call.permit, self._paused_at
        self._paused_at = None
        if permit is not None and paused_at is not None:
            permit.started += self._dependency.breaker.clock() - paused_at

    def _notice_loss(self, stream: object) -> None:
        """One that is dropped, or still open when the process ends, is settled soon; see `pipeline.lost`."""
        weakref.finalize(stream, self._lose)

    def _lose(self) -> None:
        if not self._ended and self._lost_at is None:
            self._lost_at = self._dependency.breaker.clock()
            lost.append((self._dependency.name, self.end))


def _items_of(stream: Any) -> Any:  # noqa: ANN401
    """The SDK's own items. OpenAI's refer to their stream, which the collector alone could then drop."""
    if not hasattr(stream, "__stream__"):
        return stream._iterator  # noqa: SLF001
    alone = copy.copy(stream)
    vars(alone).pop("_iterator", None)
    return alone.__stream__()
