"""How to get to the target."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum


class IpPreference(StrEnum):
    """Which addresses of a name are tried, and which of them first."""

    ANY = "any"
    """All of them, in the system's order."""
    IPV4 = "ipv4"
    """IPv4 first, IPv6 if there is none or none answers."""
    IPV6 = "ipv6"
    """IPv6 first, IPv4 if there is none or none answers."""
    IPV4_ONLY = "ipv4_only"
    IPV6_ONLY = "ipv6_only"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy: plain HTTP goes through it as is, HTTPS through a tunnel it makes."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    """Value of `Proxy-Authorization`, such as `Basic …`; secret."""


@dataclass(frozen=True, slots=True)
class Route:
    """How to get to the target; the defaults are right for most."""

    tls: ssl.SSLContext | None = None
    """None: the system's certificate authorities. Make one per probe, not one per run."""
    server_name: str | None = None
    """The name asked for and checked in TLS; None: the URL's host. Holds for the URL's origin only."""
    ip_preference: IpPreference = IpPreference.ANY
    proxy: Proxy | None = None
    max_redirects: int = 0
    """0: a redirect is an answer as any other. More of them than this is the reason `protocol`."""
