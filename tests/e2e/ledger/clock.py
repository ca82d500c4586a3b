"""The server's clock, moved by a test."""

from __future__ import annotations

from datetime import datetime

NOON = 1_795_348_800.0
"""2026-11-22 12:00 UTC."""


class MovedClock:
    """Unix time for ledgers: the same for all that share it, and nobody asks the server."""

    is_due = False
    error_seconds = 0.0

    def __init__(self, now: float = NOON) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    local = now

    def measured(self, server_time: datetime, asked_at: float, answered_at: float) -> None:
        raise AssertionError("nobody asked")
