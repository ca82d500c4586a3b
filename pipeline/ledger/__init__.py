"""Where money and quota are kept: in memory, in files that the processes of one host share, on a server.

protocol.py  what a ledger does
settings.py  what the environment says about money and quota
"""

from pipeline.ledger.protocol import (
    MAX_AMOUNT_NANO_USD,
    NANO_USD_PER_USD,
    BudgetLedger,
    BudgetState,
    Granted,
    LedgerError,
    Period,
    RateLedger,
    Refused,
    Spent,
    Taken,
    Wait,
    to_nano_usd,
    to_usd,
)
from pipeline.ledger.settings import LedgerSettings

__all__ = [
    "MAX_AMOUNT_NANO_USD",
    "NANO_USD_PER_USD",
    "BudgetLedger",
    "BudgetState",
    "Granted",
    "LedgerError",
    "LedgerSettings",
    "Period",
    "RateLedger",
    "Refused",
    "Spent",
    "Taken",
    "Wait",
    "to_nano_usd",
    "to_usd",
]
