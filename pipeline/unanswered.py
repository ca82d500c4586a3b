"""What a paid call costs that was sent, and whose answer nobody could price."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from pipeline.failures import is_unsendable, says_nothing, status_of
from pipeline.metrics import OTHER_MODEL, CallOutcome, PriceSource
from pipeline.prices import CEILING_USD_PER_CALL, Charge

if TYPE_CHECKING:
    from pipeline.gates import Call

_UNANSWERED: Final = frozenset({CallOutcome.TIMEOUT, CallOutcome.CANCELLED})
_NOT_SENT: Final = frozenset(
    {"ConnectTimeout", "ConnectTimeoutError", "ConnectionTimeoutError", "PoolTimeout"}
)
"""What httpx, urllib3 and aiohttp raise where no connection came about in time."""

_BROKEN_OFF: Final = frozenset({"IncompleteRead", "ClientPayloadError"})
"""What http.client, urllib3 and aiohttp raise where an answer ends in its middle."""

_BROKEN_OFF_HTTPX: Final = "without sending complete message body"
_MAX_CAUSES: Final = 8


def charge_unanswered(call: Call, most_usd: float) -> None:
    """Charge the most that it may have cost, if it has no charge and may have been paid for.

    That is so where no answer came in time or at all, and where an answer came that is not as promised.
    Nobody sends a bill for a failure's status, nor for what could not be sent. What is no amount can't be
    believed: then it is the ceiling.
    """
    if call.charge is None and most_usd != 0 and _may_have_been_paid(call):
        usd = most_usd if 0 < most_usd < math.inf else CEILING_USD_PER_CALL
        call.charge = Charge(usd, PriceSource.CEILING, OTHER_MODEL)


def _may_have_been_paid(call: Call) -> bool:
    if call.error is None:
        return False  # answered, and free
    # A client's error may have been raised from the one that tells more.
    errors = tuple(islice(_with_causes(call.error), _MAX_CAUSES))
    if any(type(error).__name__ in _NOT_SENT or is_unsendable(error) for error in errors):
        return False
    return (
        call.outcome in _UNANSWERED
        or any(_is_an_answer(error) for error in errors[:2])
        or any(_is_broken_off(error) for error in errors)
    )


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_an_answer(error: BaseException) -> bool:
    status = status_of(error)
    if status is None:
        return isinstance(error, ValueError | LookupError) and not says_nothing(error)
    return 200 <= status < 300


def _is_broken_off(error: BaseException) -> bool:
    said = error.args[0] if error.args else None
    return type(error).__name__ in _BROKEN_OFF or (isinstance(said, str) and _BROKEN_OFF_HTTPX in said)
