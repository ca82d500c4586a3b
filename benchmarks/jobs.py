"""What our machinery costs a job: processor time of `pipeline run`'s jobs, beside the same calls made bare.

    python benchmarks/jobs.py [--jobs 5] [--rounds 41]

Both run the seven layers on the same postings, with the same SDKs, against the same stand-ins, which are
processes of their own. Ours is what `pipeline run` does: guard, prices, runner, journal, log events, every
count in the spool, and how seldom it looks for garbage. Bare is the layers in a loop: no guard, price,
journal, log or metric, and garbage is looked for as often as Python does. The rounds take turns; a figure is
the processor time of this process for each job, and the ratio is the median over the rounds of ours by bare
next to it. It ends with status 1 where the overhead is not under the target.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

TARGET_OVERHEAD = 0.02
CONCURRENCY = 4
MAX_POSTINGS = 490
ROOT = Path(__file__).parents[1]
if TYPE_CHECKING:
    from pipeline.jobs import JobReport

Round = Callable[[Sequence[Any]], Awaitable[None]]


class Bare:
    """In the place of a dependency: the call, and nothing round it."""

    call_timeout_seconds = 60.0
    breaker = SimpleNamespace(opened=False)

    def __init__(self, name: str) -> None:
        self.name = name

    async def call(
        self, function: Callable[[], Awaitable[Any]], *, fallback: object = None, **_: object
    ) -> Any:  # noqa: ANN401
        from pipeline.fallbacks import Answer

        answer = await function()
        return answer if fallback is None else Answer(answer)


class Ends:
    """A watch that makes sure that every job is done."""

    def entered(self, job: object, layer: str) -> None: ...

    def ended(self, report: JobReport) -> None:
        assert report.outcome == "succeeded", report


@contextmanager
def without_bookkeeping() -> Iterator[None]:
    """What the layers and providers prepare for the guard and the journal is no part of the bare calls."""
    with ExitStack() as patches:
        for where, name in (
            ("providers.chat_completions", "most_usd"),
            ("layers.question", "_whole"),
        ):
            patches.enter_context(patch(f"pipeline.{where}.{name}", lambda *_: ""))
        yield


@asynccontextmanager
async def stand_ins() -> AsyncIterator[dict[str, str]]:
    """The variables that point the pipeline at them."""
    from sidecar.demo.children import child, first_line
    from sidecar.demo.demo import STAND_INS

    async with AsyncExitStack() as stack:
        variables = {"OPENROUTER_API_KEY": "key", "FIRECRAWL_API_KEY": "key"}
        for name in ("openrouter", "firecrawl", "pdf_service"):
            process = await stack.enter_async_context(
                child(
                    sys.executable,
                    *("-m", "pipeline.demo", name),
                    environment=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
                    read_output=True,
                )
            )
            url = (await first_line(process, name, 30)).rpartition(" ")[2]
            variables |= {variable: url + path for variable, path in STAND_INS[name].items()}
        yield variables | {"CANDIDATE_CV": str(ROOT / "examples" / "cv.md")}


@asynccontextmanager
async def ours(variables: dict[str, str], directory: Path) -> AsyncIterator[Round]:
    from pipeline.garbage import collect_seldom
    from pipeline.jobs import JobList
    from pipeline.meter import Meter
    from pipeline.run_setup import open_runner
    from pipeline.settings import Settings

    meter = Meter.spooling(directory / "spool")
    output = directory / "ours"
    output.mkdir()
    settings = Settings.from_environment(variables)
    async with open_runner(settings, meter, output, concurrency=CONCURRENCY) as runner:

        async def run(jobs: Sequence[Any]) -> None:
            threshold = gc.get_threshold()
            collect_seldom()
            try:
                await runner.run(JobList(jobs), Ends())
            finally:
                gc.set_threshold(*threshold)
                gc.unfreeze()

        yield run
    meter.close()


@asynccontextmanager
async def bare(variables: dict[str, str], directory: Path) -> AsyncIterator[Round]:
    from pipeline.layers import LAYERS, Workplace
    from pipeline.meter import Meter
    from pipeline.providers import Guards, Providers
    from pipeline.settings import Settings

    settings = Settings.from_environment(variables)
    providers = Providers.open(settings, Guards(meter=Meter()))
    for provider in (*providers.language_models.models, providers.firecrawl, providers.pdf_service):
        provider.dependency = Bare(provider.dependency.name)  # type: ignore[union-attr, assignment]
    workplace = Workplace.of(settings, providers, directory / "bare")

    async def one_after_another(jobs: Iterator[Any]) -> None:
        for job in jobs:
            for layer in LAYERS:
                job.results[layer.name] = await layer.run(job, workplace)
            assert not job.degradations

    async def run(jobs: Sequence[Any]) -> None:
        todo = iter(jobs)
        with without_bookkeeping():
            await asyncio.gather(*(one_after_another(todo) for _ in range(CONCURRENCY)))

    try:
        yield run
    finally:
        await providers.close()


def postings(directory: Path, first: int, number: int) -> list[Path]:
    """Each of another company: nothing that one job has learnt serves another."""
    texts = [path.read_text() for path in sorted((ROOT / "examples" / "postings").iterdir())]
    paths = [directory / f"{first + place}.md" for place in range(number)]
    for place, path in enumerate(paths):
        text = texts[place % len(texts)]
        path.write_text(f"Company: Company {first + place}\n\n{text}")
    return paths


async def seconds_per_job(run: Round, paths: Sequence[Path]) -> float:
    from pipeline.jobs import read_job

    jobs = [read_job(path) for path in paths]
    gc.collect()
    started = time.process_time()
    await run(jobs)
    return (time.process_time() - started) / len(jobs)


async def measure(jobs: int, rounds: int, directory: Path) -> float:
    async with (
        stand_ins() as variables,
        ours(variables, directory) as run_ours,
        bare(variables, directory) as run_bare,
    ):
        paths = iter(postings(directory, 0, jobs * (rounds + 1) * 2))

        def some(number: int) -> list[Path]:
            return [next(paths) for _ in range(number)]

        for run in (run_ours, run_bare):  # what is loaded and compiled at the first call is no job's cost
            await seconds_per_job(run, some(jobs))
        pairs = []
        for number in range(rounds):
            # In turns who is first: a machine gets slower and faster.
            order = (run_ours, run_bare) if number % 2 else (run_bare, run_ours)
            took = {run: await seconds_per_job(run, some(jobs)) for run in order}
            pairs.append((took[run_ours], took[run_bare]))
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    print(f"best  {min(ours for ours, _ in pairs) / min(bare for _, bare in pairs):8.4f} × (ours by bare)")
    print(f"ours  {statistics.median(ours for ours, _ in pairs) * 1e3:8.3f} ms of processor time per job")
    print(f"bare  {statistics.median(bare for _, bare in pairs) * 1e3:8.3f} ms")
    quartiles = statistics.quantiles((ours / bare for ours, bare in pairs), n=4)
    print(f"ratio {ratio:8.4f} in the median, {quartiles[0]:.4f} to {quartiles[2]:.4f} in the middle half")
    return ratio - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=5, help="in one round")
    parser.add_argument(
        "--rounds", type=int, default=41, help="2 × jobs × (rounds + 1) postings: at most 490"
    )
    options = parser.parse_args()
    if not 0 < 2 * options.jobs * (options.rounds + 1) <= MAX_POSTINGS:
        parser.error(f"2 × jobs × (rounds + 1) must be at most {MAX_POSTINGS}: a stand-in's credits end then")
    from pipeline.logs import configure_logging

    with open(os.devnull, "w") as nowhere, patch.object(sys, "stderr", nowhere):  # noqa: PTH123
        configure_logging()
        # In memory where that can be had: what a disk makes of new files is nobody's machinery.
        memory = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
            overhead = asyncio.run(measure(options.jobs, options.rounds, Path(directory)))
    logging.disable()
    is_met = overhead < TARGET_OVERHEAD
    verdict = "under" if is_met else "NOT under"
    print(f"overhead of our machinery: {overhead:.2%} ({verdict} {TARGET_OVERHEAD:.0%})")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
