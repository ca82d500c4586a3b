"""Grafana's names of units."""

from __future__ import annotations

from typing import Final

SECONDS: Final = "s"
USD: Final = "currencyUSD"
RATIO: Final = "percentunit"
COUNT: Final = "short"
BYTES: Final = "bytes"
CALLS_PER_SECOND: Final = "reqps"
PER_SECOND: Final = "ops"
NO_UNIT: Final = "none"
