from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.demo.completion import complete
from pipeline.demo.pain_points import SECTIONS, posting_in, statements
from pipeline.demo.replies import TASKS, Task, reply_to, task_of

POSTINGS = sorted((Path(__file__).parents[3] / "examples" / "postings").iterdir())
PROMPT = (
    "List the pain points of this job posting.\nAnswer with JSON.\n\n<job_posting>\n{posting}\n</job_posting>"
)
ASKED = {
    "generation": '"cover_letter"',
    "opportunity": '"score"',
    "people": '"contacts"',
    "research": '"findings"',
    "pain points": "pain_points",
}


def pain_points(posting: str) -> dict[str, list[str]]:
    answer: dict[str, list[str]] = json.loads(reply_to(PROMPT.format(posting=posting)))
    return answer


@pytest.mark.parametrize("path", POSTINGS, ids=lambda path: path.name)
def test_the_examples_give_lists_of_the_promised_lengths(path: Path) -> None:
    answer = pain_points(path.read_text(encoding="utf-8"))
    assert list(answer) == ["pain_points", "strategic_needs", "risks", "success_metrics"]
    for section in SECTIONS:
        assert section.fewest <= len(answer[section.key]) <= section.most
        assert all(len(line) > 15 for line in answer[section.key])
    assert 5 <= len(answer["pain_points"]) <= 10


@pytest.mark.parametrize("path", POSTINGS, ids=lambda path: path.name)
def test_pain_points_are_the_postings_own_words(path: Path) -> None:
    posting = path.read_text(encoding="utf-8")
    flat = " ".join(posting.split())
    assert all(line in flat for line in pain_points(posting)["pain_points"])


def test_different_postings_get_different_answers() -> None:
    answers = [str(pain_points(path.read_text(encoding="utf-8"))) for path in POSTINGS]
    assert len(set(answers)) == len(POSTINGS) == 3


def test_the_same_posting_gets_the_same_answer() -> None:
    posting = POSTINGS[0].read_text(encoding="utf-8")
    assert pain_points(posting) == pain_points(posting)


@pytest.mark.parametrize(
    "posting", ["", "Cook wanted", "x " * 50_000, "- a\n" * 20_000, "[" * 50_000, "**\n" * 9000]
)
def test_any_posting_gets_five_pain_points_or_more(posting: str) -> None:
    assert 5 <= len(pain_points(posting)["pain_points"]) <= 10


def test_a_posting_without_tags_is_found_between_the_instructions() -> None:
    prompt = "Find the pain points.\nOur nightly reports are too late.\nReturn JSON with these keys"
    assert posting_in(prompt) == "Our nightly reports are too late."


def test_what_the_candidate_brings_is_no_pain_point() -> None:
    posting = "## Tasks\n- You end our slow manual reports\n## Requirements\n- No fear of legacy code at all"
    assert statements(posting) == ["You end our slow manual reports"]


def test_wrapped_lines_are_one_sentence() -> None:
    assert statements("The reports are often\nfar too late. And nobody here\nknows the reason.") == [
        "The reports are often far too late",
        "And nobody here knows the reason",
    ]


def test_another_prompt_gets_a_short_text_that_depends_on_it() -> None:
    assert reply_to("Hello\n there") == "This is a stand-in's answer to: Hello there"
    assert len(reply_to("x" * 5000)) < 200


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize(
    "rest", ["", "<cv>\n", "<cv>\n### a, b (c)\n</cv>", "<sources>\n[1] x\n</sources>", "\0\ud800"]
)
def test_every_task_answers_a_prompt_without_its_data_in_json(task: Task, rest: str) -> None:
    prompt = ASKED[task.name]
    assert task_of(prompt) is task
    assert isinstance(json.loads(reply_to(f"{prompt}\n{rest}")), dict)


def test_who_is_asked_to_mend_an_answer_gives_the_same_one_again() -> None:
    question = {
        "role": "user",
        "content": PROMPT.format(posting="# Cook\n\nThe kitchen burns down every night."),
    }
    first = complete({"model": "m", "messages": [question]}, limit_keys=())
    again = complete(
        {
            "model": "m",
            "messages": [
                question,
                {"role": "assistant", "content": "no"},
                {"role": "user", "content": "That answer cannot be used."},
            ],
        },
        limit_keys=(),
    )
    assert again.text == first.text
    assert again.input_tokens > first.input_tokens


@pytest.mark.parametrize(
    ("pain_point", "told"),
    [
        ("The kitchen burns down every night", 'You write: "The kitchen burns down every night."'),
        (
            "The posting does not say what goes wrong today",
            "I would ask about: the posting does not say what",
        ),
    ],
)
def test_a_letter_quotes_only_what_the_posting_says(pain_point: str, told: str) -> None:
    prompt = (
        'Write a "cover_letter".\n<role>\nRole: Cook\nCompany: Old Inn\n</role>\n'
        "<posting>\nThe *kitchen*\nburns down every night.\n</posting>\n"
        f"<pain_points>\n1. {pain_point}\n</pain_points>"
    )
    assert told in json.loads(reply_to(prompt))["cover_letter"]["opening"]


def test_contacts_are_named_in_the_posting_or_in_a_title_of_the_company() -> None:
    prompt = (
        'Give "contacts".\n<role>\nRole: Cook\nCompany: Old Inn\n</role>\n'
        "<posting>\nWrite to Ada Byron.\n</posting>\n"
        "<sources>\n[1] Max Holm - Chef - Old Inn\nhttps://a.example\nx\n"
        "[2] Eve Brandt - Chef - New Inn\nhttps://b.example\nx\n</sources>"
    )
    contacts = json.loads(reply_to(prompt))["contacts"]
    assert [(contact["name"], contact["source"]) for contact in contacts] == [
        ("Ada Byron", 0),
        ("Max Holm", 1),
    ]
