from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.jobs import Job, JobError
from pipeline.layers.posting import Posting
from pipeline.layers.publish import directory_name
from tests.e2e.layers.working import Work, job_of


def names_in(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


async def test_publishing_again_replaces_the_files_and_leaves_nothing_else(
    work: Work, tmp_path: Path
) -> None:
    job = await work.run(job_of())
    (directory,) = tmp_path.iterdir()
    before = names_in(directory)
    del job.results["publish"]
    (directory / "dossier.md").write_text("old")
    await work.run(job)
    assert names_in(directory) == before == sorted(path.name for path in job.files)
    assert (directory / "dossier.md").read_text() != "old"


@pytest.mark.parametrize(
    ("title", "company", "directory"),
    [
        ("Cook", "Old Inn", "old-inn-cook-1"),
        ("Köchin / Koch (m/w/d)", "Alte Mühle GmbH & Co.", "alte-muhle-gmbh-co-kochin-koch-m-w-d-1"),
        ("../..", "..", "posting-1"),
        ("厨师", "旅馆", "posting-1"),
        ("x" * 200, "y" * 200, "y" * 60 + "-1"),
    ],
)
def test_directory_is_readable_safe_and_the_jobs_own(title: str, company: str, directory: str) -> None:
    job = Job(id="1", source="a.md", text="")
    job.results["intake"] = Posting(title=title, company=company, requirements=(), text="")
    assert directory_name(job) == directory


async def test_output_that_cannot_be_written_fails_the_job_before_a_pdf_is_asked_for(
    work: Work, tmp_path: Path
) -> None:
    job = await work.run(job_of(), until="generation")
    (tmp_path / directory_name(job)).touch()
    with pytest.raises(JobError, match=r"outreach\.txt cannot be written: (Not a directory|File exists)"):
        await work.run(job)
    assert await work.stand_ins.calls("pdf_service") == {}
