"""How a provider's failure reaches a layer."""

from __future__ import annotations


class ProviderError(Exception):
    """A call to a provider failed; the message is one line and shows nothing of request or answer."""

    def __init__(self, dependency: str, reason: str) -> None:
        super().__init__(dependency, reason)
        self.dependency = dependency
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.dependency}: {self.reason}"
