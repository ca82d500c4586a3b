"""Where jobs come from, and where their results go back to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from pipeline.jobs.job import Job

if TYPE_CHECKING:
    from pipeline.jobs.report import JobReport


class SourceError(Exception):
    """No more jobs can be had or run; the message is one line, without secrets.

    Attributes:
        for_good: Whether another round of this process would come to the same.
    """

    def __init__(self, message: str, *, for_good: bool = False) -> None:
        super().__init__(message)
        self.for_good = for_good


class JobSource(Protocol):
    """Safe to take from by many tasks at once.

    Attributes:
        expected: How many jobs there will be; None where nobody can know.
    """

    expected: int | None

    async def take(self) -> Job | None:
        """The next job, or None where there is none left.

        Raises:
            SourceError: none can be had.
        """

    async def keep(self, job: Job, layer: str) -> None:
        """That layer has given its result. Raises nothing: what matters is in the journal."""

    async def give_back(self, job: Job, report: JobReport) -> None:
        """The job has ended, or was not run. Raises nothing: who asks again is told from the journal."""


class JobList:
    """Jobs that are at hand; each is made only when its turn comes. Results are the files they wrote."""

    def __init__(self, jobs: Iterable[Job], expected: int | None = None) -> None:
        self.expected = expected
        self._jobs: Iterator[Job] = iter(jobs)

    async def take(self) -> Job | None:
        return next(self._jobs, None)

    async def keep(self, job: Job, layer: str) -> None:
        """Nothing to do."""

    async def give_back(self, job: Job, report: JobReport) -> None:
        """Nothing to do."""
