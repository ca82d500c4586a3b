"""What a layer is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.jobs import Job

if TYPE_CHECKING:
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
        run: Reads the job and puts its result into it. Raises JobError, ProviderError or
            BreakerOpenError where the job cannot go on; anything else is a mistake in the layer.
    """

    name: str
    dependencies: tuple[str, ...]
    run: Callable[[Job, Workplace], Awaitable[None]]
