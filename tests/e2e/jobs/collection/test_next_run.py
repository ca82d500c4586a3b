"""What the next run takes up again, and what it uses of the last one's results."""

from __future__ import annotations

import asyncio

from pipeline.jobs.collection import PostingCollection
from pipeline.jobs.note import KeptResult, LayerNote
from pipeline.jobs.posting_record import RunCv
from pipeline.metrics import RunOutcome
from tests.e2e.jobs.collection.conftest import Records, fill, gave, report, take_one
from tests.e2e.servers import MongoServer


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
