from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.jobs import Job, JobError
from pipeline.layers.generation import Generation
from pipeline.layers.posting import Posting
from pipeline.layers.publish import Published, directory_name
from pipeline.ledger.protocol import NANO_USD_PER_USD
from pipeline.ledger.settings import LedgerSettings
from pipeline.prices import Overrides, Prices
from pipeline.providers import ProviderError
from tests.e2e.layers.working import StandIns, Work, job_of, work_at
from tests.pipeline.providers.serving import CONVERT, Scripted, answer, serving


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


class Kept(dict[str, str]):
    """Answers that outlive an interrupted run."""

    def recall(self, key: str) -> str | None:
        return self.get(key)

    def record(self, key: str, answer: str) -> None:
        self[key] = answer


async def test_a_pdf_that_an_interrupted_run_has_written_is_not_asked_for_again(
    served: StandIns, tmp_path: Path
) -> None:
    service = Scripted(answer(b"%PDF-1 %%EOF"), answer("down", status=503), answer(b"%PDF-2 %%EOF"))
    job = job_of()
    job.answers = Kept()
    async with serving(CONVERT, service) as url, work_at(served, tmp_path, pdf_service=url) as work:
        with pytest.raises(ProviderError, match="status 503"):
            await work.run(job)
        job.files.clear()  # as in a new process
        await work.run(job)
        assert len(service.bodies) == 4
        assert len(job.result(Published).files) == 7
        (dossier,) = tmp_path.glob("*/dossier.pdf")
        assert dossier.read_bytes() == b"%PDF-1 %%EOF"
        # What was taken away is made again.
        dossier.unlink()
        del job.results["publish"]
        job.files.clear()
        await work.run(job)
        assert len(service.bodies) == 5
        assert dossier.read_bytes() == b"%PDF-2 %%EOF"


async def test_papers_of_an_application_that_is_no_more_are_taken_out(work: Work, tmp_path: Path) -> None:
    job = await work.run(job_of())
    (directory,) = tmp_path.iterdir()
    (directory / "notes.txt").write_text("the user's own")
    job.results["generation"] = Generation()
    del job.results["publish"]
    job.files.clear()
    await work.run(job)
    assert names_in(directory) == ["dossier.md", "dossier.pdf", "notes.txt"]


async def test_pdf_of_another_text_is_not_taken_for_the_one_that_was_paid_for(
    work: Work, tmp_path: Path
) -> None:
    job = job_of()
    job.answers = Kept()
    await work.run(job)
    (letter,) = tmp_path.glob("*/cover_letter.pdf")
    written = letter.read_bytes()
    letter.write_bytes(b"%PDF-of another application")
    del job.results["publish"]
    job.files.clear()
    await work.run(job)
    assert letter.read_bytes()[:20] == written[:20]


async def test_a_pdf_that_the_budget_does_not_allow_is_refused_for_that_reason(
    served: StandIns, tmp_path: Path
) -> None:
    budget = LedgerSettings(budget_nano_usd=NANO_USD_PER_USD)
    prices = Prices(Overrides(pdf_usd_per_call=2.0))
    async with work_at(served, tmp_path, ledger=budget, prices=prices) as work:
        with pytest.raises(
            ProviderError, match=r"^pdf_service: the call may cost 2 USD.*; the Markdown is kept"
        ):
            await work.run(job_of())
    assert await served.calls("pdf_service") == {}


async def test_output_that_cannot_be_written_fails_the_job_before_a_pdf_is_asked_for(
    work: Work, tmp_path: Path
) -> None:
    job = await work.run(job_of(), until="generation")
    (tmp_path / directory_name(job)).touch()
    with pytest.raises(JobError, match=r"outreach\.txt cannot be written: (Not a directory|File exists)"):
        await work.run(job)
    assert await work.stand_ins.calls("pdf_service") == {}
