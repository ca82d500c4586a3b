"""A process that ends without closing its ledger is quiet, and a lost one for the others."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

from pipeline.ledger.mongodb import Connection, SharedBudget
from tests.e2e.ledger.clock import MovedClock
from tests.e2e.servers import MongoServer

LIMIT = 10**9
PROGRAM = """
import os, sys

from pipeline.ledger.mongodb import Connection, SharedBudget

budget = SharedBudget(Connection(sys.argv[1], timeout_seconds=20), 10**9, most_leased_nano_usd=0)
budget.reserve_blocking(f"call-{os.getpid()}", 1000, layer="intake", enforce=True)
try:
    print("reserved", flush=True)
    sys.stdin.read()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


async def test_an_end_without_close_is_quiet_and_what_was_held_is_spent(mongodb: MongoServer) -> None:
    for number, interrupt in enumerate([False, True], 1):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            mongodb.uri,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"reserved\n"
        if interrupt:
            process.send_signal(signal.SIGINT)
        said, complained = await asyncio.wait_for(process.communicate(b""), 30)
        assert (process.returncode, said) == (0, b"interrupted\n" if interrupt else b"")
        assert complained == b""

        later = SharedBudget(Connection(mongodb.uri, clock=MovedClock(time.time() + 120)), LIMIT)
        assert (await asyncio.to_thread(later.read)).spent_nano_usd == number * 1000
        await later.close()
