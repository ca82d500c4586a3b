"""What the environment says about money and quota."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline.environment import EnvironmentReader
from pipeline.ledger.protocol import NANO_USD_PER_USD, Period
from pipeline.metrics import Window

MAX_BUDGET_USD: Final = 1_000_000
MAX_PERMITS: Final = {Window.MINUTE: 1_000_000, Window.DAY: 100_000_000}
DEFAULT_WARN_RATIO: Final = 0.8
DEFAULT_MAX_WAIT_SECONDS: Final = 60.0
_MAX_WAIT_SECONDS: Final = 86_400
_LIMITS: Final = (
    ("OPENAI_RATE_LIMIT_PER_MIN", "openai", Window.MINUTE),
    ("ANTHROPIC_RATE_LIMIT_PER_MIN", "anthropic", Window.MINUTE),
    ("OPENROUTER_RATE_LIMIT_PER_MIN", "openrouter", Window.MINUTE),
    ("FIRECRAWL_DAILY_LIMIT", "firecrawl", Window.DAY),
)


class WhenUnavailable(StrEnum):
    """What a shared ledger answers that can't be asked."""

    REFUSE = "refuse"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """So many permits in any 60 s, or in a day of UTC."""

    permits: int
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """Checked settings of budget and rate limits; made by hand, they are taken as they are.

    Attributes:
        budget_nano_usd: None: no budget.
        enforce: Whether the budget refuses; if not, it only counts what it would have refused.
        job_nano_usd: Reserved for a whole job when it starts; None: each call by itself.
        rate_limits: By dependency; those that hold.
        max_wait_seconds: A call waits so long for a permit at most; 0: it is refused at once.
        directory: Where the ledgers of this host are kept, for all its processes; None: in memory.
        mongodb_uri: Where the ledgers of several hosts are kept; None: on each host.
        when_unavailable: For a ledger on a server that can't be asked; None: refuse where it enforces.
    """

    budget_nano_usd: int | None = None
    period: Period = Period.MONTH
    enforce: bool = True
    warn_ratio: float = DEFAULT_WARN_RATIO
    job_nano_usd: int | None = None
    rate_limits: Mapping[str, RateLimitSettings] = field(default_factory=lambda: MappingProxyType({}))
    max_wait_seconds: float = DEFAULT_MAX_WAIT_SECONDS
    directory: Path | None = None
    mongodb_uri: str | None = field(default=None, repr=False)
    when_unavailable: WhenUnavailable | None = None

    @classmethod
    def read(cls, reader: EnvironmentReader) -> LedgerSettings:
        """Mistakes are noted in the reader. A ledger without a directory of its own takes the spool's."""
        budget_usd = reader.number("TOKEN_BUDGET_USD", above=0, most=MAX_BUDGET_USD)
        job_usd = reader.number("TOKEN_BUDGET_PER_JOB_USD", above=0, most=MAX_BUDGET_USD)
        if budget_usd is not None and job_usd is not None and job_usd > budget_usd:
            reader.refuse(
                "TOKEN_BUDGET_PER_JOB_USD",
                f"'{job_usd}'",
                f"exceeds TOKEN_BUDGET_USD, {budget_usd}",
                "lower it",
            )
        warn_ratio = reader.number("TOKEN_WARN_THRESHOLD", above=0, most=1)
        wait = reader.number("RATE_LIMIT_MAX_WAIT_SECONDS", least=0, most=_MAX_WAIT_SECONDS)
        directory = reader.text("LEDGER_DIRECTORY") or reader.text("SIDECAR_SPOOL")
        limits = {
            dependency: RateLimitSettings(permits, window)
            for key, dependency, window in _LIMITS
            if (permits := reader.whole_number(key, least=1, most=MAX_PERMITS[window])) is not None
        }
        return cls(
            budget_nano_usd=_nano_usd(budget_usd),
            period=reader.choice("TOKEN_BUDGET_PERIOD", Period) or Period.MONTH,
            enforce=reader.truth("ENFORCE_TOKEN_BUDGET", default=True),
            warn_ratio=DEFAULT_WARN_RATIO if warn_ratio is None else float(warn_ratio),
            job_nano_usd=_nano_usd(job_usd),
            rate_limits=limits if reader.truth("ENABLE_RATE_LIMITING", default=True) else {},
            max_wait_seconds=DEFAULT_MAX_WAIT_SECONDS if wait is None else float(wait),
            directory=None if directory is None else Path(directory),
            mongodb_uri=reader.optional_secret("LEDGER_MONGODB_URI"),
            when_unavailable=reader.choice("LEDGER_WHEN_UNAVAILABLE", WhenUnavailable),
        )


def _nano_usd(usd: Decimal | None) -> int | None:
    return None if usd is None else max(1, int(usd * NANO_USD_PER_USD))
