"""What is sent and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_BODY_BYTES: Final = 1024 * 1024
"""The usual limit of an answer's body, after decompression."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Request:
    """What to send; make one and send it often, which is cheaper.

    Neither `url`, `headers` nor `body` shows in its `repr`: each may carry a secret.
    Host, Connection, Accept-Encoding, User-Agent and Content-Length are added where `headers` has none.
    """

    url: str = field(repr=False)
    """`http://` or `https://`, without user and password."""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    max_body_bytes: int = MAX_BODY_BYTES
    """A longer answer, after decompression, is a failure with the reason `body`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer, whatever its status; redirects are already followed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; values of a repeated header joined by `, `."""
    body: bytes = field(repr=False)
    """The whole of it, decompressed."""
