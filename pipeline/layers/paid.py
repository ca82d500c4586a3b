"""Answers that cost money: recorded once they are there, and never what stands in for one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from pipeline.fallbacks import Answer
from pipeline.jobs import Job

F = TypeVar("F")


class _StoodInError(Exception):
    """Carries what stands in past `job.once`, which would keep it."""

    def __init__(self, answer: Answer[Any]) -> None:
        super().__init__()
        self.answer = answer


async def paid_once(job: Job, key: str, ask: Callable[[], Awaitable[Answer[str | F]]]) -> Answer[str | F]:
    """As `job.once`, for an `ask` with a fallback.

    Raises:
        Exception: whatever `ask` raises.
    """

    async def only_real() -> str:
        answer = await ask()
        if not answer.is_real:
            raise _StoodInError(answer)
        return cast("str", answer.value)

    try:
        return Answer(await job.once(key, only_real))
    except _StoodInError as stood_in:
        return stood_in.answer
