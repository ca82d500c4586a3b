"""A spool in memory that is full: a real file system, which a mount namespace of its own makes possible."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.spool.unsharing import unshare_command

ROOT = Path(__file__).parents[3]

PROGRAM = """
import json, logging, os, subprocess, sys
from pathlib import Path
from pipeline import metrics, mirror
from pipeline.meter import Meter
from sidecar.spool.reader import SpoolReader
from sidecar.spool.upkeep import Upkeep

folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=True)
spool = folder / "spool"
mirror.RETRY_SECONDS = 0.0
logging.disable()
reader = SpoolReader(spool)
seen = []

def look():
    seen.append(sum(sample.value for family in reader.read().families for sample in family.samples))

def free():
    return os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize

dead = 0
while free() > 1 << 16:
    meter = Meter.spooling(spool)
    meter.counter(metrics.PIPELINE_JOBS, "failed").inc()
    meter.close()
    dead += 1
(folder / "others").write_bytes(bytes(free()))
look()
meter = Meter.spooling(spool)
counter = meter.counter(metrics.PIPELINE_JOBS, "failed")
counter.inc(100)
look()
report = Upkeep(spool, foreign_max_age_seconds=1e9).run()
look()
counter.inc(1000)
look()
print(json.dumps({"dead": dead, "merged": report.merged, "seen": seen}))
"""


def test_a_full_spool_empties_itself_and_who_began_on_it_counts(tmp_path: Path) -> None:
    command = [*unshare_command("--mount"), sys.executable, "-c", PROGRAM, str(tmp_path)]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    dead = found["dead"]
    assert dead > 10
    assert found["merged"] == dead
    assert found["seen"] == [dead, dead, dead, dead + 1100]
