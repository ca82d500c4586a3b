from __future__ import annotations

import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from pipeline import BudgetExceededError, Charge, Dependency, Meter
from pipeline.environment import EnvironmentReader
from pipeline.ledger import LedgerError, LedgerSettings, Period
from pipeline.ledger.settings import RateLimitSettings, WhenUnavailable
from pipeline.limits import Limits
from pipeline.metrics import PriceSource, Window
from sidecar.health.pipeline import budget_entry, rate_limit_entries
from sidecar.health.samples import Samples


def read(**environment: str) -> tuple[LedgerSettings, list[str]]:
    reader = EnvironmentReader(environment)
    return LedgerSettings.read(reader), reader.problems


def test_without_variables_nothing_is_limited() -> None:
    settings, problems = read()
    assert settings == LedgerSettings(rate_limits={})
    assert not problems
    limits = Limits.from_settings(settings, Meter())
    assert limits.budget is None
    assert limits.rate_limit("openai") is None


def test_every_variable_is_read() -> None:
    settings, problems = read(
        TOKEN_BUDGET_USD="12.50",
        TOKEN_BUDGET_PERIOD="Day",
        TOKEN_BUDGET_PER_JOB_USD="0.1",
        ENFORCE_TOKEN_BUDGET="no",
        TOKEN_WARN_THRESHOLD="0.9",
        OPENAI_RATE_LIMIT_PER_MIN="3500",
        FIRECRAWL_DAILY_LIMIT="600",
        RATE_LIMIT_MAX_WAIT_SECONDS="0",
        LEDGER_DIRECTORY="/var/lib/ledger",
        SIDECAR_SPOOL="/var/spool",
        LEDGER_MONGODB_URI="mongodb://user:secret@host",
        LEDGER_WHEN_UNAVAILABLE="allow",
    )
    assert not problems
    assert settings == LedgerSettings(
        budget_nano_usd=12_500_000_000,
        period=Period.DAY,
        job_nano_usd=100_000_000,
        enforce=False,
        warn_ratio=0.9,
        rate_limits={
            "openai": RateLimitSettings(3500, Window.MINUTE),
            "firecrawl": RateLimitSettings(600, Window.DAY),
        },
        max_wait_seconds=0.0,
        directory=Path("/var/lib/ledger"),
        mongodb_uri="mongodb://user:secret@host",
        when_unavailable=WhenUnavailable.ALLOW,
    )
    assert "secret" not in repr(settings)


def test_the_spool_keeps_the_ledgers_and_a_switch_turns_rate_limits_off() -> None:
    settings, _ = read(
        SIDECAR_SPOOL="/var/spool", OPENAI_RATE_LIMIT_PER_MIN="3500", ENABLE_RATE_LIMITING="false"
    )
    assert settings.directory == Path("/var/spool")
    assert settings.rate_limits == {}


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("TOKEN_BUDGET_USD", "ten", "'ten' is no number; write it like 12.5"),
        ("TOKEN_BUDGET_USD", "0", "'0' is out of range; give more than 0 and at most 1000000"),
        ("TOKEN_BUDGET_USD", "nan", "'nan' is no number; write it like 12.5"),
        (
            "TOKEN_BUDGET_USD",
            "1e999999999",
            "'1e999999999' is out of range; give more than 0 and at most 1000000",
        ),
        ("TOKEN_WARN_THRESHOLD", "80", "'80' is out of range; give more than 0 and at most 1"),
        ("TOKEN_BUDGET_PERIOD", "week", "'week' is none of day, month, total; write one of them"),
        ("ENFORCE_TOKEN_BUDGET", "maybe", "'maybe' is neither true nor false; write true or false"),
        ("OPENAI_RATE_LIMIT_PER_MIN", "-1", "'-1' is out of range; give a whole number from 1 to 1000000"),
        (
            "FIRECRAWL_DAILY_LIMIT",
            "9" * 300,
            f"'{'9' * 80}…' is out of range; give a whole number from 1 to 100000000",
        ),
        ("RATE_LIMIT_MAX_WAIT_SECONDS", "-1", "'-1' is out of range; give 0 or more and at most 86400"),
    ],
)
def test_a_mistake_names_key_value_rule_and_remedy(key: str, value: str, line: str) -> None:
    _, problems = read(**{key: value})
    assert problems == [f"{key}: {line}"]


def test_a_job_may_not_hold_more_than_the_budget() -> None:
    _, problems = read(TOKEN_BUDGET_USD="1", TOKEN_BUDGET_PER_JOB_USD="2")
    assert problems == ["TOKEN_BUDGET_PER_JOB_USD: '2' exceeds TOKEN_BUDGET_USD, 1; lower it"]


async def spend(dependency: Dependency, usd: float) -> None:
    async def answer() -> str:
        return "answer"

    await dependency.call(answer, price=lambda _: Charge(usd, PriceSource.TABLE, "m"), max_usd=usd)


