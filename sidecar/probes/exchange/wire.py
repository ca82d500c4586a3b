"""Bytes over a connected socket; TLS has the same two verbs."""

from __future__ import annotations

import asyncio
import socket
from typing import Final, Protocol

CHUNK_BYTES: Final = 16_384
_CHUNKS_AT_ONCE: Final = 8


class Wire(Protocol):
    async def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            OSError: the connection is broken.
        """

    async def receive(self) -> bytes:
        """Whatever came, at most `CHUNK_BYTES`; empty at the end.

        Raises:
            OSError: the connection is broken.
        """


class PlainWire:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._chunks = 0

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)

    async def receive(self) -> bytes:
        self._chunks += 1
        if self._chunks % _CHUNKS_AT_ONCE == 0:
            # Of a socket that always has more asyncio reads on and on: no deadline would ever pass.
            await asyncio.sleep(0)
        return await self._loop.sock_recv(self._sock, CHUNK_BYTES)
