"""Jobs: what they are, where they come from, and what is kept of them."""

from __future__ import annotations

from pipeline.jobs.files import (
    MAX_POSTING_BYTES,
    SUFFIXES,
    UsageError,
    find_sources,
    printable,
    read_job,
)
from pipeline.jobs.job import Job, JobError

__all__ = [
    "MAX_POSTING_BYTES",
    "SUFFIXES",
    "Job",
    "JobError",
    "UsageError",
    "find_sources",
    "printable",
    "read_job",
]
