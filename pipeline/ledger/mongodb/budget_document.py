"""A period's money in one document, and the updates that move it. Pure: nothing here asks a server.

    {_id: "day:2026-11-22", limit, remaining, reserved, spent, written_off, revision, hold_count, warned,
     holds: {<hold>: {state, sequence, amount, spent, owner, layer, day, forget_at}},
     owners: {<process>: <lease's end>}, days: {<day>: {<layer>: spent}}, earlier: {<layer>: spent}}

Amounts are int64 nano-USD, times int64 milliseconds of Unix time by the server's clock. After each update

    limit = remaining + reserved + spent           reserved = Σ amounts of the holds that are held
    spent + written_off = Σ days + Σ earlier       hold_count = how many holds there are

Plain operators only, and all conditions in the filter: MongoDB's compatibles know no update pipelines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.ledger.mongodb.changes import Change, Document, Sums

MAX_HOLDS: Final = 1_000
MAX_DAYS: Final = 400
"""Of history in one document; what is older is summed up by layer."""

LATE_MILLISECONDS: Final = 3_600_000
"""So long a settlement may come after its hold has become spent, and corrects it."""

HELD: Final = "held"
EXPIRED: Final = "expired"
CLOSED: Final = "closed"
"""Nothing is held; left behind so that what opened the hold, arriving late, opens it no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a process tells about its hold: what was spent of it, and how much more it needs.

    Attributes:
        sequence: The hold's turns so far; 0 opens it. A turn that is told twice is made once.
        spent: By day and layer, since the last turn.
        extra_nano_usd: More is held from now on; below 0: so much is given back.
        if_remains: Only if it remains; else in any case.
        closes: Nothing is held afterwards.
        leaves_mark: A turn that opens may still be under way.
        expired: The hold as it was found, if it had become spent meanwhile: that is taken back.
    """

    hold_id: str
    owner: str
    layer: str
    day: str
    lease_ends_at: int
    sequence: int
    spent: Mapping[tuple[str, str], int] = field(default_factory=dict)
    extra_nano_usd: int = 0
    if_remains: bool = True
    closes: bool = False
    leaves_mark: bool = False
    expired: Mapping[str, Any] | None = None


def new_period(document_id: str, limit_nano_usd: int) -> Document:
    from bson import Int64

    sums = {name: Int64(0) for name in ("reserved", "spent", "written_off", "revision", "hold_count")}
    limit = Int64(limit_nano_usd)
    maps: Document = {"holds": {}, "owners": {}, "days": {}, "earlier": {}}
    return {"_id": document_id, "limit": limit, "remaining": limit, **sums, "warned": False, **maps}


def claim_warning(document_id: str) -> Change:
    return Change({"_id": document_id, "warned": False}, {"$set": {"warned": True}})


def turn(document_id: str, told: Turn) -> Change:
    """The step of a hold that is opened, spent from, filled up, partly given back or closed."""
    if told.sequence == 0:
        return _opening(document_id, told)
    hold, spent = f"holds.{told.hold_id}", sum(told.spent.values())
    taken_back = 0 if told.expired is None else int(told.expired["amount"])
    where: Document = {
        "_id": document_id,
        f"{hold}.state": HELD if told.expired is None else EXPIRED,
        f"{hold}.sequence": told.sequence,
    }
    sums = Sums(revision=1)
    sums.add("remaining", -told.extra_nano_usd)
    sums.add("reserved", taken_back + told.extra_nano_usd - spent)
    sums.add("spent", spent - taken_back)
    for (day, layer), amount in told.spent.items():
        sums.add(f"days.{day}.{layer}", amount)
    if told.expired is not None:
        where[f"{hold}.amount"] = taken_back
        sums.add(f"days.{told.expired['day']}.{told.expired['layer']}", -taken_back)
    if told.if_remains and told.extra_nano_usd > 0:
        where["remaining"] = {"$gte": told.extra_nano_usd}
    changes: Document = {"$set": {f"owners.{told.owner}": told.lease_ends_at}}
    if not told.closes:
        sums.add(f"{hold}.sequence", 1)
        sums.add(f"{hold}.amount", told.extra_nano_usd - spent)
        sums.add(f"{hold}.spent", spent)
        changes["$set"] |= {f"{hold}.state": HELD, f"{hold}.day": told.day}
    elif told.leaves_mark:
        changes["$set"][hold] = _mark(told.lease_ends_at)
    else:
        changes["$unset"] = {hold: ""}
        sums.add("hold_count", -1)
    return sums.change(where, changes)


def _opening(document_id: str, told: Turn) -> Change:
    hold = f"holds.{told.hold_id}"
    where: Document = {
        "_id": document_id,
        hold: {"$exists": False},
        "hold_count": {"$lt": MAX_HOLDS},
    }
    if told.if_remains:
        where["remaining"] = {"$gte": told.extra_nano_usd}
    sums = Sums(revision=1, remaining=-told.extra_nano_usd, reserved=told.extra_nano_usd, hold_count=1)
    opened = {
        "state": HELD,
        "sequence": 1,
        "amount": told.extra_nano_usd,
        "spent": 0,
        "owner": told.owner,
        "layer": told.layer,
        "day": told.day,
    }
    return sums.change(where, {"$set": {hold: opened, f"owners.{told.owner}": told.lease_ends_at}})


def bury(document_id: str, hold_id: str, now: int) -> Change:
    """Keep a hold that nobody wants any more from being opened."""
    where = {"_id": document_id, f"holds.{hold_id}": {"$exists": False}, "hold_count": {"$lt": MAX_HOLDS}}
    return Sums(revision=1, hold_count=1).change(where, {"$set": {f"holds.{hold_id}": _mark(now)}})


def renew(document_id: str, owner: str, lease_ends_at: int) -> Change:
    return Change({"_id": document_id}, {"$set": {f"owners.{owner}": lease_ends_at}})


def change_limit(document: Mapping[str, Any], limit_nano_usd: int) -> Change:
    more = limit_nano_usd - document["limit"]
    where = {"_id": document["_id"], "limit": document["limit"]}
    return Sums(revision=1, limit=more, remaining=more).change(where, {})


def reset(document: Mapping[str, Any]) -> Change:
    """Nothing is spent from now on; what has expired can't be corrected any more."""
    expired = [name for name, hold in document["holds"].items() if hold["state"] == EXPIRED]
    where = {"_id": document["_id"], "revision": document["revision"]}
    spent = document["spent"]
    sums = Sums(revision=1, spent=-spent, remaining=spent, written_off=spent, hold_count=-len(expired))
    changes: Document = {"$set": {"warned": False}}
    if expired:
        changes["$unset"] = {f"holds.{name}": "" for name in expired}
    return sums.change(where, changes)


