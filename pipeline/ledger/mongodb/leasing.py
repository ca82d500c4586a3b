"""How much this process leases of the budget, and who gets it."""

from __future__ import annotations

from typing import Final, NamedTuple

from pipeline.ledger.mongodb.cushion import Cushion
from pipeline.ledger.mongodb.hold import Hold
from pipeline.ledger.mongodb.server_clock import Clock
from pipeline.ledger.mongodb.shares import Reserving, Shares
from pipeline.ledger.protocol import BudgetState, Refused

_SHARE: Final = 32
"""At most the 32nd part of what remains is leased ahead."""


class Plan(NamedTuple):
    """A turn that is prepared, and who waits for it."""

    hold: Hold
    waiting: list[Reserving]
    beyond: set[Reserving]
    """Of those, who go beyond what remains; nothing is enforced for them."""


class Leasing:
    def __init__(self, shares: Shares, clock: Clock, most_leased_nano_usd: int) -> None:
        self._shares = shares
        self._clock = clock
        self._cushion = Cushion(most_leased_nano_usd, share=_SHARE)

    def plan(self, document_id: str, state: BudgetState, known: int | None) -> Plan | None:
        """The next turn of what is leased, with the lock held; None: there is nothing to tell.

        `state` is that of the document as last read; `known` remains, where asking for more has failed.
        """
        shares = self._shares
        hold = shares.leased
        if hold is None:
            if not shares.waiting:
                return None
            hold = shares.lease_hold(document_id)
        available, beyond = hold.available_nano_usd, set[Reserving]()
        if known is None:
            self._cushion.follow(shares.asked_calls, shares.asked_nano_usd, self._clock.local())
            shares.asked_calls = shares.asked_nano_usd = 0
        else:
            beyond = self._refuse_what_exceeds(available + max(known, 0), state)
        wanted = sum(asking.amount_nano_usd for asking in shares.waiting)
        if known is None:
            extra = self._cushion.to_lease(available, wanted, state.remaining_nano_usd)
        else:
            extra = max(0, wanted - available)
        shares.low_nano_usd = self._cushion.size // 2
        is_ending = self._clock.now() >= shares.usable_until - shares.lease_seconds / 2
        if not shares.waiting and hold.sequence == 0:
            shares.drop(hold)
            return None
        if extra or hold.has_to_tell or shares.waiting or (is_ending and hold.leased_nano_usd):
            shares.prepare(hold, extra, if_remains=not beyond)
            return Plan(hold, list(shares.waiting), beyond)
        return None

    def _refuse_what_exceeds(self, nano_usd: int, state: BudgetState) -> set[Reserving]:
        """Refuse whose call doesn't fit, each by itself. Returns those that go beyond the budget."""
        shares, beyond, total = self._shares, set[Reserving](), 0
        for asking in list(shares.waiting):
            if total + asking.amount_nano_usd <= nano_usd:
                total += asking.amount_nano_usd
            elif asking.enforce:
                shares.refuse(asking, Refused(state))
            else:
                beyond.add(asking)
        return beyond

    def give(self, plan: Plan) -> None:
        shares, hold = self._shares, plan.hold
        with shares.lock:
            for asking in plan.waiting:
                # Another thread may have been faster: then it waits for the next turn.
                if asking in plan.beyond or hold.available_nano_usd >= asking.amount_nano_usd:
                    shares.grant(asking, hold, is_within_limit=asking not in plan.beyond)
