"""One call as a block: `async with dependency.calling() as call`, or `with` in a thread."""

from __future__ import annotations

from types import TracebackType
from typing import Literal

from pipeline.gates import Call
from pipeline.guard import Ask, Guard


class CallScope:
    """Enters the gates on entry and settles on exit; for one use."""

    def __init__(self, guard: Guard, ask: Ask) -> None:
        self._guard = guard
        self._call = guard.begin()
        self._call.ask(**ask)

    def __enter__(self) -> Call:
        self._guard.enter(self._call)
        return self._call

    async def __aenter__(self) -> Call:
        await self._guard.enter_async(self._call)
        return self._call

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        seen = self._guard.settle(self._call, error)
        if seen is not error and seen is not None:
            raise seen from error
        return False

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        return self.__exit__(exc_type, error, traceback)
