"""The server hangs, dies and comes back in the middle of things."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.ledger.mongodb import Connection, SharedBudget
from pipeline.ledger.protocol import Granted, Refused, Taken, Wait
from tests.e2e.conftest import Connect
from tests.e2e.ledger.documents import assert_sums_are_right
from tests.e2e.servers import MongoServer, wait_until

LIMIT = 10**9
ESTIMATE = 10**6
SHORT_SECONDS = 0.6


async def reserve(ledger: SharedBudget, name: str, *, enforce: bool = True) -> Granted | Refused:
    return await ledger.reserve_async(name, ESTIMATE, layer="intake", enforce=enforce)


def is_unavailable(answer: Granted | Refused | Taken | Wait) -> bool:
    return isinstance(answer, Refused | Wait) and answer.is_unavailable


@pytest.mark.parametrize("most_leased", [0, 100 * ESTIMATE])
@pytest.mark.parametrize("outage", ["hangs", "dies"])
async def test_after_an_outage_in_the_middle_every_call_is_counted_once(
    mongodb: MongoServer, connect: Connect, most_leased: int, outage: str
) -> None:
    budget = connect(mongodb.uri).pipeline.budget
    ledger = SharedBudget(
        Connection(mongodb.uri, timeout_seconds=SHORT_SECONDS), LIMIT, most_leased_nano_usd=most_leased
    )
    spent = 0
    refused = asyncio.Event()
    is_over = False

    async def task(number: int) -> None:
        nonlocal spent
        call = 0
        while not is_over:
            call += 1
            name = f"{number}-{call}"
            answer = await reserve(ledger, name)
            if isinstance(answer, Refused):
                assert answer.is_unavailable
                refused.set()
            else:
                await asyncio.sleep(0.001)
                spent += call
                ledger.settle(name, call, layer="intake")
            await asyncio.sleep(0.001)

    tasks = [asyncio.create_task(task(number)) for number in range(16)]
    for _ in range(2):
        refused.clear()
        was_spent = spent

        async def calls_pass(was_spent: int = was_spent) -> bool:
            return spent > was_spent + 1000

        await wait_until(calls_pass, "calls pass")
        if outage == "hangs":
            await mongodb.stop_process()
        else:
            await mongodb.kill()
        await asyncio.wait_for(refused.wait(), 30)
        if outage == "hangs":
            mongodb.continue_process()
        else:
            await mongodb.start()
    await wait_until(calls_pass, "calls pass again")
    is_over = True
    await asyncio.gather(*tasks)
    await ledger.close()

    document = await budget.find_one({"_id": "total"})
    assert document is not None
    assert_sums_are_right(document)
    assert document["spent"] == spent
    assert document["reserved"] == 0
    assert not any(hold["state"] == "held" for hold in document["holds"].values())


async def test_a_cancelled_call_leaves_nothing_held(mongodb: MongoServer, connect: Connect) -> None:
    ledger = SharedBudget(Connection(mongodb.uri), LIMIT, most_leased_nano_usd=0)
    await reserve(ledger, "first")
    ledger.settle("first", 0, layer="intake")

    for steps in range(60):
        asking = asyncio.ensure_future(reserve(ledger, f"cancelled-{steps}"))
        for _ in range(steps):
            await asyncio.sleep(0.0002)
        asking.cancel()
        try:
            await asking
        except asyncio.CancelledError:
            continue
        ledger.settle(f"cancelled-{steps}", 0, layer="intake")
    await ledger.close()

    document = await connect(mongodb.uri).pipeline.budget.find_one({"_id": "total"})
    assert document is not None
    assert_sums_are_right(document)
    assert document["holds"] == {}
    assert document["remaining"] == LIMIT
