"""What a layer gave is there again, as long as what it rests on is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline.jobs import JobError
from pipeline.jobs.journal import Journal
from pipeline.jobs.note import KeptResult, LayerNote
from pipeline.layers import Layer
from pipeline.metrics import RunOutcome
from tests.pipeline.jobs.journal.two_layers import LAYERS, Found, done, job, opened, reopened, run


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
