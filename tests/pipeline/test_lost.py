"""Calls that ended where nobody could settle them, as a stream that was dropped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest

from pipeline import Dependency
from pipeline.limits import Limits
from pipeline.lost import lost
from tests.pipeline.counted import Counted


@pytest.fixture(autouse=True)
def nothing_is_lost_before_or_after() -> Iterator[None]:
    assert not lost
    yield
    assert not lost


def lose(counted: Counted) -> None:
    """A call that was answered, and that somebody else is to settle."""
    call = counted.dependency.begin(is_stream=True)
    counted.dependency.enter(call)

    def settle() -> None:
        counted.dependency.settle(call, None)

    lost.append(("openrouter", settle))


async def answer() -> str:
    return "answer"


async def by_call(dependency: Dependency) -> None:
    await dependency.call(answer)


async def by_call_sync(dependency: Dependency) -> None:
    dependency.call_sync(lambda: "answer")


async def by_block(dependency: Dependency) -> None:
    async with dependency.calling():
        pass


@pytest.mark.parametrize("face", [by_call, by_call_sync, by_block])
async def test_a_lost_trial_keeps_no_call_waiting(face: Callable[[Dependency], Awaitable[None]]) -> None:
    counted = Counted(failure_threshold=1, success_threshold=1, recovery_timeout_seconds=10)
    with pytest.raises(ConnectionError), counted.dependency.calling():
        raise ConnectionError
    counted.clock.advance(10)
    lose(counted)
    await face(counted.dependency)
    assert counted.judged() == {"failure": 1, "success": 2}


def test_a_meter_that_is_closed_has_counted_what_was_lost() -> None:
    counted = Counted()
    lose(counted)
    counted.meter.close()
    assert counted.calls() == {"success": 1}


async def test_limits_that_are_closed_have_settled_what_was_lost() -> None:
    counted = Counted()
    lose(counted)
    await Limits().close()
    assert counted.calls() == {"success": 1}


def test_a_lost_call_that_cannot_be_settled_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    counted = Counted()
    lost.append(("firecrawl", lambda: 1 / 0))  # type: ignore[arg-type]
    lose(counted)
    counted.dependency.call_sync(lambda: "answer")
    assert counted.calls() == {"success": 2}
    assert "call.lost dependency=firecrawl" in caplog.text
