"""What our machinery costs a job, in instructions: `jobs.py` for a machine whose clock cannot be trusted.

    python benchmarks/jobs_instructions.py [--without-limits]

Both sides of `jobs.py` run under valgrind's cachegrind, once for a few jobs and once for more; the difference
is what the jobs alone take, and is the same at each run but for some 0.2 %. Instructions are no time: ours
run with the caches as the SDKs leave them, so that each takes longer. It needs three minutes, and ends with
status 1 where the overhead is not under the target, 2 without valgrind.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path

from jobs import JOBS_PER_ROUND, TARGET_OVERHEAD, other_process, postings, stand_ins

FEW, MORE = 2, 6
"""Rounds."""

_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


async def instructions(
    side: str, variables: dict[str, str], directory: Path, rounds: int, *options: str
) -> int:
    """Of a process that runs so many rounds, from its start to its end."""
    directory.mkdir()  # noqa: ASYNC240
    log = directory / "valgrind.txt"
    valgrind = ("valgrind", "--tool=cachegrind", "--cachegrind-out-file=/dev/null", f"--log-file={log}")
    paths = postings(directory, 1000, rounds * JOBS_PER_ROUND)
    async with other_process(side, variables, directory, *options, through=valgrind) as seconds:
        for place in range(0, len(paths), JOBS_PER_ROUND):
            await seconds(paths[place : place + JOBS_PER_ROUND])
    counted = _COUNTED.search(log.read_text())
    if counted is None:
        raise RuntimeError(f"{side}: valgrind says nothing of what it counted")
    return int(counted[1].replace(",", ""))


async def per_job(side: str, variables: dict[str, str], directory: Path, *options: str) -> float:
    few, more = await asyncio.gather(
        *(
            instructions(side, variables, directory / f"{side}-{rounds}", rounds, *options)
            for rounds in (FEW, MORE)
        )
    )
    return (more - few) / ((MORE - FEW) * JOBS_PER_ROUND)


async def measure(directory: Path, *options: str) -> float:
    async with stand_ins() as variables:
        ours = await per_job("ours", variables, directory)
        bare = await per_job("bare", variables, directory, *options)
    print(f"ours  {ours / 1e6:8.3f} million instructions per job")
    print(f"bare  {bare / 1e6:8.3f} million")
    return ours / bare - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--without-limits", action="store_true", help="bare without the SDKs' own time limits and retries"
    )
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is not installed; apt-get install valgrind", file=sys.stderr)
        return 2
    extra = ("--without-limits",) if options.without_limits else ()
    with tempfile.TemporaryDirectory() as directory:
        overhead = asyncio.run(measure(Path(directory), *extra))
    is_met = overhead < TARGET_OVERHEAD
    verdict = "under" if is_met else "NOT under"
    print(f"overhead of our machinery: {overhead:.2%} of instructions ({verdict} {TARGET_OVERHEAD:.0%})")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
