"""`sidecar run` against stand-ins that die, hang and come back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.spool.reader import SpoolReader
from tests.e2e.conftest import Start
from tests.e2e.servers import Sidecar, StandIn, free_port, wait_until
from tests.e2e.servers.ours import CLEAN_ENVIRONMENT
from tests.e2e.servers.process import REPOSITORY

INTERVAL_SECONDS = 1.0
TIMEOUT_SECONDS = 0.5
SLACK_SECONDS = 1.0
"""For this machine's own slowness, beside one interval and the timeout."""

WITHIN_SECONDS = INTERVAL_SECONDS + TIMEOUT_SECONDS + SLACK_SECONDS


def watching(stand_in: StandIn, *, critical: bool = False) -> str:
    return f"""
interval_seconds: {INTERVAL_SECONDS}
timeout_seconds: {TIMEOUT_SECONDS}
dependencies:
  pdf_service:
    kind: http
    url: {stand_in.url}/health
    critical: {str(critical).lower()}
    failures_to_down: 1
"""


@pytest.mark.parametrize(("critical", "code", "whole"), [(False, 200, "degraded"), (True, 503, "unhealthy")])
async def test_a_killed_stand_in_is_down_and_comes_back(
    start: Start, tmp_path: Path, critical: bool, code: int, whole: str
) -> None:
    stand_in = await start(StandIn(tmp_path / "stand-in", "pdf_service"))
    sidecar = await start(Sidecar(tmp_path / "sidecar", watching(stand_in, critical=critical)))
    assert (await sidecar.document())[1]["status"] == "healthy"

    await stand_in.kill()
    status, document = await sidecar.wait_for("pdf_service", "down", timeout_seconds=WITHIN_SECONDS)
    assert (status, document["status"]) == (code, whole)
    assert document["dependencies"]["pdf_service"]["reason"] == "connect"
    assert document["summary"] == "pdf_service is down (connect)"

    await stand_in.start()
    status, document = await sidecar.wait_for("pdf_service", "up", timeout_seconds=WITHIN_SECONDS)
    assert (status, document["status"]) == (200, "healthy")


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ({"mode": "hang"}, "down", "timeout"),
        ({"mode": "fail", "status": 500}, "down", "status"),
        ({"mode": "fail", "status": 401}, "down", "auth"),
        ({"mode": "rate_limit"}, "degraded", "quota"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_every_way_to_misbehave_has_its_reason(
    start: Start, tmp_path: Path, fault: dict[str, Any], state: str, reason: str
) -> None:
    stand_in = await start(StandIn(tmp_path / "stand-in", "pdf_service"))
    sidecar = await start(Sidecar(tmp_path / "sidecar", watching(stand_in)))
    await stand_in.misbehave(**fault)
    _, document = await sidecar.wait_for("pdf_service", state, timeout_seconds=WITHIN_SECONDS)
    assert document["dependencies"]["pdf_service"]["reason"] == reason


async def test_a_port_in_use_is_one_line_and_status_2(start: Start, tmp_path: Path) -> None:
    stand_in = await start(StandIn(tmp_path, "pdf_service"))
    status, out, err = await sidecar_command("run", "--listen", f"127.0.0.1:{stand_in.port}")
    assert (status, out) == (2, "")
    assert err == (
        f"listen: 127.0.0.1:{stand_in.port} is in use; stop what uses it,"
        " or choose another with --listen or SIDECAR_LISTEN\n"
    )


async def test_every_mistake_in_a_configuration_is_told_at_once() -> None:
    bad = REPOSITORY / "tests" / "configs" / "bad-two-errors.yml"
    for command in ("run", "check-config"):
        status, out, err = await sidecar_command(command, "--config", str(bad))
        assert (status, out, len(err.splitlines())) == (2, "", 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_ends_sidecar_and_worker_with_the_spool_intact(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    spool = tmp_path / "spool"
    hung = await start(StandIn(tmp_path / "openrouter", "openrouter"))
    pdf_service = await start(StandIn(tmp_path / "pdf", "pdf_service"))
    sidecar = await start(
        Sidecar(tmp_path / "sidecar", watching(pdf_service), variables={"SIDECAR_SPOOL": str(spool)})
    )
    await hung.misbehave(mode="hang")
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        *(
            "-m",
            "pipeline",
            "run",
            str(REPOSITORY / "examples" / "postings"),
            "--output",
            str(tmp_path / "out"),
        ),
        env={
            **CLEAN_ENVIRONMENT,
            "SIDECAR_SPOOL": str(spool),
            "OPENROUTER_API_KEY": "k",
            "OPENROUTER_BASE_URL": f"{hung.url}/api/v1",
            "PDF_SERVICE_URL": pdf_service.url,
            "CANDIDATE_CV": str(REPOSITORY / "examples" / "cv.md"),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

    async def jobs_hang() -> bool:
        _, document = await sidecar.document()
        return bool(document["pipeline"]["jobs"]["running"] == 3)

    await wait_until(jobs_hang, "three jobs wait for the hung provider")
    process = sidecar.pid
    worker.send_signal(number)
    os.kill(process, number)
    async with asyncio.timeout(5):
        _, err = await worker.communicate()
    await sidecar.stop()
    assert b"Traceback" not in err
    assert "Traceback" not in sidecar.output()
    reading = SpoolReader(spool).read()
    values = {
        (sample.name, sample.labels.get("outcome")): sample.value
        for family in reading.families
        for sample in family.samples
    }
    assert reading.unreadable_files == 0
    assert values["pipeline_jobs_total", "cancelled"] == 3
    assert reading.workers == 0


async def test_health_prints_a_table_and_tells_the_status_by_its_own(start: Start, tmp_path: Path) -> None:
    stand_in = await start(StandIn(tmp_path / "stand-in", "pdf_service"))
    sidecar = await start(Sidecar(tmp_path / "sidecar", watching(stand_in, critical=True)))
    status, out, _ = await sidecar_command("health", "--url", sidecar.url)
    assert status == 0
    assert out.startswith("healthy: the one dependency is up\n")
    await stand_in.kill()
    await sidecar.wait_for("pdf_service", "down", timeout_seconds=WITHIN_SECONDS)
    status, out, _ = await sidecar_command("health", "--url", sidecar.url)
    assert status == 2
    assert "connect" in out
    assert await sidecar_command("health", "--live", "--url", sidecar.url) == (0, "", "")


@pytest.mark.parametrize(("options", "expected"), [((), 2), (("--live",), 1)], ids=["health", "live"])
async def test_health_without_a_sidecar_is_one_line(options: tuple[str, ...], expected: int) -> None:
    status, out, err = await sidecar_command("health", *options, "--url", f"http://127.0.0.1:{free_port()}")
    assert (status, out) == (expected, "")
    assert "is the sidecar running?" in err
    assert len(err.splitlines()) == 1


async def test_health_of_what_is_no_sidecar_is_one_line_and_status_2() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        status, out, err = await sidecar_command("health", "--url", f"http://127.0.0.1:{port}")
    assert (status, out, len(err.splitlines())) == (2, "", 1)


async def sidecar_command(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sidecar", *arguments),
        env=CLEAN_ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
