"""What a paid call costs that was sent, and whose answer nobody could price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.failures import status_of
from pipeline.metrics import OTHER_MODEL, CallOutcome, PriceSource
from pipeline.prices import Charge

if TYPE_CHECKING:
    from pipeline.gates import Call

_UNANSWERED: Final = frozenset({CallOutcome.TIMEOUT, CallOutcome.CANCELLED})


def charge_unanswered(call: Call, most_usd: float) -> None:
    """Charge the most that it may have cost, if it has no charge and may have been paid for.

    That is so where no answer came in time or at all, and where an answer came that is not as promised.
    Nobody sends a bill for a failure's status, nor for what could not be sent.
    """
    if call.charge is None and most_usd > 0 and _may_have_been_paid(call):
        call.charge = Charge(most_usd, PriceSource.CEILING, OTHER_MODEL)


def _may_have_been_paid(call: Call) -> bool:
    error = call.error
    if error is None:
        return False  # answered, and free
    if call.outcome in _UNANSWERED:
        return True
    # A client's error may have been raised from the one that tells more.
    return _is_an_answer(error) or (error.__context__ is not None and _is_an_answer(error.__context__))


def _is_an_answer(error: BaseException) -> bool:
    status = status_of(error)
    return isinstance(error, ValueError | LookupError) if status is None else 200 <= status < 300
