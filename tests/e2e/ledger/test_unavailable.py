"""What happens while the server is away is a matter of configuration, and quick."""

from __future__ import annotations

import logging

import pytest

from pipeline.ledger.mongodb import Connection, SharedBudget, SharedRates
from pipeline.ledger.protocol import Granted, Refused, Taken, Wait
from pipeline.ledger.settings import WhenUnavailable
from pipeline.metrics import Window
from tests.e2e.conftest import Connect
from tests.e2e.ledger.documents import assert_sums_are_right
from tests.e2e.servers import MongoServer, free_port, wait_until

LIMIT = 10**9
ESTIMATE = 10**6
SHORT_SECONDS = 0.6


async def reserve(ledger: SharedBudget, name: str, *, enforce: bool = True) -> Granted | Refused:
    return await ledger.reserve_async(name, ESTIMATE, layer="intake", enforce=enforce)


def is_unavailable(answer: Granted | Refused | Taken | Wait) -> bool:
    return isinstance(answer, Refused | Wait) and answer.is_unavailable


async def test_what_is_leased_is_used_up_while_the_server_is_away(mongodb: MongoServer) -> None:
    ledger = SharedBudget(
        Connection(mongodb.uri, timeout_seconds=SHORT_SECONDS), LIMIT, most_leased_nano_usd=50 * ESTIMATE
    )
    names = (str(number) for number in range(1_000_000))
    while ledger.reserve(next(names), ESTIMATE, layer="intake", enforce=True) != Granted():
        await reserve(ledger, next(names))
    await mongodb.stop_process()

    granted = 0
    while ledger.reserve(next(names), ESTIMATE, layer="intake", enforce=True) == Granted():
        granted += 1

    assert 0 < granted <= 50
    assert is_unavailable(await reserve(ledger, next(names)))
    mongodb.continue_process()
    await ledger.close()


async def test_a_server_that_is_not_there_refuses_at_once_from_the_second_call_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    uri = f"mongodb://ledger:s3cret@127.0.0.1:{free_port()}/money"
    ledger = SharedBudget(Connection(uri, timeout_seconds=SHORT_SECONDS), LIMIT)
    rates = SharedRates(Connection(uri, timeout_seconds=SHORT_SECONDS), "openai", 10, Window.MINUTE)

    with caplog.at_level(logging.DEBUG):
        assert is_unavailable(await reserve(ledger, "first"))
        second = ledger.reserve("second", ESTIMATE, layer="intake", enforce=True)
        assert is_unavailable(await rates.take_async(1))

    assert isinstance(second, Refused)
    assert second.is_unavailable
    assert second.state.limit_nano_usd == LIMIT
    warnings = [record.message for record in caplog.records if "ledger.unavailable" in record.message]
    assert len(warnings) == 2
    assert all("127.0.0.1" in warning for warning in warnings)
    assert "s3cret" not in caplog.text + repr(ledger) + repr(rates)
    await ledger.close()
    await rates.close()


@pytest.mark.parametrize(
    ("when_unavailable", "enforce", "allows"),
    [
        (None, True, False),
        (None, False, True),
        (WhenUnavailable.REFUSE, False, False),
        (WhenUnavailable.ALLOW, True, True),
    ],
)
async def test_the_configuration_decides_while_the_server_is_away_and_what_was_allowed_is_told_later(
    mongodb: MongoServer,
    connect: Connect,
    when_unavailable: WhenUnavailable | None,
    enforce: bool,
    allows: bool,
) -> None:
    await mongodb.kill()
    connection = Connection(mongodb.uri, timeout_seconds=SHORT_SECONDS)
    ledger = SharedBudget(connection, LIMIT, when_unavailable=when_unavailable)
    rates = SharedRates(connection, "openai", 10, Window.DAY, when_unavailable=when_unavailable)

    money = await reserve(ledger, "call", enforce=enforce)
    assert is_unavailable(money) is not allows
    ledger.settle("call", 123, layer="intake")
    permits = await rates.take_async(3)
    assert isinstance(permits, Taken) is (when_unavailable is WhenUnavailable.ALLOW)

    await mongodb.start()

    async def is_told() -> bool:
        return not is_unavailable(await reserve(ledger, "next")) and isinstance(
            await rates.take_async(0), Taken
        )

    await wait_until(is_told, "the server is asked again")
    ledger.settle("next", 0, layer="intake")

    async def permits_are_told() -> bool:
        return not is_unavailable(await rates.take_async(1)) or not allows

    await wait_until(permits_are_told, "the permits are told")
    await ledger.close()
    await rates.close()
    found = connect(mongodb.uri).pipeline
    budget = await found.budget.find_one({"_id": "total"})
    assert budget is not None
    assert_sums_are_right(budget)
    assert budget["spent"] == (123 if allows else 0)
    assert budget["reserved"] == 0
    used = await found.rate_limits.find_one({"_id": "openai:day"})
    assert used is not None
    assert used["used"] == (4 if when_unavailable is WhenUnavailable.ALLOW else 1)
