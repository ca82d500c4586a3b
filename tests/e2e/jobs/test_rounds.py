"""`pipeline run --every`, while postings come and go."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient

from pipeline.jobs.posting_record import FIELD
from tests.e2e.jobs.standing_in import world
from tests.e2e.servers import MongoServer
from tests.e2e.servers.process import wait_until


async def read_until(stream: asyncio.StreamReader | None, text: str) -> None:
    assert stream is not None
    async with asyncio.timeout(30):
        while text not in (line := (await stream.readline()).decode()):
            assert line, f"it ended before {text!r}"


async def test_directory_that_is_empty_or_away_for_a_moment_is_a_round_without_jobs(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.postings.mkdir()
        process = await at.start(str(at.postings), "--every", "0.05")
        await read_until(process.stdout, "0 jobs: none; 0.000000 USD")
        (at.postings / "cook.md").write_text("# Cook at Old Inn\n\nThe kitchen burns down every night.\n")
        await read_until(process.stdout, "1 job: 1 succeeded")
        at.postings.rename(tmp_path / "away")
        await read_until(process.stderr, "postings.not_found PATH: ")
        (tmp_path / "away").rename(at.postings)
        await read_until(process.stdout, "0 jobs: none; 0.000000 USD")
        await read_until(process.stdout, "1 job: 1 succeeded")
        process.terminate()
        _, err = await process.communicate()
    assert process.returncode == 143
    assert b"Traceback" not in err


async def test_directory_that_is_away_does_not_keep_the_others_from_their_round(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(1)
        other = tmp_path / "other"
        other.mkdir()
        process = await at.start(str(other), str(at.postings), "--every", "0.05")
        await read_until(process.stdout, "1 job: 1 succeeded")
        other.rmdir()
        await read_until(process.stderr, "postings.not_found PATH: ")
        (at.postings / "cook.md").write_text("# Cook at Old Inn\n\nThe kitchen burns down every night.\n")
        await read_until(process.stdout, "2 jobs: 2 succeeded")
        process.terminate()
        await process.communicate()


async def test_output_that_is_removed_between_rounds_is_made_again(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(1)
        process = await at.start(str(at.postings), "--every", "1")
        await read_until(process.stdout, "1 job: 1 succeeded")
        shutil.rmtree(at.output)

        async def is_made_again() -> bool:
            return any(at.output.glob("*/dossier.pdf"))

        await wait_until(is_made_again, "the output is made again", timeout_seconds=20)
        process.terminate()
        await process.communicate()


async def test_directory_that_is_not_there_from_the_start_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        process = await at.start(str(at.postings), "--every", "1")
        _, err = await process.communicate()
    assert (process.returncode, err.count(b"\n")) == (2, 1)
    assert b"does not exist" in err


async def test_run_with_another_cv_that_began_while_mongodb_was_away_takes_what_is_done_all_the_same(
    mongodb: MongoServer, tmp_path: Path
) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongodb.uri)
    done = {"state": "succeeded", "cv": "another", "ended_at": datetime.now(UTC) - timedelta(hours=1)}
    await client["pipeline"]["postings"].insert_one({"title": "Cook", "company": "Inn", FIELD: done})
    client.close()
    await mongodb.kill()
    async with world(tmp_path) as at:
        process = await at.start("--from-mongodb", "postings", "--every", "0.05", MONGODB_URI=mongodb.uri)
        await read_until(process.stderr, "no posting can be had")
        await mongodb.start()
        await read_until(process.stdout, "1 job: 1 succeeded")
        process.terminate()
        await process.communicate()
