"""A question to a language model whose answer is JSON of a known shape; what is wrong is asked for again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.breaker import BreakerOpenError
from pipeline.failures import says_no_credit
from pipeline.fallbacks import Answer, CachedResponses, Fallback, first_of, placeholder
from pipeline.jobs import Job, JobError
from pipeline.layers.lines import whole_characters
from pipeline.layers.paid import paid_once
from pipeline.metrics import FallbackKind
from pipeline.providers.language_model import Message
from pipeline.rejections import RejectedError

if TYPE_CHECKING:
    from pipeline.layers.layer import Workplace

A = TypeVar("A", bound=BaseModel)

MAX_DATA_CHARS: Final = 24_000
"""Of each piece of data; more is paid for and tells no more."""

_MAX_ANSWER_CHARS: Final = 200_000
_MAX_REPEATED_ANSWER_CHARS: Final = 16_000
_MAX_PROBLEMS_SHOWN: Final = 10
_FENCED: Final = re.compile(r"\A```[a-z]{0,9}\n(.*)\n```\Z", re.DOTALL | re.IGNORECASE)


class AnswerError(Exception):
    """The answer is not what was asked for; the message tells the model, line by line, and quotes no data."""


def _nothing_wrong(_answer: object) -> Sequence[str]:
    return ()


def prompt_text(name: str) -> str:
    """A file of `prompts/`."""
    return resources.files("pipeline.layers").joinpath("prompts", f"{name}.txt").read_text("utf-8")


@dataclass(frozen=True)
class Question(Generic[A]):
    """One question of a layer.

    Attributes:
        name: Of its file in `prompts/`, and for people.
        answer: What a good answer is; keys that it does not know are left out.
        data: What the prompt shows of others' texts; each stands there as `$name`, between tags of that name.
        max_output_tokens: A longer answer is cut off, and then is no JSON.
    """

    name: str
    answer: type[A]
    data: tuple[str, ...]
    max_output_tokens: int = 2_000

    async def ask(
        self,
        job: Job,
        workplace: Workplace,
        data: Mapping[str, str],
        *,
        check: Callable[[A], Sequence[str]] = _nothing_wrong,
        insists: bool = True,
    ) -> Answer[A | None]:
        """Ask, and where the answer cannot be used, ask once more and say why.

        While no model answers, an earlier answer to the same question stands in, else None, which means
        unknown; the job is degraded then.

        Args:
            job: Whose question it is.
            workplace: Has the models, and the answers of earlier jobs.
            data: The texts for `$name` in the prompt, as they came.
            check: What is wrong with an answer of the right shape, one line each.
            insists: Whether a second answer is held to `check`, too; else it is taken as it is, and the
                caller leaves out what is wrong.

        Raises:
            JobError: the second answer cannot be used either.
            ProviderError, RejectedError: no answer, and none may stand in.
        """
        prompt = self.prompt(data)
        conversation = [Message("user", prompt)]
        key = hashlib.sha256(f"{self.name}\0{prompt}".encode("utf-8", "surrogatepass")).hexdigest()
        given = await self._ask_once(job, workplace, conversation, key)
        if not isinstance(given.value, str):
            return self._stand_in(job, given)
        try:
            answer = self._parse(given.value, check)
        except AnswerError as problems:
            conversation += [
                Message("assistant", _repeated(given.value)),
                Message("user", _REPAIR.substitute(problems=problems)),
            ]
            given = await self._ask_once(job, workplace, conversation, key)
            if not isinstance(given.value, str):
                return self._stand_in(job, given)
            answer = self._parse_again(given.value, check if insists else _nothing_wrong)
        workplace.memory.answers.keep(key, answer)
        return Answer(answer)

    def is_answerable(self, job: Job, workplace: Workplace) -> bool:
        """Whether it is worth paying for what the question needs; where it is not, the job is degraded."""
        if workplace.providers.language_models.can_answer():
            return True
        job.degrade(f"{self.name}: no language model can be asked; unknown", can_be_made_good=True)
        return False

    def prompt(self, data: Mapping[str, str]) -> str:
        """The file, and in it the data between tags that the data itself cannot open or close."""
        shown = {name: f"<{name}>\n{self._tame(data[name])}\n</{name}>" for name in self.data}
        return f"{_ABOUT_DATA}\n{self._template.substitute(shown)}"

    @cached_property
    def _template(self) -> Template:
        return Template(prompt_text(self.name))

    @cached_property
    def _tag(self) -> re.Pattern[str]:
        return re.compile(rf"<(?=\s{{0,9}}/?\s{{0,9}}(?:{'|'.join(self.data)}))", re.IGNORECASE)

    def _tame(self, text: str) -> str:
        return self._tag.sub("‹", whole_characters(text[:MAX_DATA_CHARS]).strip())

    async def _ask_once(
        self, job: Job, workplace: Workplace, conversation: Sequence[Message], key: str
    ) -> Answer[str | BaseModel | None]:
        async def ask() -> Answer[str | BaseModel | None]:
            return await workplace.providers.language_models.ask(
                conversation,
                max_output_tokens=self.max_output_tokens,
                fallback=first_of(_Recalled(workplace.memory.answers, key), _UnlessRefused()),
            )

        # The key stands for the first message, which need not be looked through again.
        return await paid_once(job, f"{key}{_whole(conversation[1:])}", ask)

    def _parse(self, text: str, check: Callable[[A], Sequence[str]]) -> A:
        if len(text) > _MAX_ANSWER_CHARS:
            raise AnswerError(f"it is longer than {_MAX_ANSWER_CHARS} characters")
        text = text.strip()
        fenced = _FENCED.match(text)
        try:
            given = json.loads(text if fenced is None else fenced[1])
        except (ValueError, RecursionError):
            raise AnswerError("it is not JSON") from None
        try:
            answer = self.answer.model_validate(given)
        except ValidationError as error:
            raise AnswerError("\n".join(_problems(error))) from None
        wrong = check(answer)
        if wrong:
            raise AnswerError("\n".join(wrong[:_MAX_PROBLEMS_SHOWN]))
        return answer

    def _parse_again(self, text: str, check: Callable[[A], Sequence[str]]) -> A:
        try:
            return self._parse(text, check)
        except AnswerError as error:
            first, *_ = str(error).splitlines()
            raise JobError(f"the model's answer cannot be used, asked twice: {first}") from None

    def _stand_in(self, job: Job, answer: Answer[str | BaseModel | None]) -> Answer[A | None]:
        is_known = answer.fallback is FallbackKind.CACHED
        what = "an earlier answer stands in" if is_known else "unknown"
        job.degrade(f"{self.name}: no language model answered; {what}", can_be_made_good=not is_known)
        value = answer.value
        return Answer(value if isinstance(value, self.answer) else None, answer.fallback, answer.error)


class _Recalled:
    """An answer of an earlier job. It learns nothing here: only an answer that can be used is kept."""

    def __init__(self, answers: CachedResponses[BaseModel], key: str) -> None:
        self._answers = answers
        self._key = key

    def stand_in(self, error: Exception) -> Answer[BaseModel | None] | None:
        known = self._answers.recall(self._key)
        return None if known is None else Answer(known[0], FallbackKind.CACHED, error)

    def learn(self, value: object) -> None:
        pass


class _UnlessRefused:
    """Unknown is no substitute for money or quota: that job waits for budget, credit, or tomorrow."""

    _unknown: Fallback[BaseModel | None] = placeholder(None)

    def stand_in(self, error: Exception) -> Answer[BaseModel | None] | None:
        refused = isinstance(error, RejectedError) and not isinstance(error, BreakerOpenError)
        return None if refused or says_no_credit(error) else self._unknown.stand_in(error)

    def learn(self, value: object) -> None:
        pass


def _repeated(answer: str) -> str:
    return whole_characters(answer[:_MAX_REPEATED_ANSWER_CHARS]).strip() or "(no text)"


def _whole(conversation: Sequence[Message]) -> str:
    """The conversation as one text, which no other one gives."""
    return "".join(f"{message.role} {len(message.content)} {message.content}" for message in conversation)


def _problems(error: ValidationError) -> list[str]:
    """One line each, without the input: it may be long, and it goes to the log."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        f"{'.'.join(map(str, detail['loc'])) or 'the answer'}: {detail['msg']}"
        for detail in details[:_MAX_PROBLEMS_SHOWN]
    ]


_ABOUT_DATA: Final = prompt_text("data")
_REPAIR: Final = Template(prompt_text("repair"))
