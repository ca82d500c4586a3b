"""A ledger that was opened before a fork serves parent and child, each from what is its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from tests.e2e.conftest import Connect
from tests.e2e.ledger.documents import assert_sums_are_right
from tests.e2e.servers import MongoServer

PROGRAM = """
import asyncio, json, os, sys

from pipeline.ledger.mongodb import Connection, SharedBudget, SharedRates
from pipeline.ledger.protocol import Granted, Taken
from pipeline.metrics import Window

connection = Connection(sys.argv[1], timeout_seconds=20)
budget = SharedBudget(connection, 10**9, most_leased_nano_usd=int(sys.argv[2]))
rates = SharedRates(connection, "openai", 1000, Window.DAY)


def call(name):
    assert isinstance(budget.reserve_blocking(name, 1000, layer="intake", enforce=True), Granted)
    assert isinstance(rates.take_blocking(1), Taken)


for number in range(50):
    call(f"before-{number}")
    budget.settle(f"before-{number}", 10, layer="intake")
call("across")
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        budget.settle("across", 500, layer="intake")  # the parent's: not its to settle
        for number in range(50):
            call(f"{os.getpid()}-{number}")
            budget.settle(f"{os.getpid()}-{number}", 7, layer="publish")
        asyncio.run(budget.close())
        asyncio.run(rates.close())
        os._exit(0)
    children.append(child)
budget.settle("across", 100, layer="intake")
statuses = [os.waitpid(child, 0)[1] for child in children]
asyncio.run(budget.close())
asyncio.run(rates.close())
print(json.dumps(statuses))
"""


async def test_each_forked_worker_counts_its_own(mongodb: MongoServer, connect: Connect) -> None:
    for most_leased in (0, 10**6):
        uri = f"{mongodb.uri}leased_{most_leased}"
        command = [sys.executable, "-W", "error", "-c", PROGRAM, uri, str(most_leased)]
        ended = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.stderr == ""
        assert json.loads(ended.stdout) == [0, 0, 0]
        found = connect(uri).get_default_database()
        document = await found.budget.find_one({"_id": "total"})
        assert document is not None
        assert_sums_are_right(document)
        (layers,) = document["days"].values()
        assert layers == {"intake": 50 * 10 + 100, "publish": 3 * 50 * 7}
        assert document["reserved"] == 0
        used = await found.rate_limits.find_one({"_id": "openai:day"})
        assert used is not None
        assert used["used"] == 51 + 3 * 50