def sweep(document: Mapping[str, Any], now: int) -> Iterator[Change]:
    """What time has done: holds of lost processes are spent, old marks and leases go. Each by itself."""
    document_id, holds, owners = document["_id"], document["holds"], document["owners"]
    for hold_id, hold in holds.items():
        if hold["state"] == HELD:
            if owners.get(hold["owner"], 0) < now:
                yield _expiry(document_id, hold_id, hold, owners.get(hold["owner"]), now)
        elif hold["forget_at"] < now:
            where = {"_id": document_id}
            where |= {f"holds.{hold_id}.{key}": hold[key] for key in ("state", "forget_at")}
            yield Sums(revision=1, hold_count=-1).change(where, {"$unset": {f"holds.{hold_id}": ""}})
    busy = {hold["owner"] for hold in holds.values() if hold["state"] == HELD}
    for owner, ends_at in owners.items():
        if ends_at < now and owner not in busy:
            where = {"_id": document_id, f"owners.{owner}": ends_at}
            yield Change(where, {"$unset": {f"owners.{owner}": ""}})
    for day in sorted(document["days"])[:-MAX_DAYS]:
        spent = document["days"][day]
        where = {"_id": document_id} | {f"days.{day}.{layer}": amount for layer, amount in spent.items()}
        sums = Sums(revision=1, **{f"earlier.{layer}": amount for layer, amount in spent.items()})
        yield sums.change(where, {"$unset": {f"days.{day}": ""}})


def _expiry(
    document_id: str, hold_id: str, hold: Mapping[str, Any], lease_ends_at: int | None, now: int
) -> Change:
    name, amount = f"holds.{hold_id}", hold["amount"]
    where = {
        "_id": document_id,
        f"{name}.state": HELD,
        f"{name}.sequence": hold["sequence"],
        # Has the process come back since, this differs.
        f"owners.{hold['owner']}": {"$exists": False} if lease_ends_at is None else lease_ends_at,
    }
    sums = Sums(revision=1, reserved=-amount, spent=amount)
    sums.add(f"days.{hold['day']}.{hold['layer']}", amount)
    changes = {"$set": {f"{name}.state": EXPIRED, f"{name}.forget_at": now + LATE_MILLISECONDS}}
    return sums.change(where, changes)


def _mark(now: int) -> Document:
    return {"state": CLOSED, "forget_at": now + LATE_MILLISECONDS}
