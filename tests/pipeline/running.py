"""Layers that do as a test says, and runs of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import BaseModel

from pipeline import Charge, Dependency, Meter
from pipeline.jobs import Job, JobList, JobReport, Journals
from pipeline.layers import Layer, Workplace
from pipeline.metrics import PriceSource
from pipeline.providers import Providers
from pipeline.runner import Runner
from tests.clock import Clock

WALL_SECONDS = 1_700_000_000.0


def job(number: int = 1) -> Job:
    return Job(id=f"job{number}", source=f"{number}.md", text="")


class Nothing(BaseModel):
    """What a layer gives that has nothing to give."""


class Reports(list[JobReport]):
    """A watch that keeps what it is told of the ends."""

    def entered(self, job: Job, layer: str) -> None:
        """Of no interest."""

    ended = list[JobReport].append


def layer(name: str, run: Callable[[Job], Awaitable[None]] | None = None) -> Layer:
    async def run_layer(job: Job, _workplace: Workplace) -> Nothing:
        if run is not None:
            await run(job)
        return Nothing()

    return Layer(name, dependencies=(), result=Nothing, run=run_layer)


def failing(error: Exception) -> Callable[[Job], Awaitable[None]]:
    async def run(_job: Job) -> None:
        raise error

    return run


def spending(guard: Dependency, usd: float) -> Callable[[Job], Awaitable[None]]:
    async def answer() -> str:
        return "answer"

    async def run(_job: Job) -> None:
        await guard.call(answer, price=lambda _: Charge(usd, PriceSource.REPORTED, "model"))

    return run


async def run(
    providers: Providers,
    meter: Meter,
    layers: tuple[Layer, ...],
    jobs: int = 1,
    *,
    concurrency: int = 4,
    clock: Clock | None = None,
    journals: Journals | None = None,
) -> list[JobReport]:
    reports = Reports()
    runner = Runner(
        layers,
        Workplace(providers, Path()),
        meter,
        concurrency=concurrency,
        journals=journals,
        clock=Clock() if clock is None else clock,
        wall_clock=lambda: WALL_SECONDS,
    )
    await runner.run(JobList(job(number) for number in range(jobs)), reports)
    return reports


def values(meter: Meter, name: str) -> dict[tuple[str, ...], float]:
    """Every sample of that name by its label values, in the labels' order."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in meter.collect()
        for sample in family.samples
        if sample.name == name
    }
