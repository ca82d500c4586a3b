from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from sidecar.probes import ProbeFailure, Reason
from sidecar.probes.exchange.connect import connect
from sidecar.probes.exchange.lookups import Address
from tests.sidecar.probes.exchange.targets import full_backlog, open_files


@pytest.fixture
def good() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield at(server.getsockname()[1])


@pytest.fixture
def refusing() -> Iterator[Address]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield at(bound.getsockname()[1])


def at(port: int) -> Address:
    return socket.AF_INET, ("127.0.0.1", port)


async def test_the_next_address_is_tried_when_one_refuses(good: Address, refusing: Address) -> None:
    with await connect([refusing, refusing, good], head_start_seconds=5) as sock:
        assert sock.getpeername() == good[1]


async def test_the_next_address_is_tried_when_one_is_slow(good: Address) -> None:
    with full_backlog() as port, await connect([at(port), good], head_start_seconds=0.01) as sock:
        assert sock.getpeername() == good[1]


async def test_when_all_refuse_it_is_connect(refusing: Address) -> None:
    with pytest.raises(ProbeFailure) as failed:
        await connect([refusing, refusing])
    assert failed.value.reason is Reason.CONNECT
    assert failed.value.detail == "connection refused"


async def test_losers_are_closed(good: Address) -> None:
    with full_backlog() as port:
        before = open_files()
        (await connect([at(port), at(port), good], head_start_seconds=0.005)).close()
        assert open_files() == before


async def test_cancelled_it_leaves_nothing_open() -> None:
    with full_backlog() as port:
        before = open_files()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await connect([at(port), at(port)], head_start_seconds=0.005)
        assert open_files() == before
