"""That a budget warns in the log: once a period, whoever shares it."""

from __future__ import annotations

import logging

import pytest

from pipeline.ledger import LedgerError, to_nano_usd
from pipeline.ledger.local_budget import LocalBudget
from tests.pipeline.limited import Limited


async def test_one_warning_a_period(caplog: pytest.LogCaptureFixture) -> None:
    limited = Limited()
    with caplog.at_level(logging.WARNING, logger="pipeline.budget"):
        await limited.call(0.79, max_usd=0.8)
        assert not caplog.messages
        for _ in range(3):
            await limited.call(0.01, max_usd=0.01)
        limited.budget.refresh()
        assert caplog.messages == ["budget.warning spent_usd=0.8 limit_usd=1 resets_in_seconds=43200"]
        limited.wall_clock.advance(86_400)
        await limited.call(0.9, max_usd=0.9)
        assert len(caplog.messages) == 2
        limited.ledger.reset()
        await limited.call(0.7, max_usd=0.9)
        assert len(caplog.messages) == 2
        await limited.call(0.2, max_usd=0.2)
    assert len(caplog.messages) == 3


async def test_who_shares_a_ledger_shares_its_one_warning_a_period(caplog: pytest.LogCaptureFixture) -> None:
    first = Limited()
    second = Limited(ledger=first.ledger)
    with caplog.at_level(logging.WARNING, logger="pipeline.budget"):
        for _ in range(2):
            await first.call(0.85, max_usd=0.85)
            await second.call(0.05, max_usd=0.05)
            first.budget.refresh()
            for one in (first, second):
                one.wall_clock.advance(86_400)
    assert [message.partition(" ")[0] for message in caplog.messages] == ["budget.warning"] * 2


class Voiceless(LocalBudget):
    """A ledger that can't be asked just when a warning is due."""

    def claim_warning(self) -> bool:
        raise LedgerError(16, "budget.ledger: is locked")


async def test_a_warning_that_cannot_be_claimed_holds_no_call_up() -> None:
    limited = Limited(ledger=Voiceless(to_nano_usd(1.0)))
    await limited.call(0.9, max_usd=0.9)
    await limited.call(0.05, max_usd=0.1)
    assert limited.money() == (1.0, 0.95, 0.0)
