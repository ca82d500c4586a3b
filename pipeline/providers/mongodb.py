"""MongoDB through motor: one record for each dossier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import bson
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import DuplicateKeyError, PyMongoError

from pipeline.dependency import Dependency
from pipeline.providers.error import ProviderError, RecordError
from pipeline.providers.guarded import answered

NAME: Final = "mongodb"
COLLECTION: Final = "dossiers"
MAX_DOCUMENT_BYTES: Final = 16 * 1024 * 1024
"""What MongoDB takes."""

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

    async def save(self, record: Mapping[str, Any], *, unless_newer: bool = False) -> None:
        """Put the record, which has an `_id`, in the place of the one of that id; twice is as once.

        With `unless_newer` one whose `published_at` is later stays.

        Raises:
            RecordError: it is none that MongoDB can hold; nothing was sent.
            BreakerOpenError: refused; nothing was sent. RejectedError: likewise.
            ProviderError: it is not known to be saved.
        """
        document = _encoded(record)
        place: dict[str, Any] = {"_id": record["_id"]}
        if unless_newer and "published_at" in record:
            place["published_at"] = {"$lte": record["published_at"]}

        async def send() -> None:
            try:
                await self._dossiers.replace_one(place, document, upsert=True)
            except DuplicateKeyError:
                if not unless_newer:
                    raise ProviderError(NAME, "the record is not saved (DuplicateKeyError)") from None
            except PyMongoError as error:
                # Its text names hosts, and may quote the record.
                raise ProviderError(NAME, f"the record is not saved ({type(error).__name__})") from None

        await answered(self.dependency, lambda: self.dependency.call(send, operation="save"))

    async def close(self) -> None:
        self._client.close()


def _encoded(record: Mapping[str, Any]) -> RawBSONDocument:
    try:
        document = bson.encode(record)
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise RecordError(f"MongoDB cannot hold the record ({type(error).__name__})") from None
    if len(document) > MAX_DOCUMENT_BYTES:
        raise RecordError(f"the record is longer than {MAX_DOCUMENT_BYTES} bytes")
    return RawBSONDocument(document)
