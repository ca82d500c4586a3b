"""A job of two layers, and its journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from pipeline.jobs import Job
from pipeline.jobs.journal import Journal
from pipeline.jobs.note import LayerNote
from pipeline.layers import Layer, Workplace


class Found(BaseModel):
    text: str
    words: tuple[str, ...] = ()


async def run(_job: Job, _workplace: Workplace) -> Found:
    raise AssertionError("a journal runs nothing")


LAYERS = tuple(Layer(name, (), Found, run) for name in ("one", "two"))


def job() -> Job:
    return Job(id="0123", source="a.md", text="text")


def done(
    journal: Journal,
    job: Job,
    layer: str,
    result: Found,
    files: Sequence[Path] = (),
    *,
    cv: str | None = None,
    can_be_made_good: bool = False,
) -> None:
    job.results[layer] = result
    job.notes[layer] = LayerNote(files=tuple(files), cv=cv, can_be_made_good=can_be_made_good)
    journal.layer_done(layer, job)


def opened(path: Path) -> Journal:
    return Journal.open(path, path.parent)


def reopened(path: Path, layers: Sequence[Layer] = LAYERS, cv: str | None = None) -> tuple[Journal, Job]:
    journal, restored = opened(path), job()
    journal.restore(restored, layers, cv=cv)
    journal.close()
    return journal, restored
