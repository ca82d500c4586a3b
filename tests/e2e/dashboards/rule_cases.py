"""For each alert: series with which it fires, when they begin to be bad, and series with which it does not.

Values are in promtool's notation, one a minute: `0x5 1+2x3` is 0 0 0 0 0 0 1 3 5 7.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e.dashboards.rule_series import (
    MONTH_SECONDS,
    TARGET,
    WORKER_2,
    Series,
    breaker,
    budget,
    calls,
    calls_succeed,
    certificate,
    jobs,
    last_run,
    layer,
    permits,
    probe,
    probed_every,
    quota,
    second_sidecar,
    set_aside,
    unreadable,
    up,
    workers,
)


@dataclass(frozen=True)
class Case:
    """An alert fires with `bad`, whose last good minute is the one before `begins`.

    Attributes:
        begins: the first minute at which the alert's expression has a result.
        good: each is silent at every minute, until after the one at which `bad` fires.
        ended: series that were bad and are good again, and a minute at which the alert is silent again.
    """

    alert: str
    bad: Series
    begins: int
    labels: dict[str, str]
    good: tuple[Series, ...]
    ended: tuple[tuple[Series, int], ...] = ()


PDF = {"dependency": "pdf_service"}
OPENROUTER = {"dependency": "openrouter"}
ON_WORKER_1 = {"job": "sidecar", "instance": "worker-1:9747"}

CASES: tuple[Case, ...] = (
    Case(
        "ProbeDown",
        probe("1x4 0x60"),
        5,
        PDF,
        (probe("1x4 0x1 1x60"), probe("0x60", critical="true"), probe("0x60") | second_sidecar("1x60")),
    ),
    Case(
        "CriticalProbeDown",
        probe("1x4 0x60", critical="true"),
        5,
        PDF,
        (probe("0x60"), probe("1x4 0x1 1x60", critical="true")),
    ),
    Case(
        "ProbeDownHere",
        probe("1x4 0x60") | second_sidecar("1x60"),
        5,
        PDF | ON_WORKER_1 | {"kind": "http"},
        (
            probe("0x60"),
            probe("0x60") | second_sidecar("0x60"),
            probe("1x4 0x8 1x60") | second_sidecar("1x60"),
            probe("1x60") | second_sidecar("1x60"),
        ),
    ),
    Case(
        "DependencyUnwatched",
        # The machine of the only one that probed it is lost; of the other's probe nothing is known here.
        probe("1x10 stale") | up("1x10 stale") | up("1x400", target=WORKER_2),
        11,
        PDF,
        (
            probe("1x60"),
            probe("1x10 stale") | second_sidecar("1x60"),
            probe("1x10 stale _x3 1x60"),
        ),
        ended=((probe("1x10 stale"), 380),),
    ),
    Case(
        "ProbeFlapping",
        probe("1 0 1 0 1 0 1 0 1 0 1 0 1 0"),
        6,
        PDF,
        (probe("1 0 1 0 1 0 0x60"), probe("1x60")),
    ),
    Case(
        "ProbeFlapping",
        # Every three minutes: never six times in 15 minutes.
        probed_every(180, "1x2 0x2 1x2 0x2 1x2 0x2 1x20"),
        18,
        PDF,
        (
            probed_every(60, "1x2 0x2 1x2 0x2 1x2 0x2 1x20"),
            probed_every(180, "1x2 0x2 1x2 0x2 1x2 0x20"),
        ),
        # It is well again for as long as the window.
        ended=((probed_every(180, "1x2 0x2 1x2 0x2 1x2 0x2 1x120"), 90),),
    ),
    Case(
        "ProbeFlapping",
        probed_every(600, "1x11 0x11 1x11 0x11 1x11 0x11 1x300"),
        72,
        PDF,
        (probed_every(180, "1x11 0x11 1x11 0x11 1x11 0x11 1x300"),),
    ),
    Case(
        "ProbeFlapping",
        probed_every(3600, "1x59 0x59 1x59 0x59 1x59 0x59 1x100"),
        360,
        PDF,
        (),
    ),
    Case("ProbeStale", last_run("0+60x5 300x60"), 9, {"dependency": "search"}, (last_run("0+60x60"),)),
    Case("CertificateExpiresSoon", certificate(20), 1, {"dependency": "search"}, (certificate(20.1),)),
    Case(
        "CertificateExpiresVerySoon",
        certificate(3),
        1,
        {"dependency": "search"},
        (certificate(3.1), certificate(20)),
    ),
    Case(
        "QuotaNearEnd",
        quota("5000-10x300"),
        1,
        {"dependency": "firecrawl", "unit": "credits"},
        (quota("5000x60"), quota("5000-1x60")),
    ),
    Case(
        "QuotaSpent", quota("2 1 0x60"), 2, {"dependency": "firecrawl", "unit": "credits"}, (quota("1x60"),)
    ),
    Case(
        "BreakerOpen",
        breaker(opened="0 4x60", closed="4 0x60"),
        1,
        PDF,
        (breaker(opened="0x60"), breaker(opened="0 4x3 0x60")),
    ),
    Case(
        "BreakerOpen",
        breaker(opened="0 4 0 4 0 4 0 4 0 4", half_open="0 0 4 0 4 0 4 0 4 0", closed="4 0x60"),
        1,
        PDF,
        (),
    ),
    Case(
        "BreakerOpenProbeUp",
        breaker(opened="0 1x60") | probe("1x60"),
        1,
        PDF,
        (breaker(opened="1x60") | probe("0x60"), breaker(opened="0x60") | probe("1x60")),
    ),
    Case(
        "BreakerClosedProbeDown",
        breaker(opened="0x60") | probe("1x4 0x60") | calls_succeed("0+3x60"),
        5,
        PDF,
        (
            breaker(opened="0x60") | probe("0x60") | calls_succeed("7x60"),
            breaker(opened="4x60") | probe("0x60") | calls_succeed("0+3x60"),
            breaker(opened="0x60") | probe("1x60") | calls_succeed("0+3x60"),
        ),
    ),
    Case(
        "LayerFailureRatioHigh",
        layer(failed="0x10 1+1x60", succeeded="0x10 1+1x60"),
        13,
        {"layer": "pain_points"},
        (
            layer(failed="0x10 1+1x60", succeeded="0x10 10+10x60"),
            layer(failed="0x10 1x60", succeeded="0x10 1+1x60"),
            layer(failed="0x10 1 1 1 1 2 2 2 2 3 3 3 3 4", succeeded="0x60"),
        ),
    ),
    # A batch that fails at once, as one that is run every hour does.
    Case(
        "LayerFailureRatioHigh",
        layer(failed="0x10 9x60", succeeded="0x60"),
        11,
        {"layer": "pain_points"},
        (layer(failed="0x10 3x60", succeeded="0x60"),),
        ended=((layer(failed="0x10 9x60", succeeded="0x60"), 16),),
    ),
    # Three postings a day, of which all fail.
    Case(
        "LayerFailsMostRuns",
        layer(failed="0x10 1x60 2x60 3x60", succeeded="0x1000"),
        72,
        {"layer": "pain_points"},
        (
            layer(failed="0x10 1x1000", succeeded="0x1000"),
            layer(failed="0x10 1x60 2x60 3x60", succeeded="0x20 3x1000"),
            layer(failed="0x10 2x1000", succeeded="0x10 2x1000"),
        ),
        ended=((layer(failed="0x10 1 2x2000", succeeded="0x20 1x2000"), 1460),),
    ),
    Case(
        "WorkersGone",
        workers("2x20 0x300", running="3x20 stale", succeeded="10x300"),
        21,
        ON_WORKER_1,
        (
            # A batch that ended; one that was ended; one that was begun anew.
            workers("2x20 0x300", running="3x20 stale", succeeded="10x20 13x300"),
            workers("2x20 0x300", running="3x20 stale", succeeded="10x300", cancelled="0x20 3x300"),
            workers("2x20 0x9 2x300", running="3x20 stale _x8 3x300", succeeded="10x300"),
            # The last two jobs ended during a scrape, and the one after found no worker.
            workers("2x20 0x300", running="2x20 stale", succeeded="10x19 11 12x300"),
            # The pod was replaced, and its spool with it.
            workers("2x20 0x300", running="3x20 stale", succeeded="10x20 0x300"),
        ),
        ended=((workers("2x20 0x300", running="3x20 stale", succeeded="10x300"), 210),),
    ),
    Case(
        "JobStuck",
        # After a quiet night a job is not stuck from its first minutes on.
        jobs(running="0x9 1x60", last_progress="0x69"),
        10,
        ON_WORKER_1,
        (
            jobs(running="1x60", last_progress="0+60x60"),
            jobs(running="0x60", last_progress="0x60"),
            jobs(running="1x60", last_progress="0x20 1200x60"),
        ),
    ),
    Case(
        "JobStuck",
        # Of two machines whose agents call their sidecars the same, one gets on.
        jobs(running="1x60", last_progress="0x60", target=f'{TARGET},host="one"')
        | jobs(running="1x60", last_progress="0+60x60", target=f'{TARGET},host="two"'),
        4,
        ON_WORKER_1 | {"host": "one"},
        (),
    ),
    Case(
        "LatencySloBurnFast",
        calls(fast="0+8x300", every="0+10x300"),
        2,
        OPENROUTER,
        (calls(fast="0+9x300", every="0+10x300"), calls(fast="0x300", every="0+0.1x300")),
        # In the last hour most calls were slow, in the last five minutes none was.
        ended=((calls(fast="0x60 10+10x60", every="0+10x120"), 68),),
    ),
    Case(
        "LatencySloBurnMedium",
        calls(fast="0+9x300", every="0+10x300"),
        2,
        OPENROUTER,
        (calls(fast="0+95x300", every="0+100x300"),),
    ),
    Case(
        "LatencySloBurnSlow",
        calls(fast="0+98x300", every="0+100x300"),
        1,
        OPENROUTER,
        (calls(fast="0+995x300", every="0+1000x300"),),
    ),
    Case(
        "BudgetWarning",
        budget(spent="79 79 80x60"),
        2,
        {},
        (
            budget(spent="79.9x60"),
            budget(spent="100x60"),
            budget(spent="85x60", refusing="1x60"),
            # Of two machines that share the budget one was refused.
            budget(spent="85x60") | budget(spent="85x60", refusing="1x60", target=WORKER_2),
        ),
        # The last worker ended before the period did.
        ended=((budget(spent="79 79 80x60", ends="600x60"), 11),),
    ),
    Case(
        "BudgetSpent",
        budget(spent="99 99 100x60"),
        2,
        {},
        (budget(spent="99.9x60"),),
        ended=((budget(spent="99 99 100x60", ends="600x60"), 11),),
    ),
    Case(
        "BudgetSpent",
        # What is left is less than a call may cost.
        budget(spent="78x60", refusing="0 0 1x60"),
        2,
        {},
        (budget(spent="78x60"), budget(spent="99.9x60")),
        ended=(
            (budget(spent="78x60", refusing="0 0 1x3 0x60"), 6),
            (budget(spent="78x60", refusing="0 0 1x60", ends="600x60"), 11),
            # The worker that was refused has ended.
            (budget(spent="78x60", refusing="0 0 1x3 stale"), 6),
        ),
    ),
    Case(
        "BudgetRunsOut",
        budget(spent="0+1x100", ends="7200x100"),
        45,
        {},
        (
            budget(spent="0+0.1x100", ends="7200x100"),
            budget(spent="1+1x100"),
            budget(spent="100x100", ends="7200x100"),
            budget(spent="100x100", ends="60x100"),
        ),
    ),
    Case(
        "BudgetRunsOut",
        # 8 USD an hour from the month's first hour on, of 100 USD; the month before, 95 were spent.
        budget(spent="95x60 0+0.1333x300", ends=f"3660x60 {3_660 + MONTH_SECONDS}x300"),
        86,
        {},
        (
            # A batch of 2 USD on the first day, the first that was ever seen.
            budget(spent="0+0.2x10 2x500", ends=f"{MONTH_SECONDS}x600"),
            # All was spent last month by whom has not worked since; who works now is in a new month.
            budget(spent="100x600", ends="1x600")
            | budget(spent="1x600", ends=f"{MONTH_SECONDS}x600", target=WORKER_2),
        ),
    ),
    Case(
        "RateLimitNearEnd",
        permits("61 61 60x60"),
        2,
        {"dependency": "firecrawl", "window": "day"},
        (permits("61x60"), permits("60x3 600x60")),
        # A worker that was killed said last that nothing is left; one beside another sidecar goes on.
        ended=(
            (permits("61 61 0x300", allowed="0 5 10x300"), 65),
            (permits("61 61 0x300", allowed="0 5 10x300") | permits("600x300", target=WORKER_2), 65),
        ),
    ),
    Case(
        "SidecarDown",
        up("1 0x60"),
        1,
        ON_WORKER_1,
        (up("1x60"), up("0 0 1x60")),
    ),
    Case(
        "SidecarGone",
        # The machine is lost with its agent: nothing says 0.
        up("1x10 stale") | up("1x400", target=WORKER_2),
        11,
        ON_WORKER_1,
        (
            up("1x400"),
            up("0x400"),
            up("1x10 stale _x3 1x60"),
        ),
        ended=((up("1x10 stale") | up("1x400", target=WORKER_2), 380),),
    ),
    # It could not be scraped, and then its target was taken away.
    Case("SidecarGone", up("1x5 0x5 stale"), 12, ON_WORKER_1, ()),
    Case(
        "SidecarAbsent",
        up("1 1 _x60"),
        7,
        {"job": "sidecar"},
        (up("0x60"),),
    ),
    Case(
        "ConfigReloadFailed",
        {f"sidecar_config_last_reload_successful{{{TARGET}}}": "1 0x60"},
        1,
        ON_WORKER_1,
        ({f"sidecar_config_last_reload_successful{{{TARGET}}}": "1x60"},),
    ),
    Case(
        "SpoolFilesSetAside",
        set_aside("0 2x60"),
        1,
        ON_WORKER_1,
        (set_aside("0x60"),),
    ),
    Case(
        "SpoolFilesSetAside",
        set_aside("_ 2x60"),
        1,
        ON_WORKER_1,
        (),
        # Nothing was scraped for 20 minutes, an hour before.
        ended=tuple((set_aside("_ 2x100 _x20 2x200"), minute) for minute in (165, 175, 180)),
    ),
    Case("SpoolFilesSetAside", unreadable("0 2x60"), 1, ON_WORKER_1, (unreadable("0x60"),)),
)
