"""Layer 1: a posting in any format → title, company, requirements, text. Deterministic, and free."""

from __future__ import annotations

from typing import Final

from pipeline.jobs import Job
from pipeline.layers.formats import read_posting
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.posting import UNKNOWN_COMPANY, IntakeError, Posting
from pipeline.layers.suspicion import suspicious_line


async def _take_in(job: Job, _workplace: Workplace) -> Posting:
    if job.text is None:
        raise IntakeError(job.unreadable or "the posting cannot be read")
    posting = read_posting(job.text, named=job.source)
    suspicious = suspicious_line(posting.text)
    if suspicious is not None:
        raise IntakeError(
            f"line {suspicious} of the posting's text speaks to a language model, not to people;"
            " take it out and run the posting again"
        )
    if posting.company == UNKNOWN_COMPANY:
        job.degrade("intake: the posting names no company")
    return posting


INTAKE: Final = Layer("intake", dependencies=(), result=Posting, run=_take_in)
