"""What a layer is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.jobs import Job

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.providers import Providers


@dataclass(frozen=True, slots=True)
class Workplace:
    """What every layer finds: the services it may call and the directory that results go to."""

    providers: Providers
    output: Path


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of a job.

    Attributes:
        name: The value of the label `layer`.
        dependencies: Names of the providers that `run` calls; their series exist from the start.
        result: What `run` returns, a model of this layer's own. It is kept as JSON: a job that is run again
            takes it from there, and does not run the layer.
        run: Reads the job and returns the result; the runner puts it into the job. Raises JobError,
            ProviderError, BreakerOpenError or RejectedError where the job cannot go on; anything else is a
            mistake in the layer. Calls that cost money go through `job.once`.
    """

    name: str
    dependencies: tuple[str, ...]
    result: type[BaseModel]
    run: Callable[[Job, Workplace], Awaitable[BaseModel]]
