"""Answers that were paid for, until their layer is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.metrics import RunOutcome
from tests.pipeline.jobs.journal.two_layers import LAYERS, Found, done, job, opened, reopened


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
