"""Jobs on a Dask cluster: a scheduler and two worker processes, as a user starts them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from pipeline.demo.faults import Fault, Mode
from pipeline.jobs.posting_record import FIELD
from sidecar.spool.reader import SpoolReader
from tests.e2e.conftest import Start
from tests.e2e.jobs.standing_in import World, world
from tests.e2e.servers import MongoServer, Server
from tests.e2e.servers.process import listens, wait_until

POSTINGS = 12

pytest.importorskip("distributed")


class Scheduler(Server):
    name = "dask-scheduler"

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        where = ("--host", "127.0.0.1", "--port", str(self.port))
        return [sys.executable, "-m", "dask", "scheduler", *where, "--dashboard-address", "127.0.0.1:0"]

    async def is_ready(self) -> bool:
        return await listens(self.port)


class Worker(Server):
    name = "dask-worker"

    def __init__(self, directory: Path, scheduler: str, environment: Mapping[str, str]) -> None:
        super().__init__(directory)
        self._scheduler = scheduler
        self._environment = dict(environment)

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "dask", "worker", self._scheduler, "--no-nanny", "--no-dashboard"),
            *("--nthreads", "2", "--host", "127.0.0.1", "--local-directory", str(self.directory)),
        ]

    def environment(self) -> dict[str, str]:
        return self._environment

    async def is_ready(self) -> bool:
        return "Registered to" in self.output()


async def cluster(start: Start, at: World, **variables: str) -> tuple[Scheduler, list[Worker]]:
    (at.directory / "dask").mkdir()
    scheduler = await start(Scheduler(at.directory / "dask" / "scheduler"))
    environment = at.environment() | variables
    workers = [
        Worker(at.directory / "dask" / f"worker{number}", scheduler.address, environment)
        for number in range(2)
    ]
    return scheduler, await asyncio.gather(*map(start, workers))


async def test_two_workers_run_every_job_once_and_both_are_in_the_spool(start: Start, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(POSTINGS)
        scheduler, workers = await cluster(start, at)
        dask = ("--dask", scheduler.address, "--concurrency", "4")
        status, out = await at.run(str(at.postings), *dask)
        assert status == 0, out + workers[0].output_tail()
        assert f"{POSTINGS} jobs: {POSTINGS} succeeded; " in out
        assert SpoolReader(at.spool).read().workers == 2
        counted = at.counted()
        assert counted.total("pipeline_jobs_total", outcome="succeeded") == POSTINGS
        spent_usd = sum(seen.cost_usd for seen in at.seen)
        assert abs(counted.total("pipeline_cost_usd_total") - spent_usd) < 1e-9
        pids = {path.name.split("_", 1)[1] for path in at.spool.glob("counter_*.db")}
        assert sum(f"{worker.pid}" in name for name in pids for worker in workers) == 2

        seen = len(at.seen)
        status, out = await at.run(str(at.postings), *dask)
        assert f"{POSTINGS} succeeded ({POSTINGS} of them before); 0.000000 USD" in out
        assert len(at.seen) == seen
        assert len(list(at.output.glob("*/dossier.pdf"))) == POSTINGS


async def test_job_of_a_killed_worker_is_finished_by_the_other(start: Start, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(POSTINGS)
        scheduler, workers = await cluster(start, at)
        process = await at.start(str(at.postings), "--dask", scheduler.address, "--concurrency", "4")

        async def is_under_way() -> bool:
            return len(at.seen) > 20

        await wait_until(is_under_way, "the jobs are under way", timeout_seconds=20)
        await workers[0].kill()
        out, err = await process.communicate()
        assert b"Traceback" not in err, err.decode()
        assert process.returncode == 0, out.decode()
        assert f"{POSTINGS} jobs: {POSTINGS} succeeded" in out.decode()
        assert at.counted().total("pipeline_jobs_total", outcome="succeeded") == POSTINGS
        assert len(list(at.output.glob("*/dossier.pdf"))) == POSTINGS


async def test_breaker_of_a_worker_opens_after_as_few_failures_as_its_jobs_at_a_time_allow(
    start: Start, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        at.write_postings(3)
        at.providers["pdf_service"].misbehave(Fault(mode=Mode.FAIL, status=500))
        scheduler, _ = await cluster(start, at)
        status, out = await at.run(str(at.postings), "--dask", scheduler.address)
        counted = at.counted()
    assert (status, "3 failed" in out) == (1, True), out
    opened = counted.total("circuit_breaker_transitions_total", dependency="pdf_service", to_state="open")
    assert opened > 0


async def test_records_of_a_collection_are_given_back_by_the_one_that_claimed_them(
    start: Start, mongodb: MongoServer, tmp_path: Path
) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongodb.uri)
    records = client["pipeline"]["postings"]
    await records.insert_many([{"title": f"Cook {n}", "company": f"Inn {n}"} for n in range(3)])
    async with world(tmp_path) as at:
        scheduler, _ = await cluster(start, at)
        status, out = await at.run(
            *("--from-mongodb", "postings", "--dask", scheduler.address), MONGODB_URI=mongodb.uri
        )
    assert status == 0, out
    found = [record[FIELD] async for record in records.find({})]
    client.close()
    assert [entry["state"] for entry in found] == ["succeeded"] * 3
    assert all("publish" in entry["results"] for entry in found)


async def test_worker_without_its_keys_is_told_in_one_line(start: Start, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(1)
        scheduler, _ = await cluster(start, at, PDF_SERVICE_URL="")
        process = await at.start(str(at.postings), "--dask", scheduler.address)
        _, err = await process.communicate()
    assert process.returncode == 2
    assert b"--dask: a worker's environment: PDF_SERVICE_URL: is not set" in err
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "tls://127.0.0.1:1", "nonsense", "tcp://127.0.0.1:{http}"]
)
async def test_address_without_a_scheduler_is_refused_in_one_line(address: str, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(1)
        address = address.format(http=at.providers["pdf_service"].url.rpartition(":")[2])
        process = await at.start(str(at.postings), "--dask", address)
        async with asyncio.timeout(40):
            _, err = await process.communicate()
    assert process.returncode == 2
    (line,) = err.decode().splitlines()
    assert line.startswith(f"pipeline run: --dask: {address} gives no connection (")


async def test_run_ends_when_the_scheduler_does_and_another_goes_on(start: Start, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(POSTINGS)
        scheduler, _ = await cluster(start, at)
        process = await at.start(str(at.postings), "--dask", scheduler.address, "--every", "1")

        async def is_under_way() -> bool:
            return len(at.seen) > 10

        await wait_until(is_under_way, "the jobs are under way", timeout_seconds=20)
        await scheduler.kill()
        async with asyncio.timeout(30):
            out, err = await process.communicate()
        assert process.returncode == 1
        assert b"pipeline run: --dask: the scheduler is gone; start it" in err
        assert b"Traceback" not in err, err.decode()
        assert b"the scheduler is gone" in out
        status, text = await at.run()
    assert (status, f"{POSTINGS} jobs: {POSTINGS} succeeded" in text) == (0, True), text
