from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline.jobs import Job, JobError, Journals
from pipeline.jobs.journal import Journal
from pipeline.jobs.journal_file import JobTakenError
from pipeline.jobs.journals import DIRECTORY
from pipeline.jobs.note import KeptResult, LayerNote
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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "0123.jsonl"


def reopened(path: Path, layers: Sequence[Layer] = LAYERS, cv: str | None = None) -> tuple[Journal, Job]:
    journal, restored = opened(path), job()
    journal.restore(restored, layers, cv=cv)
    journal.close()
    return journal, restored


def test_what_a_layer_gave_is_there_again(path: Path) -> None:
    file = path.with_name("dossier.md")
    file.touch()
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="Zoë\n", words=("a",)), [file])
    journal.close()
    _, restored = reopened(path)
    assert restored.results == {"one": Found(text="Zoë\n", words=("a",))}
    assert restored.files == [file]


def test_layer_whose_files_are_gone_runs_again_and_so_do_those_after_it(path: Path) -> None:
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="1"), [path.with_name("gone.md")])
    done(journal, first, "two", Found(text="2"))
    journal.close()
    assert reopened(path)[1].results == {}


def test_result_of_an_older_model_runs_its_layer_again(path: Path) -> None:
    class Newer(BaseModel):
        text: str
        more: int

    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="1"))
    done(journal, first, "two", Found(text="2"))
    journal.close()
    changed = (LAYERS[0], Layer("two", (), Newer, run))
    assert list(reopened(path, changed)[1].results) == ["one"]


def test_layer_that_ran_again_makes_the_later_ones_outdated(path: Path) -> None:
    journal, first = opened(path), job()
    for layer, text in (("one", "1"), ("two", "2"), ("one", "3")):
        done(journal, first, layer, Found(text=text))
    journal.close()
    assert reopened(path)[1].results == {"one": Found(text="3")}


def test_layer_that_came_in_between_runs_once_and_so_do_those_after_it(path: Path) -> None:
    layers = tuple(Layer(name, (), Found, run) for name in ("one", "between", "two", "three"))
    journal, first = opened(path), job()
    for layer in ("one", "two", "three"):
        done(journal, first, layer, Found(text="old"))
    journal.close()
    journal, again = opened(path), job()
    journal.restore(again, layers)
    assert list(again.results) == ["one"]
    for later in layers[1:]:
        done(journal, again, later.name, Found(text="new"))
    journal.close()
    assert reopened(path, layers)[1].results == again.results


def test_layer_that_came_in_between_and_was_killed_after_takes_out_what_was_not_made_of_it(
    path: Path,
) -> None:
    layers = tuple(Layer(name, (), Found, run) for name in ("one", "between", "two"))
    journal, first = opened(path), job()
    for layer in ("one", "two"):
        done(journal, first, layer, Found(text="old"))
    journal.close()
    journal, again = opened(path), job()
    journal.restore(again, layers)
    done(journal, again, "between", Found(text="new"))
    journal.close()
    assert list(reopened(path, layers)[1].results) == ["one", "between"]


def test_lines_that_do_not_say_what_they_came_after_came_after_all_before_them(path: Path) -> None:
    old = {"files": [], "degradations": [], "result": {"text": "old"}}
    lines = [json.dumps({"layer": layer, **old}) for layer in ("one", "two", "one")]
    path.write_text("".join(f"{line}\n" for line in lines[:2]))
    assert list(reopened(path)[1].results) == ["one", "two"]
    path.write_text("".join(f"{line}\n" for line in lines))
    assert list(reopened(path)[1].results) == ["one"]


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


async def test_answer_that_was_paid_for_is_not_asked_for_again(path: Path) -> None:
    asked: list[str] = []

    async def ask() -> str:
        asked.append("asked")
        return f"answer {len(asked)}"

    for _ in range(2):
        journal, restored = opened(path), job()
        journal.restore(restored, LAYERS)
        assert await restored.once("the question", ask) == "answer 1"
        journal.close()
    assert asked == ["asked"]
    assert await restored.once("another question", ask) == "answer 2"


