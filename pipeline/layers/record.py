"""The record of a job in MongoDB: written now, or kept until MongoDB is back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from pipeline.jobs import Job, JobError
from pipeline.layers.outbox import Outbox, OutboxFullError
from pipeline.providers.error import ProviderError, RecordError
from pipeline.rejections import RejectedError

if TYPE_CHECKING:
    from pipeline.providers.mongodb import MongoDB

log = structlog.get_logger(__name__)

OUTBOX: Final = ".outbox"
"""The directory below that of the results."""

_DELIVERED_AT_ONCE: Final = 20


class Kept(StrEnum):
    """Where the record is."""

    NOWHERE = "nowhere"
    IN_MONGODB = "mongodb"
    IN_OUTBOX = "outbox"


def record_of(job: Job, files: Sequence[Path]) -> dict[str, Any]:
    """What layers found, as JSON values."""
    return {
        "_id": job.id,
        "source": _shown(job.source),
        "published_at": datetime.now(UTC).isoformat(),
        "degradations": list(job.degradations),
        "files": [_shown(str(path)) for path in files],
        "results": {layer: result.model_dump(mode="json") for layer, result in job.results.items()},
    }


async def keep_record(job: Job, mongodb: MongoDB | None, output: Path, files: Sequence[Path]) -> Kept:
    """Without a MongoDB in the settings the files are all; while it is down the record waits on disk.

    Whoever reaches MongoDB next brings along some of what waits.

    Raises:
        JobError: MongoDB is down, and no more records can wait; or it cannot hold such a record.
    """
    if mongodb is None:
        return Kept.NOWHERE
    outbox = Outbox(output / OUTBOX)
    record = record_of(job, files)
    try:
        await mongodb.save(record)
    except RecordError as error:
        raise JobError(str(error)) from None
    except (ProviderError, RejectedError) as error:
        reason = error.reason if isinstance(error, ProviderError) else "its breaker is open"
        await _put_by(outbox, record, reason)
        job.degrade("publish: mongodb has no answer; the record waits on disk")
        return Kept.IN_OUTBOX
    try:
        await deliver(mongodb, outbox)
    except OSError as error:
        log.warning("outbox.failed", reason=error.strerror)
    return Kept.IN_MONGODB


@asynccontextmanager
async def delivering(
    mongodb: MongoDB | None, output: Path, *, every_seconds: float = 30.0
) -> AsyncIterator[None]:
    """While inside, and once more at its end, what waits is saved, though no job has anything to save.

    A failure is logged; what waits goes on waiting.
    """
    if mongodb is None:
        yield
        return
    outbox = Outbox(output / OUTBOX)
    task = asyncio.create_task(_deliver_again_and_again(mongodb, outbox, every_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await _deliver_all(mongodb, outbox)


async def _deliver_again_and_again(mongodb: MongoDB, outbox: Outbox, every_seconds: float) -> None:
    while True:
        await _deliver_all(mongodb, outbox)
        await asyncio.sleep(every_seconds)


async def _deliver_all(mongodb: MongoDB, outbox: Outbox) -> None:
    try:
        while await deliver(mongodb, outbox) == _DELIVERED_AT_ONCE:
            pass
    except OSError as error:
        log.warning("outbox.failed", reason=error.strerror)


async def deliver(mongodb: MongoDB, outbox: Outbox) -> int:
    """Save some of what waits, the oldest first, until one fails; returns how many were saved.

    Raises:
        OSError: the outbox cannot be read.
    """
    delivered = 0
    for record in await asyncio.to_thread(lambda: outbox.waiting(at_most=_DELIVERED_AT_ONCE)):
        try:
            # Its job may have published again meanwhile.
            await mongodb.save(record, unless_newer=True)
        except (ProviderError, RejectedError):
            break
        except RecordError as error:
            log.warning("outbox.set_aside", record=record["_id"], reason=str(error))
            await asyncio.to_thread(outbox.set_aside, record)
            continue
        await asyncio.to_thread(outbox.remove, record)
        delivered += 1
    if delivered:
        log.info("outbox.delivered", records=delivered)
    return delivered


def _shown(path: str) -> str:
    """A name on disk may hold bytes that are no UTF-8, and no database takes them."""
    return os.fsencode(path).decode("utf-8", "replace")


async def _put_by(outbox: Outbox, record: dict[str, Any], reason: str) -> None:
    try:
        await asyncio.to_thread(outbox.put, record)
    except OutboxFullError as error:
        raise JobError(f"mongodb: {reason}, and {error}; bring it back, then run the job again") from None
    except OSError as error:
        raise JobError(f"mongodb: {reason}, and the record cannot be kept: {error.strerror}") from None
