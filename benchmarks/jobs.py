"""What our machinery costs a job: processor time of `pipeline run`'s jobs, beside the same calls made bare.

    python benchmarks/jobs.py [--rounds 60] [--without-limits]

Both run the seven layers on the same postings, with the same SDKs, against the same stand-ins, which are
processes of their own. Ours is what `pipeline run` does: guard, prices, runner, journal, log events, every
count in the spool, and how seldom it looks for garbage. Bare is the layers in a loop: no guard, price,
journal, log or metric, garbage is looked for as often as Python does, and the SDKs are as they come, with
their own time limits and retries, which ours has from the guard. `--without-limits` takes those away from
them, so that a bare call may hang for ever and is never tried again.

Each side is a process of its own, and their rounds take turns. A figure is the mean of the processor time for
each job. It ends with status 1 where the overhead is not under the target.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

TARGET_OVERHEAD = 0.02
CONCURRENCY = 4
VARIABLES = "BENCHMARK_VARIABLES"
JOBS_PER_ROUND = 6
"""Each of the example postings as often, so that both sides of a ratio do the same."""

ROOT = Path(__file__).parents[1]
if TYPE_CHECKING:
    from pipeline.jobs import JobReport
    from pipeline.providers import Providers
    from pipeline.settings import Settings

Round = Callable[[Sequence[Any]], Awaitable[None]]
Measured = Callable[[Sequence[Path]], Awaitable[float]]


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


def as_the_sdks_come(providers: Providers, settings: Settings) -> None:
    """Clients as their documentation makes them: nobody listens to them or bounds what they read."""
    import aiohttp
    import openai
    from firecrawl.v2 import AsyncFirecrawlClient

    (access,) = settings.language_models
    model: Any
    (model,) = providers.language_models.models
    model._client = openai.AsyncOpenAI(api_key=access.api_key, base_url=access.base_url)  # noqa: SLF001
    service, firecrawl = settings.firecrawl, providers.firecrawl
    assert service is not None
    assert firecrawl is not None
    firecrawl._client = AsyncFirecrawlClient(service.api_key, service.base_url)  # noqa: SLF001
    providers.pdf_service._session = aiohttp.ClientSession()  # noqa: SLF001


@contextmanager
def without_bookkeeping() -> Iterator[None]:
    """What the layers and providers prepare for the guard and the journal is no part of the bare calls."""
    with patch("pipeline.providers.chat_completions.most_usd", lambda *_: ""):
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
            await runner.run(JobList(jobs), Ends())

        collect_seldom()
        yield run
    meter.close()


@asynccontextmanager
async def bare(variables: dict[str, str], directory: Path, *, without_limits: bool) -> AsyncIterator[Round]:
    from pipeline.layers import LAYERS, Workplace
    from pipeline.meter import Meter
    from pipeline.providers import Guards, Providers
    from pipeline.settings import Settings

    settings = Settings.from_environment(variables)
    providers = Providers.open(settings, Guards(meter=Meter()))
    for provider in (*providers.language_models.models, providers.firecrawl, providers.pdf_service):
        provider.dependency = Bare(provider.dependency.name)  # type: ignore[union-attr, assignment]
    if not without_limits:
        await providers.close()
        as_the_sdks_come(providers, settings)
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


async def serve(side: str, directory: Path, *, without_limits: bool) -> None:
    """One side, in a process of its own: for each line with the paths of postings, the seconds they took.

    The garbage that one round leaves is found in a later one, as in any process that runs many jobs.
    """
    from pipeline.jobs import read_job

    variables = json.loads(os.environ[VARIABLES])
    if side == "ours":
        opened = ours(variables, directory)
    else:
        opened = bare(variables, directory, without_limits=without_limits)
    async with opened as run:
        while line := await asyncio.to_thread(sys.stdin.readline):
            jobs = [read_job(Path(path)) for path in json.loads(line)]
            started = time.process_time()
            await run(jobs)
            print((time.process_time() - started) / len(jobs), flush=True)


@asynccontextmanager
async def other_process(
    side: str, variables: dict[str, str], directory: Path, *options: str, through: Sequence[str] = ()
) -> AsyncIterator[Measured]:
    """`through` is the command that runs it, such as a profiler."""
    process = await asyncio.create_subprocess_exec(
        *through,
        *(sys.executable, str(ROOT / "benchmarks" / "jobs.py")),
        *("--side", side, "--directory", str(directory), *options),
        env=dict(os.environ)
        | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", VARIABLES: json.dumps(variables)},
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines_in, lines_out = process.stdin, process.stdout

    async def seconds_per_job(paths: Sequence[Path]) -> float:
        lines_in.write(json.dumps([str(path) for path in paths]).encode() + b"\n")
        return float(await lines_out.readline() or "nan")

    try:
        yield seconds_per_job
    finally:
        lines_in.close()
        await process.wait()


async def measure(rounds: int, directory: Path, *options: str) -> float:
    async with (
        stand_ins() as variables,
        other_process("ours", variables, directory) as our_seconds,
        other_process("bare", variables, directory, *options) as bare_seconds,
    ):
        paths = iter(postings(directory, 0, 2 * JOBS_PER_ROUND * (rounds + 1)))
        pairs = []
        for number in range(rounds + 1):
            # In turns who is first: a machine gets slower and faster.
            order = (our_seconds, bare_seconds) if number % 2 else (bare_seconds, our_seconds)
            took = {seconds: await seconds(list(islice(paths, JOBS_PER_ROUND))) for seconds in order}
            pairs.append((took[our_seconds], took[bare_seconds]))
    del pairs[0]  # what is loaded and compiled at the first call is no job's cost
    mean = [statistics.fmean(side) for side in zip(*pairs, strict=True)]
    print(f"ours  {mean[0] * 1e3:8.3f} ms of processor time per job")
    print(f"bare  {mean[1] * 1e3:8.3f} ms")
    quartiles = statistics.quantiles((ours / bare for ours, bare in pairs), n=4)
    print("ratio " + ", ".join(f"{quartile:.4f}" for quartile in quartiles) + " (quartiles of the rounds)")
    return mean[0] / mean[1] - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, help=f"of 2 × {JOBS_PER_ROUND} jobs")
    parser.add_argument(
        "--without-limits", action="store_true", help="bare without the SDKs' own time limits and retries"
    )
    parser.add_argument("--side", choices=("ours", "bare"), help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        from pipeline.logs import configure_logging

        with open(os.devnull, "w") as nowhere, patch.object(sys, "stderr", nowhere):  # noqa: PTH123
            configure_logging()
            asyncio.run(serve(options.side, options.directory, without_limits=options.without_limits))
        return 0
    if options.rounds < 2:
        parser.error("--rounds must be at least 2")
    # In memory where that can be had: what a disk makes of new files is nobody's machinery.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        extra = ("--without-limits",) if options.without_limits else ()
        overhead = asyncio.run(measure(options.rounds, Path(directory), *extra))
    is_met = overhead < TARGET_OVERHEAD
    verdict = "under" if is_met else "NOT under"
    print(f"overhead of our machinery: {overhead:.2%} ({verdict} {TARGET_OVERHEAD:.0%})")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
