"""What a provider's file hands over, and how a request is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.typedefs import Handler, Middleware

MAX_BODY_BYTES = 8 * 1024 * 1024

# The stand-ins' own controls. No real provider has these paths; nothing that concerns a provider
# (credentials, faults, counting) applies to them.
FAULT_PATH = "/_fault"
CALLS_PATH = "/_calls"
CONTROL_PATHS = frozenset({FAULT_PATH, CALLS_PATH})


class RefusedError(Exception):
    """Answer with this status, in the provider's own error shape."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {} if headers is None else dict(headers)


def asks_no_credential(_request: web.Request) -> str | None:
    """The rule of a service that is open to all who reach it."""
    return None


@dataclass(frozen=True, slots=True)
class StandIn:
    """One provider.

    Attributes:
        name: The dependency's name, as everywhere else.
        install: Adds the provider's routes, and state that lives as long as the application.
        error: Status and message as the provider words an error.
        missing_credential: What is wrong with the request's credential, or None. Any credential of the
            right form is accepted.
    """

    name: str
    install: Callable[[web.Application], None]
    error: Callable[[int, str], web.Response]
    missing_credential: Callable[[web.Request], str | None] = asks_no_credential


def missing_bearer_token(request: web.Request) -> str | None:
    """The rule of a service that wants `Authorization: Bearer …`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return None
    return "no API key: send it as 'Authorization: Bearer KEY'"


def shape_errors(stand_in: StandIn) -> Middleware:
    """Put every refusal, aiohttp's own (404, 405, 413) included, into the provider's error shape."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in CONTROL_PATHS:
            return await handler(request)
        try:
            return await handler(request)
        except RefusedError as refusal:
            response = stand_in.error(refusal.status, refusal.message)
            response.headers.update(refusal.headers)
        except web.RequestPayloadError:
            # Or else aiohttp goes on reading the body, fails again, and logs a traceback.
            request.content.feed_eof()
            response = stand_in.error(400, "the request body cannot be read: is its encoding what it says?")
        except web.HTTPClientError as error:
            response = stand_in.error(error.status, f"{error.reason}: {request.method} {request.path}")
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        return response

    return middleware


def require_credential(stand_in: StandIn) -> Middleware:
    """Refuse with 401 what comes without the provider's kind of credential."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in CONTROL_PATHS:
            missing = stand_in.missing_credential(request)
            if missing is not None:
                raise RefusedError(401, missing)
        return await handler(request)

    return middleware
