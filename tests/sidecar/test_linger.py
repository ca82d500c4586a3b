"""How long the sidecar serves on when it is told to stop, and what ends that."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.linger import Linger
from tests.sidecar.scripted import settle


class Lingering:
    """A sidecar's linger of 20 s, in time that the test ends."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.time_is_over = asyncio.Event()
        self.linger = Linger(sleep=self._sleep)
        self.linger.seconds = 20.0
        self.task = asyncio.ensure_future(self.linger.until_scraped())

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.time_is_over.wait()


class Connection:
    """A client's, as a request and its answer see it."""

    def __init__(self, *, broken: bool = False, gone_after: bool = False) -> None:
        self.transport: Connection | None = self
        self.limit: int | None = None
        self._broken = broken
        self._gone_after = gone_after

    def set_write_buffer_limits(self, high: int) -> None:
        self.limit = high

    async def prepare(self, _request: object) -> None:
        if self._broken:
            raise ConnectionResetError

    async def write_eof(self) -> None:
        assert self.limit == 0, "what is kept back is lost"
        if self._gone_after:
            self.transport = None


async def scrape(linger: Linger, connection: Any) -> None:
    await linger.send_last(connection, connection)
    await settle()


async def test_without_seconds_it_does_not_even_begin() -> None:
    linger = Linger()
    await linger.until_scraped()
    assert not linger.has_begun


async def test_it_ends_with_the_scrape_that_was_sent_whole() -> None:
    lingering = Lingering()
    await settle()
    assert lingering.linger.has_begun
    assert not lingering.task.done()
    await scrape(lingering.linger, Connection())
    assert lingering.task.done()
    assert lingering.slept == [20.0]


async def test_it_ends_when_its_time_is_over() -> None:
    lingering = Lingering()
    await settle()
    lingering.time_is_over.set()
    await lingering.task


@pytest.mark.parametrize("how", ["broken", "gone_after"])
async def test_a_scrape_that_was_broken_off_is_no_end(how: str) -> None:
    lingering = Lingering()
    await settle()
    await scrape(lingering.linger, Connection(**{how: True}))
    assert not lingering.task.done()
    await scrape(lingering.linger, Connection())
    assert lingering.task.done()


async def test_nobody_waits_for_who_has_gone_before_the_answer() -> None:
    lingering = Lingering()
    connection = Connection()
    connection.transport = None
    await scrape(lingering.linger, connection)
    assert not lingering.task.done()
    lingering.task.cancel()


async def test_ended_by_a_second_signal_it_leaves_nothing_running() -> None:
    lingering = Lingering()
    await settle()
    before = asyncio.all_tasks()
    lingering.task.cancel()
    await asyncio.gather(lingering.task, return_exceptions=True)
    await settle()
    assert len(before - asyncio.all_tasks()) == 3