def test_half_a_character_is_kept_as_any_other(path: Path) -> None:
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="1"), [path.with_name("\udcff.md")])
    path.with_name("\udcff.md").touch()
    journal.record("question", "\ud83d")
    journal.close()
    journal, restored = reopened(path)
    assert journal.recall("question") == "\ud83d"
    assert restored.results == {"one": Found(text="1")}


@pytest.mark.parametrize("forgets", ["forget_answers", "layer_done"])
def test_answer_is_forgotten_when_its_layer_is_done_or_could_not_use_it(path: Path, forgets: str) -> None:
    journal, first = opened(path), job()
    journal.record("question", "answer")
    if forgets == "layer_done":
        done(journal, first, "one", Found(text="1"))
    else:
        journal.forget_answers()
    assert journal.recall("question") is None
    journal.close()
    assert reopened(path)[0].recall("question") is None


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


def test_without_a_directory_a_journal_keeps_nothing_but_its_answers() -> None:
    journal = Journals(None).open("0123")
    journal.record("question", "answer")
    journal.ended(RunOutcome.SUCCEEDED)
    assert journal.recall("question") == "answer"
    journal.close()


READS_CV = (LAYERS[0], Layer("two", (), Found, run, reads_cv=True), Layer("three", (), Found, run))


def test_results_that_rest_on_another_cv_run_again_and_so_do_those_after_them(path: Path) -> None:
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="1"))
    done(journal, first, "two", Found(text="2"), cv="Alex")
    done(journal, first, "three", Found(text="3"))
    journal.close()
    assert list(reopened(path, READS_CV, cv="Alex")[1].results) == ["one", "two", "three"]
    assert list(reopened(path, READS_CV, cv="Billie")[1].results) == ["one"]


def test_layer_with_something_to_make_good_runs_again_and_the_job_is_not_done(path: Path) -> None:
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="1"))
    done(journal, first, "two", Found(text="unknown"), can_be_made_good=True)
    journal.ended(RunOutcome.DEGRADED)
    journal.close()
    journal, restored = reopened(path)
    assert list(restored.results) == ["one"]
    assert (journal.outcome, journal.is_done) == (RunOutcome.DEGRADED, False)


def test_answers_after_something_to_make_good_are_there_until_the_job_is_done(path: Path) -> None:
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="unknown"), can_be_made_good=True)
    journal.record("of two", "answer")
    done(journal, first, "two", Found(text="2"))
    journal.ended(RunOutcome.DEGRADED)
    journal.close()
    journal, again = opened(path), job()
    journal.restore(again, LAYERS)
    done(journal, again, "one", Found(text="1"))
    assert journal.recall("of two") == "answer"
    journal.close()
    journal, again = opened(path), job()
    journal.restore(again, LAYERS)
    assert (list(again.results), journal.recall("of two")) == (["one"], "answer")
    done(journal, again, "two", Found(text="2"))
    journal.ended(RunOutcome.SUCCEEDED)
    assert journal.recall("of two") is None
    journal.close()
    assert reopened(path)[0].recall("of two") is None


def test_result_of_another_machine_stands_in_and_those_after_it_are_from_there_too(path: Path) -> None:
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="unknown"), can_be_made_good=True)
    done(journal, first, "two", Found(text="rests on unknown"))
    journal.close()
    restored = job()
    restored.earlier = {"one": KeptResult({"text": "1"}, LayerNote(degradations=("no web",)))}
    journal = opened(path)
    journal.restore(restored, LAYERS)
    journal.close()
    assert restored.results == {"one": Found(text="1")}
    assert restored.degradations == ["no web"]


def test_files_are_found_again_where_their_directory_has_moved_to(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    (before / "dossier.md").touch()
    journal, first = Journal.open(before / "0123.jsonl", before), job()
    done(journal, first, "one", Found(text="1"), [before / "dossier.md"])
    journal.close()
    before.rename(after)
    journal, restored = Journal.open(after / "0123.jsonl", after), job()
    journal.restore(restored, LAYERS)
    journal.close()
    assert restored.files == [after / "dossier.md"]


def test_files_that_cannot_be_looked_for_are_a_job_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, first = opened(path), job()
    done(journal, first, "one", Found(text="1"), [path.with_name("dossier.md")])
    journal.close()

    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    journal = opened(path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", refuse)
        with pytest.raises(JobError, match="one: its files cannot be looked for"):
            journal.restore(job(), LAYERS)
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
