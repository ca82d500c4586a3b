"""What a budget on a server does, rule by rule, with the clock moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any, Protocol

import pytest

from pipeline.ledger.mongodb import Connection, SharedBudget, UnavailableError
from pipeline.ledger.mongodb.budget_document import MAX_HOLDS
from pipeline.ledger.mongodb.budget_store import BudgetStore, Outcome
from pipeline.ledger.mongodb.hold import Hold
from pipeline.ledger.protocol import BudgetState, Granted, Period, Refused
from tests.e2e.conftest import Connect
from tests.e2e.ledger.clock import NOON, MovedClock
from tests.e2e.ledger.documents import assert_sums_are_right
from tests.e2e.servers import MongoServer

LIMIT = 1000


class Join(Protocol):
    def __call__(
        self, limit: int = LIMIT, period: Period = Period.DAY, *, most_leased: int = 0
    ) -> SharedBudget: ...


class Read(Protocol):
    async def __call__(self, document_id: str = "day:2026-11-22") -> dict[str, Any]: ...


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def join(mongodb: MongoServer, clock: MovedClock) -> AsyncIterator[Join]:
    """Another process' ledger, on a connection of its own."""
    ledgers: list[SharedBudget] = []

    def make(limit: int = LIMIT, period: Period = Period.DAY, *, most_leased: int = 0) -> SharedBudget:
        connection = Connection(mongodb.uri, timeout_seconds=20, clock=clock)
        ledgers.append(SharedBudget(connection, limit, period, most_leased_nano_usd=most_leased))
        return ledgers[-1]

    yield make
    for ledger in ledgers:
        await ledger.close()


@pytest.fixture
def read(mongodb: MongoServer, connect: Connect) -> Read:
    async def one(document_id: str = "day:2026-11-22") -> dict[str, Any]:
        document = await connect(mongodb.uri).pipeline.budget.find_one({"_id": document_id})
        assert document is not None
        assert_sums_are_right(document)
        return document

    return one


async def reserve(ledger: SharedBudget, name: str, amount: int, *, enforce: bool = True) -> Granted | Refused:
    return await ledger.reserve_async(name, amount, layer="intake", enforce=enforce)


async def tell(ledger: SharedBudget) -> None:
    await asyncio.wrap_future(ledger._rounds.next())


async def fall_silent(ledger: SharedBudget) -> None:
    """As a process that is stopped: until something wakes it, it says nothing."""
    await tell(ledger)
    ledger._rounds.stop()


async def look(ledger: SharedBudget) -> BudgetState:
    return await asyncio.to_thread(ledger.read)


async def test_a_call_holds_is_refused_or_settled(join: Join, read: Read) -> None:
    one, other = join(), join()
    assert await reserve(one, "first", 900) == Granted()
    refused = await reserve(other, "second", 101)
    assert refused == Refused(BudgetState(LIMIT, 0, 900, NOON + 12 * 3600))
    assert await reserve(other, "third", 100) == Granted()
    assert await reserve(other, "fourth", 1, enforce=False) == Granted(is_within_limit=False)

    one.settle("first", 300, layer="intake")
    other.settle("third", 0, layer="intake")
    other.settle("fourth", 1, layer="publish")
    await tell(one)
    await tell(other)

    document = await read()
    assert (document["spent"], document["remaining"]) == (301, 699)
    assert document["days"] == {"2026-11-22": {"intake": 300, "publish": 1}}
    assert document["holds"] == {}


async def test_a_hold_is_filled_up_with_what_remains_and_no_more(
    mongodb: MongoServer, read: Read, clock: MovedClock
) -> None:
    with closing(Connection(mongodb.uri, timeout_seconds=20, clock=clock)) as connection:
        store = BudgetStore(connection, Period.DAY, LIMIT)
        hold = Hold("lease", store.document_id(clock.now()), "intake")

        async def ask_for(extra: int, *, if_remains: bool = True) -> Outcome:
            hold.tell(
                extra,
                owner=connection.owner,
                day="2026-11-22",
                lease_ends_at=int((clock.now() + 60) * 1000),
                if_remains=if_remains,
                closes=False,
            )
            return await asyncio.wrap_future(connection.submit(store.tell(hold)))

        await asyncio.wrap_future(connection.submit(store.open_period(hold.document_id)))
        assert await ask_for(LIMIT + 1) is Outcome.NOT_ENOUGH
        assert await ask_for(600) is Outcome.MADE
        assert await ask_for(401) is Outcome.NOT_ENOUGH
        assert (await read())["remaining"] == 400
        assert await ask_for(400) is Outcome.MADE
        assert await ask_for(1, if_remains=False) is Outcome.MADE
        assert (await read())["remaining"] == -1


