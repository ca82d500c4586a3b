"""Where things lie in a spool directory.

- `<prefix>_<worker>.db`: a worker's metrics, as long as nobody knows it dead
- `<worker>.lease`: locked by one of our workers for as long as it lives
- `dead/<nonce>.<name>.db`: a dead worker's file, renamed aside; it counts until a generation holds it;
  `<nonce>-leased` if a lease that was free proved it dead
- `compacted/<generation>/`: the files of the dead, merged; `compacted.json` names the one that counts
- `bad/<nonce>.<name>`: set aside as damaged
"""

from __future__ import annotations

import re
import secrets
from typing import Final

DEAD: Final = "dead"
COMPACTED: Final = "compacted"
BAD: Final = "bad"
MANIFEST: Final = "compacted.json"
LOCK: Final = "compaction.lock"

METRICS_SUFFIX: Final = ".db"
LEASE_SUFFIX: Final = ".lease"
UNFINISHED_SUFFIX: Final = ".new"

_SET_ASIDE: Final = re.compile(r"[0-9a-f]{16}(?P<leased>-leased)?\.(?P<name>.+)", re.DOTALL)


def name_aside(name: str, *, leased: bool = False) -> str:
    """A name that nothing in the spool ever had, from which the old one can be told, and `had_lease`."""
    return f"{secrets.token_hex(8)}{'-leased' if leased else ''}.{name}"


def name_of_dead(file_name: str) -> str:
    """The name that a file in `dead/` had while its worker lived; the name itself if it never had one."""
    match = _SET_ASIDE.fullmatch(file_name)
    return file_name if match is None else match["name"]


def had_lease(file_name: str) -> bool:
    """Whether the worker of a file in `dead/` had a lease that was free: then it is dead beyond doubt."""
    match = _SET_ASIDE.fullmatch(file_name)
    return match is not None and match["leased"] is not None
