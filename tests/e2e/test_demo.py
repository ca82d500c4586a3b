"""`sidecar demo`, as a newcomer meets it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from sidecar.health.pipeline import LAYER_ORDER
from tests.e2e.conftest import Start
from tests.e2e.servers import Demo, wait_until
from tests.e2e.servers.ours import CLEAN_ENVIRONMENT


async def run_once(
    output: Path, *more: str, directory: Path | None = None, **variables: str
) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "sidecar", "demo", "--once", "--output", str(output), *more),
        cwd=directory,
        env={**CLEAN_ENVIRONMENT, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_once_runs_the_postings_and_prints_the_document_alone(tmp_path: Path) -> None:
    status, out, err = await run_once(tmp_path)
    assert status == 0, err
    document = json.loads(out)
    assert document["status"] == "healthy", document["summary"]
    assert document["pipeline"]["jobs"] == {
        "running": 0,
        "succeeded": 3,
        "degraded": 0,
        "failed": 0,
        "success_rate": 1.0,
    }
    assert document["pipeline"]["cost_usd"] > 0
    assert {entry["status"] for entry in document["dependencies"].values()} == {"up"}
    assert [entry["layer"] for entry in document["pipeline"]["layers"]] == list(LAYER_ORDER)
    for company in ("nordlink-parcel", "halden-biometrics", "solterra-gemeinschaft"):
        (directory,) = tmp_path.glob(f"{company}-*")
        assert text_of(directory / "cv.pdf").startswith("Mara Lindqvist")
        letter = text_of(directory / "cover_letter.pdf")
        assert company.replace("-", " ") in letter.lower()
        assert any(point[:60] in letter for point in pain_points_of(directory / "dossier.md"))
        assert text_of(directory / "dossier.pdf")


def text_of(pdf: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(pdf).pages).split())


def pain_points_of(dossier: Path) -> list[str]:
    _, _, section = dossier.read_text().partition("## Pain points\n\n")
    return [line.removeprefix("- ") for line in section.partition("\n\n")[0].splitlines()]


async def test_once_ends_with_1_when_a_job_fails(tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_text("")
    status, out, _ = await run_once(tmp_path / "output", "--jobs", str(tmp_path / "empty.md"))
    assert status == 1
    assert json.loads(out)["pipeline"]["jobs"]["failed"] == 1


async def test_a_budget_of_the_users_is_not_spent_on_stand_ins(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    status, _, err = await run_once(
        tmp_path / "output", TOKEN_BUDGET_USD="5", LEDGER_DIRECTORY=str(ledger), FIRECRAWL_DAILY_LIMIT="600"
    )
    assert status == 0, err
    assert list(ledger.iterdir()) == []


async def test_a_pipeline_of_the_users_own_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text("raise SystemExit('the user's own')")
    status, out, err = await run_once(tmp_path / "output", directory=tmp_path)
    assert status == 0, err
    assert json.loads(out)["pipeline"]["jobs"]["succeeded"] == 3


async def test_what_cannot_be_written_is_one_line_and_status_2_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, out, err = await run_once(tmp_path / "file")
    assert (status, out) == (2, "")
    assert err == f"--output: {tmp_path / 'file'} cannot be written: File exists; name a directory\n"


async def test_a_missing_path_is_one_line_and_status_2(tmp_path: Path) -> None:
    status, out, err = await run_once(tmp_path, "--jobs", str(tmp_path / "none"))
    assert (status, out) == (2, "")
    assert err == f"--jobs: {tmp_path / 'none'} does not exist; give a posting or a directory of them\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_ends_everything_children_included(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    demo = await start(Demo(tmp_path))
    pids = demo.child_pids()
    assert {"openrouter", "pdf_service", "worker"} <= set(pids)
    pid = demo.pid
    os.kill(pid, number)

    async def all_gone() -> bool:
        return not any(is_alive(each) for each in (pid, *pids.values()))

    await wait_until(all_gone, "the demo and its children ended", timeout_seconds=5)
    assert "Traceback" not in demo.output()


async def test_once_that_is_stopped_early_does_not_look_like_success() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sidecar", "demo", "--once"),
        env=CLEAN_ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    await process.stderr.readline()  # the first stand-in is up
    process.send_signal(signal.SIGTERM)
    out, _ = await process.communicate()
    assert (process.returncode, out) == (128 + signal.SIGTERM, b"")


async def test_a_proxy_of_the_users_is_not_asked_for_stand_ins(tmp_path: Path) -> None:
    status, out, err = await run_once(
        tmp_path, HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9"
    )
    assert status == 0, err
    assert json.loads(out)["pipeline"]["jobs"]["succeeded"] == 3


async def test_a_closed_terminal_ends_everything(start: Start, tmp_path: Path) -> None:
    demo = await start(Demo(tmp_path))
    pid, pids = demo.pid, demo.child_pids()
    os.kill(pid, signal.SIGHUP)

    async def all_gone() -> bool:
        return not any(is_alive(each) for each in (pid, *pids.values()))

    await wait_until(all_gone, "the demo and its children ended", timeout_seconds=5)


@pytest.mark.parametrize(("ignored", "ends_by"), [(False, signal.SIGHUP), (True, signal.SIGTERM)])
def test_what_was_started_by_nohup_outlives_the_terminal(ignored: bool, ends_by: int) -> None:
    program = (
        "import asyncio, os, signal; from sidecar.commands.stopping import run_until_stopped\n"
        f"if {ignored}: signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "async def work():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await asyncio.Event().wait()\n"
        "raise SystemExit(run_until_stopped(work(), is_service=False, needs_terminal=True))"
    )
    ended = subprocess.run([sys.executable, "-c", program], env=CLEAN_ENVIRONMENT, check=False, timeout=20)
    assert ended.returncode == 128 + ends_by


async def test_a_worker_that_is_killed_gives_the_status_that_a_shell_would(
    start: Start, tmp_path: Path
) -> None:
    demo = await start(Demo(tmp_path))
    os.kill(demo.child_pids()["worker"], signal.SIGKILL)
    assert await demo.exit_status() == 128 + signal.SIGKILL
    assert "the pipeline worker ended by itself, with status 137" in demo.output()


async def test_killing_the_demo_leaves_no_orphans(start: Start, tmp_path: Path) -> None:
    demo = await start(Demo(tmp_path))
    pids = demo.child_pids()
    os.kill(demo.pid, signal.SIGKILL)

    async def all_gone() -> bool:
        return not any(is_alive(each) for each in pids.values())

    await wait_until(all_gone, "the children ended with the demo", timeout_seconds=5)


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie that nobody has collected yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
