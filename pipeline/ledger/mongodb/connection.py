"""One process's connection to the ledger's server: a thread with an event loop of its own.

Callers may live in any loop or thread, come and go with `asyncio.run`, or be interrupted: what has to be told
the server goes on here. motor is loaded when something is asked for the first time.
"""

from __future__ import annotations

import asyncio
import atexit
import errno
import os
import re
import socket
import threading
import warnings
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipeline.forks import ForkGuard, KnowsForks
from pipeline.ledger.mongodb.server_clock import Clock, ServerClock
from pipeline.ledger.protocol import LedgerError
from pipeline.mongodb_uri import is_understood

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection

T = TypeVar("T")
Document = dict[str, Any]

_DEFAULT_DATABASE: Final = "pipeline"
_TO_LOOK_UP: Final = re.compile(r"mongodb\+srv://([^\s/?@]*@)?(?P<host>[^\s/?@:]+)([/?]\S*)?")
_AUTHENTICATION: Final = frozenset({13, 18})
_SELECTION_STEP_SECONDS: Final = 0.5
"""While no server is there pymongo looks at the clock only so often (its MIN_HEARTBEAT_INTERVAL)."""


class UnavailableError(LedgerError):
    """The server can't be asked, or did not say that it has done what it was asked. It may have.

    `strerror` names hosts and reason, never user or password.
    """

    def __init__(self, message: str) -> None:
        super().__init__(errno.EHOSTUNREACH, message)


