"""The stream of changes: what is sent, to whom, and who is let go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.events import (
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    KEPT_BYTES,
    KEPT_EVENTS,
    LOOK_EVERY_SECONDS,
    RETRY,
    STALLED_SECONDS,
    Client,
    Events,
    TooManyClientsError,
    changed_members,
)
from tests.clock import Clock
from tests.sidecar.page.documents import FixedDocuments, document, row
from tests.sidecar.scripted import settle


class Hub:
    """Events over a document that the test changes, and time that it moves."""

    def __init__(self, **options: Any) -> None:
        self.documents = FixedDocuments(document(dependencies={"a": row(), "b": row()}))
        self.clock = Clock()
        self._slept = asyncio.Event()
        self.events = Events(self.documents, clock=self.clock, sleep=self._sleep, **options)  # type: ignore[arg-type]

    async def _sleep(self, _seconds: float) -> None:
        await self._slept.wait()
        self._slept.clear()

    async def pass_time(self, seconds: float = LOOK_EVERY_SECONDS) -> None:
        """The next look happens."""
        self.clock.advance(seconds)
        self._slept.set()
        await settle()

    async def change(self, **members: Any) -> None:
        self.documents.document = {**self.documents.document, **members}  # type: ignore[typeddict-item]
        await self.pass_time()


class Listener:
    """Takes what is sent at once, unless it is told not to."""

    def __init__(self, hub: Hub, last_event_id: str | None = None) -> None:
        self.aborted = 0
        self.frames: list[bytes] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._hub = hub
        self._task = asyncio.create_task(self._listen(last_event_id))

    def _abort(self) -> None:
        self.aborted += 1

    async def _listen(self, last_event_id: str | None) -> None:
        with self._hub.events.client(self._abort) as client:
            stream: AsyncGenerator[bytes] = self._hub.events.stream(client, last_event_id)
            async for frame in stream:
                await self.reads.wait()
                self.frames.append(frame)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def ended(self) -> bool:
        return self._task.done()

    def events(self) -> list[tuple[str, Any]]:
        return [(kind, content) for _, kind, content in parsed(self.frames)]

    def last_id(self) -> str:
        return [number for number, _, _ in parsed(self.frames) if number][-1]


def parsed(frames: list[bytes]) -> list[tuple[str, str, Any]]:
    found = []
    for block in b"".join(frames).decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


@pytest.fixture
async def hub() -> Hub:
    return Hub()


async def listening(hub: Hub, last_event_id: str | None = None) -> Listener:
    listener = Listener(hub, last_event_id)
    await settle()
    return listener


async def test_the_whole_document_comes_first_then_what_has_changed(hub: Hub) -> None:
    listener = await listening(hub)
    assert listener.frames[0] == RETRY
    assert listener.events() == [("document", hub.documents.document)]
    await hub.change(status="degraded", dependencies={"a": row("down", reason="timeout"), "b": row()})
    assert listener.events()[1:] == [
        ("change", {"status": "degraded", "dependencies": {"a": row("down", reason="timeout")}})
    ]
    await listener.close()


async def test_nothing_is_sent_while_nothing_changes_but_a_heartbeat(hub: Hub) -> None:
    listener = await listening(hub)
    await hub.pass_time()
    assert len(listener.events()) == 1
    await hub.pass_time(HEARTBEAT_SECONDS)
    assert listener.frames[-1] == HEARTBEAT
    assert listener.events()[1:] == [("heartbeat", {})]
    await listener.close()


async def test_one_look_serves_all(hub: Hub) -> None:
    first = await listening(hub)
    reads = hub.documents.reads
    listeners = [first, *[await listening(hub) for _ in range(20)]]
    assert hub.documents.reads == reads, "who joins is shown what was just seen"
    await hub.change(summary="other")
    assert hub.documents.reads == reads + 1
    assert all(listener.events()[-1] == ("change", {"summary": "other"}) for listener in listeners)
    for listener in listeners:
        await listener.close()


async def test_nobody_looks_while_nobody_listens(hub: Hub) -> None:
    listener = await listening(hub)
    await listener.close()
    assert hub.events.clients == 0
    reads = hub.documents.reads
    await hub.pass_time()
    assert hub.documents.reads == reads


async def test_who_comes_back_is_sent_what_it_missed(hub: Hub) -> None:
    first = await listening(hub)
    stays = await listening(hub)
    known = first.last_id()
    await first.close()
    await hub.change(summary="one")
    await hub.change(summary="two")
    again = await listening(hub, known)
    assert again.events() == [("change", {"summary": "one"}), ("change", {"summary": "two"})]
    up_to_date = await listening(hub, again.last_id())
    assert up_to_date.events() == [("heartbeat", {})]
    for listener in (stays, again, up_to_date):
        await listener.close()


@pytest.mark.parametrize("forged", ["", "1", "nonsense", "00000000-1", "-", "²-²", "x" * 10_000])
async def test_an_unknown_id_is_answered_with_the_whole_document(hub: Hub, forged: str) -> None:
    listener = await listening(hub, forged)
    assert [kind for kind, _ in listener.events()] == ["document"]
    await listener.close()


@pytest.mark.parametrize("number", ["99", "9" * 400, "0", "²"])
async def test_a_number_that_was_never_given_is_unknown_too(hub: Hub, number: str) -> None:
    first = await listening(hub)
    epoch = first.last_id().partition("-")[0]
    listener = await listening(hub, f"{epoch}-{number}")
    assert [kind for kind, _ in listener.events()] == ["document"]
    for one in (first, listener):
        await one.close()


async def test_who_missed_more_than_is_kept_is_sent_the_whole_document(hub: Hub) -> None:
    stays = await listening(hub)
    known = stays.last_id()
    for number in range(KEPT_EVENTS + 1):
        await hub.change(summary=str(number))
    again = await listening(hub, known)
    assert again.events() == [("document", hub.documents.document)]
    for listener in (stays, again):
        await listener.close()


async def test_what_is_kept_is_bounded_in_bytes(hub: Hub) -> None:
    listener = await listening(hub)
    for number in range(6):
        await hub.change(summary=str(number) * (KEPT_BYTES // 4))
    past = hub.events._past
    assert past._bytes == sum(map(len, past._changes)) <= KEPT_BYTES
    await listener.close()


async def test_a_slow_client_holds_nobody_and_catches_up(hub: Hub) -> None:
    slow, quick = await listening(hub), await listening(hub)
    slow.reads.clear()
    for number in range(3):
        await hub.change(summary=str(number))
    assert [content["summary"] for _, content in quick.events()[1:]] == ["0", "1", "2"]
    slow.reads.set()
    await settle()
    assert slow.events()[-1] == ("change", {"summary": "2"})
    for listener in (slow, quick):
        await listener.close()


async def test_a_client_that_takes_nothing_is_dropped(hub: Hub) -> None:
    stuck, quick = await listening(hub), await listening(hub)
    stuck.reads.clear()
    await hub.change(summary="other")
    await hub.pass_time(STALLED_SECONDS)
    assert stuck.aborted == 0
    await hub.pass_time()
    assert (stuck.aborted, quick.aborted) == (1, 0)
    for listener in (stuck, quick):
        await listener.close()


async def test_as_many_listen_as_may() -> None:
    hub = Hub(max_clients=2)
    listeners = [await listening(hub) for _ in range(2)]
    with pytest.raises(TooManyClientsError), hub.events.client(lambda: None):
        pass
    await listeners[0].close()
    with hub.events.client(lambda: None) as client:
        assert isinstance(client, Client)
    await listeners[1].close()


async def test_when_the_sidecar_ends_every_stream_does(hub: Hub) -> None:
    listener = await listening(hub)
    hub.events.close()
    await settle()
    assert listener.ended
    with pytest.raises(TooManyClientsError), hub.events.client(lambda: None):
        pass


async def test_when_the_document_cannot_be_read_clients_are_sent_away_to_ask_again(hub: Hub) -> None:
    listener = await listening(hub)

    async def broken() -> Any:
        raise OSError

    hub.documents.read = broken  # type: ignore[method-assign]
    await hub.pass_time()
    assert listener.aborted == 1
    await listener.close()


names = st.sampled_from(["a", "b", "c"])
documents = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["healthy", "degraded"]),
        "budget": st.none() | st.integers(0, 2),
        "dependencies": st.dictionaries(names, st.integers(0, 2)),
    }
)


@given(documents, documents)
def test_what_changed_makes_of_the_document_before_the_one_after(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    changed = changed_members(before, after)
    rows = {**before["dependencies"], **changed.get("dependencies", {})}
    rows = {name: content for name, content in rows.items() if content is not None}
    assert {**before, **changed, "dependencies": rows} == after
    assert bool(changed) == (before != after)
