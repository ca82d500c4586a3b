from __future__ import annotations

import asyncio
import socket

import pytest

from sidecar import network
from sidecar.network import Reference
from tests.clock import Clock


@pytest.fixture
def nobody() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


async def test_one_address_that_answers_is_enough(nobody: str) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        answering = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await Reference([nobody, answering]).is_reachable()


async def test_when_none_answers_there_is_no_network(nobody: str) -> None:
    assert not await Reference([nobody, nobody]).is_reachable()


async def test_without_reference_addresses_there_is_always_one() -> None:
    assert await Reference(()).is_reachable()


async def test_an_answer_serves_for_a_while_and_for_all_who_ask(
    nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def no(_: object) -> bool:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return False

    monkeypatch.setattr(network, "_answers", no)
    clock = Clock()
    reference = Reference([nobody], clock=clock)
    assert await asyncio.gather(*(reference.is_reachable() for _ in range(10))) == [False] * 10
    clock.advance(4)
    await reference.is_reachable()
    assert asked == 1
    clock.advance(2)
    await reference.is_reachable()
    assert asked == 2


@pytest.mark.parametrize("address", ["a..b:53", "no-such-host.invalid:53", f"{'x' * 70}.example:53"])
async def test_a_name_that_leads_nowhere_is_no_answer_and_no_error(address: str) -> None:
    assert not await Reference([address]).is_reachable()
