"""The stand-ins' brain: what a model answers to a prompt, the same every time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.demo.pain_points import analyse, posting_in

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


def _asks_for_pain_points(prompt: str) -> bool:
    asked = prompt.casefold()
    return "pain_points" in asked or "pain points" in asked


def _pain_points(prompt: str) -> str:
    return json.dumps(analyse(posting_in(prompt)), ensure_ascii=False)


# The first that matches answers.
TASKS: tuple[Task, ...] = (Task("pain points", _asks_for_pain_points, _pain_points),)


def reply_to(prompt: str) -> str:
    for task in TASKS:
        if task.matches(prompt):
            return task.reply(prompt)
    quoted = " ".join(prompt.split())[:_QUOTED_CHARACTERS]
    return f"This is a stand-in's answer to: {quoted}"
