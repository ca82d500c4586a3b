"""What one would send: the example postings, through the seven layers, on the stand-ins."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from pipeline.layers import LAYERS
from pipeline.layers.generation import Generation
from pipeline.layers.opportunity import Opportunity
from pipeline.layers.pain_points import PainPoints
from pipeline.layers.posting import Posting
from pipeline.layers.publish import Published
from pipeline.layers.research import Research
from tests.e2e.layers.working import CV, EXAMPLES, QUESTIONS, StandIns, Work, job_of, work_at

POSTINGS = sorted((EXAMPLES / "postings").iterdir())


def text_of(pdf: Path) -> str:
    pages = PdfReader(io.BytesIO(pdf.read_bytes())).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


@pytest.mark.parametrize("model", ["openrouter", "anthropic", "openai"])
@pytest.mark.parametrize("file", POSTINGS, ids=lambda path: path.stem)
async def test_posting_becomes_files_that_one_would_send(
    served: StandIns, tmp_path: Path, file: Path, model: str
) -> None:
    async with work_at(served, tmp_path, models=(model,)) as work:
        job = await work.run(job_of(file.read_text()))
    assert job.degradations == []
    posting, found = job.result(Posting), job.result(PainPoints)
    application = job.result(Generation).application
    assert application is not None
    by_name = {path.name: path for path in job.result(Published).files}
    letter = text_of(by_name["cover_letter.pdf"])
    assert posting.company in letter
    pain_point = found.pain_points[application.cover_letter.pain_point - 1]
    assert " ".join(pain_point.rstrip(".").split()[:8]) in letter.replace('"', "")
    assert letter.endswith("Kind regards Mara Lindqvist")
    cv = text_of(by_name["cv.pdf"])
    for known in (
        "Mara Lindqvist",
        "mara.lindqvist@example.org",
        "Fjordfrakt Logistics",
        "MSc Computer Science",
    ):
        assert known in cv
    dossier = text_of(by_name["dossier.pdf"])
    assert f"Fit: {job.result(Opportunity).score} of 100" in dossier
    assert job.result(Research).sources[0].url in dossier
    message = by_name["outreach.txt"].read_text()
    assert message.startswith("Subject: ")
    assert posting.company in message


async def test_a_cv_with_markup_is_printed_without_it(served: StandIns, tmp_path: Path) -> None:
    cv = CV.replace("# Mara Lindqvist", "# **Mara** Lindqvist").replace(
        "- Python, Go", "- **Languages:** Python, Go"
    )
    cv = cv.replace(
        "mara.lindqvist@example.org", "[mara.lindqvist@example.org](mailto:mara.lindqvist@example.org)"
    )
    async with work_at(served, tmp_path, cv=cv) as work:
        job = await work.run(job_of())
    printed = text_of(next(path for path in job.files if path.name == "cv.pdf"))
    assert printed.startswith("Mara Lindqvist Rotterdam · mara.lindqvist@example.org · +31")
    assert "Languages: Python, Go" in printed


async def test_a_posting_that_names_no_company_gets_a_letter_to_none(work: Work) -> None:
    job = await work.run(
        job_of("# Cook\n\nThe kitchen burns down every night, winter and summer.\n\n## Skills\n\n- Calm")
    )
    assert job.result(Posting).company == "unknown"
    assert job.degradations == ["intake: the posting names no company"]
    letter = next(path for path in job.files if path.name == "cover_letter.md").read_text()
    assert "Dear hiring team," in letter
    assert "unknown" not in letter


async def test_every_result_is_json_that_gives_it_back(work: Work) -> None:
    job = await work.run(job_of())
    assert list(job.results) == [layer.name for layer in LAYERS]
    for layer in LAYERS:
        result = job.results[layer.name]
        assert layer.result.model_validate_json(result.model_dump_json()) == result


async def test_a_company_is_looked_up_once(work: Work) -> None:
    first = await work.run(job_of(), until="research")
    calls = await work.stand_ins.calls("firecrawl")
    assert calls == {"POST /v2/search": {"200": 1}, "POST /v2/scrape": {"200": 2}}
    again = await work.run(job_of(name="2"), until="research")
    assert again.result(Research) == first.result(Research)
    assert await work.stand_ins.calls("firecrawl") == calls


async def test_no_key_and_no_address_of_the_candidate_is_in_any_prompt(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[str] = []
    models = work.workplace.providers.language_models
    ask = models.ask

    async def listened_to(messages, **more):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN202
        prompts.extend(message.content for message in messages)
        return await ask(messages, **more)

    monkeypatch.setattr(models, "ask", listened_to)
    await work.run(job_of())
    assert len(prompts) == QUESTIONS
    for hidden in ("secret", "mara.lindqvist@example.org", "+31 10 555 0147"):
        assert not any(hidden in prompt.replace("other secret", "") for prompt in prompts)
