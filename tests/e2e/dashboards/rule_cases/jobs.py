from __future__ import annotations

from tests.e2e.dashboards.rule_cases.case import ON_WORKER_1, Case
from tests.e2e.dashboards.rule_series import TARGET, jobs, layer, workers

JOBS: tuple[Case, ...] = (
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
)
