"""Has the sidecar a network at all? A group of reference addresses tells, before others are blamed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from sidecar.probes.address import Address
from sidecar.probes.exchange.connect import connect
from sidecar.probes.exchange.resolve import resolve
from sidecar.probes.exchange.route import IpPreference
from sidecar.probes.result import ProbeFailure

log = structlog.get_logger()

_CONNECT_SECONDS: Final = 2.0
_REMEMBERED_SECONDS: Final = 5.0


class Reference:
    """Addresses of which at least one can be connected to while the sidecar has a network."""

    def __init__(self, addresses: Sequence[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`addresses` are `host:port`; none: the network is taken to be there."""
        self._addresses = tuple(Address.parse(address) for address in addresses)
        self._clock = clock
        self._asking: asyncio.Task[bool] | None = None
        self._answered_at = -_REMEMBERED_SECONDS
        self._answer = True

    async def is_reachable(self) -> bool:
        """True as soon as one address answers; an answer serves for 5 s, and for all who ask meanwhile."""
        if not self._addresses:
            return True
        if self._clock() - self._answered_at < _REMEMBERED_SECONDS:
            return self._answer
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="reference addresses")
        return await asyncio.shield(self._asking)

    async def _ask(self) -> bool:
        try:
            answer = await _any_answers(self._addresses)
        finally:
            self._asking = None
        if answer is not self._answer:
            log.warning("sidecar.network_changed", is_up=answer)
        self._answer, self._answered_at = answer, self._clock()
        return answer


async def _any_answers(addresses: Sequence[Address]) -> bool:
    attempts = [asyncio.create_task(_answers(address)) for address in addresses]
    try:
        for attempt in asyncio.as_completed(attempts):
            if await attempt:
                return True
        return False
    finally:
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)


async def _answers(address: Address) -> bool:
    """Whether somebody takes the connection; names are looked up where a hung lookup holds up nobody else."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            found = await resolve(address.host, address.port, IpPreference.ANY)
            sock = await connect(found)
    except (ProbeFailure, OSError):  # a TimeoutError is an OSError
        return False
    sock.close()
    return True
