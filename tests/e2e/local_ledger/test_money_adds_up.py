"""`limit = remaining + reserved + spent` after any step, of any process, by any clock."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from pipeline.ledger import Granted, Period
from pipeline.ledger.local_budget import LocalBudget
from tests.clock import Clock

LIMIT = 1000
DAY = 86_400.0


class TwoProcesses(RuleBasedStateMachine):
    """Two ledgers of one file, as in two processes; a model counts along with whole numbers."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock(20_000 * DAY)
        self.ledgers = [self.open(), self.open()]
        self.held: dict[str, int] = {}
        self.holder: dict[str, int] = {}
        self.spent = 0
        self.number = 0

    def open(self) -> LocalBudget:
        return LocalBudget(LIMIT, Period.DAY, directory=Path(self.folder.name), clock=self.clock)

    @rule(
        target=calls,
        ledger=st.integers(0, 1),
        amount=st.integers(0, LIMIT + 100),
        enforce=st.booleans(),
    )
    def reserve(self, ledger: int, amount: int, enforce: bool) -> Any:
        self.number += 1
        name = f"call-{self.number}"
        answer = self.ledgers[ledger].reserve(name, amount, layer="none", enforce=enforce)
        fits = amount <= LIMIT - self.spent - sum(self.held.values())
        assert isinstance(answer, Granted) is (fits or not enforce)
        if not isinstance(answer, Granted):
            return multiple()
        assert answer.is_within_limit is fits
        self.held[name] = amount
        self.holder[name] = ledger
        return ledger, name

    @rule(call=calls, amount=st.integers(0, LIMIT))
    def reserve_again(self, call: tuple[int, str], amount: int) -> None:
        """The same reservation told twice is one."""
        ledger, name = call
        if name in self.held:
            self.ledgers[ledger].reserve(name, amount, layer="none", enforce=True)

    @rule(call=consumes(calls), share=st.floats(0, 1.5), again=st.booleans())
    def settle(self, call: tuple[int, str], share: float, again: bool) -> None:
        ledger, name = call
        held = self.held.pop(name, None)
        actual = int((held or 0) * share)
        for _ in range(2 if again else 1):
            self.ledgers[ledger].settle(name, actual, layer="intake")
        self.spent += actual

    @rule(call=calls, share=st.floats(0, 1.5))
    def spend_a_part(self, call: tuple[int, str], share: float) -> None:
        ledger, name = call
        if name not in self.held:
            return
        actual = int(self.held[name] * share)
        self.ledgers[ledger].spend(name, actual, layer="intake")
        self.held[name] = max(0, self.held[name] - actual)
        self.spent += actual

    @rule(call=calls)
    def settle_by_another(self, call: tuple[int, str]) -> None:
        """Who doesn't hold it can't settle it."""
        ledger, name = call
        self.ledgers[1 - ledger].settle(name, 5, layer="none")

    @rule()
    def next_day(self) -> None:
        self.clock.advance(DAY)
        self.spent = 0

    @rule(seconds=st.floats(0, 3600))
    def set_the_clock_back(self, seconds: float) -> None:
        """Over midnight or not, nothing is forgotten by it."""
        self.clock.advance(-seconds)
        for ledger in self.ledgers:
            assert ledger.state().spent_nano_usd == self.spent
        self.clock.advance(seconds)

    @rule()
    def reset(self) -> None:
        self.ledgers[0].reset()
        self.spent = 0

    @rule(ledger=st.integers(0, 1))
    def die_and_start_anew(self, ledger: int) -> None:
        """What the dead held is spent."""
        asyncio.run(self.ledgers[ledger].close())
        self.ledgers[ledger] = self.open()
        for name in [name for name in self.held if self.holder[name] == ledger]:
            self.spent += self.held.pop(name)

    @invariant()
    def it_adds_up(self) -> None:
        for ledger in self.ledgers:
            state = ledger.state()
            assert state.limit_nano_usd == (
                state.remaining_nano_usd + state.reserved_nano_usd + state.spent_nano_usd
            )
            assert state.spent_nano_usd == self.spent
            assert state.reserved_nano_usd == sum(self.held.values())

    def teardown(self) -> None:
        for ledger in self.ledgers:
            asyncio.run(ledger.close())
        self.folder.cleanup()


TwoProcesses.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_two_processes = TwoProcesses.TestCase
