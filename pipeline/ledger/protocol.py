"""What a ledger of money and one of quota have to do; the gates (`Budget`, `RateLimit`) know no more of them.

A ledger in memory, or in files of one host, answers at once. One on a server draws from what it has leased
before, and says None where it has to ask: then the gate asks again by the face that fits, which awaits or
blocks. Amounts are whole nano-USD (10⁻⁹ USD), so that sums are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from pipeline.metrics import Window

NANO_USD_PER_USD: Final = 1_000_000_000

MAX_AMOUNT_NANO_USD: Final = 10**15
"""A million USD: the most that a budget or a call can be. Sums of many stay below 2⁶³."""

_MAX_AMOUNT_USD: Final = float(MAX_AMOUNT_NANO_USD // NANO_USD_PER_USD)

MAX_PAUSE_SECONDS: Final = 3600.0
"""A provider that asks for more is asked again after an hour."""


def to_nano_usd(usd: float) -> int:
    """The nearest whole nano-USD, within what a ledger takes; nothing for what is no amount."""
    if not usd > 0:
        return 0
    return round(min(usd, _MAX_AMOUNT_USD) * NANO_USD_PER_USD)


def to_usd(nano_usd: int) -> float:
    return nano_usd / NANO_USD_PER_USD


class LedgerError(OSError):
    """A ledger can't be opened; `strerror` is one line that names the ledger and the remedy."""


class Period(StrEnum):
    """After what time, in UTC, a budget begins anew."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class Granted(NamedTuple):
    """The amount is held under the reservation's id until it is settled or released.

    `is_within_limit` is False where nothing is enforced and the budget would have refused.
    """

    is_within_limit: bool = True


class Refused(NamedTuple):
    """Nothing is held. `is_unavailable`: not for want of money, but because the ledger can't be asked."""

    state: BudgetState
    is_unavailable: bool = False


class BudgetState(NamedTuple):
    """A budget as the ledger last knew it: `limit = remaining + reserved + spent`, always.

    `remaining_nano_usd` is below 0 where more was spent than allowed: by calls that cost more than they said,
    or with nothing enforced. `resets_at` is Unix time; None for a budget that never does. `is_known` is False
    until the first answer of a server.
    """

    limit_nano_usd: int
    spent_nano_usd: int
    reserved_nano_usd: int
    resets_at: float | None
    is_known: bool = True

    @property
    def remaining_nano_usd(self) -> int:
        return self.limit_nano_usd - self.reserved_nano_usd - self.spent_nano_usd


class Spent(NamedTuple):
    """What one layer spent on one day (UTC)."""

    day: date
    layer: str
    spent_nano_usd: int


class BudgetLedger(Protocol):
    """One budget: amounts are reserved before a call and settled after it. Safe in tasks, threads, forks.

    `reservation_id` is made by the caller and never used for another: to say the same again changes nothing
    more. Amounts are from 0 to `MAX_AMOUNT_NANO_USD`. The four faces without `await` but `…_blocking`
    return at once; what they tell a server is told behind, and `close` waits until it is.
    """

    def reserve(
        self, reservation_id: str, amount_nano_usd: int, *, layer: str, enforce: bool
    ) -> Granted | Refused | None:
        """Hold the amount if it remains; with `enforce` False it is held in any case.

        Returns:
            None: a server has to be asked first; nothing is held.
        """

    async def reserve_async(
        self, reservation_id: str, amount_nano_usd: int, *, layer: str, enforce: bool
    ) -> Granted | Refused:
        """As `reserve`, asking where it must. Cancelled meanwhile, nothing stays held."""

    def reserve_blocking(
        self, reservation_id: str, amount_nano_usd: int, *, layer: str, enforce: bool
    ) -> Granted | Refused:
        """As `reserve_async`, in a thread."""

    def spend(self, reservation_id: str, actual_nano_usd: int, *, layer: str) -> None:
        """Turn a part of what is held into spent and hold the rest on; for a job's envelope.

        What exceeds the hold is spent all the same.
        """

    def settle(self, reservation_id: str, actual_nano_usd: int, *, layer: str) -> None:
        """The call has ended and cost so much: that is spent, and nothing is held any longer.

        0 for a call that was never sent. An id that holds nothing (any more) changes nothing.
        """

    def state(self) -> BudgetState:
        """As last known; at once."""

    def read(self) -> BudgetState:
        """As it is now. May block. Raises LedgerError."""

    def claim_warning(self) -> bool | None:
        """Whether nobody has claimed it before in this period; at once.

        Who gets True warns that the budget is nearly spent: once a period. None: a server is being asked;
        claim it again a little later.
        """

    def history(self) -> Sequence[Spent]:
        """What was spent by day and layer, oldest first, as far back as it is kept. May block.

        Raises LedgerError.
        """

    def reset(self) -> None:
        """Nothing is spent in this period from now on; what is held stays held.

        May block. Raises LedgerError.
        """

    async def close(self) -> None:
        """Give back what is leased; every settlement has been told when it returns."""


class Taken(NamedTuple):
    """Permits that were taken. `token` is the ledger's own, to know them again."""

    permits: int
    token: object = None


class Wait(NamedTuple):
    """No permit now; asking again makes sense after so many seconds. Infinite: never."""

    seconds: float
    is_unavailable: bool = False


class RateLedger(Protocol):
    """Permits to call one dependency: never more than `limit` in any 60 s, or in a day of UTC.

    Any: however a window of 60 s is laid over the calls. Faces as those of `BudgetLedger`.
    """

    @property
    def limit(self) -> int: ...

    @property
    def window(self) -> Window: ...

    def take(self, permits: int) -> Taken | Wait | None:
        """Take all of them or none. None: a server has to be asked first."""

    async def take_async(self, permits: int) -> Taken | Wait: ...

    def take_blocking(self, permits: int) -> Taken | Wait: ...

    def give_back(self, taken: Taken) -> None:
        """The call was not sent: as if they had never been taken, where that can still be told."""

    def pause(self, seconds: float) -> None:
        """The provider asks for it: no permit for so long, at most `MAX_PAUSE_SECONDS`, and never sooner."""

    def remaining(self) -> int:
        """Permits left now, as last known; at once."""

    async def close(self) -> None: ...
