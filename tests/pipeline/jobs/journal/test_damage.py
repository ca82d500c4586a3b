"""A file that was cut, spoilt, or had no room."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.metrics import RunOutcome
from tests.pipeline.jobs.journal.two_layers import Found, done, job, opened, reopened


@pytest.mark.parametrize(
    "torn",
    [
        b'{"layer": "two", "fi',
        b"\0\0\0",
        b"[]\n",
        b'{"layer": "two"}\n',
        b'{"layer": "two", "files": [5], "degradations": [], "result": {}}\n',
        b'{"layer": "two", "files": [], "degradations": [5], "result": {}}\n',
        b'{"layer": "two", "after": 5, "files": [], "degradations": [], "result": {}}\n',
        b'{"answer": "q", "text": "t", "spent_usd": {"two": NaN}}\n',
        b"{}\n",
    ],
)
def test_damaged_end_is_dropped_and_the_journal_goes_on(path: Path, torn: bytes) -> None:
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="1"))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    journal = opened(path)
    assert path.read_bytes() == whole
    done(journal, first, "two", Found(text="2"))
    journal.close()
    assert list(reopened(path)[1].results) == ["one", "two"]


def test_every_beginning_of_a_journal_can_be_read(path: Path) -> None:
    journal, first = opened(path), job()
    journal.record("question", "answer")
    done(journal, first, "one", Found(text="1"))
    journal.ended(RunOutcome.SUCCEEDED)
    journal.close()
    whole = path.read_bytes()
    ends = [number + 1 for number, byte in enumerate(whole[:-1]) if byte == ord("\n")]
    for size in (0, 1, *(end + offset for end in ends for offset in (-1, 0, 1)), len(whole) - 1):
        path.write_bytes(whole[:size])
        outcome = reopened(path)[0].outcome
        assert outcome is None
        assert whole.startswith(path.read_bytes())
    lines = whole.splitlines()
    assert [set(json.loads(line)) & {"answer", "layer", "ended"} for line in lines] == [
        {"answer"},
        {"layer"},
        {"ended"},
    ]


def test_full_disk_leaves_a_whole_journal_and_a_job_that_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="1"))
    journal.record("question", "answer")
    whole, write = path.read_bytes(), os.write

    def full(descriptor: int, content: bytes) -> int:
        if len(content) < 20:
            raise OSError(28, "No space left on device")
        return write(descriptor, content[:-10])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        done(journal, first, "two", Found(text="2"))
        journal.record("another question", "answer")
    assert path.read_bytes() == whole
    assert "No space left on device" in caplog.text
    journal.close()
    journal, restored = reopened(path)
    assert list(restored.results) == ["one", "two"]  # it was written once there was room again
    assert journal.recall("another question") is None


def test_line_that_is_written_piece_by_piece_is_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, write = opened(path), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:7]))
        journal.record("question", "answer")
    journal.close()
    assert reopened(path)[0].recall("question") == "answer"
