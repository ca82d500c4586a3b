"""The breaker against a model of its rules, through random lives."""

from __future__ import annotations

import contextlib
import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.breaker import Breaker, BreakerOpenError, Permit
from pipeline.metrics import BreakerOutcome
from tests.clock import Clock
from tests.pipeline.breaker.told import BY_HAND, LEGAL, Told


class Model:
    """The rules in the plainest way: one list of all permits, nothing fast, nothing shared."""

    def __init__(self, threshold: int, timeout: int, successes: int, trials: int, lease: int) -> None:
        self.threshold, self.timeout, self.successes = threshold, timeout, successes
        self.limit, self.lease = trials, lease
        self.state = "closed"
        self.epoch = self.failures = self.good_trials = 0
        self.reopens_at = math.inf
        self.disabled = False
        self.live: dict[Permit, tuple[int, float]] = {}
        self.transitions: list[tuple[str, str]] = []
        self.outcomes: list[str] = []

    def move(self, state: str, now: float) -> None:
        if state == self.state:
            return
        self.transitions.append((self.state, state))
        self.state = state
        self.epoch += 1
        self.good_trials = 0
        if state == "closed":
            self.failures = 0
        if state == "open":
            self.reopens_at = now + self.timeout

    def live_trials(self, now: float) -> int:
        """Those that hold a place: of this epoch, their lease not yet over."""
        return sum(epoch == self.epoch and now - at < self.lease for epoch, at in self.live.values())

    def admits(self, now: float) -> bool:
        if self.state == "open" and now >= self.reopens_at:
            self.move("half_open", now)
        if self.state == "half_open":
            # Who takes the place of a hung trial leaves that one stale.
            for permit, (epoch, at) in self.live.items():
                if epoch == self.epoch and now - at >= self.lease:
                    self.live[permit] = (-1, at)
            return self.live_trials(now) < self.limit
        return self.state == "closed"

    def settle(self, permit: Permit, outcome: str, now: float) -> None:
        epoch, _ = self.live.pop(permit)
        if epoch != self.epoch:
            self.outcomes.append("stale")
            return
        self.outcomes.append(outcome)
        if outcome == "ignored" or self.disabled:
            return
        if outcome == "failure":
            self.failures += 1
            if self.state == "half_open" or self.failures >= self.threshold:
                self.move("open", now)
        elif self.state == "half_open":
            self.good_trials += 1
            if self.good_trials >= self.successes:
                self.move("closed", now)
        else:
            self.failures = 0


class Life(RuleBasedStateMachine):
    @initialize(
        threshold=st.integers(1, 4),
        timeout=st.integers(0, 10),
        successes=st.integers(1, 3),
        trials=st.integers(1, 3),
        lease=st.integers(1, 20),
    )
    def begin(self, threshold: int, timeout: int, successes: int, trials: int, lease: int) -> None:
        self.clock, self.told = Clock(0.0), Told()
        self.model = Model(threshold, timeout, successes, trials, lease)
        self.breaker = Breaker(
            threshold,
            timeout,
            name="life",
            success_threshold=successes,
            half_open_max_calls=trials,
            trial_lease_seconds=lease,
            listener=self.told,
            clock=self.clock,
        )
        self.permits: list[Permit] = []
        self.settled: list[Permit] = []
        self.attempts = self.admitted = self.called = 0

    @rule(seconds=st.integers(0, 12))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def ask(self) -> None:
        self.attempts += 1
        admits = self.model.admits(self.clock())
        try:
            permit = self.breaker.admit()
        except BreakerOpenError:
            assert not admits
            self.model.outcomes.append("rejected")
            return
        assert admits
        self.admitted += 1
        self.permits.append(permit)
        self.model.live[permit] = (self.model.epoch, self.clock())

    @rule(raises=st.booleans())
    def call(self, *, raises: bool) -> None:
        self.attempts += 1
        admits = self.model.admits(self.clock())
        called = False

        def function() -> None:
            nonlocal called
            called = True
            if raises:
                raise OSError

        with contextlib.suppress(BreakerOpenError, OSError):
            self.breaker.call(function)
        assert called == admits, "a refusal never calls the function"
        if not admits:
            self.model.outcomes.append("rejected")
            return
        self.admitted += 1
        permit = Permit(0, 0)
        self.model.live[permit] = (self.model.epoch, self.clock())
        self.model.settle(permit, "failure" if raises else "success", self.clock())

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), outcome=st.sampled_from(["success", "failure", "ignored"]))
    def settle(self, data: st.DataObject, outcome: str) -> None:
        permit = self.permits.pop(data.draw(st.integers(0, len(self.permits) - 1)))
        self.settled.append(permit)
        self.model.settle(permit, outcome, self.clock())
        self.breaker.settle(permit, BreakerOutcome(outcome))

    @precondition(lambda self: self.settled)
    @rule(data=st.data(), outcome=st.sampled_from(["success", "failure", "ignored"]))
    def settle_again(self, data: st.DataObject, outcome: str) -> None:
        self.breaker.settle(data.draw(st.sampled_from(self.settled)), BreakerOutcome(outcome))

    @rule(choice=st.integers(0, 11))
    def by_hand(self, choice: int) -> None:
        # Seldom, so that most lives are the breaker's own.
        if choice == 0:
            self.breaker.force_open()
            self.model.disabled = False
            self.model.move("open", self.clock())
            self.model.reopens_at = math.inf
        elif choice in (1, 2):
            (self.breaker.disable if choice == 1 else self.breaker.reset)()
            self.model.disabled = choice == 1
            self.model.move("closed", self.clock())
            self.model.failures = 0

    @invariant()
    def it_is_where_the_model_is(self) -> None:
        due = self.model.state == "open" and self.clock() >= self.model.reopens_at
        assert self.breaker.state == ("half_open" if due else self.model.state)
        assert self.breaker.failure_count == self.model.failures

    @invariant()
    def trials_stay_within_the_limit(self) -> None:
        assert self.model.live_trials(self.clock()) <= self.model.limit or self.model.state == "closed"
        assert len(self.breaker._trials) <= self.model.limit

    @invariant()
    def every_transition_is_legal_an_epoch_and_one_event(self) -> None:
        assert self.told.transitions == self.model.transitions
        assert set(self.told.transitions) <= LEGAL | BY_HAND
        assert self.told.in_order()
        assert self.breaker._epoch == len(self.told.transitions)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.told.outcomes == self.model.outcomes
        counts = self.told.counts
        assert self.attempts == self.admitted + counts["rejected"]
        ended = counts["success"] + counts["failure"] + counts["ignored"] + counts["stale"]
        assert self.admitted == ended + len(self.permits)

    def teardown(self) -> None:
        """Once leases and timeout are over, the next call is admitted, whatever hangs."""
        if hasattr(self, "breaker") and not self.breaker.forced_open:
            self.clock.advance(max(self.model.timeout, self.model.lease))
            self.breaker.admit()


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
