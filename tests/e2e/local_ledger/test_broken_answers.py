"""What a call costs whose answer breaks off, or that found no connection, by the errors of real clients."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import httpx
import openai
import pytest
import requests
import urllib3

from pipeline import Dependency, Meter
from pipeline.budget import Budget
from pipeline.failures import is_replaceable
from pipeline.ledger import to_nano_usd
from pipeline.ledger.local_budget import LocalBudget
from tests.pipeline.limited import Limited

HALF_AN_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"id":'


async def by_httpx(url: str) -> object:
    async with httpx.AsyncClient() as client:
        return (await client.post(url, json={})).json()


async def by_aiohttp(url: str) -> object:
    async with aiohttp.ClientSession() as client, client.post(url, json={}) as answer:
        return await answer.json()


async def by_openai(url: str) -> object:
    async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as client:
        return await client.chat.completions.create(model="m", messages=[])


async def by_urllib(url: str) -> object:
    def ask() -> bytes:
        with urllib.request.urlopen(url, data=b"{}") as answer:  # noqa: S310
            return bytes(answer.read())

    return await asyncio.to_thread(ask)


Client = Callable[[str], Awaitable[object]]


async def by_requests(url: str) -> object:
    return await asyncio.to_thread(requests.post, url, json={})


async def by_urllib3(url: str) -> object:
    def ask() -> object:
        with urllib3.PoolManager(retries=False) as client:
            return client.request("POST", url, body=b"{}").json()

    return await asyncio.to_thread(ask)


async def spent_usd(client: Client, url: str) -> float:
    ledger, meter = LocalBudget(to_nano_usd(1.0)), Meter()
    dependency = Dependency("openai", meter=meter, paid=True, budget=Budget(ledger, meter))
    with pytest.raises(Exception) as failed:  # noqa: PT011  (each client has its own)
        await dependency.call(lambda: client(url), max_usd=0.25)
    assert not isinstance(failed.value, AssertionError)
    return ledger.state().spent_nano_usd / 1e9


@pytest.fixture
async def url() -> AsyncIterator[Callable[[bytes], Awaitable[str]]]:
    servers = []

    async def serve(answer: bytes) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    yield serve
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("client", [by_httpx, by_aiohttp, by_openai, by_urllib])
async def test_an_answer_that_breaks_off_costs_what_the_call_held(
    client: Client, url: Callable[[bytes], Awaitable[str]]
) -> None:
    assert await spent_usd(client, await url(HALF_AN_ANSWER)) == 0.25


@pytest.mark.parametrize("client", [by_httpx, by_aiohttp, by_openai, by_urllib])
async def test_a_connection_that_is_closed_without_a_word_costs_nothing(
    client: Client, url: Callable[[bytes], Awaitable[str]]
) -> None:
    assert await spent_usd(client, await url(b"")) == 0.0


@pytest.mark.parametrize("client", [by_httpx, by_aiohttp, by_openai, by_requests, by_urllib3])
@pytest.mark.parametrize("unsendable", ["ftp://localhost/v1", "http://[::1/v1"])
async def test_what_could_not_be_sent_costs_nothing_and_is_no_failure_of_the_provider(
    client: Client, unsendable: str
) -> None:
    limited = Limited()
    with pytest.raises(Exception) as failed:  # noqa: PT011  (each client has its own)
        await limited.dependency.call(lambda: client(unsendable), max_usd=0.25)
    assert limited.ledger.state().spent_nano_usd == 0
    ignored = {"dependency": "openrouter", "outcome": "ignored"}
    assert limited.value("circuit_breaker_calls_total", **ignored) == 1, repr(failed.value)
    assert not is_replaceable(failed.value)


@pytest.mark.parametrize("unsendable", ["api.example.com/v1", "http://"])
async def test_an_address_without_a_scheme_or_a_host_costs_nothing(unsendable: str) -> None:
    assert await spent_usd(by_requests, unsendable) == 0.0
    assert await spent_usd(by_aiohttp, unsendable) == 0.0


async def test_a_header_that_cannot_be_sent_costs_nothing(url: Callable[[bytes], Awaitable[str]]) -> None:
    async def send(to: str) -> object:
        return await asyncio.to_thread(requests.post, to, headers={"Authorization": "Bearer key\n"})

    assert await spent_usd(send, await url(b"")) == 0.0


def test_an_error_of_ones_own_is_not_taken_for_a_clients() -> None:
    class InvalidURL(ValueError):  # noqa: N818
        """In the answer."""

    assert is_replaceable(InvalidURL())


def of_openai(cause: Exception) -> Exception:
    error = openai.APITimeoutError(request=httpx.Request("POST", "http://openai"))  # type: ignore[arg-type]
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "spent"),
    [
        (httpx.ConnectTimeout(""), 0.0),
        (httpx.PoolTimeout(""), 0.0),
        (aiohttp.ConnectionTimeoutError(), 0.0),
        (of_openai(httpx.ConnectTimeout("")), 0.0),
        (httpx.ReadTimeout(""), 0.25),
        (aiohttp.SocketTimeoutError(), 0.25),
        (of_openai(httpx.ReadTimeout("")), 0.25),
        (UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "half a character"), 0.0),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "half an answer"), 0.25),
    ],
    ids=repr,
)
async def test_who_finds_no_connection_in_time_has_sent_nothing(error: Exception, spent: float) -> None:
    async def fail(_: str) -> object:
        raise error

    assert await spent_usd(fail, "") == spent
