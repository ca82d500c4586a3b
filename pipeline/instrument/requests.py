"""What is to be sent, as its price depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Request(NamedTuple):
    """`method` in small letters, `path` without a query, `body` as it is sent: empty for no object."""

    method: str
    path: str
    body: Mapping[str, Any]


def request_of(options: Any) -> Request:  # noqa: ANN401
    """Of the OpenAI and Anthropic SDKs' options, before they are sent: Azure's client changes the path."""
    body = options.json_data if isinstance(options.json_data, Mapping) else {}
    extra = getattr(options, "extra_json", None)
    if isinstance(extra, Mapping):
        body = {**body, **extra}
    return Request(str(options.method).lower(), str(options.url).partition("?")[0], body)
