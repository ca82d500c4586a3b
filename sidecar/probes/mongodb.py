"""Kind `mongodb`: a `ping` through motor, and how its replica set is, where it is in one.

motor is loaded only when a dependency is of this kind.
"""

from __future__ import annotations

import errno
import math
import re
import threading
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, SecretStr, field_validator

from sidecar.probes import replica_set
from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.result import Findings, ProbeFailure, Reason

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClient

_UNAUTHORIZED: Final = 13
_AUTHENTICATION_FAILED: Final = 18
_COMMAND_NOT_FOUND: Final = 59
_URI: Final = re.compile(r"mongodb(\+srv)?://([^\s/?@]*@)?[^\s/?@]+([/?]\S*)?")
_ERRNO: Final = re.compile(r"\[Errno (-?\d+)\]")
_SELECTION_STEP_SECONDS: Final = 0.5
"""While no server is there pymongo looks at the clock only so often (its MIN_HEARTBEAT_INTERVAL)."""


class MongodbOptions(ProbeOptions):
    kind: Literal["mongodb"] = "mongodb"
    uri: SecretStr = Field(description="Connection string, `mongodb://` or `mongodb+srv://`; secret.")
    max_lag_seconds: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] | None = Field(
        default=None, description="A secondary further behind the primary is a failure; null: not asked."
    )

    @field_validator("uri")
    @classmethod
    def _is_a_mongodb_uri(cls, uri: SecretStr) -> SecretStr:
        text = uri.get_secret_value()
        if not text.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("the value is not a MongoDB URI; begin it with mongodb:// or mongodb+srv://")
        if not _URI.fullmatch(text):
            raise ValueError("the value names no host or has a space in it; write it as mongodb://host:27017")
        if text.startswith("mongodb://") and not _is_understood(text):
            raise ValueError(
                "the value is not understood by the driver; percent-encode user and password, check port and"
                " options"
            )
        return uri


def _is_understood(uri: str) -> bool:
    """Whether the driver takes it; a name to look up first (`mongodb+srv`) it can only judge later."""
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    try:
        with warnings.catch_warnings(action="ignore"):
            parse_uri(uri, validate=True)
    except (PyMongoError, ValueError, OSError):
        return False
    return True


class MongodbProbe(Probe[MongodbOptions]):
    kind: ClassVar[str] = "mongodb"
    options_type: ClassVar[type[ProbeOptions]] = MongodbOptions

    def __init__(self, dependency: str, options: MongodbOptions) -> None:
        super().__init__(dependency, options)
        # Here, not in the first run: it takes a good part of a second, which is not the target's.
        import motor.motor_asyncio  # noqa: F401

        self._client: AsyncIOMotorClient[dict[str, Any]] | None = None

    async def check(self, findings: Findings) -> None:
        """Ping, and look at the replica set; the client and its monitor are kept between runs.

        Raises:
            ProbeFailure: `timeout` when no server was selected or answered in time, `connect`, `dns` or
                `tls` when that is why none was, `auth` when the password is refused, `status` when the
                replica set has no primary or a secondary lags, `protocol` for what is no MongoDB.
        """
        from bson.errors import BSONError
        from pymongo.errors import PyMongoError

        try:
            if self._client is None:
                self._client = self._connect()
            await self._client.admin.command("ping")
            findings.note("answered ping")
            await self._check_replica_set(self._client, findings)
        except PyMongoError as error:
            raise self._failure(error) from None
        except BSONError as error:
            raise ProbeFailure(Reason.PROTOCOL, type(error).__name__) from None

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            # It says goodbye over the network: to a hung server for as long as the socket's timeout.
            threading.Thread(target=client.close, name="mongodb close", daemon=True).start()

    async def _check_replica_set(
        self, client: AsyncIOMotorClient[dict[str, Any]], findings: Findings
    ) -> None:
        hello = await _answer(client, "hello", unless=_COMMAND_NOT_FOUND)
        if hello is None or not replica_set.is_member(hello):
            return
        if not replica_set.has_primary(hello):
            raise ProbeFailure(Reason.STATUS, "the replica set has no primary")
        findings.note("the replica set has a primary")
        if self.options.max_lag_seconds is None:
            return
        # It needs the role clusterMonitor: that a user may only work is no failure of the server.
        status = await _answer(client, "replSetGetStatus", unless=_UNAUTHORIZED)
        lag_seconds = None if status is None else replica_set.lag_seconds(status)
        if lag_seconds is None:
            why = "not allowed to ask" if status is None else "no secondary"
            findings.note(f"replication lag unknown: {why}")
            return
        findings.note(f"replication lag {lag_seconds:g} s")
        if lag_seconds > self.options.max_lag_seconds:
            limit = f"at most {self.options.max_lag_seconds:g}"
            raise ProbeFailure(Reason.STATUS, f"replication lag {lag_seconds:g} s, {limit}")

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

    def _failure(self, error: Exception) -> ProbeFailure:
        from pymongo.errors import ServerSelectionTimeoutError

        if self._client is None or not isinstance(error, ServerSelectionTimeoutError):
            return ProbeFailure(_reason_of(error), type(error).__name__)
        servers = list(self._client.delegate.topology_description.server_descriptions().values())
        if not servers or any(server.is_server_type_known for server in servers):
            return ProbeFailure(Reason.STATUS, "no member of the replica set is its primary")
        errors = [server.error for server in servers if server.error is not None]
        if not errors:
            return ProbeFailure(Reason.TIMEOUT, "no server found in time")
        return ProbeFailure(_reason_of(errors[0]), type(errors[0]).__name__)


async def _answer(
    client: AsyncIOMotorClient[dict[str, Any]], command: str, *, unless: int
) -> Mapping[str, Any] | None:
    """The answer to a command; None when it is refused with the code `unless`."""
    from pymongo.errors import OperationFailure

    try:
        return await client.admin.command(command)
    except OperationFailure as error:
        if error.code == unless:
            return None
        raise


def selection_seconds(timeout_seconds: float) -> float:
    """How long the driver may look for a server, so that its reason comes before the probe's deadline.

    The driver gives up at the first whole step after this time.
    """
    steps = math.ceil(timeout_seconds / _SELECTION_STEP_SECONDS) - 1
    return max(steps - 0.1, 0.5) * _SELECTION_STEP_SECONDS


def _reason_of(error: Exception) -> Reason:
    from pymongo import errors

    text = str(error)
    if isinstance(error, errors.OperationFailure):
        return Reason.AUTH if error.code in {_UNAUTHORIZED, _AUTHENTICATION_FAILED} else Reason.PROTOCOL
    if isinstance(error, errors.ConfigurationError):
        return Reason.DNS if "dns" in text.lower() else Reason.PROTOCOL
    if isinstance(error, errors.NetworkTimeout | errors.ExecutionTimeout | errors.WaitQueueTimeoutError):
        return Reason.TIMEOUT
    # The driver takes the cause off the errors of its monitor: all that is left of it is the text.
    number = _ERRNO.search(text)
    if number is not None:
        return _reason_of_errno(int(number[1]))
    if "[SSL" in text or "certificate" in text.lower():
        return Reason.TLS
    return Reason.PROTOCOL


def _reason_of_errno(number: int) -> Reason:
    if number < 0:  # getaddrinfo's
        return Reason.DNS
    if number == errno.ETIMEDOUT:
        return Reason.TIMEOUT
    return Reason.PROTOCOL if number in {errno.ECONNRESET, errno.EPIPE} else Reason.CONNECT
