"""Days, months and the time until the next one, all in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from pipeline.ledger.protocol import Period

DAY_SECONDS: Final = 86_400
_KINDS: Final = tuple(Period)
_NUMBERS_PER_KIND: Final = 10_000_000


def period_number(period: Period, now: float) -> int:
    """The number of the period that Unix time `now` is in. The next has the next number."""
    today = day_of(now)
    match period:
        case Period.DAY:
            number = today.toordinal()
        case Period.MONTH:
            number = today.year * 12 + today.month
        case Period.TOTAL:
            number = 1
    return _KINDS.index(period) * _NUMBERS_PER_KIND + number


def is_of_kind(number: int, period: Period) -> bool:
    return number // _NUMBERS_PER_KIND == _KINDS.index(period)


def period_end(period: Period, now: float) -> float | None:
    """Unix time at which the period ends that `now` is in; None where it never does."""
    today = day_of(now)
    match period:
        case Period.DAY:
            following = today + timedelta(days=1)
        case Period.MONTH:
            following = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        case Period.TOTAL:
            return None
    return datetime(following.year, following.month, following.day, tzinfo=UTC).timestamp()


def day_of(now: float) -> date:
    """The day in UTC at Unix time `now`."""
    return datetime.fromtimestamp(now, UTC).date()


def day_begin(now: float) -> float:
    """Unix time at which the day began that `now` is in: its days have 86,400 s, always."""
    return now - now % DAY_SECONDS
