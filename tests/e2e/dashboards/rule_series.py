"""Series as a sidecar exports them, for rule tests: values in promtool's notation, one a minute.

Names are written out, not taken from the definitions: what is tested must not write its own test.
"""

from __future__ import annotations

Series = dict[str, str]

TARGET = 'job="sidecar",instance="worker-1:9747"'
WORKER_2 = TARGET.replace("worker-1", "worker-2")
DAY_SECONDS = 86_400
MONTH_SECONDS = 30 * DAY_SECONDS
CALLS = "pipeline_call_duration_seconds"


def probe(values: str, *, critical: str = "false", dependency: str = "pdf_service") -> Series:
    return {
        f'probe_success{{{TARGET},dependency="{dependency}",kind="http"}}': values,
        f'dependency_info{{{TARGET},dependency="{dependency}",kind="http",critical="{critical}"}}': "1x300",
    }


def second_sidecar(values: str) -> Series:
    return {f'probe_success{{{WORKER_2},dependency="pdf_service",kind="http"}}': values}


def breaker(*, opened: str, half_open: str = "0x300", closed: str = "4x300") -> Series:
    name = f'circuit_breaker_state{{{TARGET},dependency="pdf_service",state='
    return {f'{name}"open"}}': opened, f'{name}"half_open"}}': half_open, f'{name}"closed"}}': closed}


def calls_succeed(values: str) -> Series:
    return {
        f'pipeline_calls_total{{{TARGET},layer="publish",dependency="pdf_service",outcome="success"}}': values
    }


def probed_every(seconds: int, values: str) -> Series:
    return probe(values) | {f'probe_interval_seconds{{{TARGET},dependency="pdf_service"}}': f"{seconds}x2000"}


def state(values: dict[str, str], *, dependency: str, target: str = TARGET) -> Series:
    """What one sidecar says of a dependency; it is in no state that is not given."""
    name = f'dependency_state{{{target},dependency="{dependency}",state='
    states = ("up", "degraded", "down", "unknown")
    return {f'{name}"{one}"}}': values.get(one, "0x300") for one in states}


def up(values: str, *, target: str = TARGET) -> Series:
    return {f"up{{{target}}}": values}


def layer(*, failed: str, succeeded: str) -> Series:
    name = f'pipeline_layer_runs_total{{{TARGET},layer="pain_points",outcome='
    return {f'{name}"failed"}}': failed, f'{name}"succeeded"}}': succeeded}


def jobs(*, running: str, last_progress: str, target: str = TARGET) -> Series:
    return {
        f"pipeline_jobs_in_progress{{{target}}}": running,
        f"pipeline_last_progress_timestamp_seconds{{{target}}}": last_progress,
    }


def workers(live: str, *, running: str, succeeded: str, cancelled: str = "0x300") -> Series:
    name = f"pipeline_jobs_total{{{TARGET},outcome="
    return {
        f"sidecar_spool_workers{{{TARGET}}}": live,
        f"pipeline_jobs_in_progress{{{TARGET}}}": running,
        f'{name}"succeeded"}}': succeeded,
        f'{name}"cancelled"}}': cancelled,
    }


def calls(*, fast: str, every: str) -> Series:
    return {
        f'{CALLS}_bucket{{{TARGET},layer="pain_points",dependency="openrouter",le="20.48"}}': fast,
        f'{CALLS}_count{{{TARGET},layer="pain_points",dependency="openrouter"}}': every,
    }


def budget(
    *,
    spent: str,
    limit: str = "100x600",
    ends: str | None = None,
    refusing: str = "0x600",
    target: str = TARGET,
) -> Series:
    series = {
        f"pipeline_budget_spent_usd{{{target}}}": spent,
        f"pipeline_budget_limit_usd{{{target}}}": limit,
        f"pipeline_budget_refusing{{{target}}}": refusing,
        f"pipeline_budget_warn_ratio{{{target}}}": "0.8x600",
    }
    return series | (
        {} if ends is None else {f"pipeline_budget_period_end_timestamp_seconds{{{target}}}": ends}
    )


def permits(remaining: str, *, allowed: str = "0+1x300", target: str = TARGET) -> Series:
    of_dependency = f'{target},dependency="firecrawl"'
    return {
        f'pipeline_rate_limit_limit{{{of_dependency},window="day"}}': "600x300",
        f'pipeline_rate_limit_remaining{{{of_dependency},window="day"}}': remaining,
        f'pipeline_rate_limit_decisions_total{{{of_dependency},decision="allowed"}}': allowed,
    }


def certificate(days_left: float) -> Series:
    """The time stands still at 0 when the series begin: expiry in so many days from then."""
    name = f'probe_ssl_earliest_cert_expiry{{{TARGET},dependency="search"}}'
    return {name: f"{days_left * DAY_SECONDS:.0f}x300"}


def quota(values: str) -> Series:
    return {f'dependency_quota_remaining{{{TARGET},dependency="firecrawl",unit="credits"}}': values}


def last_run(values: str) -> Series:
    return {
        f'probe_last_run_timestamp_seconds{{{TARGET},dependency="search"}}': values,
        f'probe_interval_seconds{{{TARGET},dependency="search"}}': "60x300",
    }


def set_aside(values: str) -> Series:
    return {f"sidecar_spool_quarantined_files_total{{{TARGET}}}": values}


def unreadable(values: str) -> Series:
    return {f"sidecar_spool_unreadable_files{{{TARGET}}}": values}


def upkeep_failures(values: str) -> Series:
    return {f"sidecar_spool_compaction_failures_total{{{TARGET}}}": values}
