"""Kind `mongodb`: a `ping` through motor. motor is loaded only when a dependency is of this kind."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pydantic import Field, SecretStr, field_validator

from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.result import Findings, ProbeFailure, Reason

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClient

_AUTH_CODES: Final = frozenset({13, 18})  # Unauthorized, AuthenticationFailed
_URI: Final = re.compile(r"mongodb(\+srv)?://([^\s/?@]*@)?[^\s/?@]+([/?]\S*)?")
_SELECTION_STEP_SECONDS: Final = 0.5
"""While no server is there pymongo looks at the clock only so often (its MIN_HEARTBEAT_INTERVAL)."""


class MongodbOptions(ProbeOptions):
    kind: Literal["mongodb"] = "mongodb"
    uri: SecretStr = Field(description="Connection string, `mongodb://` or `mongodb+srv://`; secret.")

    @field_validator("uri")
    @classmethod
    def _is_a_mongodb_uri(cls, uri: SecretStr) -> SecretStr:
        text = uri.get_secret_value()
        if not text.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("the value is not a MongoDB URI; begin it with mongodb:// or mongodb+srv://")
        if not _URI.fullmatch(text):
            raise ValueError("the value names no host or has a space in it; write it as mongodb://host:27017")
        return uri


class MongodbProbe(Probe[MongodbOptions]):
    kind: ClassVar[str] = "mongodb"
    options_type: ClassVar[type[ProbeOptions]] = MongodbOptions

    def __init__(self, dependency: str, options: MongodbOptions) -> None:
        super().__init__(dependency, options)
        # Here, not in the first run: it takes a good part of a second, which is not the target's.
        import motor.motor_asyncio  # noqa: F401

        self._client: AsyncIOMotorClient[dict[str, Any]] | None = None

    async def check(self, findings: Findings) -> None:
        """Ping; the client and its monitor are kept between runs.

        Raises:
            ProbeFailure: `timeout` when no server was selected or answered in time, `connect` or `dns`
                when that is why none was, `auth` when the password is refused.
        """
        from pymongo.errors import PyMongoError

        try:
            if self._client is None:
                self._client = self._connect()
            await self._client.admin.command("ping")
        except PyMongoError as error:
            raise ProbeFailure(_reason_of(error), type(error).__name__) from None
        findings.note("answered ping")

    async def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connect(self) -> AsyncIOMotorClient[dict[str, Any]]:
        from motor.motor_asyncio import AsyncIOMotorClient

        selection_ms = int(1000 * selection_seconds(self.options.timeout_seconds))
        return AsyncIOMotorClient(
            self.options.uri.get_secret_value(),
            serverSelectionTimeoutMS=selection_ms,
            connectTimeoutMS=selection_ms,
            socketTimeoutMS=selection_ms,
            waitQueueTimeoutMS=selection_ms,
            maxPoolSize=1,
            appname="pipeline-sidecar",
        )


def selection_seconds(timeout_seconds: float) -> float:
    """How long the driver may look for a server, so that its reason comes before the probe's deadline.

    The driver gives up at the first whole step after this time.
    """
    steps = math.ceil(timeout_seconds / _SELECTION_STEP_SECONDS) - 1
    return max(steps - 0.1, 0.5) * _SELECTION_STEP_SECONDS


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
