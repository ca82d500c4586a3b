"""What the command `sidecar` does where its surroundings are not as they should be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.servers import StandIn, free_port, wait_until
from tests.e2e.servers.ours import CLEAN_ENVIRONMENT

PATIENCE_SECONDS = 20


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sidecar", *arguments],
        env={**CLEAN_ENVIRONMENT, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.parametrize(
    "arguments", [["--no-such-flag"], ["run", "--no-such-flag"], ["no-such-command"], []]
)
def test_a_wrong_command_line_is_one_line_and_status_2(arguments: list[str]) -> None:
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1


def test_the_workers_directory_for_prometheus_client_is_not_the_sidecars(tmp_path: Path) -> None:
    assert run("check-config", PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "missing")).returncode == 0
    assert run("check-config", PROMETHEUS_MULTIPROC_DIR=str(tmp_path)).returncode == 0
    assert list(tmp_path.iterdir()) == []


async def serving(address: str, *arguments: str, stderr: int, **variables: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sidecar", "run", *arguments),
        env={**CLEAN_ENVIRONMENT, **variables},
        stderr=stderr,
    )

    async def lives() -> bool:
        return await health(address, "--live") == 0

    await wait_until(lives, "the sidecar answers", timeout_seconds=PATIENCE_SECONDS)
    return process


async def health(address: str, *arguments: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sidecar", "health", "--url", f"http://{address}", *arguments),
        env=CLEAN_ENVIRONMENT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


async def test_a_log_that_nobody_reads_stops_no_probe(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    stand_in = StandIn(tmp_path / "stand-in", "pdf_service")
    await stand_in.start()
    config = tmp_path / "sidecar.yml"
    config.write_text(
        f"listen: {address}\ninterval_seconds: 1\ntimeout_seconds: 0.5\ndependencies:\n"
        f"  pdf_service: {{kind: http, url: '{stand_in.url}/health', failures_to_down: 1, critical: true}}\n"
    )
    reader, writer = os.pipe()
    process = await serving(address, "--config", str(config), stderr=writer)
    os.close(writer)
    os.close(reader)
    try:
        for kill, expected in ((True, 2), (False, 0), (True, 2)):
            await (stand_in.kill() if kill else stand_in.start())

            async def follows(expected: int = expected) -> bool:
                return await health(address) == expected

            await wait_until(follows, "the document follows", timeout_seconds=PATIENCE_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()
        await stand_in.stop()
