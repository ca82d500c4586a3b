"""What the command `sidecar` does where nobody can have what it writes; Python may buffer it or not."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.servers import free_port, wait_until
from tests.e2e.servers.ours import CLEAN_ENVIRONMENT

PATIENCE_SECONDS = 20
BUFFERED = {"no": "1", "yes": ""}

each_way_of_buffering = pytest.mark.parametrize("buffered", BUFFERED)


def shell(line: str, *, buffered: str = "yes", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it with `sidecar` for the command; what is not redirected is captured."""
    return subprocess.run(
        ["/bin/sh", "-c", f'sidecar() {{ exec {shlex.quote(sys.executable)} -m sidecar "$@"; }}\n{line}'],
        env={**CLEAN_ENVIRONMENT, "PYTHONUNBUFFERED": BUFFERED[buffered], **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


@each_way_of_buffering
@pytest.mark.parametrize("command", ["check-config", "spool .", "--help", "health --help"])
def test_a_result_that_cannot_be_written_is_one_line_and_status_1(command: str, buffered: str) -> None:
    ended = shell(f"sidecar {command} > /dev/full", buffered=buffered)
    assert ended.returncode == 1
    assert ended.stderr == "standard output cannot be written: No space left on device\n"


@each_way_of_buffering
@pytest.mark.parametrize("command", ["check-config", "--help"])
def test_whoever_stops_reading_gets_no_traceback(command: str, buffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as nobody:
        ended = subprocess.run(
            [sys.executable, "-m", "sidecar", *command.split()],
            env={**CLEAN_ENVIRONMENT, "PYTHONUNBUFFERED": BUFFERED[buffered]},
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    assert (ended.returncode, ended.stderr) == (1, "")


def test_closed_streams_change_no_status() -> None:
    assert shell("sidecar check-config >&-").returncode == 0
    assert shell("sidecar check-config >&- 2>&- <&-").returncode == 0
    ended = shell("sidecar --version >&-")
    assert (ended.returncode, ended.stderr) == (0, "")


@each_way_of_buffering
@pytest.mark.parametrize("nowhere", ["2> /dev/full", "2>&-"])
@pytest.mark.parametrize("mistake", ["run --listen bad", "--no-such-flag"])
def test_a_mistake_that_nobody_can_be_told_is_status_2_all_the_same(
    mistake: str, nowhere: str, buffered: str
) -> None:
    assert shell(f"sidecar {mistake} {nowhere}", buffered=buffered).returncode == 2


def test_what_standard_output_cannot_encode_is_escaped(tmp_path: Path) -> None:
    spool = tmp_path / "späh"
    spool.mkdir()
    ended = shell(f"sidecar spool {spool}", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert "sp\\xe4h" in ended.stdout


@each_way_of_buffering
@pytest.mark.parametrize("nowhere", ["full", "closed", "gone"])
async def test_a_sidecar_whose_log_goes_nowhere_serves_and_ends_well(nowhere: str, buffered: str) -> None:
    port = free_port()
    redirection = {"full": "2> /dev/full", "closed": "2>&-", "gone": ""}[nowhere]
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [
            "/bin/sh",
            "-c",
            f"exec {shlex.quote(sys.executable)} -m sidecar run --listen 127.0.0.1:{port} {redirection}",
        ],
        env={**CLEAN_ENVIRONMENT, "PYTHONUNBUFFERED": BUFFERED[buffered]},
        stderr=writer,
    )
    os.close(writer)
    os.close(reader)
    try:

        async def lives() -> bool:
            return shell(f"sidecar health --live --url http://127.0.0.1:{port}").returncode == 0

        await wait_until(lives, "the sidecar answers", timeout_seconds=PATIENCE_SECONDS)
        process.send_signal(signal.SIGHUP)  # which is logged
        assert await lives()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
