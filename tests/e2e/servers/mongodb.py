"""A real server that speaks MongoDB's protocol: mongod, or FerretDB."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError

from tests.e2e.servers.process import BUILT_SERVERS, NotInstalledError, Server, find_program, listens


class MongoServer(Server):
    """A server that speaks MongoDB's protocol; with a username it demands authentication."""

    def __init__(
        self,
        directory: Path,
        *,
        username: str | None = None,
        password: str | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(directory, port=port)
        if (username is None) != (password is None):
            raise ValueError("username and password: give both or none")
        self.username = username
        self.password = password

    @property
    def uri(self) -> str:
        """With username and password if the server demands them."""
        if self.username is None or self.password is None:
            return self.uri_without_password
        return self.uri_with(self.username, self.password)

    @property
    def uri_without_password(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/"

    def uri_with(self, username: str, password: str) -> str:
        """For a client with other credentials than the right ones."""
        return f"mongodb://{quote(username, safe='')}:{quote(password, safe='')}@127.0.0.1:{self.port}/"

    async def is_ready(self) -> bool:
        # Asked first because it is quick: a client that found no server waits half a second to look again.
        if not await listens(self.port):
            return False
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            self.uri_without_password, serverSelectionTimeoutMS=500
        )
        try:
            await client.admin.command("ping")
        except PyMongoError:
            return False
        finally:
            client.close()
        return True


class FerretDB(MongoServer):
    """FerretDB as `install-servers.sh` builds it: SQLite inside, and writes one at a time.

    Another FerretDB is not used: 1.x loses concurrent updates, 2.x needs a PostgreSQL.
    """

    name = "ferretdb"

    def command(self) -> list[str]:
        program = BUILT_SERVERS / "ferretdb"
        if not program.exists():
            raise NotInstalledError(self.name)
        command = [
            str(program),
            "--handler=sqlite",
            f"--sqlite-url=file:{self.data_directory}/",
            f"--listen-addr=127.0.0.1:{self.port}",
            f"--state-dir={self.directory}",
            "--debug-addr=-",
            "--telemetry=disable",
            "--log-level=ERROR",
        ]
        if self.username is not None:
            command += [
                "--test-enable-new-auth",
                "--setup-database=admin",
                f"--setup-username={self.username}",
                f"--setup-password={self.password}",
            ]
        return command


class Mongod(MongoServer):
    name = "mongod"

    def command(self) -> list[str]:
        return [
            find_program("mongod"),
            f"--dbpath={self.data_directory}",
            "--bind_ip=127.0.0.1",
            f"--port={self.port}",
            "--auth" if self.username is not None else "--noauth",
        ]

    async def start(self) -> None:
        first_start = not self.data_directory.exists()
        await super().start()
        if self.username is None or not first_start:
            return
        # MongoDB lets a client from this host make the first user without a password.
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(self.uri_without_password)
        try:
            await client.admin.command("createUser", self.username, pwd=self.password, roles=["root"])
        finally:
            client.close()


def mongodb_server() -> type[MongoServer]:
    """MongoDB itself where it is installed, FerretDB otherwise."""
    return FerretDB if shutil.which("mongod") is None else Mongod
