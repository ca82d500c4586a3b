"""What each outage costs: never the job, unless there is no way round, and never in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline import BudgetExceededError
from pipeline.demo.stand_in import RefusedError
from pipeline.layers.generation import Generation
from pipeline.layers.opportunity import Opportunity
from pipeline.layers.outbox import Outbox
from pipeline.layers.pain_points import PainPoints
from pipeline.layers.people import ContactKind, People
from pipeline.layers.publish import Published
from pipeline.layers.record import OUTBOX, Kept, delivering
from pipeline.layers.research import Research
from pipeline.ledger.protocol import NANO_USD_PER_USD
from pipeline.ledger.settings import LedgerSettings, RateLimitSettings
from pipeline.metrics import Window
from pipeline.providers import ProviderError
from pipeline.providers.mongodb import COLLECTION
from tests.e2e.conftest import Connect, Start
from tests.e2e.layers.working import POSTING, QUESTIONS, StandIns, Work, job_of, work_at
from tests.e2e.servers import mongodb_server

MODELS = ("openrouter", "anthropic", "openai")


async def test_while_all_is_well_nothing_is_degraded(work: Work) -> None:
    job = await work.run(job_of())
    assert job.degradations == []
    assert all(contact.kind is ContactKind.FOUND for contact in job.result(People).contacts)


async def test_firecrawl_down_gives_synthetic_contacts_that_are_marked(work: Work) -> None:
    await work.stand_ins.misbehave("firecrawl", mode="fail", status=503)
    job = await work.run(job_of())
    contacts = job.result(People).contacts
    assert {contact.kind for contact in contacts} == {ContactKind.SYNTHETIC}
    assert all(contact.name is None and contact.url is None for contact in contacts)
    assert job.result(Research) == Research()
    assert job.degradations == [
        "research: firecrawl has no answer; unknown",
        "people: firecrawl has no answer; the contacts are synthetic",
    ]
    assert work.fallbacks("people", "firecrawl") == {"synthetic": 1}
    assert work.fallbacks("research", "firecrawl") == {"placeholder": 1}
    dossier = next(path for path in job.files if path.name == "dossier.md").read_text()
    assert "synthetic: a role, not a person who was found" in dossier
    assert "people: firecrawl has no answer" in dossier
    letter = next(path for path in job.files if path.name == "cover_letter.md").read_text()
    assert "Dear hiring team," in letter


async def test_firecrawl_that_hangs_is_as_firecrawl_down(work: Work) -> None:
    await work.stand_ins.misbehave("firecrawl", mode="hang")
    firecrawl = work.workplace.providers.firecrawl
    assert firecrawl is not None
    firecrawl.dependency._timeout.seconds = 0.05
    job = await work.run(job_of(), until="people")
    assert {contact.kind for contact in job.result(People).contacts} == {ContactKind.SYNTHETIC}


async def test_half_a_character_on_a_page_costs_the_job_nothing(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = {"markdown": "Loved by all \ud83d", "metadata": {"creditsUsed": 1}}
    monkeypatch.setattr("pipeline.demo.firecrawl._page", lambda *_, **__: page)
    job = await work.run(job_of())
    assert job.degradations == []
    assert job.result(Research).findings
    assert all(model.dependency.breaker.closed for model in work.workplace.providers.language_models.models)


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_page_that_firecrawl_refuses_costs_the_job_that_page(
    work: Work, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def refuse(_options: object) -> set[str]:
        raise RefusedError(status, "we leave this site alone")

    monkeypatch.setattr("pipeline.demo.firecrawl._formats", refuse)
    job = await work.run(job_of())
    assert job.degradations == ["research: not every page could be read"]
    assert job.result(Research).findings
    assert work.fallbacks("research", "firecrawl") == {"placeholder": 2}


async def test_the_next_model_answers_while_one_is_down_and_nothing_is_degraded(work: Work) -> None:
    await work.stand_ins.misbehave("openrouter", mode="fail", status=503)
    job = await work.run(job_of())
    assert job.degradations == []
    assert await work.stand_ins.answered("openrouter") == 0
    assert await work.stand_ins.answered("anthropic") == QUESTIONS
    await work.stand_ins.misbehave("anthropic", mode="rate_limit")
    assert (await work.run(job_of(name="2"))).degradations == []
    # One question less: what was found out about the company is remembered.
    assert await work.stand_ins.answered("openai") == QUESTIONS - 1


async def test_an_open_breaker_sends_a_job_to_the_next_model_at_once(work: Work) -> None:
    model = work.workplace.providers.language_models.models[0]
    model.dependency.breaker.force_open()
    job = await work.run(job_of())
    assert job.degradations == []
    assert await work.stand_ins.calls("openrouter") == {}


async def test_with_all_models_down_an_earlier_answer_stands_in_then_unknown(work: Work) -> None:
    await work.run(job_of(), until="opportunity")
    await work.stand_ins.misbehave(*MODELS, mode="fail", status=500)
    again = await work.run(job_of(name="2"), until="opportunity")
    assert len(again.result(PainPoints).known) >= 5
    assert again.result(Opportunity).score is not None
    assert again.degradations == [
        "pain_points: no language model answered; an earlier answer stands in",
        "opportunity: no language model answered; an earlier answer stands in",
    ]
    assert work.fallbacks("pain_points", "openai") == {"cached": 1}
    other = await work.run(job_of(POSTING.replace("Nordlink", "Sudlink"), name="3"))
    assert other.result(PainPoints).known == ()
    assert other.result(PainPoints).pain_points == ("unknown",)
    assert other.result(Opportunity).score is None
    assert other.result(Generation).application is None
    assert "generation: no language model answered; unknown" in other.degradations
    assert work.fallbacks("pain_points", "openai") == {"cached": 1, "placeholder": 1}
    # The dossier is there, and says what it lacks; nothing is there that one might send by mistake.
    assert [path.name for path in other.files] == ["dossier.md", "dossier.pdf"]
    dossier = other.files[0].read_text()
    assert "- generation: no language model answered; unknown" in dossier
    assert "- pain points: no language model answered; unknown" in dossier


async def test_what_a_degraded_job_found_out_is_not_handed_on(work: Work) -> None:
    await work.stand_ins.misbehave(*MODELS, mode="fail", status=500)
    assert not (await work.run(job_of(), until="research")).result(Research).is_known
    await work.stand_ins.heal(*MODELS)
    again = await work.run(job_of(name="2"), until="research")
    assert again.result(Research).is_known
    assert again.degradations == []


async def test_a_spent_budget_is_no_outage_and_gives_no_unknown(served: StandIns, tmp_path: Path) -> None:
    job = job_of()
    budget = LedgerSettings(budget_nano_usd=NANO_USD_PER_USD // 1000)
    async with work_at(served, tmp_path, ledger=budget) as work:
        with pytest.raises(BudgetExceededError):
            await work.run(job)
    assert await served.calls("openrouter") == {}
    assert job.degradations == []
    assert list(job.results) == ["intake"]


async def test_no_contact_is_made_up_for_want_of_money(served: StandIns, tmp_path: Path) -> None:
    """Enough for the questions to a model, and for no look at the web."""
    job = job_of()
    budget = LedgerSettings(budget_nano_usd=NANO_USD_PER_USD // 100)
    async with work_at(served, tmp_path, ledger=budget) as work:
        with pytest.raises(BudgetExceededError):
            await work.run(job)
    assert await served.calls("firecrawl") == {}
    assert (list(job.results), job.degradations) == (["intake", "pain_points"], [])


async def test_a_used_up_quota_of_firecrawl_is_as_firecrawl_down(served: StandIns, tmp_path: Path) -> None:
    quota = LedgerSettings(rate_limits={"firecrawl": RateLimitSettings(1, Window.DAY)}, max_wait_seconds=0.0)
    async with work_at(served, tmp_path, ledger=quota) as work:
        job = await work.run(job_of(), until="people")
    assert await served.answered("firecrawl") == 1
    assert {contact.kind for contact in job.result(People).contacts} == {ContactKind.SYNTHETIC}
    assert job.degradations == [
        "research: not every page could be read",
        "people: firecrawl has no answer; the contacts are synthetic",
    ]


async def test_a_quota_that_keeps_a_model_from_answering_is_no_outage_though_the_next_one_is_down(
    served: StandIns, tmp_path: Path
) -> None:
    quota = LedgerSettings(rate_limits={"openrouter": RateLimitSettings(1, Window.DAY)}, max_wait_seconds=0.0)
    await served.misbehave("anthropic", mode="fail", status=503)
    job = job_of()
    async with work_at(served, tmp_path, models=("openrouter", "anthropic"), ledger=quota) as work:
        with pytest.raises(ProviderError, match=r"^anthropic: status 503$"):
            await work.run(job)
    assert (list(job.results), job.degradations) == (["intake", "pain_points"], [])


async def test_credit_that_is_used_up_at_the_models_is_no_outage_and_the_job_goes_on_later(
    work: Work,
) -> None:
    job = await work.run(job_of(), until="pain_points")
    await work.stand_ins.misbehave(*MODELS, mode="fail", status=402)
    with pytest.raises(ProviderError, match=r"^openai: status 402$"):
        await work.run(job)
    assert (list(job.results), job.degradations) == (["intake", "pain_points"], [])
    await work.stand_ins.heal(*MODELS)
    assert (await work.run(job)).degradations == []


async def test_credit_that_is_used_up_at_one_model_is_no_outage_though_the_next_one_is_down(
    served: StandIns, tmp_path: Path
) -> None:
    await served.misbehave("openrouter", mode="fail", status=402)
    await served.misbehave("anthropic", mode="fail", status=503)
    job = job_of()
    async with work_at(served, tmp_path, models=("openrouter", "anthropic")) as work:
        with pytest.raises(ProviderError, match=r"^anthropic: status 503$"):
            await work.run(job)
    assert job.degradations == []


async def test_nothing_is_looked_up_and_paid_for_while_no_model_can_be_asked(work: Work) -> None:
    job = await work.run(job_of(), until="intake")
    for model in work.workplace.providers.language_models.models:
        model.dependency.breaker.force_open()
    await work.run(job)
    assert await work.stand_ins.calls("firecrawl") == {}
    assert job.result(Research) == Research()
    assert {contact.kind for contact in job.result(People).contacts} == {ContactKind.SYNTHETIC}
    for layer in ("research", "people"):
        assert f"{layer}: no language model can be asked; unknown" in job.degradations
    # One that may be asked is enough.
    work.workplace.providers.language_models.models[1].dependency.breaker.reset()
    assert (await work.run(job_of(name="2"))).degradations == []


async def test_a_call_holds_no_more_of_the_budget_than_it_may_cost(served: StandIns, tmp_path: Path) -> None:
    """A job costs 5 cents; were each call to hold the ceiling of a quarter dollar, none would start."""
    budget = LedgerSettings(budget_nano_usd=NANO_USD_PER_USD // 10)
    async with work_at(served, tmp_path, ledger=budget) as work:
        assert (await work.run(job_of())).degradations == []
        assert 0.01 < work.spent_usd < 0.1


async def test_a_wrong_key_fails_the_job_and_says_so(work: Work) -> None:
    await work.stand_ins.misbehave(*MODELS, mode="fail", status=401)
    with pytest.raises(ProviderError, match=r"^openai: status 401: the key .*; check OPENAI_API_KEY$"):
        await work.run(job_of())


async def test_pdf_service_down_keeps_the_markdown_and_the_job_goes_on_later(work: Work) -> None:
    await work.stand_ins.misbehave("pdf_service", mode="fail", status=503)
    job = job_of()
    with pytest.raises(ProviderError) as raised:
        await work.run(job)
    assert str(raised.value) == (
        "pdf_service: status 503; the Markdown is kept, run the job again for the PDFs"
    )
    kept = {path.name for path in job.files}
    assert kept == {"dossier.md", "cv.md", "cover_letter.md", "outreach.txt"}
    assert all(path.read_text() for path in job.files)
    paid_usd = work.spent_usd
    await work.stand_ins.heal("pdf_service")
    await work.run(job)
    assert {path.name for path in job.result(Published).files} >= {
        "dossier.pdf",
        "cv.pdf",
        "cover_letter.pdf",
    }
    assert work.spent_usd == paid_usd


async def test_pdf_services_open_breaker_keeps_the_markdown_too(work: Work) -> None:
    work.workplace.providers.pdf_service.dependency.breaker.force_open()
    with pytest.raises(ProviderError, match=r"^pdf_service: .* the Markdown is kept"):
        await work.run(job_of())
    assert await work.stand_ins.calls("pdf_service") == {}


async def test_mongodb_down_keeps_records_on_disk_and_writes_them_when_it_is_back(
    served: StandIns, start: Start, connect: Connect, tmp_path: Path
) -> None:
    server = await start(mongodb_server()(tmp_path / "mongodb"))
    output = tmp_path / "output"
    async with work_at(served, output, mongodb=f"{server.uri}?serverSelectionTimeoutMS=300") as work:
        mongodb = work.workplace.providers.mongodb
        assert mongodb is not None
        dossiers = connect(server.uri)["pipeline"][COLLECTION]

        assert (await work.run(job_of(name="1"))).result(Published).record is Kept.IN_MONGODB
        await server.stop()
        for name in ("2", "3"):
            job = await work.run(job_of(name=name))
            assert job.result(Published).record is Kept.IN_OUTBOX
            assert job.degradations == ["publish: mongodb has no answer; the record waits on disk"]
            assert len(job.result(Published).files) == 7
        assert sorted(path.name for path in (output / OUTBOX).iterdir()) == ["2.json", "3.json"]

        await server.start()
        mongodb.dependency.breaker.reset()
        assert (await work.run(job_of(name="4"))).degradations == []
        found: list[dict[str, Any]] = await dossiers.find({}).sort("_id", 1).to_list(length=10)
        assert [record["_id"] for record in found] == ["1", "2", "3", "4"]
        assert found[1]["results"]["intake"]["company"] == "Nordlink Parcel"
        assert list((output / OUTBOX).iterdir()) == []

        # Nobody publishes anything any more, and yet what waits is written.
        Outbox(output / OUTBOX).put({"_id": "5"})
        async with delivering(mongodb, output):
            pass
        assert await dossiers.count_documents({}) == 5
        assert list((output / OUTBOX).iterdir()) == []


async def test_what_waits_neither_displaces_a_newer_record_nor_is_held_up_by_one_that_cannot_be_saved(
    served: StandIns, start: Start, connect: Connect, tmp_path: Path
) -> None:
    server = await start(mongodb_server()(tmp_path / "mongodb"))
    outbox = Outbox(tmp_path / OUTBOX)
    for record in (
        {"_id": "1", "published_at": "2026-11-22T10:00:00+00:00"},
        {"_id": "2", "published_at": "2026-11-22T10:00:00+00:00", "number": 10**30},
        {"_id": "3", "published_at": "2026-11-22T12:00:00+00:00"},
    ):
        outbox.put(record)
    async with work_at(served, tmp_path, mongodb=server.uri) as work:
        mongodb = work.workplace.providers.mongodb
        assert mongodb is not None
        for name in ("1", "3"):
            await mongodb.save({"_id": name, "published_at": "2026-11-22T11:00:00+00:00"})
        async with delivering(mongodb, tmp_path):
            pass
    found = connect(server.uri)["pipeline"][COLLECTION].find({}).sort("_id", 1)
    assert [(record["_id"], record["published_at"][11:13]) for record in await found.to_list(length=10)] == [
        ("1", "11"),
        ("3", "12"),
    ]
    assert [path.name for path in (tmp_path / OUTBOX).iterdir()] == ["2.bad"]


async def test_a_posting_whose_name_is_no_utf8_has_a_record_too(
    served: StandIns, start: Start, connect: Connect, tmp_path: Path
) -> None:
    server = await start(mongodb_server()(tmp_path / "mongodb"))
    job = job_of()
    job.source = "\udcff.md"
    async with work_at(served, tmp_path, mongodb=server.uri) as work:
        assert (await work.run(job)).result(Published).record is Kept.IN_MONGODB
    record = await connect(server.uri)["pipeline"][COLLECTION].find_one({})
    assert record is not None
    assert record["source"] == "\ufffd.md"
