"""`pipeline run --every`, while postings come and go."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.jobs.standing_in import world


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


async def test_directory_that_is_not_there_from_the_start_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        process = await at.start(str(at.postings), "--every", "1")
        _, err = await process.communicate()
    assert (process.returncode, err.count(b"\n")) == (2, 1)
    assert b"does not exist" in err
