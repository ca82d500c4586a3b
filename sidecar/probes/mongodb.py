"""Kind `mongodb`: a `ping` through motor. motor is loaded only when a dependency is of this kind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, SecretStr

from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.result import ProbeResult, Reason

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClient

_AUTH_CODES = frozenset({13, 18})  # Unauthorized, AuthenticationFailed
_SELECTION_SHARE = 0.8


class MongodbOptions(ProbeOptions):
    kind: Literal["mongodb"] = "mongodb"
    uri: SecretStr = Field(description="Connection string, `mongodb://` or `mongodb+srv://`; secret.")


class MongodbProbe(Probe[MongodbOptions]):
    kind: ClassVar[str] = "mongodb"
    options_type: ClassVar[type[ProbeOptions]] = MongodbOptions

    def __init__(self, dependency: str, options: MongodbOptions) -> None:
        super().__init__(dependency, options)
        self._client: AsyncIOMotorClient[dict[str, Any]] | None = None

    async def run(self) -> ProbeResult:
        """Ping once; the client and its monitor are kept between runs.

        Returns:
            `timeout` when no server was selected or answered within the probe's own timeout,
            `connect` or `dns` when that is why none was, `auth` when the password is refused.

        Raises:
            asyncio.CancelledError: on shutdown or at the deadline.
        """
        from pymongo.errors import PyMongoError

        started = time.perf_counter()
        reason: Reason | None = None
        detail = ""
        try:
            if self._client is None:
                self._client = self._connect()
            await self._client.admin.command("ping")
        except PyMongoError as error:
            reason, detail = _reason_of(error), type(error).__name__
        return ProbeResult(time.perf_counter() - started, reason=reason, detail=detail)

    async def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connect(self) -> AsyncIOMotorClient[dict[str, Any]]:
        from motor.motor_asyncio import AsyncIOMotorClient

        # Under the probe's own timeout, so that the driver's reason comes before the deadline does.
        selection_ms = int(self.options.timeout_seconds * 1000 * _SELECTION_SHARE)
        return AsyncIOMotorClient(
            self.options.uri.get_secret_value(),
            serverSelectionTimeoutMS=selection_ms,
            connectTimeoutMS=selection_ms,
            socketTimeoutMS=selection_ms,
            maxPoolSize=1,
            appname="pipeline-sidecar",
        )


def _reason_of(error: Exception) -> Reason:
    from pymongo import errors

    text = str(error).lower()
    if isinstance(error, errors.OperationFailure):
        return Reason.AUTH if error.code in _AUTH_CODES else Reason.PROTOCOL
    if isinstance(error, errors.ConfigurationError):
        return Reason.DNS if "dns" in text else Reason.INTERNAL
    if isinstance(error, errors.NetworkTimeout | errors.ExecutionTimeout):
        return Reason.TIMEOUT
    if isinstance(error, errors.ConnectionFailure):
        if "refused" in text or "unreachable" in text or "no route" in text:
            return Reason.CONNECT
        if "name or service not known" in text or "nodename" in text or "name resolution" in text:
            return Reason.DNS
        if "ssl" in text or "certificate" in text:
            return Reason.TLS
        if "timed out" in text or isinstance(error, errors.ServerSelectionTimeoutError):
            return Reason.TIMEOUT
        return Reason.CONNECT
    return Reason.PROTOCOL
