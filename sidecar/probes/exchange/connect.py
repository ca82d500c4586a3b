"""Addresses → one connected socket: the next is tried when one fails or is slow."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from typing import Final

from sidecar.probes.exchange.lookups import Address
from sidecar.probes.result import ProbeFailure, Reason

HEAD_START_SECONDS: Final = 0.25
"""How long one address is tried alone before the next is tried too (RFC 8305: Connection Attempt Delay)."""
_MAX_ADDRESSES: Final = 8
_OUT_OF_SOMETHING: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
)


async def connect(
    addresses: Sequence[Address], head_start_seconds: float = HEAD_START_SECONDS
) -> socket.socket:
    """Connect to the first address that answers. The caller closes the socket; it doesn't block.

    Raises:
        ProbeFailure: `connect`: none takes the connection; the detail is the last one's.
    """
    try:
        if len(addresses) == 1:
            return await _attempt(addresses[0])
        return await _race(addresses[:_MAX_ADDRESSES], head_start_seconds)
    except OSError as error:
        raise ProbeFailure(reason_of(error, Reason.CONNECT), describe(error)) from None


def reason_of(error: OSError, reason: Reason) -> Reason:
    """The reason given, or `internal` when it is this machine that has run out of something."""
    return Reason.INTERNAL if error.errno in _OUT_OF_SOMETHING else reason


def describe(error: OSError) -> str:
    """The system's words for it, which hold nothing of ours."""
    return type(error).__name__ if error.errno is None else os.strerror(error.errno).lower()


async def _attempt(address: Address) -> socket.socket:
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)  # noqa: FBT003 - that is its only parameter
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


async def _race(addresses: Sequence[Address], head_start_seconds: float) -> socket.socket:
    waiting = list(reversed(addresses))
    under_way: set[asyncio.Task[socket.socket]] = set()
    failure = OSError("no address")
    try:
        while waiting or under_way:
            if waiting:
                under_way.add(asyncio.create_task(_attempt(waiting.pop())))
            done, _ = await asyncio.wait(
                under_way,
                timeout=head_start_seconds if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                under_way.discard(task)
                try:
                    return task.result()
                except OSError as error:
                    failure = error
        raise failure
    finally:
        await _abandon(under_way)


async def _abandon(attempts: set[asyncio.Task[socket.socket]]) -> None:
    """Close the losers, also one that has connected meanwhile."""
    for attempt in attempts:
        attempt.cancel()
    for sock in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(sock, socket.socket):
            sock.close()
