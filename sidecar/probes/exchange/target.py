"""A URL, taken apart into where to connect and what to ask for."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

_PORTS: Final = {"http": 80, "https": 443}
_KEPT: Final = "%/:=&?~#+!$,;'@()*[]|"


@dataclass(frozen=True, slots=True)
class Target:
    """Scheme, host and port are the origin; `path` begins with `/` and has the query."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def is_https(self) -> bool:
        return self.scheme == "https"

    @property
    def host_header(self) -> str:
        return authority(self.host, None if self.port == _PORTS[self.scheme] else self.port)

    @property
    def url(self) -> str:
        """As a proxy wants it; may carry a secret in its query."""
        return f"{self.scheme}://{self.host_header}{self.path}"


def authority(host: str, port: int | None) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"


@functools.lru_cache(maxsize=1024)
def parse(url: str) -> Target:
    """Take an absolute HTTP URL apart; user, password and fragment are dropped.

    Raises:
        ValueError: it isn't one; without the URL in its text.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _host(parts.hostname or "")
    except ValueError:  # UnicodeError is one.
        raise ValueError("bad host or port") from None
    if parts.scheme not in _PORTS:
        raise ValueError("neither http nor https")
    if not host or port == 0:
        raise ValueError("no host or port")
    path = quote(parts.path, safe=_KEPT) or "/"
    query = f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
    return Target(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path + query)


def _host(host: str) -> str:
    if host.isascii():
        if not all(character.isalnum() or character in "-._:%~" for character in host):
            raise ValueError("bad host")
        return host
    return host.encode("idna").decode()
