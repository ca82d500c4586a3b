from __future__ import annotations

from tests.e2e.dashboards.rule_cases.case import ON_WORKER_1, Case
from tests.e2e.dashboards.rule_series import TARGET, WORKER_2, set_aside, unreadable, up, upkeep_failures

SIDECAR: tuple[Case, ...] = (
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
    Case(
        "SpoolUpkeepFails",
        upkeep_failures("0x5 6+6x60"),
        6,
        ON_WORKER_1,
        # None; one that is made good by the next; some that go on for less than the time.
        (upkeep_failures("0x60"), upkeep_failures("0x5 1x60"), upkeep_failures("0x5 6+6x8 54x60")),
        ended=((upkeep_failures("0x5 6+6x30 186x60"), 43),),
    ),
)
