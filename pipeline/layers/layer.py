"""What a layer is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pipeline.jobs import Job
from pipeline.layers.candidate import Candidate
from pipeline.layers.memory import Memory

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.providers import Providers
    from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Workplace:
    """What every layer finds.

    Attributes:
        providers: The services it may call.
        output: The directory that results go to.
        candidate: Whose application it is.
        memory: What jobs learn from each other.
    """

    providers: Providers
    output: Path
    candidate: Candidate = field(default_factory=lambda: Candidate.parse(""))
    memory: Memory = field(default_factory=Memory)

    @classmethod
    def of(cls, settings: Settings, providers: Providers, output: Path) -> Self:
        """One for the process."""
        memory = Memory(research_ttl_seconds=settings.research_ttl_seconds)
        return cls(providers, output, Candidate.parse(settings.candidate_cv), memory)


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of a job.

    Attributes:
        name: The value of the label `layer`.
        dependencies: Names of the providers that `run` calls; their series exist from the start.
        result: What `run` returns, a model of this layer's own. It is kept as JSON: a job that is run again
            takes it from there, and does not run the layer.
        reads_cv: Whether the result rests on the candidate's CV: with another CV the layer runs again.
        run: Reads the job and returns the result; the runner puts it into the job. Raises JobError,
            ProviderError, BreakerOpenError or RejectedError where the job cannot go on; anything else is a
            mistake in the layer. Calls that cost money go through `job.once`.
    """

    name: str
    dependencies: tuple[str, ...]
    result: type[BaseModel]
    run: Callable[[Job, Workplace], Awaitable[BaseModel]]
    reads_cv: bool = False
