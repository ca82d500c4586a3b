"""The stand-ins' brain: what a model answers to a prompt, the same every time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.demo.generation import write_application
from pipeline.demo.opportunity import judge
from pipeline.demo.pain_points import analyse, posting_in
from pipeline.demo.people import contacts
from pipeline.demo.research import summarise

if TYPE_CHECKING:
    from collections.abc import Callable

_QUOTED_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Task:
    """Something the model is good at.

    Attributes:
        name: For people.
        matches: Whether a prompt (the last user message) asks for it.
        reply: The answer to a prompt that matches; depends on nothing else.
    """

    name: str
    matches: Callable[[str], bool]
    reply: Callable[[str], str]


def _asks_for(*words: str) -> Callable[[str], bool]:
    return lambda prompt: any(word in prompt.casefold() for word in words)


def _as_json(answer: object) -> str:
    return json.dumps(answer, ensure_ascii=False)


# The first that matches answers. All but the last are known by what only their prompts ask for: pain points
# are spoken of in every prompt.
TASKS: tuple[Task, ...] = (
    Task("generation", _asks_for('"cover_letter"'), lambda prompt: _as_json(write_application(prompt))),
    Task("opportunity", _asks_for('"score"'), lambda prompt: _as_json(judge(prompt))),
    Task("people", _asks_for('"contacts"'), lambda prompt: _as_json(contacts(prompt))),
    Task("research", _asks_for('"findings"'), lambda prompt: _as_json(summarise(prompt))),
    Task(
        "pain points",
        _asks_for("pain_points", "pain points"),
        lambda prompt: _as_json(analyse(posting_in(prompt))),
    ),
)


def task_of(prompt: str) -> Task | None:
    """What the prompt asks for, if it is something that the stand-ins know."""
    return next((task for task in TASKS if task.matches(prompt)), None)


def reply_to(prompt: str) -> str:
    task = task_of(prompt)
    if task is not None:
        return task.reply(prompt)
    quoted = " ".join(prompt.split())[:_QUOTED_CHARACTERS]
    return f"This is a stand-in's answer to: {quoted}"
