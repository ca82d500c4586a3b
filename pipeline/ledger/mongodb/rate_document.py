"""The permits of one dependency in one document, and the updates that take them. Pure: asks no server.

    {_id: "openai:minute", used, slots: {<slot>: permits}, takers: {<process>: {sequence, turn, slot}},
     paused_until}

Time by the server's clock is cut into slots. A permit is used in the slot for which it was taken, and counts
in every window that could overlap that slot: with `used` = Σ slots ≤ the limit, no window holds more than the
limit, however it lies, and though the processes' clocks differ by as much as `CLOCK_TOLERANCE_SECONDS` from
the server's. A minute is 122 slots of half a second: two permits less than 60 s apart are at most
⌊(60 + 2 × 0.25) / 0.5⌋ slots apart. A day is one slot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pipeline.ledger.mongodb.changes import Change, Document, Sums
from pipeline.ledger.periods import DAY_SECONDS
from pipeline.metrics import Window

CLOCK_TOLERANCE_SECONDS: Final = 0.25


class Slots(NamedTuple):
    """How a window is cut. So many overlap one that ends now, the current one among them."""

    seconds: float
    overlapping: int

    def at(self, now: float) -> int:
        return math.floor(now / self.seconds)

    def end(self, slot: int) -> float:
        """Unix time."""
        return (slot + 1) * self.seconds

    def is_over(self, slot: int, current: int) -> bool:
        """Whether no window that is still open overlaps the slot."""
        return slot <= current - self.overlapping


SLOTS: Final = {Window.MINUTE: Slots(0.5, 122), Window.DAY: Slots(float(DAY_SECONDS), 1)}
_AHEAD_SLOTS: Final = 2
"""Another process' clock may be so far ahead; what is further was counted before the clock was set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What a process tells about its permits.

    Attributes:
        sequence: Its turns so far. Of several turns with one sequence one is made at most.
        turn: Tells them apart.
        permits: Taken for `slot`.
        corrections: By slot: permits that were given back, below 0, or used without having been taken.
    """

    owner: str
    sequence: int
    turn: str
    slot: int
    permits: int
    corrections: Mapping[int, int]


def new_rate(document_id: str) -> Document:
    from bson import Int64

    zero = Int64(0)
    return {"_id": document_id, "used": zero, "paused_until": zero, "slots": {}, "takers": {}}


def used(document: Mapping[str, Any], slots: Slots, current: int) -> int:
    """Permits that count in a window which ends now."""
    over = sum(permits for slot, permits in _slots(document) if slots.is_over(slot, current))
    return int(document["used"]) - over


def wait_seconds(document: Mapping[str, Any], slots: Slots, now: float, permits: int, limit: int) -> float:
    """Until so many are free, if nobody takes any meanwhile; infinite where the limit is less."""
    if permits > limit:
        return math.inf
    current = slots.at(now)
    missing = used(document, slots, current) + permits - limit
    if missing <= 0:
        return 0.0
    for slot, freed in sorted((min(slot, current), freed) for slot, freed in _slots(document)):
        if not slots.is_over(slot, current):
            missing -= freed
            if missing <= 0:
                return slots.end(slot + slots.overlapping - 1) - now
    return slots.end(current + slots.overlapping - 1) - now


def take(
    document: Mapping[str, Any], taking: Taking, *, slots: Slots, limit: int, now_milliseconds: int
) -> Change:
    """Take permits, if by the server's own count they are free. `document` is as last read."""
    where: Document = {"_id": document["_id"]}
    sums, gone = Sums(), list[str]()
    over = 0
    for slot, permits in _slots(document):
        if slots.is_over(slot, taking.slot):
            over += permits
        elif _is_ahead(slot, taking.slot):
            sums.add(f"slots.{taking.slot}", permits)
        else:
            continue
        where[f"slots.{slot}"] = permits
        gone.append(f"slots.{slot}")
    sums.add(f"slots.{taking.slot}", taking.permits)
    corrections = _still_due(document, taking, slots)
    for slot, permits in corrections.items():
        if permits < 0:
            where[f"slots.{slot}"] = {"$gte": -permits}
        sums.add(f"slots.{slot}", permits)
    corrected = sum(corrections.values())
    sums.add("used", taking.permits + corrected - over)
    if taking.permits > 0:
        where["used"] = {"$lte": limit - taking.permits - corrected + over}
        where["paused_until"] = {"$lte": now_milliseconds}
    taker = f"takers.{taking.owner}"
    if taking.sequence:
        where[f"{taker}.sequence"] = taking.sequence
    else:
        where[taker] = {"$exists": False}
    for owner, sequence in _long_gone(document, slots, taking):
        where[f"takers.{owner}.sequence"] = sequence
        gone.append(f"takers.{owner}")
    told = {"sequence": taking.sequence + 1, "turn": taking.turn, "slot": taking.slot}
    changes: Document = {"$set": {taker: told}}
    if gone:
        changes["$unset"] = dict.fromkeys(gone, "")
    return sums.change(where, changes)


def is_ahead(document: Mapping[str, Any], current: int) -> bool:
    """Whether the server's clock was set back: the next turn counts those permits as taken now."""
    return any(_is_ahead(slot, current) for slot, _ in _slots(document))


def pause(document_id: str, until_milliseconds: int) -> Change:
    from bson import Int64

    return Change({"_id": document_id}, {"$max": {"paused_until": Int64(until_milliseconds)}})


def _is_ahead(slot: int, current: int) -> bool:
    return slot > current + _AHEAD_SLOTS


def _slots(document: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    return ((int(slot), permits) for slot, permits in document["slots"].items())


def _still_due(document: Mapping[str, Any], taking: Taking, slots: Slots) -> dict[int, int]:
    """Corrections of what is still counted: what has gone is in `used` no more."""
    return {
        slot: permits
        for slot, permits in taking.corrections.items()
        if not slots.is_over(slot, taking.slot)
        and not _is_ahead(slot, taking.slot)
        and document["slots"].get(str(slot), 0) + permits >= 0
    }


def _long_gone(document: Mapping[str, Any], slots: Slots, taking: Taking) -> list[tuple[str, int]]:
    return [
        (owner, taker["sequence"])
        for owner, taker in document["takers"].items()
        if owner != taking.owner and slots.is_over(taker["slot"] + slots.overlapping, taking.slot)
    ]