class Connection:
    """Opens nothing before it is asked. Safe in tasks and threads; a forked child gets one of its own."""

    def __init__(self, uri: str, *, timeout_seconds: float = 2.0, clock: Clock | None = None) -> None:
        """`timeout_seconds` bounds each question to the server; the database is the URI's, or `pipeline`.

        Raises:
            LedgerError: the URI is none, or has options that the driver does not know.
        """
        self.timeout_seconds = timeout_seconds
        self.clock: Clock = ServerClock() if clock is None else clock
        self.hosts = _hosts(uri)
        self._uri = uri
        self._lock = threading.Lock()
        self._inherited: list[object] = []
        self._users: set[int] = set()
        self._begin()
        _forks.add(self)
        _connections.add(self)

    def __repr__(self) -> str:
        return f"Connection({self.hosts})"

    def _begin(self) -> None:
        self.owner = f"{_host()}-{os.getpid()}-{os.urandom(6).hex()}"
        """This process, among all that share the ledger; unique over hosts and reused pids."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: AsyncIOMotorClient[Document] | None = None

    def attach(self, user: object) -> None:
        """Someone who uses the connection, until `detach`."""
        with self._lock:
            self._users.add(id(user))

    async def detach(self, user: object) -> None:
        """Who leaves last closes it; a later question connects anew."""
        with self._lock:
            self._users.discard(id(user))
            if self._users:
                return
        await asyncio.to_thread(self.close)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """That of the connection's own thread, which runs from now on."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # A daemon: an interpreter that ends without `close` is not held up.
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="ledger", daemon=True)
                self._thread.start()
            return self._loop

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Have it done in the connection's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    async def perform(
        self, collection: str, operation: Callable[[AsyncIOMotorCollection[Document]], Awaitable[T]]
    ) -> T:
        """One question to the server, in the connection's own thread.

        Raises:
            UnavailableError: no answer within `timeout_seconds`, or none that says it is done.
            DuplicateKeyError: pymongo's; it is not done.
        """
        await self.ask_time()
        return await self._answer(
            lambda client: operation(client.get_default_database(_DEFAULT_DATABASE)[collection])
        )

    async def ask_time(self) -> None:
        """Have the clock go by the server's, as it does after each `perform`. Raises UnavailableError."""
        if self.clock.is_due:
            asked_at = self.clock.local()
            hello = await self._answer(lambda client: client.admin.command("hello"))
            self.clock.measured(hello["localTime"], asked_at, self.clock.local())

    async def _answer(self, question: Callable[[AsyncIOMotorClient[Document]], Awaitable[T]]) -> T:
        from bson.errors import BSONError
        from pymongo.errors import DuplicateKeyError, PyMongoError

        client = self._connected()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await question(client)
        except DuplicateKeyError:
            raise
        except (PyMongoError, BSONError, TimeoutError) as error:
            raise UnavailableError(f"the ledger at {self.hosts} {_reason(error)}") from None

    def close(self) -> None:
        """Disconnect and end the thread, within about `timeout_seconds`."""
        client = self._client
        if client is not None:
            # It says goodbye over the network: to a hung server for as long as the socket's timeout.
            goodbye = threading.Thread(target=client.close, name="ledger close", daemon=True)
            goodbye.start()
            goodbye.join(self.timeout_seconds)
        self.end()

    def end(self) -> None:
        """End the thread, and what waits in it; what the server was not told stays untold."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = self._client = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(self.timeout_seconds)

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        # Kept, not closed: sockets and threads are the parent's.
        self._inherited += [self._client, self._loop, self._thread]
        self._begin()
        self._lock.release()

    def _connected(self) -> AsyncIOMotorClient[Document]:
        client = self._client
        if client is None:
            from motor.motor_asyncio import AsyncIOMotorClient

            milliseconds = int(1000 * self.timeout_seconds)
            client = self._client = AsyncIOMotorClient(
                self._uri,
                io_loop=asyncio.get_running_loop(),
                serverSelectionTimeoutMS=int(
                    max(milliseconds - 1000 * _SELECTION_STEP_SECONDS, milliseconds / 2)
                ),
                connectTimeoutMS=milliseconds,
                socketTimeoutMS=milliseconds,
                waitQueueTimeoutMS=milliseconds,
                wTimeoutMS=milliseconds,
                w="majority",
                readConcernLevel="majority",
                readPreference="primary",
                tz_aware=True,
                # Each step can be told again, and it is ours that knows whether it was done.
                retryWrites=False,
                retryReads=False,
                appname="pipeline-ledger",
            )
        return client


_forks: Final = ForkGuard()
_connections: Final = weakref.WeakSet[Connection]()


@atexit.register
def _end_all() -> None:
    # Not close: by now motor's own threads have ended, and nothing can be told any more.
    for connection in list(_connections):
        connection.end()


def knows_forks(member: KnowsForks) -> None:
    """Tell it of forks, after the connection that it uses."""
    _forks.add(member)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        # What was waiting for the server waits no longer.
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    finally:
        loop.close()


def _hosts(uri: str) -> str:
    """What messages may name.

    Raises:
        LedgerError: as for `Connection`.
    """
    from pymongo.uri_parser import parse_uri

    # The hosts behind this are looked up when it connects.
    to_look_up = _TO_LOOK_UP.fullmatch(uri)
    if not is_understood(uri) or not (uri.startswith("mongodb:") or to_look_up is not None):
        raise LedgerError(
            errno.EINVAL,
            "LEDGER_MONGODB_URI: the value (not shown) is no MongoDB URI that the driver takes; write it as"
            " mongodb://user:password@host:27017/database, percent-encode user and password, and check"
            " options and files",
        )
    if to_look_up is not None:
        return to_look_up["host"]
    with warnings.catch_warnings(action="ignore"):
        nodes = parse_uri(uri)["nodelist"]
    return ",".join(str(host) if port is None else f"{host}:{port}" for host, port in nodes)


def _reason(error: Exception) -> str:
    from pymongo.errors import OperationFailure

    if isinstance(error, OperationFailure) and error.code in _AUTHENTICATION:
        return "refuses the user or password"
    if isinstance(error, TimeoutError):
        return "gave no answer in time"
    return f"can't be asked ({type(error).__name__})"


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", socket.gethostname())[:40] or "host"
