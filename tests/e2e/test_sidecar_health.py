"""`sidecar health` finds the running sidecar, whatever has become of its configuration."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.commands.health import _DEFAULT_LISTEN
from sidecar.config import Config
from tests.e2e.servers import free_port
from tests.e2e.servers.ours import CLEAN_ENVIRONMENT

PATIENCE_SECONDS = 20


def health(*arguments: str, **variables: str) -> tuple[int, str]:
    """Exit status, and what it says on standard error."""
    ended = subprocess.run(
        [sys.executable, "-m", "sidecar", "health", *arguments],
        env={**CLEAN_ENVIRONMENT, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return ended.returncode, ended.stderr


@asynccontextmanager
async def running(*arguments: str, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`sidecar run`, as soon as it says where it listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sidecar", "--log-format", "json", "run", *arguments),
        env={**CLEAN_ENVIRONMENT, **variables},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while json.loads(await process.stderr.readline())["event"] != "sidecar.started":
                pass
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sidecar.yml"
    path.write_text(f"listen: 127.0.0.1:{free_port()}\n")
    return path


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    path.mkdir()
    return path


async def test_it_asks_where_the_configuration_says(config: Path) -> None:
    async with running(SIDECAR_CONFIG=str(config)):
        assert health("--live", SIDECAR_CONFIG=str(config)) == (0, "")
        with config.open("a") as file:
            file.write("no_such_key: 1\n")
        assert health("--live", SIDECAR_CONFIG=str(config)) == (0, "")
        assert health(SIDECAR_CONFIG=str(config)) == (0, "")


@pytest.mark.parametrize(
    "changed", ["listen: 127.0.0.1:1\n", "listen: [\n", "listen: nowhere\n", ""], ids=repr
)
async def test_it_asks_where_the_sidecar_listens_though_the_configuration_was_changed(
    config: Path, spool: Path, changed: str
) -> None:
    variables = {"SIDECAR_CONFIG": str(config), "SIDECAR_SPOOL": str(spool)}
    async with running(**variables):
        config.write_text(changed)
        assert health("--live", **variables) == (0, "")
        assert health(**variables) == (0, "")


async def test_it_finds_a_spool_that_the_file_names(config: Path, spool: Path) -> None:
    config.write_text(f"listen: 127.0.0.1:0\nspool: {spool}\n")
    async with running(SIDECAR_CONFIG=str(config)):
        assert health("--live", SIDECAR_CONFIG=str(config)) == (0, "")


async def test_it_knows_what_the_command_line_said(spool: Path) -> None:
    async with running("--listen", "127.0.0.1:0", SIDECAR_SPOOL=str(spool)):
        assert health("--live", SIDECAR_SPOOL=str(spool)) == (0, "")
    assert not [*spool.glob("*.address")]


async def test_a_sidecar_that_was_killed_does_not_live(spool: Path) -> None:
    variables = {"SIDECAR_SPOOL": str(spool), "SIDECAR_LISTEN": f"127.0.0.1:{free_port()}"}
    async with running(**variables) as process:
        assert health("--live", **variables) == (0, "")
        process.kill()
        await process.wait()
        assert [*spool.glob("*.address")]
        status, err = health("--live", **variables)
        assert status == 1
        assert err.startswith(f"no answer from http://{variables['SIDECAR_LISTEN']}: ")
        async with running(**variables):
            assert health("--live", **variables) == (0, "")


async def test_whom_the_file_leads_astray_asks_where_the_configuration_says(spool: Path) -> None:
    variables = {"SIDECAR_SPOOL": str(spool), "SIDECAR_LISTEN": f"127.0.0.1:{free_port()}"}
    async with running(**variables), await asyncio.start_server(swallow, "127.0.0.1", 0) as silent:
        (file,) = spool.glob("*.address")
        for said in (
            f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}",
            f"http://127.0.0.1:{free_port()}",
            "file:///etc/hostname",
            "\x1b[31m" * 1_000,
        ):
            file.write_text(said)
            assert await asyncio.to_thread(health, "--live", **variables) == (0, "")
        file.unlink()
        file.symlink_to("/dev/zero")
        assert await asyncio.to_thread(health, "--live", **variables) == (0, "")


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def test_without_a_word_it_asks_where_a_sidecar_listens_without_a_word() -> None:
    assert str(Config().listen) == _DEFAULT_LISTEN


def test_to_ask_whether_it_lives_loads_the_standard_library_alone() -> None:
    program = (
        "import sys; from sidecar.cli import main;"
        "assert main(['health', '--live', '--url', 'http://127.0.0.1:1']) == 1;"
        "print(*{name.split('.')[0] for name in sys.modules} - {*sys.stdlib_module_names})"
    )
    clean = [sys.executable, "-c", "import sys; print(*{name.split('.')[0] for name in sys.modules})"]
    loaded = subprocess.run(
        [sys.executable, "-c", program], env=CLEAN_ENVIRONMENT, capture_output=True, text=True, check=True
    ).stdout.split()
    before = subprocess.run(clean, env=CLEAN_ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    assert {*loaded} - {*before.split()} == {"sidecar"}
