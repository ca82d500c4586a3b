"""The ledgers that the settings ask for, where the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.ledger.day_rates import DayRates
from pipeline.ledger.local_budget import LocalBudget
from pipeline.ledger.minute_rates import MinuteRates
from pipeline.ledger.protocol import BudgetLedger, RateLedger
from pipeline.ledger.settings import LedgerSettings, RateLimitSettings
from pipeline.metrics import Window

if TYPE_CHECKING:
    from pipeline.ledger.mongodb import Connection


class Ledgers(NamedTuple):
    """`rate_limits` by dependency."""

    budget: BudgetLedger | None
    rate_limits: dict[str, RateLedger]


def open_ledgers(settings: LedgerSettings) -> Ledgers:
    """In memory, in files of this host, or shared over hosts. A server is asked nothing yet.

    Raises:
        LedgerError: a ledger can't be opened; `strerror` is one line and names the remedy.
    """
    if settings.mongodb_uri is None:
        return Ledgers(
            open_budget(settings),
            {name: _local_rates(name, asked, settings) for name, asked in settings.rate_limits.items()},
        )
    from pipeline.ledger.mongodb import Connection, SharedRates

    connection = Connection(settings.mongodb_uri)
    return Ledgers(
        _shared_budget(settings, connection),
        {
            name: SharedRates(
                connection, name, asked.permits, asked.window, when_unavailable=settings.when_unavailable
            )
            for name, asked in settings.rate_limits.items()
        },
    )


def open_budget(settings: LedgerSettings) -> BudgetLedger | None:
    """As `open_ledgers`, the budget alone; None where the settings ask for none."""
    if settings.mongodb_uri is not None:
        from pipeline.ledger.mongodb import Connection

        return _shared_budget(settings, Connection(settings.mongodb_uri))
    if settings.budget_nano_usd is None:
        return None
    return LocalBudget(settings.budget_nano_usd, settings.period, directory=settings.directory)


def _shared_budget(settings: LedgerSettings, connection: Connection) -> BudgetLedger | None:
    from pipeline.ledger.mongodb import SharedBudget

    if settings.budget_nano_usd is None:
        return None
    return SharedBudget(
        connection, settings.budget_nano_usd, settings.period, when_unavailable=settings.when_unavailable
    )


def _local_rates(dependency: str, asked: RateLimitSettings, settings: LedgerSettings) -> RateLedger:
    file_name = f"{dependency}-{asked.window.value}.ledger"
    path: Path | None = None if settings.directory is None else settings.directory / file_name
    return (DayRates if asked.window is Window.DAY else MinuteRates)(asked.permits, path=path)
