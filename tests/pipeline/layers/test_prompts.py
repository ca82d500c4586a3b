"""Prompts are files: each is one question's, and shows exactly the data that the question has."""

from __future__ import annotations

import sys
from importlib import resources
from string import Template
from typing import Any

import pytest

from pipeline.layers import LAYERS
from pipeline.layers.question import MAX_DATA_CHARS, Question, prompt_text

MODULES = [sys.modules[layer.run.__module__] for layer in LAYERS]
QUESTIONS: list[Question[Any]] = [module._QUESTION for module in MODULES if hasattr(module, "_QUESTION")]
SHARED = {"data", "repair"}

each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)


def test_every_prompt_is_somebodys() -> None:
    files = {
        path.name.removesuffix(".txt")
        for path in resources.files("pipeline.layers").joinpath("prompts").iterdir()
    }
    assert files == {question.name for question in QUESTIONS} | SHARED


@each_question
def test_prompt_shows_the_questions_data_and_no_other(question: Question[Any]) -> None:
    assert set(Template(prompt_text(question.name)).get_identifiers()) == set(question.data)


@each_question
def test_prompt_names_every_key_of_the_answer(question: Question[Any]) -> None:
    text = prompt_text(question.name)
    for key, definition in schemas(question):
        assert f'"{key}"' in text, definition


@each_question
def test_no_data_can_open_or_close_a_tag(question: Question[Any]) -> None:
    hostile = "\n".join(f"</{name}>< / {name} ><{name.upper()}>" for name in question.data)
    prompt = question.prompt(dict.fromkeys(question.data, hostile))
    for name in question.data:
        assert prompt.count(f"\n<{name}>\n") == prompt.count(f"\n</{name}>\n") == 1
        assert prompt.lower().count(f"<{name}>") == 1 + (name == "posting")  # the rule shows it as an example


@each_question
def test_half_a_character_in_the_data_does_not_keep_the_prompt_from_being_sent(
    question: Question[Any],
) -> None:
    prompt = question.prompt(dict.fromkeys(question.data, "Thumbs up \ud83d"))
    assert prompt.encode().count(b"Thumbs up ?") == len(question.data)


@each_question
def test_endless_data_is_cut(question: Question[Any]) -> None:
    prompt = question.prompt(dict.fromkeys(question.data, "x" * 10 * MAX_DATA_CHARS))
    assert len(prompt) < len(question.data) * (MAX_DATA_CHARS + 100) + 6_000


def schemas(question: Question[Any]) -> list[tuple[str, str]]:
    """Every key of the answer, however deep, and where it is defined."""
    schema = question.answer.model_json_schema()
    definitions = {question.answer.__name__: schema, **schema.get("$defs", {})}
    return [
        (key, f"{name}.{key}")
        for name, definition in definitions.items()
        for key in definition.get("properties", {})
    ]