@pytest.mark.parametrize("most_leased", [0, 100])
async def test_a_settlement_that_comes_late_corrects_what_was_taken_for_spent(
    join: Join, read: Read, clock: MovedClock, most_leased: int
) -> None:
    slow, other = join(most_leased=most_leased), join()
    await reserve(slow, "call", 500)
    await fall_silent(slow)
    clock.time += 120
    assert (await look(other)).spent_nano_usd == 500
    assert (await read())["holds"] != {}

    slow.settle("call", 200, layer="intake")
    await slow.close()

    document = await read()
    assert (document["spent"], document["remaining"], document["reserved"]) == (200, 800, 0)
    assert {day: +amount for day, amount in document["days"]["2026-11-22"].items() if amount} == {
        "intake": 200
    }


async def test_after_an_hour_it_stays_spent_and_nothing_is_left_of_the_hold(
    join: Join, read: Read, clock: MovedClock
) -> None:
    slow, other = join(), join()
    await reserve(slow, "call", 500)
    await fall_silent(slow)
    clock.time += 120
    await look(other)
    clock.time += 3601
    await look(other)

    slow.settle("call", 200, layer="intake")
    await tell(slow)

    document = await read()
    assert document["spent"] == 500
    assert document["holds"] == {}


async def test_a_process_that_says_it_lives_keeps_what_it_holds(
    join: Join, read: Read, clock: MovedClock
) -> None:
    slow, other = join(), join()
    await reserve(slow, "call", 500)
    for _ in range(10):
        clock.time += 40
        await tell(slow)
    assert await look(other) == BudgetState(LIMIT, 0, 500, NOON + 12 * 3600)


async def test_a_new_period_begins_with_nothing_spent_and_an_old_call_is_counted_in_its_own(
    join: Join, read: Read, clock: MovedClock
) -> None:
    ledger = join(most_leased=100)
    await reserve(ledger, "old", 600)
    clock.time += 13 * 3600
    assert await reserve(ledger, "new", 1000) == Granted()
    ledger.settle("old", 500, layer="intake")
    ledger.settle("new", 70, layer="intake")
    await ledger.close()

    assert (await read())["spent"] == 500
    assert (await read("day:2026-11-23"))["spent"] == 70


async def test_what_a_lost_process_held_of_a_past_period_is_spent_in_it(
    join: Join, read: Read, clock: MovedClock
) -> None:
    lost, other = join(), join()
    await reserve(lost, "call", 500)
    await fall_silent(lost)
    clock.time += 13 * 3600
    await reserve(other, "new", 1)
    clock.time += 120
    await tell(other)
    document = await read()
    assert (document["spent"], document["reserved"]) == (500, 0)
    assert document["days"] == {"2026-11-22": {"intake": 500}}


async def test_one_of_all_may_warn_in_a_period(join: Join, clock: MovedClock) -> None:
    ledgers = [join() for _ in range(4)]
    for period in range(2):
        answers: list[bool] = []
        for ledger in ledgers:
            assert (await reserve(ledger, f"{period}", 1)) == Granted()
            while (answer := ledger.claim_warning()) is None:
                await tell(ledger)
            answers.append(answer)
        assert sorted(answers) == [False, False, False, True]
        clock.time += 86_400


async def test_who_comes_with_another_limit_changes_it_for_all(join: Join, read: Read) -> None:
    one = join()
    await reserve(one, "call", 900)
    assert await reserve(join(2 * LIMIT), "more", 1000) == Granted()
    assert (await read())["remaining"] == 100
    assert isinstance(await reserve(join(LIMIT), "less", 1), Refused)
    assert (await read())["remaining"] == -900


async def test_a_reset_writes_off_what_was_spent_and_keeps_what_is_held(join: Join, read: Read) -> None:
    ledger = join()
    await reserve(ledger, "held", 300)
    await reserve(ledger, "spent", 700)
    ledger.settle("spent", 700, layer="intake")
    await tell(ledger)

    await asyncio.to_thread(ledger.reset)

    document = await read()
    assert (document["spent"], document["reserved"], document["remaining"]) == (0, 300, 700)
    assert [entry.spent_nano_usd for entry in await asyncio.to_thread(ledger.history)] == [700]


async def test_a_document_holds_so_many_calls_and_no_more(
    join: Join, mongodb: MongoServer, connect: Connect
) -> None:
    ledger = join()
    await look(ledger)
    budget = connect(mongodb.uri).pipeline.budget
    await budget.update_one({}, {"$set": {"hold_count": MAX_HOLDS}})

    refused = await reserve(ledger, "call", 1)

    assert isinstance(refused, Refused)
    assert refused.is_unavailable


async def test_a_document_that_is_no_budget_is_told_in_one_line(
    join: Join, mongodb: MongoServer, connect: Connect
) -> None:
    await connect(mongodb.uri).pipeline.budget.insert_one({"_id": "day:2026-11-22", "limit": "much"})

    with pytest.raises(UnavailableError, match="holds no budget of ours"):
        await look(join())
