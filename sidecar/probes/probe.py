"""What every kind of probe is: options that come from the configuration, and one way to run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import AnyUrl, BaseModel, ConfigDict, Field

from sidecar.probes.result import ProbeResult

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class ProbeOptions(BaseModel):
    """What every dependency in the configuration can say; each kind adds its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    critical: bool = Field(
        default=False, description="While it is down the whole is unhealthy, not degraded."
    )
    interval_seconds: Seconds = Field(default=30.0, description="Time between the starts of two runs.")
    timeout_seconds: Seconds = Field(default=5.0, description="A run that takes longer has failed.")

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # A URL's path and query can carry a token.
        for name, value in super().__repr_args__():
            yield name, f"{value.scheme}://{value.host}" if isinstance(value, AnyUrl) else value


OptionsT = TypeVar("OptionsT", bound=ProbeOptions)


class Probe(ABC, Generic[OptionsT]):
    """One active check of one dependency."""

    kind: ClassVar[str]
    options_type: ClassVar[type[ProbeOptions]]

    def __init__(self, dependency: str, options: OptionsT) -> None:
        self.dependency = dependency
        self.options = options

    @abstractmethod
    async def run(self) -> ProbeResult:
        """Check the target once. The scheduler bounds the time.

        Returns:
            What was found: a target that fails is a result, not an exception.

        Raises:
            asyncio.CancelledError: on shutdown or at the deadline; never swallowed.
        """

    async def close(self) -> None:
        """Give back what the probe holds; it is not run again."""
