"""Jobs from a MongoDB collection: claimed one by one, by any number of workers; results go into the records.

What this adds to a record stands in its field `pipeline_job`; the rest of it is the posting. It asks nothing
of the server but filters, `$set`, `$unset` and `$inc`, and goes by the server's clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import structlog
from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ReturnDocument
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError, WriteError

from pipeline.jobs.files import UsageError
from pipeline.jobs.job import Job
from pipeline.jobs.posting_record import (
    FIELD,
    RELEASED,
    RUNNING,
    RunCv,
    Update,
    claimable,
    ended,
    job_of,
    kept,
)
from pipeline.jobs.source import SourceError
from pipeline.metrics import RunOutcome

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorCollection

    from pipeline.jobs.report import JobReport

log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 60.0
_RENEWALS_PER_LEASE: Final = 3
_SELECTION_MILLISECONDS: Final = 3_000
_REFUSALS: Final = frozenset({13, 18})
"""Unauthorized, AuthenticationFailed."""


class PostingCollection:
    """A claim is a lease: it is renewed while this process lives, and comes back when it has run out.

    A process that stands still for longer than a lease may find its job run by another; then it puts nothing
    into the record.
    """

    expected: int | None = None

    def __init__(
        self,
        collection: AsyncIOMotorCollection[dict[str, Any]],
        *,
        cv: RunCv | None = None,
        lease_seconds: float = LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With `cv`, records that are done with another CV are taken as well.

        A run that opens the collection again and again passes the same one.
        """
        self._collection = collection
        self._cv = cv
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._claims: dict[str, Any] = {}
        """By the job's id: the record's `_id` and our token."""
        self._unwritten: dict[str, tuple[Mapping[str, Any], Update]] = {}
        self._is_away = False
        """The server, as far as a layer's result could tell; it is back when a claim can be renewed."""
        self._started: datetime | None = None
        self._server_time = datetime(1970, 1, 1)  # noqa: DTZ001 - as the server's, UTC without saying so
        self._asked_at = 0.0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        uri: str,
        database: str,
        collection: str,
        *,
        cv: RunCv | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> AsyncIterator[Self]:
        """Claims are renewed until the block ends; what could not be written is tried again then.

        Raises:
            UsageError: the URI cannot be used.
        """
        try:
            client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
                uri, serverSelectionTimeoutMS=_SELECTION_MILLISECONDS, appname="pipeline"
            )
        except (PyMongoError, ValueError, OSError) as error:
            # Its text may quote the URI. The settings took it: a file that it names has changed.
            raise UsageError(
                f"MONGODB_URI: it cannot be used ({type(error).__name__}); check the files that it names"
            ) from None
        try:
            postings = cls(client[database][collection], cv=cv, lease_seconds=lease_seconds)
            renewing = asyncio.create_task(postings._renew_again_and_again())
            try:
                yield postings
            finally:
                renewing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await renewing
                await postings.write_what_is_left()
        finally:
            client.close()

    async def take(self) -> Job | None:
        """Claim a record that is new, was left by a dead worker, or failed before this run began.

        So is one that ended before with something to make good, or with another CV.

        Raises:
            SourceError: the server cannot be asked.
        """
        token = secrets.token_hex(8)
        try:
            now = await self._ask_time()
            if self._started is None:
                # Nothing can be put below null.
                await self._collection.update_many(
                    {FIELD: None, "$and": [{FIELD: {"$exists": True}}]}, {"$unset": {FIELD: ""}}
                )
                self._started = now
                if self._cv is not None and self._cv.began is None:
                    self._cv.began = now
            record = await self._collection.find_one_and_update(
                claimable(now=now, started=self._started, cv=self._cv),
                {
                    "$set": {
                        f"{FIELD}.state": RUNNING,
                        f"{FIELD}.claim": token,
                        f"{FIELD}.worker": f"{socket.gethostname()}:{os.getpid()}",
                        f"{FIELD}.claimed_until": self._lease_end(),
                    },
                    "$inc": {f"{FIELD}.attempts": 1},
                },
                sort=[("_id", 1)],
                return_document=ReturnDocument.AFTER,
            )
        except PyMongoError as error:
            raise SourceError(f"MONGODB_URI: no posting can be had ({_reason(error)})") from None
        if record is None:
            return None
        job = job_of(record, self._collection.name)
        self._claims[job.id] = {"_id": record["_id"], f"{FIELD}.claim": token}
        return job

    async def keep(self, job: Job, layer: str) -> None:
        """Put the layer's result into the record: another machine could go on from there.

        While the server is away only the first waits for it. What is left out comes with the job's outcome.
        """
        ours = self._claims.get(job.id)
        if ours is None or self._is_away:
            return
        update = kept(job, layer)
        update["$set"][f"{FIELD}.claimed_until"] = self._lease_end()
        try:
            await self._collection.update_one(ours, update)
        except (PyMongoError, BSONError, OverflowError) as error:
            self._is_away = isinstance(error, AutoReconnect)
            log.warning("record.result_not_kept", job=job.id, layer=layer, reason=type(error).__name__)

    async def give_back(self, job: Job, report: JobReport) -> None:
        """Say in the record how the job ended, and let go of it."""
        ours = self._claims.pop(job.id, None)
        if ours is None or report.outcome is None:
            return  # Another process has it: our claim runs out.
        unset = {"$unset": {f"{FIELD}.claim": "", f"{FIELD}.claimed_until": "", f"{FIELD}.worker": ""}}
        if report.outcome is RunOutcome.CANCELLED:
            update: Update = {**unset, "$set": {f"{FIELD}.state": RELEASED}}
        else:
            update = {**unset, "$set": ended(job, report, at=self._now())}
        update["$inc"] = {f"{FIELD}.cost_usd": report.cost_usd}
        if not await self._write(job.id, ours, update):
            self._unwritten[job.id] = (ours, update)
            log.warning("record.not_written", job=job.id, reason="MongoDB is away; it is tried again")

    async def write_what_is_left(self) -> None:
        """Once more, what could not be written. What fails now too is for the next run to tell."""
        for job, (ours, update) in list(self._unwritten.items()):
            if not await self._write(job, ours, update):
                return
            del self._unwritten[job]

    async def renew(self) -> None:
        """Hold every claim for another lease."""
        tokens = [ours[f"{FIELD}.claim"] for ours in self._claims.values()]
        if not tokens:
            return
        await self._ask_time()
        renewed = await self._collection.update_many(
            {f"{FIELD}.claim": {"$in": tokens}}, {"$set": {f"{FIELD}.claimed_until": self._lease_end()}}
        )
        if renewed.matched_count < len(tokens):
            log.warning("record.claims_lost", number=len(tokens) - renewed.matched_count)

    async def _renew_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / _RENEWALS_PER_LEASE)
            try:
                await self.renew()
                await self.write_what_is_left()
            except PyMongoError as error:
                log.warning("record.claims_not_renewed", reason=type(error).__name__)

    async def _write(self, job: str, ours: Mapping[str, Any], update: Update) -> bool:
        """Whether the server has taken it, or never will."""
        try:
            written = await self._collection.update_one(ours, update)
        except (WriteError, BSONError, OverflowError) as error:
            # A key or number in a result that this server does not take: the outcome counts for more.
            fields = update.get("$set", {})
            fields.pop(f"{FIELD}.layers", None)
            if fields.pop(f"{FIELD}.results", None) is None:
                log.warning("record.refused", job=job, reason=type(error).__name__)
                return True
            return await self._write(job, ours, update)
        except PyMongoError:
            return False
        if written.matched_count == 0:
            log.warning("record.claim_lost", job=job)
        return True

    async def _ask_time(self) -> datetime:
        hello = await self._collection.database.client.admin.command("hello")
        self._server_time, self._asked_at = hello["localTime"], self._clock()
        self._is_away = False
        return self._server_time

    def _now(self) -> datetime:
        """The server's time, as far as it is known."""
        return self._server_time + timedelta(seconds=self._clock() - self._asked_at)

    def _lease_end(self) -> datetime:
        return self._now() + timedelta(seconds=self._lease_seconds)


def _reason(error: PyMongoError) -> str:
    """Without the server's own words: they may quote the record."""
    if isinstance(error, OperationFailure) and error.code in _REFUSALS:
        return "the user or password is refused, or the user may not write there; check both"
    return type(error).__name__
