"""What a connection asks of its server, and what it believes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from motor.motor_asyncio import AsyncIOMotorCollection

from pipeline.ledger.mongodb import Connection
from tests.e2e.ledger.clock import MovedClock
from tests.sidecar.probes.mongodb_server import hello, mongodb_server

T = TypeVar("T")


async def in_its_thread(connection: Connection, work: Coroutine[Any, Any, T]) -> T:
    return await asyncio.wrap_future(connection.submit(work))


@pytest.mark.parametrize(
    "options", ["", "?w=1&readConcernLevel=local&readPreference=secondary&retryWrites=true"]
)
async def test_whatever_the_uri_says_a_majority_has_what_is_written_and_what_is_read(options: str) -> None:
    async def look(budget: AsyncIOMotorCollection[dict[str, Any]]) -> tuple[object, ...]:
        asked_for: Any = budget.database.client.options
        return (
            budget.write_concern.document["w"],
            budget.read_concern.level,
            budget.read_preference.mongos_mode,
            asked_for.retry_writes,
            asked_for.retry_reads,
        )

    uri = f"mongodb://127.0.0.1:1/money{options}"
    with closing(Connection(uri, clock=MovedClock())) as connection:
        found = await in_its_thread(connection, connection.perform("budget", look))
    assert found == ("majority", "majority", "primary", False, False)


async def test_time_goes_by_the_servers_clock() -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    async with mongodb_server({"hello": hello(localTime=ahead)}) as port:
        with closing(Connection(f"mongodb://127.0.0.1:{port}/", timeout_seconds=20)) as connection:
            assert abs(connection.clock.now() - time.time()) < 60
            await in_its_thread(connection, connection.ask_time())
            assert abs(connection.clock.now() - ahead.timestamp()) < 60
