"""One budget of 1 USD for 128 tasks in 8 processes, on a real server."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from pipeline.ledger.mongodb import Connection, SharedBudget
from tests.e2e.conftest import Connect
from tests.e2e.ledger.clock import MovedClock
from tests.e2e.ledger.documents import assert_sums_are_right
from tests.e2e.servers import MongoServer, wait_until

LIMIT = 10**9
ESTIMATE = 10**7
PROCESSES = 8
TASKS = 16


class Worker:
    """A process that spends, and what it has told."""

    def __init__(self, process: asyncio.subprocess.Process, layer: str) -> None:
        self.process = process
        self.layer = layer
        self.steps: list[dict[str, Any]] = []

    @property
    def spent(self) -> int:
        return sum(step["actual"] for step in self.told("settled"))

    def told(self, step: str) -> Sequence[dict[str, Any]]:
        return [line for line in self.steps if line["step"] == step]

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.steps.append(json.loads(line))

    def begin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")


@asynccontextmanager
async def workers(uri: str, *, most_leased: int) -> AsyncIterator[list[Worker]]:
    """All ready, none has begun."""
    found = []
    listening: list[asyncio.Task[None]] = []
    try:
        for seed in range(PROCESSES):
            options: dict[str, Any] = {
                "uri": uri,
                "limit": LIMIT,
                "estimate": ESTIMATE,
                "tasks": TASKS,
                "seed": seed,
                "most_leased": most_leased,
                "layer": f"worker_{seed}",
                "call_seconds": 0.01,
            }
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.e2e.ledger.spender",
                json.dumps(options),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            worker = Worker(process, options["layer"])
            found.append(worker)
            listening.append(asyncio.create_task(worker.listen()))

        async def ready() -> bool:
            assert not any(worker.process.returncode for worker in found)
            return all(worker.told("ready") for worker in found)

        await wait_until(ready, "the workers are ready")
        yield found
        await asyncio.gather(*listening)
    finally:
        for worker in found:
            with suppress(ProcessLookupError):
                worker.process.kill()
            await worker.process.wait()
        for task in listening:
            task.cancel()


@asynccontextmanager
async def watching(budget: Any) -> AsyncIterator[list[int]]:
    """Read the document again and again meanwhile; the first wrong sum ends it all, and so does a minute."""
    reads = [0]

    async def watch() -> None:
        while True:
            document = await budget.find_one({"_id": "total"})
            assert_sums_are_right(document)
            assert document["spent"] + document["reserved"] <= LIMIT
            reads[0] += 1

    async with asyncio.timeout(60), asyncio.TaskGroup() as together:
        task = together.create_task(watch())
        yield reads
        task.cancel()


@pytest.mark.parametrize("most_leased", [0, LIMIT // 100])
async def test_eight_processes_never_spend_more_than_the_budget(
    mongodb: MongoServer, connect: Connect, most_leased: int
) -> None:
    budget = connect(mongodb.uri).pipeline.budget
    async with workers(mongodb.uri, most_leased=most_leased) as found, watching(budget) as reads:
        for worker in found:
            worker.begin()
        await asyncio.gather(*(worker.process.wait() for worker in found))

    document = await budget.find_one({"_id": "total"})
    assert document is not None
    assert_sums_are_right(document)
    assert reads[0] > 10
    assert all(worker.told("closed") for worker in found)
    assert not any(step["unavailable"] for worker in found for step in worker.told("refused"))
    assert document["reserved"] == 0
    assert document["spent"] == sum(worker.spent for worker in found) <= LIMIT
    # With leases each process can be left with what is too little for one more call, and its cushion.
    most_unused = ESTIMATE if most_leased == 0 else PROCESSES * (ESTIMATE + most_leased)
    assert document["remaining"] <= most_unused


@pytest.mark.parametrize("most_leased", [0, LIMIT // 100])
async def test_what_killed_processes_held_is_spent_once(
    mongodb: MongoServer, connect: Connect, most_leased: int
) -> None:
    budget = connect(mongodb.uri).pipeline.budget
    async with workers(mongodb.uri, most_leased=most_leased) as found, watching(budget):
        killed, others = found[:3], found[3:]
        for worker in killed:  # first, so that each of them gets something
            worker.begin()

        async def calls_are_under_way() -> bool:
            return all(len(worker.told("settled")) >= 3 for worker in killed)

        await wait_until(calls_are_under_way, "calls are under way")
        for worker in others:
            worker.begin()
        for worker in killed:
            worker.process.send_signal(signal.SIGKILL)
        await asyncio.gather(*(worker.process.wait() for worker in found))
    before = await budget.find_one({"_id": "total"})
    assert before is not None
    assert all(worker.told("closed") for worker in others)
    assert before["reserved"] > 0
    assert all(worker.spent == spent_by(worker, before) for worker in others)
    if most_leased == 0:
        for worker in killed:
            heard = [step["actual"] for step in worker.told("settled") if step["id"] not in before["holds"]]
            assert sum(heard) == spent_by(worker, before)

    later = SharedBudget(Connection(mongodb.uri, clock=MovedClock(time.time() + 600)), LIMIT)
    await asyncio.to_thread(later.read)
    await later.close()

    after = await budget.find_one({"_id": "total"})
    assert after is not None
    assert_sums_are_right(after)
    assert after["reserved"] == 0
    assert after["remaining"] == before["remaining"]
    assert after["spent"] == before["spent"] + before["reserved"] <= LIMIT
    held = Counter[str]()
    for hold in before["holds"].values():
        held[hold["layer"]] += hold["amount"]
    assert spent_by_layer(after) == spent_by_layer(before) + held


def spent_by(worker: Worker, document: Mapping[str, Any]) -> int:
    return spent_by_layer(document)[worker.layer]


def spent_by_layer(document: Mapping[str, Any]) -> Counter[str]:
    return sum((Counter(layers) for layers in document["days"].values()), Counter[str]())
