"""The process is killed at random moments and started again until all is done."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from tests.e2e.jobs.standing_in import PAID, World, world
from tests.e2e.servers.process import wait_until

POSTINGS = 30
CONCURRENCY = 4
KILLS = 10


@dataclass
class Books:
    """What providers have answered, and were paid for, beside what the workers have counted."""

    at: World
    lost_calls: int = 0
    lost_usd: float = 0.0
    lost_at_once: list[int] = field(default_factory=list)

    async def close(self) -> None:
        """Account for a kill: some answers, of the last that were sent, are paid for and not counted.

        They were on their way. Which ones nobody can know; but what is missing is to the cent what so many of
        the last answers cost.
        """
        for provider in self.at.providers.values():
            await wait_until(provider.is_idle, f"{provider.name} is idle", timeout_seconds=5)
        paid_usd = [seen.cost_usd for seen in self.at.seen if seen.cost_usd > 0]
        counted = self.at.counted()
        calls = sum(
            counted.total("pipeline_calls_total", dependency=name, outcome="success") for name in PAID
        )
        lost_calls = len(paid_usd) - int(calls) - self.lost_calls
        lost_usd = sum(paid_usd) - counted.total("pipeline_cost_usd_total") - self.lost_usd
        assert 0 <= lost_calls <= CONCURRENCY
        last = paid_usd[-2 * CONCURRENCY :]
        assert any(abs(sum(few) - lost_usd) < 1e-9 for few in combinations(last, lost_calls))
        self.lost_calls += lost_calls
        self.lost_usd += lost_usd
        self.lost_at_once.append(lost_calls)


async def calls_of_one_posting(directory: Path) -> tuple[int, int]:
    """All calls that a posting takes when nothing disturbs it, and those of them that cost money."""
    async with world(directory) as at:
        at.write_postings(2)
        status, out = await at.run()
        assert status == 0, out
        return len(at.seen) // 2, sum(seen.cost_usd > 0 for seen in at.seen) // 2


async def test_every_posting_is_done_once_and_its_cost_counted_once(tmp_path: Path) -> None:
    chance = random.Random(11)  # noqa: S311 - reproducible on purpose
    (tmp_path / "undisturbed").mkdir()
    calls, paid_calls = await calls_of_one_posting(tmp_path / "undisturbed")
    async with world(tmp_path) as at:
        at.write_postings(POSTINGS)
        books = Books(at)
        for _ in range(KILLS):
            process = await at.start(str(at.postings), "--concurrency", str(CONCURRENCY))
            until = len(at.seen) + chance.randint(1, calls * POSTINGS // (KILLS + 1))
            while len(at.seen) < until and process.returncode is None:
                await asyncio.sleep(0.001)
            await asyncio.sleep(chance.random() * 0.05)
            process.kill()
            await process.communicate()
            await books.close()
        status, out = await at.run(str(at.postings), "--concurrency", str(CONCURRENCY))
        await books.close()
        counted = at.counted()

    assert status == 0, out
    assert f"{POSTINGS} jobs: {POSTINGS} succeeded (" in out
    assert counted.total("pipeline_jobs_total", outcome="succeeded") == POSTINGS
    assert counted.total("pipeline_jobs_total") == POSTINGS
    dossiers = [path.parent.name.rpartition("-")[2] for path in at.output.glob("*/dossier.pdf")]
    assert len(dossiers) == len(set(dossiers)) == POSTINGS

    # Asked again is what was lost on its way; and at each kill at most the one call that had just been
    # counted and was not yet written down: between the two lies one step of the loop.
    paid_usd = [seen.cost_usd for seen in at.seen if seen.cost_usd > 0]
    unwritten_calls = len(paid_usd) - POSTINGS * paid_calls - books.lost_calls
    assert 0 <= unwritten_calls <= KILLS
    # Every job has told what it cost, the money of the killed runs included, and told it once.
    untold_usd = counted.total("pipeline_cost_usd_total") - counted.total("pipeline_job_cost_usd_sum")
    assert -1e-9 < untold_usd < unwritten_calls * max(paid_usd) + 1e-9
    assert counted.total("pipeline_wasted_cost_usd_total") == 0
