from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future

import pytest

from sidecar.probes import ProbeFailure, Reason
from sidecar.probes.exchange import IpPreference
from sidecar.probes.exchange.lookups import Address, Lookups
from sidecar.probes.exchange.resolve import resolve

V4: Address = (socket.AF_INET, ("192.0.2.1", 0))
V6: Address = (socket.AF_INET6, ("2001:db8::1", 0, 0, 0))


class Resolver:
    """Names that begin with `hung` are answered only when it is released."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = threading.Event()

    def __call__(self, host: str, family: socket.AddressFamily) -> list[Address]:
        self.asked.append(host)
        if host.startswith("hung"):
            self.released.wait(5)
        if host == "absent":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [address for address in (V4, V6) if family in {socket.AF_UNSPEC, address[0]}]


@pytest.fixture
def resolver() -> Resolver:
    return Resolver()


@pytest.mark.parametrize(
    ("preference", "expected"),
    [
        (IpPreference.ANY, ["192.0.2.1", "2001:db8::1"]),
        (IpPreference.IPV4, ["192.0.2.1", "2001:db8::1"]),
        (IpPreference.IPV6, ["2001:db8::1", "192.0.2.1"]),
        (IpPreference.IPV4_ONLY, ["192.0.2.1"]),
        (IpPreference.IPV6_ONLY, ["2001:db8::1"]),
    ],
)
async def test_preferred_addresses_come_first(
    preference: IpPreference, expected: list[str], resolver: Resolver
) -> None:
    found = await resolve("name", 80, preference, Lookups(resolver))
    assert [place[0] for _, place in found] == expected
    assert {place[1] for _, place in found} == {80}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_address_is_not_looked_up(host: str, resolver: Resolver) -> None:
    found = await resolve(host, 80, IpPreference.ANY, Lookups(resolver))
    assert [place[0] for _, place in found] == [host]
    assert resolver.asked == []


async def test_a_name_that_does_not_exist_is_dns(resolver: Resolver) -> None:
    with pytest.raises(ProbeFailure) as failed:
        await resolve("absent", 80, IpPreference.ANY, Lookups(resolver))
    assert failed.value.reason is Reason.DNS
    assert failed.value.detail == "name or service not known"


async def test_a_hung_name_holds_one_thread_however_often_it_is_asked_for(resolver: Resolver) -> None:
    lookups = Lookups(resolver, max_threads=2)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await resolve("hung", 80, IpPreference.ANY, lookups)
    assert await resolve("other", 80, IpPreference.ANY, lookups)
    assert resolver.asked == ["hung", "other"]
    resolver.released.set()


async def test_one_who_gives_up_does_not_take_the_answer_from_others(resolver: Resolver) -> None:
    lookups = Lookups(resolver)
    first = asyncio.create_task(resolve("hung", 80, IpPreference.ANY, lookups))
    second = asyncio.create_task(resolve("hung", 443, IpPreference.ANY, lookups))
    await asyncio.sleep(0)
    first.cancel()
    resolver.released.set()
    assert [place[1] for _, place in await second] == [443, 443]
    assert resolver.asked == ["hung"]


def test_names_wait_while_every_thread_hangs(resolver: Resolver) -> None:
    lookups = Lookups(resolver, max_threads=1)
    hung: Future[list[Address]] = lookups.start("hung", socket.AF_INET)
    waiting = lookups.start("other", socket.AF_INET)
    assert not waiting.done()
    resolver.released.set()
    assert hung.result(5) == waiting.result(5) == [V4]
