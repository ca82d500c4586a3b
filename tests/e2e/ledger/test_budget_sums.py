"""Whatever a few processes do, in whatever order, the sums of the budget are right after each step."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pymongo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ledger.mongodb import Connection, SharedBudget
from pipeline.ledger.protocol import Granted, Period
from tests.e2e.ledger.clock import MovedClock
from tests.e2e.ledger.documents import assert_sums_are_right
from tests.e2e.servers import MongoServer

LIMIT: Final = 1000
LEASE_SECONDS: Final = 60.0
AMOUNT = st.integers(0, 400)
WHICH = st.integers(0, 30)
STEP = st.one_of(
    st.tuples(st.just("reserve"), WHICH, AMOUNT, st.booleans()),
    st.tuples(st.just("reserve"), WHICH, AMOUNT, st.just(True)),  # noqa: FBT003
    st.tuples(st.just("settle"), WHICH, AMOUNT),
    st.tuples(st.just("spend"), WHICH, AMOUNT),
    st.tuples(st.just("tell"), WHICH),
    st.tuples(st.just("look"), WHICH),
    st.tuples(st.just("reset"), WHICH),
    st.tuples(st.just("join"), st.sampled_from([LIMIT, LIMIT // 2, 2 * LIMIT])),
    st.tuples(st.just("lose"), WHICH),
    st.tuples(st.just("advance"), st.sampled_from([1.0, 2 * LEASE_SECONDS, 40_000.0])),
)


class Scene:
    """Ledgers as of several processes, and what their calls should come to."""

    def __init__(self, uri: str, most_leased: int) -> None:
        self.uri = uri
        self.most_leased = most_leased
        self.clock = MovedClock()
        self.ledgers: list[SharedBudget] = []
        self.under_way: list[tuple[SharedBudget, str]] = []
        self.spent = 0
        self.is_exact = True
        self.calls = 0
        self.join(LIMIT)
        self.join(LIMIT)

    def do(self, name: str, *arguments: Any) -> None:
        getattr(self, name)(*arguments)

    def join(self, limit: int) -> None:
        connection = Connection(self.uri, timeout_seconds=20, clock=self.clock)
        self.ledgers.append(
            SharedBudget(connection, limit, Period.DAY, most_leased_nano_usd=self.most_leased)
        )

    def reserve(self, which: int, amount: int, enforce: bool) -> None:
        ledger = self.ledgers[which % len(self.ledgers)]
        self.calls += 1
        name = f"call-{self.calls}"
        answer = ledger.reserve_blocking(name, amount, layer="intake", enforce=enforce)
        if isinstance(answer, Granted):
            again = ledger.reserve_blocking(name, amount, layer="intake", enforce=enforce)
            assert isinstance(again, Granted)  # no more than a retry
            self.under_way.append((ledger, name))
        else:
            assert enforce
            assert not answer.is_unavailable

    def settle(self, which: int, actual: int) -> None:
        if self.under_way:
            ledger, name = self.under_way.pop(which % len(self.under_way))
            ledger.settle(name, actual, layer="intake")
            ledger.settle(name, 2 * actual, layer="intake")  # no more than a retry
            self.spent += actual

    def spend(self, which: int, actual: int) -> None:
        if self.under_way:
            ledger, name = self.under_way[which % len(self.under_way)]
            ledger.spend(name, actual, layer="publish")
            self.spent += actual

    def tell(self, which: int) -> None:
        self.ledgers[which % len(self.ledgers)]._rounds.next().result()

    def look(self, which: int) -> None:
        self.ledgers[which % len(self.ledgers)].read()

    def reset(self, which: int) -> None:
        self.ledgers[which % len(self.ledgers)].reset()
        self.is_exact = False  # what had expired is not corrected any more

    def lose(self, which: int) -> None:
        if len(self.ledgers) > 1:
            lost = self.ledgers.pop(which % len(self.ledgers))
            lost._rounds.stop()
            lost._connection.close()
            self.under_way = [call for call in self.under_way if call[0] is not lost]
            self.is_exact = False

    def advance(self, seconds: float) -> None:
        self.clock.time += seconds
        if seconds > 3600:  # too late to correct what has expired meanwhile
            self.is_exact = self.is_exact and not self.under_way

    def end(self) -> None:
        while self.under_way:
            self.settle(0, 7)
        for ledger in self.ledgers:
            asyncio.run(ledger.close())


async def test_the_sums_are_right_after_every_step(mongodb: MongoServer) -> None:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongodb.uri)
    numbers = iter(range(1_000_000))

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        print_blob=True,
    )
    @given(steps=st.lists(STEP, max_size=25), most_leased=st.sampled_from([0, 100]))
    def check(steps: list[tuple[Any, ...]], most_leased: int) -> None:
        database = f"example_{next(numbers)}"
        scene = Scene(f"{mongodb.uri}{database}", most_leased)
        try:
            for step in steps:
                scene.do(*step)
                for document in client[database].budget.find():
                    assert_sums_are_right(document)
        finally:
            scene.end()
        documents = list(client[database].budget.find())
        for document in documents:
            assert_sums_are_right(document)
        if scene.is_exact:
            assert sum(document["spent"] for document in documents) == scene.spent
            assert all(document["reserved"] == 0 for document in documents)

    try:
        await asyncio.to_thread(check)
    finally:
        client.close()
