"""What Prometheus' HTTP service discovery is told: this sidecar, and those it is configured to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypedDict

from aiohttp import hdrs, web

from sidecar.config.fleet import Discovery
from sidecar.probes.address import Address

RELATION_LABEL: Final = "__meta_sidecar_relation"
"""`self` or `peer`, for relabelling: an agent that scrapes its own sidecar alone keeps `self`.

As every label that begins with `__`, it is gone after relabelling.
"""


_HTTP_PORT: Final = 80
"""Which a Host header does not name."""


class TargetGroup(TypedDict):
    """One element of the list, in the format that Prometheus wants."""

    targets: list[str]
    labels: dict[str, str]


def target_groups(own: str | None, peers: Sequence[str], labels: Mapping[str, str]) -> list[TargetGroup]:
    """The full list; empty where there is nobody.

    Args:
        own: this sidecar's `host:port`; None where it is not known.
        peers: the other sidecars'. This one may be among them: one configuration serves all.
        labels: for all of them.
    """
    others = [peer for peer in peers if own is None or _canonical(peer) != _canonical(own)]
    groups = (("self", [] if own is None else [own]), ("peer", others))
    return [
        TargetGroup(targets=targets, labels={**labels, RELATION_LABEL: relation})
        for relation, targets in groups
        if targets
    ]


class DiscoveryRoutes:
    """The handler of `/sd`, given what the configuration says."""

    def __init__(self, discovery: Callable[[], Discovery]) -> None:
        self._discovery = discovery

    def table(self) -> list[web.RouteDef]:
        return [web.get("/sd", self.targets)]

    async def targets(self, request: web.Request) -> web.Response:
        discovery = self._discovery()
        own = discovery.address or named_by(request, discovery.peers) or reached_at(request)
        groups = target_groups(own, discovery.peers, discovery.labels)
        return web.json_response(groups, headers={hdrs.CACHE_CONTROL: "no-store"})


# For what is configured alone, a thousand peers at most; what a client writes is not kept.
@lru_cache(maxsize=2_048)
def _canonical(address: str) -> Address:
    return Address.parse(address).canonical()


def named_by(request: web.Request, peers: Sequence[str]) -> str | None:
    """The peer that this sidecar was asked as, if it was; the header can name nobody else."""
    try:
        asked = Address.parse(request.headers.get(hdrs.HOST, ""), default_port=_HTTP_PORT).canonical()
    except ValueError:
        return None
    return next((peer for peer in peers if _canonical(peer) == asked), None)


def reached_at(request: web.Request) -> str | None:
    """The address of this end of the connection; the Host header could say anything.

    None where the connection is not one of TCP.
    """
    name = None if request.transport is None else request.transport.get_extra_info("sockname")
    # Who listens on IPv6 for both sees IPv4 as ::ffff:192.0.2.1.
    return str(Address(name[0], name[1]).canonical()) if isinstance(name, tuple) else None
