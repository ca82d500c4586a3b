"""Calls that ended where they could not be settled, as a stream that was dropped.

The collector finds such a stream while its thread may hold any lock. So it only notes how to settle the call:
that is done by whoever makes the next call, closes the meter or the limits, or ends the process.
"""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

lost: Final[deque[tuple[str, Callable[[], None]]]] = deque()
"""Whose call it is, and what settles it."""


def settle_lost() -> None:
    """Settle the calls in `lost`. Never raises."""
    while lost:
        try:
            dependency, end = lost.popleft()
        except IndexError:  # another thread took it
            return
        try:
            end()
        except Exception:
            log.exception("call.lost dependency=%s", dependency)


# Not `atexit`: of finalizers the one that was made last runs first, so all the streams' run before this one.
_at_exit: Final = weakref.finalize(lost, settle_lost)
