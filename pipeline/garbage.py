"""How often a process of ours looks for garbage in cycles."""

from __future__ import annotations

import gc
from typing import Final

OBJECTS_BETWEEN: Final = 10_000
"""Made more than given back since the last look; Python looks after 700, once or twice a call."""


def collect_seldom() -> None:
    """Leave what is there to itself, and look at what is new a tenth as often as Python does.

    With the SDKs loaded there are half a million objects that never go away. To look at all of them takes a
    tenth of a second, in which every job stands still. For a process that is ours alone, and once in it:
    what is garbage by now stays.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN, *gc.get_threshold()[1:])
