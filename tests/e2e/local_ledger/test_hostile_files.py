"""A ledger's file may hold anything: it is refused, or it gives no more than the limit. Nobody crashes."""

from __future__ import annotations

import asyncio
import struct
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ledger import Granted, LedgerError, Period, Taken
from pipeline.ledger.day_rates import DayRates
from pipeline.ledger.local_budget import FILE_NAME, LocalBudget
from pipeline.ledger.minute_rates import MinuteRates

LIMIT = 100
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 2000)
EARLY_CELLS = 60
"""Where the sums and the first slots and entries are."""


def spoil(file: Path, changes: dict[int, int]) -> None:
    content = bytearray(file.read_bytes())
    for cell, number in changes.items():
        at = cell * 8 % len(content)
        content[at : at + 8] = struct.pack("q", number)
    file.write_bytes(content)


spoilt = st.dictionaries(st.integers(3, EARLY_CELLS) | st.integers(3, 20_000), NUMBERS, max_size=12)


@settings(max_examples=150, deadline=None)
@given(spoilt)
def test_a_budget_gives_no_more_than_its_limit(changes: dict[int, int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        asyncio.run(LocalBudget(LIMIT, Period.DAY, directory=directory).close())
        spoil(directory / FILE_NAME, changes)
        try:
            ledger = LocalBudget(LIMIT, Period.DAY, directory=directory)
        except LedgerError:
            return
        granted = 0
        for number in range(LIMIT + 5):
            if isinstance(ledger.reserve(f"{number}", 1, layer="intake", enforce=True), Granted):
                granted += 1
                ledger.settle(f"{number}", 1, layer="intake")
        state = ledger.state()
        assert granted <= LIMIT
        assert state.spent_nano_usd >= granted
        assert state.reserved_nano_usd >= 0
        assert all(row.spent_nano_usd > 0 for row in ledger.history())
        ledger.claim_warning()
        ledger.reset()
        asyncio.run(ledger.close())


@settings(max_examples=150, deadline=None)
@given(spoilt, st.booleans())
def test_rates_give_no_more_than_their_limit(changes: dict[int, int], a_day: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openai.ledger"
        kind = DayRates if a_day else MinuteRates
        asyncio.run(kind(LIMIT, path=path).close())
        spoil(path, changes)
        try:
            ledger = kind(LIMIT, path=path)
        except LedgerError:
            return
        answers = [ledger.take(1) for _ in range(LIMIT + 5)]
        taken = [answer for answer in answers if isinstance(answer, Taken)]
        assert len(taken) <= LIMIT
        for answer in taken[:3]:
            ledger.give_back(answer)
        assert 0 <= ledger.remaining() <= LIMIT
        asyncio.run(ledger.close())
