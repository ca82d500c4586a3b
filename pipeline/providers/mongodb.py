"""MongoDB through motor: one record for each dossier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError

from pipeline.dependency import Dependency
from pipeline.providers.error import ProviderError
from pipeline.providers.guarded import answered

NAME: Final = "mongodb"
COLLECTION: Final = "dossiers"
_SELECTION_MILLISECONDS: Final = 3_000


class MongoDB:
    """One client for the process; `close` it in the loop that used it."""

    def __init__(self, uri: str, database: str, dependency: Dependency) -> None:
        self.dependency = dependency
        # The guard decides about retries.
        options: dict[str, Any] = {"retryReads": False, "retryWrites": False, "appname": "pipeline"}
        if "serverselectiontimeoutms" not in uri.lower():
            options["serverSelectionTimeoutMS"] = _SELECTION_MILLISECONDS
        self._client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, **options)
        self._dossiers = self._client[database][COLLECTION]

    async def save(self, record: Mapping[str, Any]) -> None:
        """Put the record, which has an `_id`, in the place of the one of that id; twice is as once.

        Raises:
            BreakerOpenError: refused; nothing was sent. RejectedError: likewise.
            ProviderError: it is not known to be saved.
        """

        async def send() -> None:
            try:
                await self._dossiers.replace_one({"_id": record["_id"]}, dict(record), upsert=True)
            except PyMongoError as error:
                # Its text names hosts, and may quote the record.
                raise ProviderError(NAME, f"the record is not saved ({type(error).__name__})") from None

        await answered(self.dependency, lambda: self.dependency.call(send, operation="save"))

    async def close(self) -> None:
        self._client.close()
