"""A job: one posting on its way through the layers."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from pipeline.jobs.note import KeptResult, LayerNote

if TYPE_CHECKING:
    from pydantic import BaseModel

_QUESTION_CHARS: Final = 32

R = TypeVar("R", bound="BaseModel")


class JobError(Exception):
    """This job cannot be done, though nothing is broken; the message is one line, without the posting."""


class Answers(Protocol):
    """Answers that a job has paid for and not yet made a result of; they outlive the process."""

    def recall(self, question: str) -> str | None: ...

    def record(self, question: str, answer: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class Job:
    """One posting and what the layers have made of it so far.

    Attributes:
        id: The same for the same source with the same content.
        source: Where the posting came from, for people: a path, `-`, or `collection/id`.
        text: The posting; None where there is no text that can be read.
        unreadable: Why there is no text; that job fails, the others run.
        results: What each layer that has run gave, by the layer's name.
        notes: What is kept beside each of them.
        degradations: What the job had to do without, one line each.
        files: What the job has written.
        to_make_good: Those of the degradations that a later run may make good.
        earlier: What layers gave on another machine, by name, where the source knows.
    """

    id: str
    source: str
    text: str | None
    unreadable: str | None = None
    results: dict[str, BaseModel] = field(default_factory=dict)
    notes: dict[str, LayerNote] = field(default_factory=dict)
    degradations: list[str] = field(default_factory=list)
    to_make_good: set[str] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)
    earlier: dict[str, KeptResult] = field(default_factory=dict, repr=False)
    answers: Answers | None = field(default=None, repr=False)

    def result(self, model: type[R]) -> R:
        """What the layer whose result is a `model` gave.

        Raises:
            LookupError: that layer has not run.
        """
        for result in self.results.values():
            if isinstance(result, model):
                return result
        raise LookupError(f"no layer has given a {model.__name__}")

    def degrade(self, reason: str, *, can_be_made_good: bool = False) -> None:
        """Go on, but not as well as asked for: `reason` says in one line what is missing.

        The layer that is running counts as degraded, and so does the job unless it fails. With
        `can_be_made_good`, the next run of the job begins with this layer again.
        """
        if reason not in self.degradations:
            self.degradations.append(reason)
        if can_be_made_good:
            self.to_make_good.add(reason)

    def note(self, *, files: int, degradations: int, cv: str | None) -> LayerNote:
        """Of the layer that ran since there were so many files and degradations."""
        added = tuple(self.degradations[degradations:])
        return LayerNote(
            files=tuple(self.files[files:]),
            degradations=added,
            can_be_made_good=not self.to_make_good.isdisjoint(added),
            cv=cv,
        )

    async def once(self, key: str, ask: Callable[[], Awaitable[str]]) -> str:
        """Ask for what costs money, or take the answer that an interrupted run has paid for.

        The answer is recorded before it is returned: whoever is killed from then on finds it again. It is
        forgotten when its layer ends with a result or a JobError; after an outage it is still there.

        `key` names the question within the job, the whole of it: another prompt is another question.

        Raises:
            Exception: whatever `ask` raises; nothing is recorded.
        """
        if self.answers is None:
            return await ask()
        question = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_QUESTION_CHARS]
        answer = self.answers.recall(question)
        if answer is None:
            answer = await ask()
            self.answers.record(question, answer)
        return answer
