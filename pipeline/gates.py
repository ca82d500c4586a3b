"""What a call passes on its way to the provider, in order, and how it comes back through the same gates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from pipeline.breaker import Breaker, Permit
from pipeline.breaker.permit import cover, uncover
from pipeline.failures import ErrorTest, says_nothing
from pipeline.metrics import BreakerOutcome, CallOutcome

if TYPE_CHECKING:
    from pipeline.context import JobAccount
    from pipeline.counting import LayerSeries
    from pipeline.prices import Charge
    from pipeline.series import Value

_SUCCESS: Final = CallOutcome.SUCCESS
_BREAKER_SUCCESS: Final = BreakerOutcome.SUCCESS


class Call:
    """One call: what gates see when it enters, and when it is settled how it ended.

    Attributes:
        layer: The layer that makes it.
        operation: The caller's word for this kind of call, from code; no label.
        max_usd: The most that it may cost, for the budget; None where the caller does not know.
        permits: How much of a rate limit it uses.
        charge: What it cost; set by `price`, or by the caller inside `with`.
        outcome: How it ended; a pass that is settled first may correct it for those after it.
        error: With what it ended; None for an answer.
        duration_seconds: From sending to the end.
    """

    # Defaults stand on the class: an instance holds only what differs, which is what makes one cheap.
    operation: str | None = None
    max_usd: float | None = None
    permits: int = 1
    charge: Charge | None = None
    outcome: CallOutcome = CallOutcome.SUCCESS
    error: BaseException | None = None
    duration_seconds: float = 0.0
    started: float = 0.0
    ended: float | None = None
    is_async: bool = False
    # What follows is the guard's own.
    passes: Sequence[Pass] = ()
    permit: Permit | None = None
    task: asyncio.Task[Any] | None = None
    time_limit: Pass | None = None
    counted_along: Value | None = None
    account: JobAccount | None = None
    is_stream: bool = False
    has_head: bool = False
    covers_context: bool = False
    cancelling: int = 0
    sent: float | None = None

    def __init__(self, layer: str, series: LayerSeries) -> None:
        self.layer = layer
        self.series = series

    def ask(self, *, operation: str | None = None, max_usd: float | None = None, permits: int = 1) -> None:
        """Tell the gates what to expect."""
        self.operation = operation
        self.max_usd = max_usd
        self.permits = permits


class Pass(Protocol):
    """That a call passed one gate. It ends once, by `settle` or by `release`; both return at once."""

    def settle(self, call: Call) -> None:
        """The call was sent and has ended as `call.outcome`, `call.error` and `call.charge` say."""

    def release(self, call: Call) -> None:
        """The call was not sent: a later gate refused it. As if it had never asked."""


class Gate(Protocol):
    def enter(self, call: Call) -> Pass:
        """Let the call pass.

        Raises:
            RejectedError: not now.
        """


@runtime_checkable
class WaitingGate(Gate, Protocol):
    """A gate that can make a call wait; a call of an async face awaits instead of blocking its thread."""

    async def enter_async(self, call: Call) -> Pass: ...


@runtime_checkable
class HeedingGate(Gate, Protocol):
    """A gate that wants to hear what the provider's headers say of its limits."""

    def heed(self, headers: Mapping[str, str]) -> None: ...


class BreakerGate:
    """Asks the breaker for a permit, and tells it how the call ended. It is its own pass.

    A call inside another one of the same dependency joins it: it has no permit, and tells nothing.
    """

    def __init__(
        self, breaker: Breaker, counts: ErrorTest, outer_of: Callable[[Call], Call | None], successes: Value
    ) -> None:
        """`outer_of` finds the call round this one, `successes` is where the breaker's are counted."""
        self._breaker = breaker
        self._counts = counts
        self._outer_of = outer_of
        self._successes = successes

    def enter(self, call: Call) -> Pass:
        outer = self._outer_of(call)
        permit = self._breaker.admit_if_closed() if outer is None and call.is_async else None
        if permit is None:
            self._join_or_admit(call, outer)
        else:
            call.permit = permit
            # What comes after this gate returns at once: the call is sent now.
            call.started = permit.started
        return self

    def settle(self, call: Call) -> None:
        permit = call.permit
        if permit is None:
            return
        if call.covers_context:
            uncover(self._breaker)
        error = call.error
        if call.outcome is _SUCCESS:
            if self._breaker.settle_untold(permit):
                call.counted_along = self._successes
            else:
                self._breaker.settle(permit, _BREAKER_SUCCESS)
        elif error is None:  # an answer, but after the time limit
            self._breaker.settle(permit, BreakerOutcome.FAILURE)
        elif self._tells_nothing(error, call):
            self._breaker.settle(permit, BreakerOutcome.IGNORED)
        else:
            self._breaker.settle_raised(permit, error)

    def release(self, call: Call) -> None:
        if call.permit is not None:
            if call.covers_context:
                uncover(self._breaker)
            self._breaker.settle(call.permit, BreakerOutcome.IGNORED)

    def _join_or_admit(self, call: Call, outer: Call | None) -> None:
        breaker = self._breaker
        covering = None if outer is None else outer.permit
        if breaker.joined() if covering is None else breaker.covers(covering):
            call.started = breaker.clock()
            return
        call.permit = permit = breaker.admit()
        call.started = permit.started
        # Where the breaker is closed, the calls that an async one's tasks make can do without.
        if not call.is_stream:
            cover(breaker, permit)
            call.covers_context = True

    def _tells_nothing(self, error: BaseException, call: Call) -> bool:
        # A stream may well last longer than a call's limit: that it is then cancelled is no sign of a hang.
        # Its head has to come like any other answer.
        if call.has_head and call.outcome is CallOutcome.CANCELLED:
            return True
        try:
            return says_nothing(error) and not self._counts(error)
        except Exception:  # noqa: BLE001  (the breaker asks it again, logs that it fails, and takes it for a failure)
            return False
