"""How a provider's failure reaches a layer."""

from __future__ import annotations

from collections.abc import Mapping


class RecordError(Exception):
    """The database can't hold such a record, however often it is sent; the message is one line."""


class ProviderError(Exception):
    """A call to a provider failed; the message is one line and shows nothing of request or answer.

    `status` is the HTTP status of its answer, None where there was none, and 402 where no credit is left,
    whatever the provider says then. `headers` may say `Retry-After`.
    """

    def __init__(
        self,
        dependency: str,
        reason: str,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(dependency, reason, status)
        self.dependency = dependency
        self.reason = reason
        self.status = status
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.dependency}: {self.reason}"
