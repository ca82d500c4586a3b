"""A server that is away or refuses, and a URI that cannot be used."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from pipeline.jobs import SourceError, UsageError
from pipeline.jobs.collection import PostingCollection
from pipeline.jobs.posting_record import FIELD
from pipeline.metrics import RunOutcome
from tests.e2e.conftest import Start
from tests.e2e.jobs.collection.conftest import Records, drain, fill, gave, report
from tests.e2e.servers import MongoServer, mongodb_server
from tests.e2e.servers.process import wait_until


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
