"""Servers on loopback that do exactly what a test says, however wrong that is."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
UNLIMITED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
CHUNK = bytes(65_536)


@asynccontextmanager
async def behaving(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, after_request: bool = True
) -> AsyncIterator[int]:
    """Serve on a port of its own; what still runs at the end is cancelled."""
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if after_request:
                await reader.readuntil(b"\r\n\r\n")
            await behaviour(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # The probe has seen enough.
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await asyncio.sleep(0)  # Transports close one turn later.


def saying(*pieces: bytes) -> Behaviour:
    """Say this and close."""

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return say


def saying_for_ever(beginning: bytes, again: bytes) -> Behaviour:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0)  # Probe and target share a loop here.

    return say


async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def saying_and_holding(beginning: bytes) -> Behaviour:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        await asyncio.Event().wait()

    return say


async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.01)


def resetting(beginning: bytes) -> Behaviour:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if beginning:
            writer.write(beginning)
            await writer.drain()
            await asyncio.sleep(0.01)  # A reset overtakes what isn't read yet.
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        writer.transport.abort()

    return reset


async def redirecting_to_itself(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")


async def ten_megabytes_of_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for _number in range(10_000):
        writer.write(b"X-Padding: " + b"x" * 1_011 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)
    writer.write(b"\r\n")


@functools.cache
def bomb() -> bytes:
    """20 MB of nothing in 20 KB of gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(CHUNK) for _ in range(320)) + packer.flush()


def gzip_bomb() -> Behaviour:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb())
    return saying(head, bomb())


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue is full: a further connection gets no answer, as at an address nobody routes."""
    with contextlib.ExitStack() as opened:
        listening = opened.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        yield listening.getsockname()[1]


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
