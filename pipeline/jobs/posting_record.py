"""A posting's record in MongoDB: which may be claimed, the job that it is, and what is put into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bson import json_util

from pipeline.jobs.files import decode, job_id
from pipeline.jobs.job import Job
from pipeline.jobs.note import KeptResult, LayerNote
from pipeline.metrics import DONE, RunOutcome

if TYPE_CHECKING:
    from pipeline.jobs.report import JobReport

FIELD: Final = "pipeline_job"
RUNNING: Final = "running"
RELEASED: Final = "released"

Update = dict[str, dict[str, Any]]


@dataclass(slots=True)
class RunCv:
    """The CV that a run began with; records that were done with another before then are taken up.

    Attributes:
        digest: Of the CV.
        began: When, by the server's clock; None until the server was asked for the first time.
    """

    digest: str
    began: datetime | None = None


def claimable(*, now: datetime, started: datetime, cv: RunCv | None) -> dict[str, Any]:
    """The filter for records that a round may take which has begun at `started`."""
    state, before = f"{FIELD}.state", {f"{FIELD}.ended_at": {"$lt": started}}
    choices: list[dict[str, Any]] = [
        {FIELD: {"$exists": False}},
        {state: RELEASED},
        {state: RUNNING, f"{FIELD}.claimed_until": {"$lt": now}},
        {state: RunOutcome.FAILED.value, **before},
        {state: RunOutcome.DEGRADED.value, f"{FIELD}.can_be_made_good": True, **before},
    ]
    if cv is not None:
        done = [outcome.value for outcome in sorted(DONE)]
        another = {"$exists": True, "$ne": cv.digest}
        choices.append({state: {"$in": done}, f"{FIELD}.cv": another, f"{FIELD}.ended_at": {"$lt": cv.began}})
    return {"$or": choices}


def job_of(record: Mapping[str, Any], collection: str) -> Job:
    """Raises nothing for what is in it: a job without text says so."""
    posting = {key: value for key, value in record.items() if key not in {"_id", FIELD}}
    content = json_util.dumps(posting, json_options=json_util.RELAXED_JSON_OPTIONS).encode(
        "utf-8", "surrogatepass"
    )
    text, unreadable = decode(content) if posting else (None, "the record has no fields; put a posting in it")
    where = json_util.dumps([collection, record["_id"]]).encode("utf-8", "surrogatepass")
    id_ = job_id(where, content)
    return Job(
        id=id_,
        source=f"{collection}/{record['_id']}",
        text=text,
        unreadable=unreadable,
        earlier=_earlier(record.get(FIELD), id_),
    )


def kept(job: Job, layer: str) -> Update:
    """The layer has its result; what rests on an earlier one of it goes."""
    update: Update = {
        "$set": {
            f"{FIELD}.results.{layer}": _as_json(job, layer),
            f"{FIELD}.layers.{layer}": _note(job, layer),
            f"{FIELD}.degradations": job.degradations,
        }
    }
    outdated = [name for name in job.earlier if name not in job.results]
    if outdated:
        update["$unset"] = {
            f"{FIELD}.{part}.{name}": "" for name in outdated for part in ("results", "layers")
        }
    return update


def ended(job: Job, report: JobReport, *, at: datetime) -> dict[str, Any]:
    """What to set when the job has ended."""
    assert report.outcome is not None  # noqa: S101 - for mypy; the caller has looked
    fields = {
        "state": report.outcome.value,
        "ended_at": at,
        "layer": report.layer,
        "reason": report.reason,
        "files": [str(file) for file in report.files],
        "degradations": job.degradations,
        "can_be_made_good": report.can_be_made_good,
        "cv": next((note.cv for note in job.notes.values() if note.cv is not None), None),
        "results": {layer: _as_json(job, layer) for layer in job.results},
        "layers": {layer: _note(job, layer) for layer in job.notes},
    }
    return {f"{FIELD}.{name}": value for name, value in fields.items()}


def _as_json(job: Job, layer: str) -> dict[str, Any]:
    return job.results[layer].model_dump(mode="json", by_alias=True)


def _note(job: Job, layer: str) -> dict[str, Any]:
    """`posting` says of which text the result is: a record may be edited."""
    return {"posting": job.id, **job.notes[layer].as_json()}


def _earlier(field: object, id_: str) -> dict[str, KeptResult]:
    """What an unfinished run of this very posting has left in the record."""
    if not isinstance(field, Mapping):
        return {}
    results, notes = field.get("results"), field.get("layers")
    if not isinstance(results, Mapping) or not isinstance(notes, Mapping):
        return {}
    earlier = {}
    for layer, note in notes.items():
        if layer in results and isinstance(note, Mapping) and note.get("posting") == id_:
            try:
                earlier[layer] = KeptResult(results[layer], LayerNote.from_json(note))
            except (TypeError, KeyError):  # somebody's own words
                continue
    return earlier
