from __future__ import annotations

from pathlib import Path

from sidecar.exposition import OPENMETRICS, TEXT, Renderer
from sidecar.spool.files import Entry
from sidecar.spool.reader import SpoolReader
from tests.sidecar.spool.spools import counter, write


def test_when_a_series_was_made_is_not_shown_added_up_over_workers(tmp_path: Path) -> None:
    made_at = 1_800_000_000.0
    for worker in ("1", "2"):
        write(
            tmp_path / f"counter_{worker}.db",
            counter(1),
            Entry("jobs", "jobs_created", (), "Help.", made_at, 0.0),
            counter(1, name="files_created"),
        )
        buckets = (Entry("t", "t_bucket", (("le", le),), "", 1.0, 0.0) for le in ("1.0", "+Inf"))
        write(tmp_path / f"histogram_{worker}.db", *buckets, Entry("t", "t_created", (), "", made_at, 0.0))
    families = SpoolReader(tmp_path).read().families
    assert {sample.name for family in families for sample in family.samples} == {
        "jobs_total",
        "files_created_total",
        "t_bucket",
        "t_count",
    }
    for form in (TEXT, OPENMETRICS):
        text = Renderer().render(families, form)
        assert b"jobs_created" not in text
        assert b"t_created" not in text
