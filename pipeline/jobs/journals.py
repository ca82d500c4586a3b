"""The journals of an output directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pipeline.jobs.job import JobError
from pipeline.jobs.journal import Journal
from pipeline.jobs.journal_file import JournalFile

DIRECTORY: Final = ".jobs"


class Journals:
    """The journals below one output directory; without one, nothing outlives the process."""

    def __init__(self, output: Path | None, *, again: bool = False) -> None:
        """With `again`, a job that is done for good starts over; any other goes on all the same."""
        self._output = output
        self._directory = "" if output is None else f"{output / DIRECTORY}{os.sep}"
        self._again = again

    def open(self, job_id: str) -> Journal:
        """This job's journal, for this process alone until it is closed.

        Raises:
            JobTakenError: another process has it open.
            JobError: it cannot be opened.
        """
        if self._output is None:
            return Journal(JournalFile(), b"", Path())
        try:
            journal = self._open(f"{self._directory}{job_id}.jsonl", self._output)
            if self._again and journal.is_done:
                journal.clear()
        except OSError as error:
            raise JobError(f"its journal in {DIRECTORY} cannot be opened: {error.strerror}") from None
        return journal

    def _open(self, path: str, output: Path) -> Journal:
        try:
            return Journal.open(path, output)
        except FileNotFoundError:  # once in an output directory, or somebody has removed that
            Path(self._directory).mkdir(mode=0o700, parents=True, exist_ok=True)
            return Journal.open(path, output)
