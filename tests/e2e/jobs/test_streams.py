"""Standard streams that are full, closed, or speak another encoding: no job ends because of them."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path

import pytest

from tests.e2e.jobs.standing_in import World, world


async def shell(at: World, command: str, **variables: str) -> tuple[int, str, str]:
    """Runs `pipeline run` as `{run}` in a shell; its exit status and both outputs."""
    run = f"{shlex.quote(sys.executable)} -m pipeline run --output {shlex.quote(str(at.output))}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command.replace("{run}", run)),
        cwd=at.directory,
        env=at.environment() | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("stdout", [">/dev/full", ">&-", "<&- >&- 2>&-"])
async def test_jobs_run_though_nobody_can_be_told(stdout: str, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(2)
        status, _, err = await shell(at, f"{{run}} postings {stdout}")
        counted = at.counted()
    assert (status, "Traceback" in err, "Exception ignored" in err) == (0, False, False), err
    assert counted.total("pipeline_jobs_total", outcome="succeeded") == 2
    if "full" in stdout:
        assert err.count("output.lost reason=No space left on device") == 1


async def test_name_that_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(1)
        (at.postings / "000.md").rename(at.postings / "kuchař.md")
        status, out, err = await shell(at, "{run} postings", PYTHONIOENCODING="latin-1")
    assert (status, "Traceback" in err) == (0, False), err
    assert "kucha\\u0159.md" in out


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-"])
async def test_a_mistake_that_nobody_can_be_told_is_status_2_all_the_same(
    stderr: str, unbuffered: str, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        status, out, _ = await shell(at, f"{{run}} missing {stderr}", PYTHONUNBUFFERED=unbuffered)
    assert (status, out) == (2, "")


async def test_closed_standard_input_is_refused_in_one_line(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        status, _, err = await shell(at, "{run} - <&-")
    assert (status, err) == (
        2,
        "pipeline run: PATH: - is standard input, and that is closed; pipe the posting in\n",
    )


async def test_money_is_told_once_though_the_journal_has_no_room(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(1)
        # Blocks of 1,024 bytes, for files that other limits do not concern.
        status, out, err = await shell(at, "ulimit -f 4; {run} postings", SIDECAR_SPOOL="")
        assert (status, "Traceback" in err) == (0, False), err
        assert "journal.not_kept reason=File too large" in err
        first_usd = float(out.rstrip().rpartition("; ")[2].removesuffix(" USD"))
        paid_usd = sum(seen.cost_usd for seen in at.seen)
        status, out, err = await shell(at, "{run} postings", SIDECAR_SPOOL="")
        second_usd = float(out.rstrip().rpartition("; ")[2].removesuffix(" USD"))
        assert first_usd == pytest.approx(paid_usd, abs=1e-6)
        assert first_usd + second_usd == pytest.approx(sum(seen.cost_usd for seen in at.seen), abs=2e-6)
