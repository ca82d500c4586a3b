"""The time between SIGTERM and the end, for Prometheus to fetch what was counted last."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

log = structlog.get_logger()


class Linger:
    """Once it has begun the sidecar serves on, until one more scrape was answered or `seconds` are over.

    In Kubernetes a sidecar is told to stop when its worker has ended. What the worker counted since the last
    scrape is in a volume that ends with the pod: who is not asked again takes it along.
    """

    def __init__(self, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self.seconds = 0.0
        self.has_begun = False
        self._sleep = sleep
        self._scraped = asyncio.Event()

    async def until_scraped(self) -> None:
        """Begin, and return when it is over."""
        if self.seconds <= 0:
            return
        self.has_begun = True
        log.info("sidecar.lingers", at_most_seconds=self.seconds)
        ends = (asyncio.ensure_future(self._scraped.wait()), asyncio.ensure_future(self._sleep(self.seconds)))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        if not self._scraped.is_set():
            log.warning(
                "sidecar.last_counts_not_scraped",
                remedy="make linger_seconds longer than Prometheus' scrape interval",
            )

    async def send_last(self, request: web.Request, response: web.Response) -> None:
        """Send the answer to a scrape that came after the beginning; all of it sent is the end.

        One that is broken off is no end: the next may succeed.
        """
        transport = request.transport
        if transport is None:
            return
        # What is not with the network yet would be lost with the process: wait until nothing is left here.
        transport.set_write_buffer_limits(0)
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            return
        if request.transport is not None:
            self._scraped.set()
