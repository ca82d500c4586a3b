"""Tells a ledger of calls; what it can't be told now is told with the next, in order."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Final, Protocol

from pipeline.ledger.protocol import BudgetLedger, LedgerError

log = logging.getLogger(__name__)

_MOST_UNTOLD: Final = 20_000
"""Some 5 MB. A ledger that can't be told of so many calls is not coming back."""


class _Tell(Protocol):
    def __call__(self, reservation_id: str, nano_usd: int, /, *, layer: str) -> object: ...


class Telling:
    """What has to reach the ledger, if it can't be asked for a while."""

    def __init__(self, ledger: BudgetLedger) -> None:
        self._ledger = ledger
        self._untold: deque[tuple[_Tell, str, int, str]] = deque()
        self._is_telling = threading.Lock()

    def settle(self, reservation_id: str, actual_nano_usd: int, layer: str) -> None:
        self._tell(self._ledger.settle, reservation_id, actual_nano_usd, layer)

    def spend(self, reservation_id: str, actual_nano_usd: int, layer: str) -> None:
        self._tell(self._ledger.spend, reservation_id, actual_nano_usd, layer)

    def hold_later(self, reservation_id: str, amount_nano_usd: int, layer: str) -> None:
        """A call is sent without asking; it is held as soon as that can be told, so that its cost counts."""
        self._keep(self._hold, reservation_id, amount_nano_usd, layer)

    def tell_the_rest(self) -> None:
        """Raises LedgerError: it still can't be told."""
        # Whoever finds another at it goes on: nobody waits for this lock, not a fork either.
        if not self._untold or not self._is_telling.acquire(blocking=False):
            return
        try:
            while self._untold:
                tell, reservation_id, nano_usd, layer = self._untold[0]
                tell(reservation_id, nano_usd, layer=layer)
                self._untold.popleft()
        finally:
            self._is_telling.release()

    def begin_in_child(self) -> None:
        """The parent tells what its calls have cost."""
        self._untold.clear()
        self._is_telling = threading.Lock()

    def _tell(self, tell: _Tell, reservation_id: str, actual_nano_usd: int, layer: str) -> None:
        if not self._untold:
            try:
                tell(reservation_id, actual_nano_usd, layer=layer)
            except LedgerError:
                pass
            else:
                return
        self._keep(tell, reservation_id, actual_nano_usd, layer)

    def _keep(self, tell: _Tell, reservation_id: str, nano_usd: int, layer: str) -> None:
        if len(self._untold) < _MOST_UNTOLD:
            self._untold.append((tell, reservation_id, nano_usd, layer))
            if len(self._untold) == _MOST_UNTOLD:
                log.warning("budget.not_all_told calls=%d; the others are in the metrics alone", _MOST_UNTOLD)

    def _hold(self, reservation_id: str, amount_nano_usd: int, /, *, layer: str) -> None:
        self._ledger.reserve(reservation_id, amount_nano_usd, layer=layer, enforce=False)
