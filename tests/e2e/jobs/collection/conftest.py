"""Jobs from a MongoDB collection, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pydantic import BaseModel

from pipeline.jobs import Job, JobReport
from pipeline.jobs.collection import PostingCollection
from pipeline.jobs.note import LayerNote
from pipeline.jobs.posting_record import RunCv
from pipeline.metrics import RunOutcome
from tests.e2e.servers import MongoServer

Records = AsyncIOMotorCollection[dict[str, Any]]


class Found(BaseModel):
    text: str


@pytest.fixture
async def records(mongodb: MongoServer) -> AsyncIterator[Records]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongodb.uri)
    yield client["pipeline"]["postings"]
    client.close()


async def fill(records: Records, number: int) -> None:
    await records.insert_many(
        [{"title": f"Cook {n}", "company": f"Inn {n}", "requirements": ["Knives"]} for n in range(number)]
    )


def gave(job: Job, layer: str, text: str, **note: Any) -> None:
    job.results[layer] = Found(text=text)
    job.notes[layer] = LayerNote(**note)


def report(
    job: Job, outcome: RunOutcome, reason: str | None = None, *, can_be_made_good: bool = False
) -> JobReport:
    return JobReport(
        can_be_made_good=can_be_made_good,
        id=job.id,
        source=job.source,
        outcome=outcome,
        cost_usd=0.25,
        files=(Path("dossier.md"),),
        layer=None if reason is None else "two",
        reason=reason,
    )


async def drain(postings: PostingCollection) -> list[Job]:
    jobs = []
    while (job := await postings.take()) is not None:
        jobs.append(job)
        await asyncio.sleep(0)
    return jobs


async def take_one(uri: str, cv: RunCv | None = None) -> Job | None:
    """As a run that has just begun."""
    await asyncio.sleep(0.002)  # the server's clock has whole milliseconds
    async with PostingCollection.open(uri, "pipeline", "postings", cv=cv) as postings:
        job = await postings.take()
        if job is not None:
            await postings.give_back(job, report(job, RunOutcome.CANCELLED))
    return job
