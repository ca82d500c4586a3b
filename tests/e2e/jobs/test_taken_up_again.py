"""What a second `pipeline run` makes of what the first has left, through the whole command."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pipeline.demo.faults import Fault, Mode
from tests.e2e.jobs.standing_in import CV, HEALTHY, World, world

DOWN = Fault(mode=Mode.FAIL, status=503)
MODELS = ("openrouter", "anthropic", "openai")
OTHER_NAME = "Billie Vanterpool"
LOOK_UPS_OF_A_JOB = 4
"""Two searches and two pages, where the models answer."""


def papers(at: World) -> dict[str, str]:
    return {path.name: path.read_text() for path in at.output.glob("*/*.md")}


def other_cv(at: World) -> str:
    """Of a person of another name, without the first one's last station."""
    lines = CV.read_text().splitlines()
    path = at.directory / "other.md"
    path.write_text("\n".join([f"# {OTHER_NAME}", *lines[1:]]))
    return str(path)


async def test_another_cv_is_another_application_whether_the_first_was_finished_or_not(
    tmp_path: Path,
) -> None:
    name = CV.read_text().splitlines()[0].removeprefix("# ")
    async with world(tmp_path) as at:
        at.write_postings(1)
        at.providers["pdf_service"].misbehave(DOWN)
        status, out = await at.run()
        assert (status, name in papers(at)["cover_letter.md"]) == (1, True), out
        at.providers["pdf_service"].misbehave(HEALTHY)

        models = len(at.answers("openrouter"))
        status, out = await at.run(CANDIDATE_CV=other_cv(at))
        assert (status, "1 job: 1 succeeded; " in out) == (0, True), out
        assert 0 < len(at.answers("openrouter")) - models < models
        for paper in ("cv.md", "cover_letter.md"):
            assert OTHER_NAME in papers(at)[paper]
            assert name not in papers(at)[paper]

        status, out = await at.run()
        assert "1 job: 1 succeeded; " in out
        assert OTHER_NAME not in "".join(papers(at).values())
        status, out = await at.run()
        assert "1 job: 1 succeeded (1 of them before); 0.000000 USD" in out


async def test_what_an_outage_of_the_models_left_empty_is_made_good_by_the_next_run(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(2)
        for model in MODELS:
            at.providers[model].misbehave(DOWN)
        status, out = await at.run()
        assert (status, "2 jobs: 2 degraded; " in out) == (0, True), out
        assert "run again: 2 of the degraded can be made good" in out
        assert list(papers(at)) == ["dossier.md"]

        for model in MODELS:
            at.providers[model].misbehave(HEALTHY)
        status, out = await at.run()
        assert (status, "2 jobs: 2 succeeded; " in out) == (0, True), out
        assert "run again" not in out
        assert len(list(at.output.glob("*/cover_letter.pdf"))) == 2
        # What was looked up before the breakers opened is not looked up again.
        assert len(at.answers("firecrawl")) == 2 * LOOK_UPS_OF_A_JOB

        status, out = await at.run()
        assert "2 succeeded (2 of them before); 0.000000 USD" in out


async def test_done_job_is_done_from_any_directory_and_wherever_its_output_has_moved(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as at:
        at.write_postings(1)
        here, there = tmp_path / "here", tmp_path / "there"
        here.mkdir()
        there.mkdir()
        status, out = await run_in(here, at, "../postings", "--output", "m1")
        assert (status, "1 job: 1 succeeded; " in out) == (0, True), out
        assert "m1/inn-0-cook-0-" in out
        (here / "m1").rename(there / "m2")
        seen = len(at.seen)
        status, out = await run_in(there, at, str(at.postings), "--output", str(there / "m2"))
        assert "1 succeeded (1 of them before); 0.000000 USD" in out
        assert len(at.seen) == seen
        assert at.counted().total("pipeline_jobs_total") == 1


async def run_in(directory: Path, at: World, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pipeline", "run", *arguments),
        cwd=directory,
        env=at.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert b"Traceback" not in err, err.decode()
    assert process.returncode is not None
    return process.returncode, out.decode()
