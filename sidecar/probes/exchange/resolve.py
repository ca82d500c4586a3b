"""A host's name → its addresses, those that are preferred first."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Final

from sidecar.probes.exchange.lookups import Address, Lookups
from sidecar.probes.exchange.route import IpPreference
from sidecar.probes.result import ProbeFailure, Reason

_FAMILIES: Final = {
    IpPreference.IPV4_ONLY: socket.AF_INET,
    IpPreference.IPV6_ONLY: socket.AF_INET6,
}
_FIRST: Final = {IpPreference.IPV4: socket.AF_INET, IpPreference.IPV6: socket.AF_INET6}
_lookups: Final = Lookups()


async def resolve(
    host: str, port: int, preference: IpPreference, lookups: Lookups = _lookups
) -> list[Address]:
    """Find the addresses of a host; one that is an address already is taken as it is, whatever is preferred.

    Raises:
        ProbeFailure: `dns`: the name doesn't exist, has no address of the family, or can't be looked up.
    """
    literal = _literal(host, port)
    if literal is not None:
        return [literal]
    family = _FAMILIES.get(preference, socket.AF_UNSPEC)
    try:
        found = await asyncio.wrap_future(lookups.start(host, family))
    except socket.gaierror as error:
        raise ProbeFailure(Reason.DNS, (error.strerror or "lookup failed").lower()) from None
    except (OSError, UnicodeError) as error:
        raise ProbeFailure(Reason.DNS, type(error).__name__) from None
    if not found:
        raise ProbeFailure(Reason.DNS, "the name has no address")
    addresses = [_with_port(address, port) for address in found]
    first = _FIRST.get(preference)
    return addresses if first is None else sorted(addresses, key=lambda address: address[0] != first)


def _literal(host: str, port: int) -> Address | None:
    if not (host[0].isdigit() or ":" in host) or "%" in host:
        return None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.version == 4:
        return socket.AF_INET, (host, port)
    return socket.AF_INET6, (host, port, 0, 0)


def _with_port(address: Address, port: int) -> Address:
    family, place = address
    if len(place) == 4:
        return family, (place[0], port, place[2], place[3])
    return family, (place[0], port)
