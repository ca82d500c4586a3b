"""What a time of change says of changes that come after it."""

from __future__ import annotations

from typing import Final

_SECOND_NS: Final = 1_000_000_000
_TICK_NS: Final = 50_000_000
"""More than the kernel takes to give a later change a later time."""
_COARSE_TICK_NS: Final = 2_500_000_000
"""The same where whole seconds are kept (ext3, ext4 with small inodes), or every second one (FAT)."""


def is_settled(modified_ns: int, now_ns: int) -> bool:
    """Whether whatever changes after `now_ns` is given another time than `modified_ns`; both Unix time."""
    tick_ns = _TICK_NS if modified_ns % _SECOND_NS else _COARSE_TICK_NS
    return modified_ns < now_ns - tick_ns
