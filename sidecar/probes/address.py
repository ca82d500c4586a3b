"""`host:port` as an option."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or by number without brackets, and a port from 1 to 65535."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, default_port: int | None = None) -> Address:
        """Read `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`; without port where there is a default.

        Raises:
            ValueError: in words for the user, without the value.
        """
        host, colon, port = text.rpartition(":")
        if default_port is not None and (not colon or port.endswith("]")):
            host, port = text, str(default_port)
        if not host or port.endswith("]"):
            raise ValueError("the value is not host:port; write it as db.example.net:5432")
        if not _PORT.fullmatch(port) or not 1 <= int(port) <= _MAX_PORT:
            raise ValueError(f"the port is not between 1 and {_MAX_PORT}; correct it")
        return cls(_host(host), int(port))

    def canonical(self) -> Address:
        """The same for every way to write it.

        A name is in lower case and without the root's dot at its end, a number in its shortest form, and IPv4
        within IPv6 (`::ffff:192.0.2.1`) is IPv4.
        """
        try:
            number = ipaddress.ip_address(self.host)
        except ValueError:
            return Address(self.host.lower().removesuffix("."), self.port)
        mapped = number.ipv4_mapped if isinstance(number, ipaddress.IPv6Address) else None
        return Address(str(number if mapped is None else mapped), self.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise ValueError("the host is not an IPv6 address; write one such as [::1]:5432") from None
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("the host is no name or address; write IPv6 in brackets, such as [::1]:5432")
    return host


def _checked(text: str) -> str:
    Address.parse(text)
    return text


AddressText = Annotated[str, AfterValidator(_checked)]
"""The type of an option that is an address with its port."""
