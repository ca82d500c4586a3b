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
from pipeline.jobs.journals import Journals
from pipeline.jobs.report import JobReport
from pipeline.jobs.source import JobList, JobSource, SourceError

__all__ = [
    "MAX_POSTING_BYTES",
    "SUFFIXES",
    "Job",
    "JobError",
    "JobList",
    "JobReport",
    "JobSource",
    "Journals",
    "SourceError",
    "UsageError",
    "find_sources",
    "printable",
    "read_job",
]
