"""What is read from a record, and what is written into it."""

from __future__ import annotations

from pipeline.jobs.collection import PostingCollection
from pipeline.jobs.posting_record import FIELD
from pipeline.metrics import RunOutcome
from tests.e2e.jobs.collection.conftest import Found, Records, fill, report, take_one
from tests.e2e.servers import MongoServer


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


async def test_record_whose_field_of_ours_is_null_is_new(mongodb: MongoServer, records: Records) -> None:
    await records.insert_one({"title": "Cook", FIELD: None})
    assert await take_one(mongodb.uri) is not None


async def test_record_that_says_something_else_in_our_field_is_left_alone(
    mongodb: MongoServer, records: Records
) -> None:
    await records.insert_one({"title": "Cook", FIELD: "mine"})
    async with PostingCollection.open(mongodb.uri, "pipeline", "postings") as postings:
        assert await postings.take() is None
