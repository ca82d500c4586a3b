from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline.jobs import Job, JobError, Journals
from pipeline.jobs.journal import DIRECTORY, JobTakenError, Journal
from pipeline.layers import Layer, Workplace
from pipeline.metrics import RunOutcome


class Found(BaseModel):
    text: str
    words: tuple[str, ...] = ()


async def run(_job: Job, _workplace: Workplace) -> Found:
    raise AssertionError("a journal runs nothing")


LAYERS = tuple(Layer(name, (), Found, run) for name in ("one", "two"))


def job() -> Job:
    return Job(id="0123", source="a.md", text="text")


def done(journal: Journal, job: Job, layer: str, result: Found, files: Sequence[Path] = ()) -> None:
    job.results[layer] = result
    journal.layer_done(layer, job, files=files, degradations=())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "0123.jsonl"


def reopened(path: Path, layers: Sequence[Layer] = LAYERS) -> tuple[Journal, Job]:
    journal, restored = Journal.open(path), job()
    journal.restore(restored, layers)
    journal.close()
    return journal, restored


def test_what_a_layer_gave_is_there_again(path: Path) -> None:
    file = path.with_name("dossier.md")
    file.touch()
    journal, first = Journal.open(path), job()
    done(journal, first, "one", Found(text="Zoë\n", words=("a",)), [file])
    journal.close()
    _, restored = reopened(path)
    assert restored.results == {"one": Found(text="Zoë\n", words=("a",))}
    assert restored.files == [file]


def test_layer_whose_files_are_gone_runs_again_and_so_do_those_after_it(path: Path) -> None:
    journal, first = Journal.open(path), job()
    done(journal, first, "one", Found(text="1"), [path.with_name("gone.md")])
    done(journal, first, "two", Found(text="2"))
    journal.close()
    assert reopened(path)[1].results == {}


def test_result_of_an_older_model_runs_its_layer_again(path: Path) -> None:
    class Newer(BaseModel):
        text: str
        more: int

    journal, first = Journal.open(path), job()
    done(journal, first, "one", Found(text="1"))
    done(journal, first, "two", Found(text="2"))
    journal.close()
    changed = (LAYERS[0], Layer("two", (), Newer, run))
    assert list(reopened(path, changed)[1].results) == ["one"]


def test_layer_that_ran_again_makes_the_later_ones_outdated(path: Path) -> None:
    journal, first = Journal.open(path), job()
    for layer, text in (("one", "1"), ("two", "2"), ("one", "3")):
        done(journal, first, layer, Found(text=text))
    journal.close()
    assert reopened(path)[1].results == {"one": Found(text="3")}


async def test_answer_that_was_paid_for_is_not_asked_for_again(path: Path) -> None:
    asked: list[str] = []

    async def ask() -> str:
        asked.append("asked")
        return f"answer {len(asked)}"

    for _ in range(2):
        journal, restored = Journal.open(path), job()
        journal.restore(restored, LAYERS)
        assert await restored.once("the question", ask) == "answer 1"
        journal.close()
    assert asked == ["asked"]
    assert await restored.once("another question", ask) == "answer 2"


def test_half_a_character_is_kept_as_any_other(path: Path) -> None:
    journal, first = Journal.open(path), job()
    done(journal, first, "one", Found(text="1"), [path.with_name("\udcff.md")])
    path.with_name("\udcff.md").touch()
    journal.record("question", "\ud83d")
    journal.close()
    journal, restored = reopened(path)
    assert journal.recall("question") == "\ud83d"
    assert restored.results == {"one": Found(text="1")}


@pytest.mark.parametrize("forgets", ["forget_answers", "layer_done"])
def test_answer_is_forgotten_when_its_layer_is_done_or_could_not_use_it(path: Path, forgets: str) -> None:
    journal, first = Journal.open(path), job()
    journal.record("question", "answer")
    if forgets == "layer_done":
        done(journal, first, "one", Found(text="1"))
    else:
        journal.forget_answers()
    assert journal.recall("question") is None
    journal.close()
    assert reopened(path)[0].recall("question") is None


def test_money_of_an_interrupted_run_is_told_by_the_next(path: Path) -> None:
    journal = Journal.open(path)
    journal.spent_usd_by_layer = {"one": 0.25}
    journal.record("question", "answer")
    journal.close()
    journal = Journal.open(path)
    assert (journal.outcome, journal.spent_usd_by_layer) == (None, {"one": 0.25})
    journal.ended(RunOutcome.FAILED)
    journal.close()
    assert Journal.open(path).spent_usd_by_layer == {}


@pytest.mark.parametrize(
    "torn", [b'{"layer": "two", "fi', b"\0\0\0", b"[]\n", b'{"layer": "two"}\n', b"{}\n"]
)
def test_damaged_end_is_dropped_and_the_journal_goes_on(path: Path, torn: bytes) -> None:
    journal, first = Journal.open(path), job()
    done(journal, first, "one", Found(text="1"))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    journal = Journal.open(path)
    assert path.read_bytes() == whole
    done(journal, first, "two", Found(text="2"))
    journal.close()
    assert list(reopened(path)[1].results) == ["one", "two"]


def test_every_beginning_of_a_journal_can_be_read(path: Path) -> None:
    journal, first = Journal.open(path), job()
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


def test_journal_that_cannot_be_opened_is_a_job_error(tmp_path: Path) -> None:
    (tmp_path / DIRECTORY).touch()
    with pytest.raises(JobError, match=r"its journal in \.jobs cannot be opened: "):
        Journals(tmp_path).open("0123")


def test_full_disk_leaves_a_whole_journal_and_a_job_that_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal, first = Journal.open(path), job()
    done(journal, first, "one", Found(text="1"))
    whole, write = path.read_bytes(), os.write

    def full(descriptor: int, content: bytes) -> int:
        if len(content) < 20:
            raise OSError(28, "No space left on device")
        return write(descriptor, content[:-10])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        done(journal, first, "two", Found(text="2"))
    assert path.read_bytes() == whole
    assert "No space left on device" in caplog.text
    journal.close()


def test_without_a_directory_a_journal_keeps_nothing_but_its_answers() -> None:
    journal = Journals(None).open("0123")
    journal.record("question", "answer")
    journal.ended(RunOutcome.SUCCEEDED)
    assert journal.recall("question") == "answer"
    journal.close()
