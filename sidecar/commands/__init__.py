"""One file per command of `sidecar`: it has `add_options`, and is loaded when its command is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COMMANDS: Final[Mapping[str, str]] = {
    "run": "probe the dependencies and serve what is known of them",
    "demo": "the sidecar with an example pipeline on embedded stand-ins",
    "check-config": "validate the configuration, and end",
    "health": "print the health document as a table; exit status 0 healthy, 1 degraded, 2 otherwise",
    "spool": "print what is in a spool and who lives; changes nothing",
}
