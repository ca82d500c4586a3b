"""Who waits for the next round, and how their answer reaches them in their own thread or loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

Answer = TypeVar("Answer")

_QUESTIONS: Final = 3
"""What a round may ask before it answers; a server that says nothing fails the first of them."""


class Asking(Generic[Answer]):
    """One who asks. The answer is given by another thread; who no longer waits takes none."""

    def __init__(self) -> None:
        self.is_withdrawn = False
        self._answer: Future[Answer] = Future()

    def answer(self, answer: Answer) -> None:
        if not self._answer.done():
            self._answer.set_result(answer)

    @property
    def given(self) -> Answer | None:
        """The answer, where there is one."""
        return self._answer.result() if self._answer.done() else None

    async def wait_async(self, timeout_seconds: float) -> Answer:
        """Raises TimeoutError."""
        # Not `wait_for`, which swallows a cancellation that comes together with the answer.
        async with asyncio.timeout(_QUESTIONS * timeout_seconds):
            # Shielded: a wait that is cancelled must not make the answer fail that another thread gives.
            return await asyncio.shield(asyncio.wrap_future(self._answer))

    def wait_blocking(self, timeout_seconds: float) -> Answer:
        """Raises TimeoutError."""
        return self._answer.result(_QUESTIONS * timeout_seconds)
