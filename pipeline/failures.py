"""What an error says about the provider: the one place where errors of all the clients are judged.

Clients are recognised by what their errors carry, not by their classes, which would have to be imported:
`status_code` (OpenAI, Anthropic, FireCrawl), `status` (aiohttp, ProviderError), `response.status_code`
(httpx, requests).
"""

from __future__ import annotations

import asyncio
import email.utils
import math
import time
from collections.abc import Callable, Mapping
from typing import Final

import circuitbreaker

from pipeline.rejections import RejectedError

REJECTIONS: Final = (RejectedError, circuitbreaker.CircuitBreakerError)
"""Our own refusals; nothing was sent."""

PROGRAMMING_ERRORS: Final = (
    TypeError,
    AttributeError,
    NameError,
    AssertionError,
    ImportError,
    NotImplementedError,
    RecursionError,
    ArithmeticError,
    SyntaxError,
    MemoryError,
    UnicodeEncodeError,
)
"""Mistakes on our side of the wire. Not among them: ValueError and LookupError, which is what reading an
answer that is not as promised raises; but what cannot be encoded is a request."""

_UNSENDABLE: Final = frozenset(
    {
        *("requests.MissingSchema", "requests.InvalidSchema", "requests.InvalidURL"),
        *("requests.InvalidProxyURL", "requests.InvalidHeader"),
        *("httpx.InvalidURL", "httpx.UnsupportedProtocol"),
        *("httpx2.InvalidURL", "httpx2.UnsupportedProtocol", "http.InvalidURL"),
        *("aiohttp.InvalidURL", "aiohttp.InvalidUrlClientError", "aiohttp.NonHttpUrlClientError"),
        *("urllib3.LocationParseError", "urllib3.LocationValueError", "urllib3.URLSchemeUnknown"),
    }
)
"""What clients raise for an address or a header with which nothing can be sent."""

_PAYMENT_REQUIRED: Final = 402

COUNTED_CLIENT_STATUSES: Final = frozenset({408, 429})
"""Of 400 to 499: the provider is too slow or too busy. The others say that the request was wrong."""

RETRIED_CLIENT_STATUSES: Final = COUNTED_CLIENT_STATUSES | {409, 425}
REPLACED_CLIENT_STATUSES: Final = RETRIED_CLIENT_STATUSES | {_PAYMENT_REQUIRED}
"""402: the account at the provider has run dry; to the caller that is a limit like any other."""

ErrorTest = Callable[[BaseException], bool]


def counts_against_provider(error: BaseException) -> bool:
    """Whether the breaker takes it for a failure: 408, 429, 5xx, no connection, no or a broken answer."""
    return _is_providers(error, COUNTED_CLIENT_STATUSES)


def is_worth_a_retry(error: BaseException) -> bool:
    """As `counts_against_provider`, and 409 and 425; never a refusal of our own."""
    return _is_providers(error, RETRIED_CLIENT_STATUSES)


def is_replaceable(error: BaseException) -> bool:
    """Whether a fallback may stand in: refusals of our own, failures of the provider, 402.

    Not for other 4xx (a wrong request or key must be seen) and never for programming errors.
    """
    return isinstance(error, REJECTIONS) or _is_providers(error, REPLACED_CLIENT_STATUSES)


def says_no_credit(error: BaseException) -> bool:
    """Whether the account at the provider has run dry: 402."""
    return status_of(error) == _PAYMENT_REQUIRED


def is_timeout(error: BaseException) -> bool:
    """Whether a client gave up waiting: the SDKs' and requests' timeouts are no TimeoutError."""
    if isinstance(error, TimeoutError):
        return True
    return isinstance(error, Exception) and any(
        kind.__name__.endswith(("Timeout", "TimeoutError", "TimeoutException"))
        for kind in type(error).__mro__
    )


def says_nothing(error: BaseException) -> bool:
    """Whether it came from our side of the wire, so that the breaker learns nothing from it."""
    if isinstance(error, (*PROGRAMMING_ERRORS, *REJECTIONS)):
        return True
    # An SDK raises an error of its own from the one that tells.
    return is_unsendable(error) or is_unsendable(error.__cause__)


def is_unsendable(error: BaseException | None) -> bool:
    """Whether a client could make no request of what it was given."""
    kind = type(error)
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}" in _UNSENDABLE


def status_of(error: BaseException) -> int | None:
    """The HTTP status with which the provider answered, None where there was no answer."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status"):
            status = getattr(holder, name, None)
            if isinstance(status, int) and 100 <= status <= 599:
                return status
    return None


def retry_after_seconds(error: BaseException, *, now: Callable[[], float] = time.time) -> float | None:
    """What the provider asked for in `Retry-After`, as seconds or as an HTTP date; None where it did not.

    A refusal of our own says it too. `now` is Unix time, for the date.
    """
    if isinstance(error, REJECTIONS):
        wait = getattr(error, "retry_after_seconds", None)
        # Infinite where somebody holds the breaker open: nobody knows for how long.
        return wait if isinstance(wait, int | float) and math.isfinite(wait) else None
    headers = headers_of(error)
    if headers is None:
        return None
    text = str(headers.get("Retry-After") or headers.get("retry-after") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now())
    except (ValueError, OverflowError):
        return None


def headers_of(error: BaseException) -> Mapping[str, str] | None:
    """The headers with which the provider answered; None where there was no answer."""
    for holder in (error, getattr(error, "response", None)):
        headers = getattr(holder, "headers", None)
        if isinstance(headers, Mapping):
            return headers
    return None


def _is_providers(error: BaseException, client_statuses: frozenset[int]) -> bool:
    if isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception) or says_nothing(error):
        return False
    status = status_of(error)
    # An error below 400 says that what came is no answer: a page, or a stream that ends in an error.
    return status is None or status < 400 or status >= 500 or status in client_statuses
