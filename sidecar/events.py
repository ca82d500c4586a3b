"""Changes of the health document to any number of listeners: one look a second serves them all.

A listener holds a place in a short common past, not a queue of its own: who is slow is given the whole
document when it comes back, and is let go when it does not take what it was sent.
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from sidecar.documents import Documents

log = structlog.get_logger()

MAX_CLIENTS: Final = 1024
LOOK_EVERY_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 3.0
STALLED_SECONDS: Final = 10.0
KEPT_EVENTS: Final = 64
KEPT_BYTES: Final = 4 * 2**20

RETRY: Final = b"retry: 1000\n\n"
# An event, not a comment: a page's script can't see comments, and has to notice that nothing comes.
HEARTBEAT: Final = b"event: heartbeat\ndata: {}\n\n"

_REST_PER_WORK: Final = 4
"""So many times as long as a look took is rested after it: with very many dependencies, looks are rarer."""


class TooManyClientsError(Exception):
    """As many listen as may."""


@dataclass(slots=True, eq=False)
class Client:
    """One who listens; `abort` ends its connection at once."""

    abort: Callable[[], None]
    seen: int | None = None
    writing_since: float | None = None


class Events:
    """What has changed in the document, for as long as somebody listens."""

    def __init__(
        self,
        documents: Documents,
        *,
        max_clients: int = MAX_CLIENTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._documents = documents
        self._max_clients = max_clients
        self._clock = clock
        self._sleep = sleep
        self._past = _Past()
        self._clients: set[Client] = set()
        self._news = asyncio.Event()
        self._news_at = clock()
        self._looked_at = -math.inf
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def clients(self) -> int:
        return len(self._clients)

    @contextmanager
    def client(self, abort: Callable[[], None]) -> Iterator[Client]:
        """A place among those who listen.

        Raises:
            TooManyClientsError: there is none left.
        """
        if self._closed or len(self._clients) >= self._max_clients:
            raise TooManyClientsError
        client = Client(abort)
        self._clients.add(client)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_again_and_again(), name="events")
        try:
            yield client
        finally:
            self._clients.discard(client)
            if not self._clients and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def stream(self, client: Client, last_event_id: str | None = None) -> AsyncGenerator[bytes]:
        """What to send, again and again: first what has changed since that id, or else the whole document."""
        yield RETRY
        if self._clock() - self._looked_at >= LOOK_EVERY_SECONDS:
            await self._look()
        client.seen = self._past.number_of(last_event_id)
        frames = self._past.since(client)
        while not self._closed:
            news = self._news
            client.writing_since = self._clock()
            yield frames or HEARTBEAT
            client.writing_since = None
            frames = self._past.since(client)
            if not frames:
                await news.wait()
                frames = self._past.since(client)

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._tell()

    async def _look_again_and_again(self) -> None:
        try:
            while True:
                began = self._clock()
                await self._look()
                now = self._clock()
                if now - self._news_at >= HEARTBEAT_SECONDS:
                    self._tell()
                self._drop_the_stalled(now)
                await self._sleep(max(LOOK_EVERY_SECONDS, _REST_PER_WORK * (now - began)))
        except Exception:
            # Nobody is left to wait for what does not come: they ask again.
            log.exception("events.look_failed")
            for client in self._clients:
                client.abort()
            raise

    async def _look(self) -> None:
        began = self._clock()
        reading = await self._documents.read()
        self._looked_at = began
        if self._past.take_in(reading.document):
            self._tell()

    def _tell(self) -> None:
        self._news_at = self._clock()
        told, self._news = self._news, asyncio.Event()
        told.set()

    def _drop_the_stalled(self, now: float) -> None:
        for client in self._clients:
            if client.writing_since is not None and now - client.writing_since > STALLED_SECONDS:
                log.info("events.client_dropped", stalled_seconds=STALLED_SECONDS)
                client.abort()


class _Past:
    """The document, and the last changes that made it what it is."""

    def __init__(self) -> None:
        # Another process's numbers say nothing here.
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._document: Mapping[str, Any] | None = None
        self._whole: bytes | None = None
        self._changes: deque[bytes] = deque(maxlen=KEPT_EVENTS)
        self._bytes = 0

    def take_in(self, document: Mapping[str, Any]) -> bool:
        """Whether the document is another than before."""
        before, self._document = self._document, document
        changed = document if before is None else changed_members(before, document)
        if not changed:
            return False
        self._number += 1
        self._whole = None
        if before is not None:
            self._keep(self._frame("change", changed))
        return True

    def number_of(self, event_id: str | None) -> int | None:
        """None for an id that is unknown, or of too long ago."""
        epoch, _, number = (event_id or "").partition("-")
        if epoch != self._epoch or not (number.isascii() and number.isdecimal()):
            return None
        return int(number[:18])

    def since(self, client: Client) -> bytes:
        """What this client has not been given yet; it is taken to be given now."""
        seen, client.seen = client.seen, self._number
        if seen == self._number:
            return b""
        if seen is None or not self._number - len(self._changes) <= seen < self._number:
            return self._whole_document()
        missed = list(self._changes)[seen - self._number :]
        return missed[0] if len(missed) == 1 else b"".join(missed)

    def _whole_document(self) -> bytes:
        if self._whole is None:
            self._whole = self._frame("document", self._document)
        return self._whole

    def _keep(self, frame: bytes) -> None:
        if len(self._changes) == KEPT_EVENTS:
            self._bytes -= len(self._changes.popleft())
        self._changes.append(frame)
        self._bytes += len(frame)
        while self._bytes > KEPT_BYTES:
            self._bytes -= len(self._changes.popleft())

    def _frame(self, event: str, content: object) -> bytes:
        data = json.dumps(content, allow_nan=False)
        return f"id: {self._epoch}-{self._number}\nevent: {event}\ndata: {data}\n\n".encode()


def changed_members(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the document that are others than before, and of `dependencies` only such rows.

    A dependency that is gone is None.
    """
    changed = {
        key: value for key, value in after.items() if key != "dependencies" and before.get(key) != value
    }
    was, now = before["dependencies"], after["dependencies"]
    rows = {name: row for name, row in now.items() if was.get(name) != row}
    rows |= dict.fromkeys(was.keys() - now.keys())
    return {**changed, "dependencies": rows} if rows else changed