async def test_the_health_document_shows_budget_and_quota(tmp_path: Path) -> None:
    settings, _ = read(
        TOKEN_BUDGET_USD="1", FIRECRAWL_DAILY_LIMIT="600", LEDGER_DIRECTORY=str(tmp_path / "ledger")
    )
    meter, registry = Meter(), CollectorRegistry()
    registry.register(meter)
    states = []
    async with Limits.from_settings(settings, meter) as limits:
        dependency = Dependency(
            "firecrawl",
            meter=meter,
            paid=True,
            budget=limits.budget,
            rate_limit=limits.rate_limit("firecrawl"),
        )
        for usd in (0.0, 0.79, 0.01, 0.2):
            await spend(dependency, usd)
            entry = budget_entry(Samples(registry.collect()), time.time())
            assert entry is not None
            states.append(entry["state"])
        with pytest.raises(BudgetExceededError):
            await spend(dependency, 0.01)
    assert states == ["ok", "ok", "warning", "spent"]
    assert rate_limit_entries(Samples(registry.collect())) == [
        {"dependency": "firecrawl", "window": "day", "limit": 600, "remaining": 596}
    ]


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    settings, _ = read(TOKEN_BUDGET_USD="1", FIRECRAWL_DAILY_LIMIT="600", LEDGER_DIRECTORY=str(tmp_path))
    for _ in range(2):
        meter, registry = Meter(), CollectorRegistry()
        registry.register(meter)
        async with Limits.from_settings(settings, meter) as limits:
            dependency = Dependency(
                "firecrawl", meter=meter, budget=limits.budget, rate_limit=limits.rate_limit("firecrawl")
            )
            await spend(dependency, 0.25)
    assert registry.get_sample_value("pipeline_budget_spent_usd") == 0.5
    remaining = {"dependency": "firecrawl", "window": "day"}
    assert registry.get_sample_value("pipeline_rate_limit_remaining", remaining) == 598


@pytest.mark.parametrize("content", [b"x", b"x" * 66_000, b"\0" * 100])
def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    settings, _ = read(TOKEN_BUDGET_USD="1", LEDGER_DIRECTORY=str(tmp_path))
    file = tmp_path / "budget.ledger"
    file.write_bytes(content)
    with pytest.raises(LedgerError) as refused:
        Limits.from_settings(settings, Meter())
    assert refused.value.strerror == f"{file}: is no ledger of this version; move it away"
    assert file.read_bytes() == content


def test_a_ledger_that_claims_the_impossible_is_refused(tmp_path: Path) -> None:
    settings, _ = read(TOKEN_BUDGET_USD="1", LEDGER_DIRECTORY=str(tmp_path))
    Limits.from_settings(settings, Meter())
    file = tmp_path / "budget.ledger"
    content = bytearray(file.read_bytes())
    content[64:72] = (-(10**15)).to_bytes(8, "little", signed=True)  # a slot has spent less than nothing
    content[72:80] = content[64:72]
    file.write_bytes(content)
    with pytest.raises(LedgerError, match="is no ledger of this version"):
        Limits.from_settings(settings, Meter())


@pytest.mark.parametrize("where", ["missing/directory", "file/inside", "link"])
def test_a_directory_that_cannot_hold_a_ledger_is_refused_in_one_line(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "budget.ledger").symlink_to("/etc/passwd")
    settings, _ = read(TOKEN_BUDGET_USD="1", LEDGER_DIRECTORY=str(tmp_path / where))
    with pytest.raises(LedgerError) as refused:
        Limits.from_settings(settings, Meter())
    assert str(refused.value.strerror).endswith("; name a directory that this user can write")


async def test_a_restart_does_not_warn_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings, _ = read(TOKEN_BUDGET_USD="1", LEDGER_DIRECTORY=str(tmp_path))
    for usd in (0.9, 0.05):
        meter = Meter()
        async with Limits.from_settings(settings, meter) as limits:
            await spend(Dependency("firecrawl", meter=meter, budget=limits.budget), usd)
    assert [message.partition(" ")[0] for message in caplog.messages] == ["budget.warning"]


async def test_who_leaves_does_not_leave_a_minutes_quota_used_up_for_ever() -> None:
    settings, _ = read(OPENAI_RATE_LIMIT_PER_MIN="10", FIRECRAWL_DAILY_LIMIT="10")
    meter, registry = Meter(), CollectorRegistry()
    registry.register(meter)
    async with Limits.from_settings(settings, meter) as limits:
        for name in ("openai", "firecrawl"):
            await spend(Dependency(name, meter=meter, rate_limit=limits.rate_limit(name)), 0.0)
    remaining = {
        row["dependency"]: row["remaining"] for row in rate_limit_entries(Samples(registry.collect()))
    }
    assert remaining == {"openai": 10, "firecrawl": 9}
