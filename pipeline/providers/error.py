"""How a provider's failure reaches a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


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


@dataclass(frozen=True, slots=True)
class AccessVariables:
    """The environment variables that say how a provider is asked, for a message."""

    key: str
    url: str
    model: str | None = None

    @classmethod
    def of_model(cls, dependency: str) -> Self:
        prefix = dependency.upper()
        return cls(f"{prefix}_API_KEY", f"{prefix}_BASE_URL", f"{prefix}_MODEL")

    def reason(self, status: int) -> str:
        """Why a request was answered so, and what to look at, where it is these variables."""
        model_and_url = self.url if self.model is None else f"{self.model} and {self.url}"
        match status:
            case 400 if self.model is not None:
                return f"status 400: the request is refused; check {self.model}"
            case 401:
                return f"status 401: the key is refused; check {self.key}"
            case 403:
                return f"status 403: access is refused; check {self.key} and what it may use"
            case 404:
                return f"status 404: nothing is found there; check {model_and_url}"
            case _:
                return f"status {status}"
