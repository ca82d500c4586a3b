"""An output directory's journals, each one process's at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.jobs import JobError, Journals
from pipeline.jobs.journal_file import JobTakenError
from pipeline.jobs.journals import DIRECTORY
from pipeline.metrics import RunOutcome
from tests.pipeline.jobs.journal.two_layers import Found, done, job


def test_job_belongs_to_one_process_until_it_is_given_back(tmp_path: Path) -> None:
    journals = Journals(tmp_path)
    first = journals.open("0123")
    with pytest.raises(JobTakenError):
        journals.open("0123")
    journals.open("4567").close()
    first.close()
    journals.open("0123").close()


def test_job_that_is_done_starts_over_only_when_asked_to(tmp_path: Path) -> None:
    for outcome, is_cleared in ((RunOutcome.FAILED, False), (RunOutcome.DEGRADED, True)):
        journal = Journals(tmp_path).open("0123")
        done(journal, job(), "one", Found(text="1"))
        journal.ended(outcome)
        journal.close()
        journal = Journals(tmp_path, again=True).open("0123")
        journal.close()
        assert (journal.outcome is None) is is_cleared
        assert ((tmp_path / DIRECTORY / "0123.jsonl").stat().st_size == 0) is is_cleared


def test_output_directory_that_is_gone_is_made_again(tmp_path: Path) -> None:
    Journals(tmp_path / "un" / "done").open("0123").close()
    assert (tmp_path / "un" / "done" / DIRECTORY / "0123.jsonl").exists()
    assert (tmp_path / "un" / "done" / DIRECTORY).stat().st_mode & 0o777 == 0o700


def test_journal_that_cannot_be_opened_is_a_job_error(tmp_path: Path) -> None:
    (tmp_path / DIRECTORY).touch()
    with pytest.raises(JobError, match=r"its journal in \.jobs cannot be opened: "):
        Journals(tmp_path).open("0123")


def test_without_a_directory_a_journal_keeps_nothing_but_its_answers() -> None:
    journal = Journals(None).open("0123")
    journal.record("question", "answer")
    journal.ended(RunOutcome.SUCCEEDED)
    assert journal.recall("question") == "answer"
    journal.close()
