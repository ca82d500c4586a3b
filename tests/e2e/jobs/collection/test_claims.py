"""Each record is done by one worker, and by another if that one dies."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pipeline.jobs import Job
from pipeline.jobs.collection import PostingCollection
from pipeline.jobs.note import KeptResult, LayerNote
from pipeline.jobs.posting_record import FIELD
from pipeline.metrics import RunOutcome
from tests.e2e.jobs.collection.conftest import Records, drain, fill, gave, report
from tests.e2e.jobs.standing_in import world
from tests.e2e.servers import MongoServer
from tests.e2e.servers.process import wait_until


async def test_every_record_is_claimed_once_by_many_workers(mongodb: MongoServer, records: Records) -> None:
    await fill(records, 30)
    async with (
        PostingCollection.open(mongodb.uri, "pipeline", "postings") as one,
        PostingCollection.open(mongodb.uri, "pipeline", "postings") as two,
    ):
        taken = await asyncio.gather(*(drain(worker) for worker in (one, two) * 3))
    ids = [job.id for jobs in taken for job in jobs]
    assert len(ids) == len(set(ids)) == 30


async def test_abandoned_claim_comes_back_with_what_its_worker_had_done(
    mongodb: MongoServer, records: Records
) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings", lease_seconds=0.5) as dead:
        job = await dead.take()
        assert job is not None
        gave(job, "one", "fire", degradations=("no contacts",))
        await dead.keep(job, "one")
        dead._claims.clear()  # it is renewed no more, as if the process had been killed
        async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as living:
            assert await living.take() is None
            taken: list[Job] = []

            async def comes_back() -> bool:
                found = await living.take()
                if found is not None:
                    taken.append(found)
                return bool(taken)

            await wait_until(comes_back, "the claim comes back", timeout_seconds=5)
    assert taken[0].id == job.id
    note = LayerNote(degradations=("no contacts",))
    assert taken[0].earlier == {"one": KeptResult({"text": "fire"}, note)}


async def test_claim_of_a_living_worker_is_renewed(mongodb: MongoServer, records: Records) -> None:
    await fill(records, 1)
    async with (
        PostingCollection.open(mongodb.uri, "pipeline", "postings", lease_seconds=0.6) as living,
        PostingCollection.open(mongodb.uri, "pipeline", "postings") as other,
    ):
        job = await living.take()
        assert job is not None
        ends: set[object] = set()
        while len(ends) < 6:
            record = await records.find_one({})
            assert record is not None
            ends.add(record[FIELD]["claimed_until"])
            assert await other.take() is None
            await asyncio.sleep(0.05)


async def test_who_has_lost_the_claim_writes_nothing(mongodb: MongoServer, records: Records) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as stalled:
        job = await stalled.take()
        assert job is not None
        await records.update_one({}, {"$set": {f"{FIELD}.claim": "another's"}})
        await stalled.give_back(job, report(job, RunOutcome.SUCCEEDED))
        record = await records.find_one({})
    assert record is not None
    assert (record[FIELD]["state"], record[FIELD]["claim"]) == ("running", "another's")


async def test_two_processes_do_every_record_once(
    mongodb: MongoServer, records: Records, tmp_path: Path
) -> None:
    await fill(records, 8)
    async with world(tmp_path) as at:
        uri = {"MONGODB_URI": mongodb.uri}
        runs = [at.run("--from-mongodb", "postings", "--concurrency", "2", **uri) for _ in range(2)]
        ended = await asyncio.gather(*runs)
        counted = at.counted()
    assert [status for status, _ in ended] == [0, 0]
    assert counted.total("pipeline_jobs_total", outcome="succeeded") == 8
    states = [record[FIELD]["state"] async for record in records.find({})]
    assert states == ["succeeded"] * 8
