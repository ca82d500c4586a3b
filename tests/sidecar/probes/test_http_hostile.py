"""Hostile targets over real sockets: the right reason, in time, in bounded memory, nothing left open."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from typing import Any

import pytest

from sidecar.probes import HttpOptions, HttpProbe, ProbeResult, Reason
from tests.sidecar.probes.exchange.hostile import HOSTILE
from tests.sidecar.probes.exchange.targets import (
    CHUNK,
    UNLIMITED,
    Behaviour,
    behaving,
    dripping,
    full_backlog,
    open_files,
    saying_for_ever,
    silent,
)

TIMEOUT_SECONDS = 5.0
SHORT_TIMEOUT_SECONDS = 0.05
ALLOWED_MORE_SECONDS = 0.5
MEMORY_BYTES = 6 * 1024 * 1024


async def in_time(port: int, timeout_seconds: float = TIMEOUT_SECONDS, **options: Any) -> ProbeResult:
    url = f"http://127.0.0.1:{port}/?key=s3cr3t"
    probe = HttpProbe("target", HttpOptions(url=url, timeout_seconds=timeout_seconds, **options))
    async with asyncio.timeout(timeout_seconds + ALLOWED_MORE_SECONDS):
        return await probe.run()


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_target_has_its_reason_in_time(name: str) -> None:
    behaviour, reason = HOSTILE[name]
    async with behaving(behaviour) as port:
        before = open_files()
        result = await in_time(port, SHORT_TIMEOUT_SECONDS if reason is Reason.TIMEOUT else TIMEOUT_SECONDS)
        await asyncio.sleep(0)
    assert result.reason is reason, result.detail
    assert open_files() <= before
    assert "s3cr3t" not in repr(result)


@pytest.mark.parametrize("name", ["endless body", "gzip bomb", "10 MB of headers"])
async def test_a_hostile_target_gets_no_more_memory_than_the_limits(name: str) -> None:
    behaviour, reason = HOSTILE[name]
    async with behaving(behaviour) as port:
        tracemalloc.start()
        try:
            result = await in_time(port)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert result.reason is reason
    assert peak_bytes < MEMORY_BYTES


async def test_an_address_that_does_not_answer_is_a_timeout_in_connect() -> None:
    with full_backlog() as port:
        result = await in_time(port, SHORT_TIMEOUT_SECONDS)
    assert result.reason is Reason.TIMEOUT
    assert [event.text for event in result.trace] == [f"connecting to 127.0.0.1:{port}"]


async def test_a_refused_connection_is_connect() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = await in_time(taken.getsockname()[1])
    assert result.reason is Reason.CONNECT
    assert result.detail == "connection refused"
    assert result.http is not None
    assert result.http.status_code == 0


async def test_a_name_that_does_not_exist_is_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    result = await HttpProbe("target", HttpOptions(url="http://no-such-host.invalid/?key=s3cr3t")).run()
    assert result.reason is Reason.DNS
    assert "s3cr3t" not in repr(result)


async def test_a_target_that_never_stops_leaves_time_for_the_others() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with behaving(saying_for_ever(UNLIMITED, CHUNK)) as port:
        other = asyncio.create_task(others())
        await in_time(port, max_body_bytes=16 * 1024 * 1024)
        other.cancel()
    assert turns > 100


@pytest.mark.parametrize("behaviour", [silent, dripping, saying_for_ever(UNLIMITED, CHUNK)])
async def test_a_cancelled_run_leaves_nothing_open(behaviour: Behaviour) -> None:
    async with behaving(behaviour) as port:
        before = open_files()
        run = asyncio.create_task(in_time(port, max_body_bytes=64 * 1024 * 1024))
        await asyncio.sleep(0.02)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert open_files() <= before + 1  # The server's end may still be open.
