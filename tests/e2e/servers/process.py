"""A server in a process of its own, on a free loopback port."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar, Self

REPOSITORY = Path(__file__).parents[3]
BUILT_SERVERS = REPOSITORY / ".servers" / "bin"
START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.05
SHOWN_OUTPUT_LINES = 40


class NotInstalledError(Exception):
    """A program that the tests need is not on this machine."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed: run tests/e2e/install-servers.sh")


class ServerError(Exception):
    """A server ended by itself or did not get ready; the message closes with its last lines of output."""


def find_program(*names: str) -> str:
    """The path of the first of `names` that is there: on the PATH, or built into the repository's `.servers`.

    Raises:
        NotInstalledError: names the first of them.
    """
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), str(BUILT_SERVERS)])
    for name in names:
        path = shutil.which(name, path=search)
        if path is not None:
            return path
    raise NotInstalledError(names[0])


def free_port() -> int:
    """A loopback port that nobody listens on now; somebody else may take it before you do."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def wait_until(
    condition: Callable[[], Awaitable[bool]], what: str, *, timeout_seconds: float = START_TIMEOUT_SECONDS
) -> None:
    """Ask again and again, without blocking the event loop, until the answer is True.

    Raises:
        TimeoutError: `what` did not come true in time.
    """
    deadline = time.monotonic() + timeout_seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_seconds} seconds")
        await asyncio.sleep(POLL_SECONDS)


async def listens(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def _was_stopped(pid: int) -> bool:
    # Asks for stops only: an exit status stays for Popen to collect.
    return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG) is not None


class Server(ABC):
    """A server process: `async with Server(…) as server` starts it, waits until it is ready, and ends it.

    The process leads a group of its own; the whole group is killed in the end, stopped or not.
    Its output goes to a file in `directory`, and to the test's captured output when it ends.
    """

    name: ClassVar[str]

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        """Start nothing yet; `directory` keeps data and output, `port` is a free one unless given."""
        self.directory = directory
        self.data_directory = directory / "data"
        self.port = free_port() if port is None else port
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments.

        Raises:
            NotInstalledError: the program is not on this machine.
        """

    @abstractmethod
    async def is_ready(self) -> bool:
        """Whether the server answers; False for every failure to connect."""

    async def start(self) -> None:
        """Start the server on its port and data, anew if it was killed, and wait until it is ready.

        Raises:
            NotInstalledError: the program is not on this machine.
            ServerError: it ended at once or was not ready in time.
        """
        self._process = self._spawn()
        try:
            await wait_until(self._is_ready_or_ended, f"{self.name} ready")
        except TimeoutError as error:
            await self.kill()
            raise ServerError(f"{error}\n{self.output_tail()}") from None
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """Ask the process to end, kill it if it does not; its last output goes to the test's."""
        process = self._process
        if process is not None and process.poll() is None:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await wait_until(self._has_ended, f"{self.name} ended", timeout_seconds=STOP_TIMEOUT_SECONDS)
        await self.kill()
        sys.stdout.write(f"--- output of {self.name} ---\n{self.output_tail()}\n")

    async def kill(self) -> None:
        """SIGKILL to the whole group: no goodbye to clients. `start()` brings it back with its data."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        await wait_until(self._has_ended, f"{self.name} killed")
        # Its number may be another process' from now on.
        self._process = None

    async def stop_process(self) -> None:
        """SIGSTOP: the server keeps its port and connections and answers nothing until continued."""
        self._signal(signal.SIGSTOP)
        await wait_until(self._has_stopped, f"{self.name} stopped")

    def continue_process(self) -> None:
        """SIGCONT: answer again, what came in meanwhile too."""
        self._signal(signal.SIGCONT)

    async def exit_status(self) -> int:
        """Of the process, once it has ended by itself or by a signal to it.

        Raises:
            TimeoutError: it does not end.
        """
        process = self._process
        await wait_until(self._has_ended, f"{self.name} ended", timeout_seconds=STOP_TIMEOUT_SECONDS)
        if process is None or process.returncode is None:
            raise ServerError(f"{self.name} was not running")
        return process.returncode

    def output_tail(self) -> str:
        """The last lines that the server wrote."""
        return "\n".join(self.output().splitlines()[-SHOWN_OUTPUT_LINES:])

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def _output_file(self) -> Path:
        return self.directory / f"{self.name}.log"

    def environment(self) -> dict[str, str] | None:
        """The process's variables; None: the test's own."""
        return None

    @property
    def pid(self) -> int:
        """Of the running process.

        Raises:
            ServerError: it is not running.
        """
        if self._process is None:
            raise ServerError(f"{self.name} is not running")
        return self._process.pid

    def output(self) -> str:
        """All that the server wrote."""
        return self._output_file.read_text(errors="replace") if self._output_file.exists() else ""

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = self.command()
        self.data_directory.mkdir(parents=True, exist_ok=True)
        with self._output_file.open("ab") as output:
            return subprocess.Popen(
                command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise ServerError(f"{self.name} is not running")
        # Gone already: that is for whoever asks whether it has ended to say.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _is_ready_or_ended(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise ServerError(
                f"{self.name} ended with status {self._process.returncode}\n{self.output_tail()}"
            )
        return await self.is_ready()

    async def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    async def _has_stopped(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise ServerError(f"{self.name} is not running\n{self.output_tail()}")
        return _was_stopped(self._process.pid)
