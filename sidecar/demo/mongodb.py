"""A MongoDB-wire server for the demo, if this machine has one."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidecar.demo.children import ChildError, child

HOW_TO_ADD: Final = "not part of this demo: set MONGODB_URI, or put mongod or ferretdb on the PATH"

_START_SECONDS: Final = 15.0
_LOOK_AGAIN_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Mongodb:
    """The URI for the sidecar, and one line for the person that carries no password."""

    uri: str
    shown: str


@asynccontextmanager
async def mongodb(environment: Mapping[str, str], directory: Path) -> AsyncIterator[Mongodb | None]:
    """The user's own, else one started on a free port with its data in `directory`, else None.

    Raises:
        ChildError: there is a server program, but it does not start.
    """
    given = environment.get("MONGODB_URI")
    if given:
        yield Mongodb(given, "the one of MONGODB_URI")
        return
    port = _free_port()
    command = _server_command(directory, port)
    if command is None:
        yield None
        return
    async with child(*command, environment=environment) as process:
        await _wait_until_listening(port, Path(command[0]).name)
        yield Mongodb(f"mongodb://127.0.0.1:{port}/", f"127.0.0.1:{port}, pid {process.pid}")


def _server_command(directory: Path, port: int) -> list[str] | None:
    directory.mkdir()
    mongod = shutil.which("mongod")
    if mongod:
        return [mongod, "--quiet", "--bind_ip=127.0.0.1", f"--port={port}", f"--dbpath={directory}"]
    ferretdb = shutil.which("ferretdb")
    if ferretdb:
        return [
            ferretdb,
            "--handler=sqlite",
            f"--sqlite-url=file:{directory}/",
            f"--state-dir={directory}",
            f"--listen-addr=127.0.0.1:{port}",
            "--debug-addr=-",
            "--telemetry=disable",
            "--log-level=ERROR",
        ]
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def _wait_until_listening(port: int, program: str) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await _is_listening(port):
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise ChildError(f"{program} did not start within {_START_SECONDS:.0f} s") from None


async def _is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
