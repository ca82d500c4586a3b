"""What a member of a MongoDB replica set says about the set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

_PRIMARY: Final = 1
_SECONDARY: Final = 2


def is_member(hello: Mapping[str, Any]) -> bool:
    return "setName" in hello


def has_primary(hello: Mapping[str, Any]) -> bool:
    """From a member's answer to `hello`: it is the primary itself, or knows who is."""
    return hello.get("isWritablePrimary") is True or bool(hello.get("primary"))


def lag_seconds(status: Mapping[str, Any]) -> float | None:
    """How far the slowest secondary is behind, from an answer to `replSetGetStatus`.

    None where that can't be told: no primary or no secondary in it, or not in the form it has.
    """
    members = status.get("members")
    if not isinstance(members, list):
        return None
    primaries = _last_writes(members, _PRIMARY)
    secondaries = _last_writes(members, _SECONDARY)
    if not primaries or not secondaries:
        return None
    return max(0.0, (max(primaries) - min(secondaries)).total_seconds())


def _last_writes(members: list[Any], state: int) -> list[datetime]:
    return [
        member["optimeDate"]
        for member in members
        if isinstance(member, dict)
        and member.get("state") == state
        and isinstance(member.get("optimeDate"), datetime)
    ]
