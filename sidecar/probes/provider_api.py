"""What the kinds that ask a provider's HTTP API with a key have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, AnyHttpUrl, Field

from sidecar.probes.exchange import Answer, Request, exchange
from sidecar.probes.exchange.options import RouteOptions, Routes
from sidecar.probes.key import Key
from sidecar.probes.probe import Probe
from sidecar.probes.result import Findings, ProbeFailure, Reason

_AUTH_STATUSES: Final = frozenset({401, 403})
_QUOTA_STATUSES: Final = frozenset({402, 429})


def _is_a_base(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.query is not None or url.fragment is not None:
        raise ValueError("the value has a query or fragment; end the URL before it")
    return url


BaseUrl = Annotated[AnyHttpUrl, AfterValidator(_is_a_base)]
"""The type of an option that is a URL to which paths are added."""


def below(base: AnyHttpUrl, path: str) -> str:
    return str(base).rstrip("/") + path


def judge_status(status: int) -> None:
    """Take any status from 200 to 299.

    Raises:
        ProbeFailure: 401 and 403 are `auth`, 402 and 429 `quota`, any other is `status`.
    """
    if 200 <= status <= 299:
        return
    reason = Reason.STATUS
    if status in _AUTH_STATUSES:
        reason = Reason.AUTH
    elif status in _QUOTA_STATUSES:
        reason = Reason.QUOTA
    raise ProbeFailure(reason, f"status {status}")


class ProviderOptions(RouteOptions):
    api_key: Key = Field(description="Key of the provider's API; secret.")
    url: BaseUrl = Field(description="Base URL of the API.")


OptionsT = TypeVar("OptionsT", bound=ProviderOptions)


class ProviderProbe(Probe[OptionsT]):
    """Asks one path of the API. The provider's own messages stay unread: one may quote the key."""

    def __init__(self, dependency: str, options: OptionsT) -> None:
        super().__init__(dependency, options)
        self._routes = Routes(options, is_https=options.url.scheme == "https")

    async def ask(self, path: str, findings: Findings) -> Answer:
        """GET a path below the base URL, with the key.

        Raises:
            ProbeFailure: no answer came. Never because of its status.
        """
        headers = {"Accept": "application/json", **self.credentials()}
        request = Request(below(self.options.url, path), headers=headers)
        return await exchange(request, self._routes.current(), findings)

    def credentials(self) -> Mapping[str, str]:
        """The headers that carry the key."""
        return {"Authorization": f"Bearer {self.options.api_key.get_secret_value()}"}
