"""Who waits for a round's answer and is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.ledger.mongodb.asking import Asking


@pytest.mark.parametrize("turns_of_the_loop", range(3))
async def test_a_cancellation_is_not_swallowed_that_comes_together_with_the_answer(
    turns_of_the_loop: int,
) -> None:
    asking: Asking[str] = Asking()
    waiting = asyncio.create_task(asking.wait_async(60.0))
    await asyncio.sleep(0)
    asking.answer("granted")
    for _ in range(turns_of_the_loop):
        await asyncio.sleep(0)
    assert waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
