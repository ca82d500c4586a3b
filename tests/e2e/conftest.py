from __future__ import annotations

import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from tests.e2e.servers import MongoServer, NotInstalledError, Server, find_program, mongodb_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

AnyServer = TypeVar("AnyServer", bound=Server)


class Start(Protocol):
    async def __call__(self, server: AnyServer) -> AnyServer: ...


class Connect(Protocol):
    def __call__(self, uri: str, **options: Any) -> AsyncIOMotorClient[dict[str, Any]]: ...


class Program(Protocol):
    def __call__(self, *names: str) -> str: ...


def skip_or_fail(missing: NotInstalledError) -> NoReturn:
    """A user may lack a server; CI installs what the tests use, so there it is a mistake."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


@pytest.fixture(scope="session", autouse=True)
def hangups_are_heard() -> Iterator[None]:
    """Where the tests run by nohup, what they start would ignore hangups as well."""
    before = signal.getsignal(signal.SIGHUP)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start any server: `prometheus = await start(Prometheus(config_file, tmp_path / "prometheus"))`.

    What was started ends with the test, the last first. The test is skipped if the server is not installed.
    """
    async with AsyncExitStack() as running:

        async def start_server(server: AnyServer) -> AnyServer:
            try:
                await server.start()
            except NotInstalledError as missing:
                skip_or_fail(missing)
            running.push_async_callback(server.stop)
            return server

        yield start_server


@pytest.fixture
async def mongodb(start: Start, tmp_path: Path) -> MongoServer:
    """An empty MongoDB or FerretDB that asks for no password."""
    return await start(mongodb_server()(tmp_path / "mongodb"))


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make a motor client: `connect(mongodb.uri, serverSelectionTimeoutMS=500)`; closed after the test."""
    clients: list[AsyncIOMotorClient[dict[str, Any]]] = []

    def make_client(uri: str, **options: Any) -> AsyncIOMotorClient[dict[str, Any]]:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, **options)
        clients.append(client)
        return client

    yield make_client
    for client in clients:
        client.close()


@pytest.fixture
def program() -> Program:
    """The path of an installed program, `program("promtool")`; the test is skipped if there is none."""

    def find(*names: str) -> str:
        try:
            return find_program(*names)
        except NotInstalledError as missing:
            skip_or_fail(missing)

    return find
