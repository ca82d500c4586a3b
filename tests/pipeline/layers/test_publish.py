from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from pipeline.demo.stand_ins import create_app
from pipeline.jobs import Job, JobError
from pipeline.layers import Workplace
from pipeline.layers.intake import Posting
from pipeline.layers.pain_points import PainPoints
from pipeline.layers.publish import PUBLISH, directory_name
from pipeline.providers import ProviderError
from tests.pipeline.providers.serving import (
    CONVERT,
    Scripted,
    answer,
    providers_at,
    serving,
    serving_app,
)


def job_of(title: str = "Cook", company: str = "Old Inn", pain_point: str = "Fire") -> Job:
    return Job(
        id="0123abcd",
        source="a.md",
        text="",
        results={
            "intake": Posting(title=title, company=company, requirements=("Knives",)),
            "pain_points": PainPoints(
                pain_points=(pain_point,),
                strategic_needs=("Growth",),
                risks=("Smoke",),
                success_metrics=("Stars",),
            ),
        },
    )


def names_in(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


async def publish(job: Job, output: Path, url: str) -> None:
    async with providers_at(pdf_service=url) as providers:
        await PUBLISH.run(job, Workplace(providers, output))


async def test_dossier_is_published_as_markdown_and_as_a_pdf_that_opens(tmp_path: Path) -> None:
    job = job_of(pain_point="The kitchen burns down")
    async with serving_app(create_app("pdf_service")) as url:
        await publish(job, tmp_path, url)
    directory = tmp_path / "old-inn-cook-0123abcd"
    assert job.files == [directory / "dossier.md", directory / "dossier.pdf"]
    pages = PdfReader(io.BytesIO((directory / "dossier.pdf").read_bytes())).pages
    text = "".join(page.extract_text() for page in pages)
    for shown in ("Cook", "Old Inn", "The kitchen burns down", "Growth", "Smoke", "Stars", "Knives"):
        assert shown in text
        assert shown in (directory / "dossier.md").read_text()


async def test_publishing_again_replaces_the_files_and_leaves_nothing_else(tmp_path: Path) -> None:
    async with serving(CONVERT, Scripted(answer(b"%PDF-1"), answer(b"%PDF-2"))) as url:
        await publish(job_of(), tmp_path, url)
        await publish(job_of(), tmp_path, url)
    directory = tmp_path / "old-inn-cook-0123abcd"
    assert names_in(tmp_path) == [directory.name]
    assert names_in(directory) == ["dossier.md", "dossier.pdf"]
    assert (directory / "dossier.pdf").read_bytes() == b"%PDF-2"


async def test_what_others_wrote_never_becomes_html_or_a_link(tmp_path: Path) -> None:
    service = Scripted(answer(b"%PDF-1"))
    hostile = "<script>alert(1)</script> ![x](http://evil.example)"
    job = job_of(title=hostile, company=hostile, pain_point=hostile)
    async with serving(CONVERT, service) as url:
        await publish(job, tmp_path, url)
    html = service.bodies[0].decode()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 4
    markdown = job.files[0].read_text()
    assert "\\<script\\>" in markdown
    assert "![x]" not in markdown


@pytest.mark.parametrize(
    ("title", "company", "name"),
    [
        ("Cook", "Old Inn", "old-inn-cook"),
        ("../../etc/passwd", "..", "etc-passwd"),
        ("Köchin", "Café Zoë", "cafe-zoe-kochin"),
        ("厨师", "旅馆", "posting"),
        ("C" * 500, "x", "x-" + "c" * 58),
    ],
)
def test_directory_name_is_safe_and_the_jobs_own(title: str, company: str, name: str) -> None:
    assert directory_name(job_of(title, company)) == f"{name}-0123abcd"


async def test_markdown_is_kept_when_the_pdf_service_fails(tmp_path: Path) -> None:
    job = job_of()
    async with serving(CONVERT, Scripted(answer("", status=503))) as url:
        with pytest.raises(ProviderError, match="pdf_service: status 503"):
            await publish(job, tmp_path, url)
    assert [file.name for file in job.files] == ["dossier.md"]


async def test_output_that_cannot_be_written_fails_the_job_before_the_pdf_is_asked_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    service = Scripted(answer(b"%PDF-1"))
    async with serving(CONVERT, service) as url:
        with pytest.raises(JobError, match=r"dossier\.md cannot be written: Not a directory"):
            await publish(job_of(), tmp_path / "file", url)
    assert service.bodies == []
