"""Jobs from a MongoDB collection, against a real server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pydantic import BaseModel
from pymongo.errors import PyMongoError

from pipeline.jobs import Job, JobReport, SourceError, UsageError
from pipeline.jobs.collection import PostingCollection
from pipeline.jobs.note import KeptResult, LayerNote
from pipeline.jobs.posting_record import FIELD, RunCv
from pipeline.metrics import RunOutcome
from tests.e2e.conftest import Start
from tests.e2e.jobs.standing_in import world
from tests.e2e.servers import MongoServer, mongodb_server
from tests.e2e.servers.process import wait_until

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


async def test_every_record_is_claimed_once_by_many_workers(mongodb: MongoServer, records: Records) -> None:
    await fill(records, 30)
    async with (
        PostingCollection.open(mongodb.uri, "pipeline", "postings") as one,
        PostingCollection.open(mongodb.uri, "pipeline", "postings") as two,
    ):
        taken = await asyncio.gather(*(drain(worker) for worker in (one, two) * 3))
    ids = [job.id for jobs in taken for job in jobs]
    assert len(ids) == len(set(ids)) == 30


async def test_record_is_the_posting_as_json_and_its_id_stays_the_same(
    mongodb: MongoServer, records: Records
) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as postings:
        job = await postings.take()
        assert job is not None
        assert job.text == '{"title": "Cook 0", "company": "Inn 0", "requirements": ["Knives"]}'
        assert job.source.startswith("postings/")
        await postings.give_back(job, report(job, RunOutcome.CANCELLED))
        again = await postings.take()
        assert again is not None
        assert again.id == job.id


async def test_result_goes_into_the_record(mongodb: MongoServer, records: Records) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as postings:
        job = await postings.take()
        assert job is not None
        job.results["one"] = Found(text="fire")
        await postings.give_back(job, report(job, RunOutcome.DEGRADED, "contacts are synthetic"))
        assert await postings.take() is None
    record = await records.find_one({})
    assert record is not None
    ended = record[FIELD]
    assert (ended["state"], ended["reason"], ended["cost_usd"]) == (
        "degraded",
        "contacts are synthetic",
        0.25,
    )
    assert ended["results"] == {"one": {"text": "fire"}}
    assert ended["files"] == ["dossier.md"]
    assert "claim" not in ended
    assert record["title"] == "Cook 0"


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


async def take_one(uri: str, cv: RunCv | None = None) -> Job | None:
    """As a run that has just begun."""
    await asyncio.sleep(0.002)  # the server's clock has whole milliseconds
    async with PostingCollection.open(uri, "pipeline", "postings", cv=cv) as postings:
        job = await postings.take()
        if job is not None:
            await postings.give_back(job, report(job, RunOutcome.CANCELLED))
    return job


async def test_results_of_a_text_that_was_edited_since_are_not_used(
    mongodb: MongoServer, records: Records
) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as postings:
        job = await postings.take()
        assert job is not None
        gave(job, "one", "fire", degradations=("no contacts",))
        await postings.keep(job, "one")
        await postings.give_back(job, report(job, RunOutcome.CANCELLED))
    await records.update_one({}, {"$set": {"title": "Nurse"}})
    edited = await take_one(mongodb.uri)
    assert edited is not None
    assert (edited.id != job.id, edited.earlier, edited.degradations) == (True, {}, [])


async def test_result_that_is_new_takes_those_out_that_rested_on_the_old_one(
    mongodb: MongoServer, records: Records
) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as postings:
        job = await postings.take()
        assert job is not None
        for layer in ("one", "two"):
            gave(job, layer, "old")
            await postings.keep(job, layer)
        await postings.give_back(job, report(job, RunOutcome.CANCELLED))
        job = await postings.take()
        assert job is not None
        gave(job, "one", "new")
        await postings.keep(job, "one")
        await postings.give_back(job, report(job, RunOutcome.CANCELLED))
    again = await take_one(mongodb.uri)
    assert again is not None
    assert again.earlier == {"one": KeptResult({"text": "new"}, LayerNote())}


async def test_record_with_something_to_make_good_is_taken_up_by_the_next_run(
    mongodb: MongoServer, records: Records
) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as postings:
        job = await postings.take()
        assert job is not None
        gave(job, "one", "unknown", can_be_made_good=True)
        await postings.give_back(job, report(job, RunOutcome.DEGRADED, "down", can_be_made_good=True))
        assert await postings.take() is None
    again = await take_one(mongodb.uri)
    assert again is not None
    assert again.earlier["one"].note.can_be_made_good


async def test_record_that_is_done_is_taken_up_for_another_cv_alone(
    mongodb: MongoServer, records: Records
) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings", cv=RunCv("Alex")) as postings:
        job = await postings.take()
        assert job is not None
        gave(job, "one", "fits", cv="Alex")
        await postings.give_back(job, report(job, RunOutcome.SUCCEEDED))
    assert await take_one(mongodb.uri, cv=RunCv("Alex")) is None
    assert await take_one(mongodb.uri) is None
    assert await take_one(mongodb.uri, cv=RunCv("Billie")) is not None


async def test_run_leaves_alone_what_was_done_with_another_cv_since_it_began(
    mongodb: MongoServer, records: Records
) -> None:
    alex, billie = RunCv("Alex"), RunCv("Billie")
    assert [await take_one(mongodb.uri, cv=cv) for cv in (alex, billie)] == [None, None]
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings", cv=alex) as postings:
        job = await postings.take()
        assert job is not None
        gave(job, "one", "fits", cv="Alex")
        await postings.give_back(job, report(job, RunOutcome.SUCCEEDED))
    assert await take_one(mongodb.uri, cv=billie) is None
    assert await take_one(mongodb.uri, cv=RunCv("Billie")) is not None


async def test_record_whose_field_of_ours_is_null_is_new(mongodb: MongoServer, records: Records) -> None:
    await records.insert_one({"title": "Cook", FIELD: None})
    assert await take_one(mongodb.uri) is not None


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


async def test_failed_record_is_tried_again_by_the_next_run_and_not_by_this_one(
    mongodb: MongoServer, records: Records
) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as postings:
        job = await postings.take()
        assert job is not None
        await postings.give_back(job, report(job, RunOutcome.FAILED, "down"))
        assert await postings.take() is None
    await asyncio.sleep(0.002)  # the server's clock has whole milliseconds
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as postings:
        again = await postings.take()
    assert again is not None
    assert again.id == job.id


async def test_record_that_says_something_else_in_our_field_is_left_alone(
    mongodb: MongoServer, records: Records
) -> None:
    await records.insert_one({"title": "Cook", FIELD: "mine"})
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as postings:
        assert await postings.take() is None


async def test_outcome_that_could_not_be_written_is_written_when_the_server_is_back(
    mongodb: MongoServer, records: Records
) -> None:
    await fill(records, 1)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings", lease_seconds=0.6) as postings:
        job = await postings.take()
        assert job is not None
        await mongodb.kill()
        await postings.give_back(job, report(job, RunOutcome.SUCCEEDED))
        with pytest.raises(SourceError, match="MONGODB_URI: no posting can be had"):
            await postings.take()
        await mongodb.start()

        async def is_written() -> bool:
            record = await records.find_one({})
            return record is not None and record[FIELD]["state"] == "succeeded"

        await wait_until(is_written, "the outcome is written", timeout_seconds=10)


async def test_wrong_password_is_told_with_its_remedy(start: Start, tmp_path: Path) -> None:
    server = await start(mongodb_server()(tmp_path, username="cook", password="right"))
    for uri in (server.uri_with("cook", "wrong"), server.uri_without_password):
        async with PostingCollection.open(uri, "pipeline", "postings") as postings:
            with pytest.raises(SourceError, match=r"had \(the user or password is refused, .*; check both"):
                await postings.take()


async def test_while_the_server_is_away_no_second_result_waits_for_it(
    mongodb: MongoServer, records: Records
) -> None:
    await fill(records, 2)
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings", lease_seconds=30) as postings:
        jobs = await drain(postings)
        await mongodb.kill()
        gave(jobs[0], "one", "fire")
        await postings.keep(jobs[0], "one")
        async with asyncio.timeout(1):  # of the three that each would take
            for job in jobs:
                gave(job, "two", "smoke")
                await postings.keep(job, "two")
        await mongodb.start()

        async def renews() -> bool:
            with contextlib.suppress(PyMongoError):
                await postings.renew()
                return True
            return False

        await wait_until(renews, "the server is back", timeout_seconds=10)
        await postings.keep(jobs[0], "two")
        record = await records.find_one({f"{FIELD}.results.two": {"text": "smoke"}})
    assert record is not None


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://user:SECRET@[::1",
        "mongodb://user:SECRET@h/?tls=true&tlsCAFile=/missing/ca.pem",
        f"mongodb://user:SECRET@h/?tls=true&tlsCAFile={__file__}",
    ],
)
async def test_uri_that_cannot_be_used_is_refused_without_showing_it(uri: str) -> None:
    with pytest.raises(UsageError) as raised:
        async with PostingCollection.open(uri, "pipeline", "postings"):
            pass
    assert "SECRET" not in str(raised.value)
    assert str(raised.value).startswith("MONGODB_URI: it cannot be used (")


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
