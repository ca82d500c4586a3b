from __future__ import annotations

from tests.e2e.dashboards.rule_cases.case import ON_WORKER_1, PDF, Case
from tests.e2e.dashboards.rule_series import (
    WORKER_2,
    certificate,
    last_run,
    probe,
    probed_every,
    quota,
    second_sidecar,
    up,
)

DEPENDENCIES: tuple[Case, ...] = (
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
            probe("1x60") | up("1x60"),
            probe("1x10 stale") | second_sidecar("1x60") | up("1x60"),
            probe("1x10 stale _x3 1x60") | up("1x60"),
            # No sidecar is scraped: SidecarDown, SidecarGone or SidecarAbsent tell of that, once for all.
            probe("1x10 stale") | up("1x10 0x60"),
            probe("1x10 stale") | up("1x10 stale"),
        ),
        ended=((probe("1x10 stale") | up("1x400"), 380),),
    ),
    Case(
        "DependencyUnwatched",
        # A sidecar was taken away an hour before the others lost a dependency from their configuration.
        probe("1x60 stale") | up("1x400") | up("1x10 stale", target=WORKER_2),
        61,
        PDF,
        (),
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
)
