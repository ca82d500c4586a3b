"""What was spent and not told yet, over kills and full disks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.metrics import RunOutcome
from tests.pipeline.jobs.journal.two_layers import Found, done, job, opened, reopened


def test_money_of_an_interrupted_run_is_told_by_the_next(path: Path) -> None:
    journal = opened(path)
    journal.spent_usd_by_layer = {"one": 0.25}
    journal.record("question", "answer")
    journal.close()
    journal = opened(path)
    assert (journal.outcome, journal.spent_usd_by_layer) == (None, {"one": 0.25})
    journal.ended(RunOutcome.FAILED)
    journal.close()
    assert opened(path).spent_usd_by_layer == {}


def test_money_of_each_layer_stands_in_the_line_that_it_is_new_in(path: Path) -> None:
    journal = opened(path)
    spent = journal.spent_usd_by_layer = {"one": 0.25}
    journal.record("first", "answer")
    spent["two"] = 0.5
    journal.record("second", "answer")
    spent["two"] = 0.75
    journal.record("third", "answer")
    journal.record("for nothing", "answer")
    journal.close()
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    told = [line.get("spent_usd") for line in lines]
    assert told == [{"one": 0.25}, {"two": 0.5}, {"two": 0.75}, None]
    assert opened(path).spent_usd_by_layer == {"one": 0.25, "two": 0.75}


def test_money_that_found_no_room_is_told_by_the_next_line_that_does(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(path)
    journal.spent_usd_by_layer = {"one": 0.25}

    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        journal.record("first", "answer")
        journal.forget_answers()
    journal.record("second", "answer")
    journal.close()
    assert opened(path).spent_usd_by_layer == {"one": 0.25}


def test_a_journal_that_begins_anew_tells_what_is_spent_from_then_on(path: Path) -> None:
    journal = opened(path)
    journal.spent_usd_by_layer = {"one": 0.25}
    journal.record("first", "answer")
    journal.clear()
    journal.spent_usd_by_layer = {"one": 0.25}
    journal.record("second", "answer")
    journal.close()
    assert opened(path).spent_usd_by_layer == {"one": 0.25}


def test_result_is_written_with_what_comes_next_unless_its_layer_spent_what_no_line_tells(path: Path) -> None:
    journal, first = opened(path), job()
    spent = journal.spent_usd_by_layer = {"one": 0.25}
    journal.record("question", "answer")
    written = path.read_bytes()
    done(journal, first, "one", Found(text="1"))
    assert path.read_bytes() == written
    spent["two"] = 0.5
    done(journal, first, "two", Found(text="2"))
    assert [json.loads(line).get("layer") for line in path.read_bytes().splitlines()] == [None, "one", "two"]
    done(journal, first, "three", Found(text="3"))
    journal.ended(RunOutcome.FAILED)
    *_, last_layer, end = path.read_bytes().splitlines()
    assert (json.loads(last_layer)["layer"], json.loads(end)) == ("three", {"ended": "failed"})
    journal.close()


def test_money_is_not_told_twice_where_the_disk_has_no_room_for_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal, first = opened(path), job()
    journal.spent_usd_by_layer = {"one": 0.25}
    done(journal, first, "one", Found(text="1"))
    journal.record("question", "answer")
    room, write = path.stat().st_size, os.write
    done(journal, first, "two", Found(text="2"))

    def full(descriptor: int, content: bytes) -> int:
        if os.fstat(descriptor).st_size + len(content) > room:
            raise OSError(28, "No space left on device")
        return write(descriptor, content)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        journal.ended(RunOutcome.SUCCEEDED)
    journal.close()
    assert "journal.cut lines=2; what was in them is made and paid for again" in caplog.text
    journal, restored = reopened(path)
    assert (journal.outcome, journal.spent_usd_by_layer) == (RunOutcome.SUCCEEDED, {})
    assert list(restored.results) == ["one"]
