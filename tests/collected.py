"""How often Python's collector of garbage looks at what there is."""

from __future__ import annotations

import gc
from collections.abc import Callable


def collections_during(work: Callable[[], object]) -> int:
    phases: list[str] = []

    def note(phase: str, _info: dict[str, int]) -> None:
        phases.append(phase)

    gc.callbacks.append(note)
    try:
        work()
    finally:
        gc.callbacks.remove(note)
    return phases.count("stop")
