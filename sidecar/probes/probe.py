"""What every kind of probe is: options that come from the configuration, and one way to run."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

import structlog
from pydantic import AnyUrl, BaseModel, ConfigDict, Field

from sidecar.probes.result import Findings, ProbeFailure, ProbeResult, Reason

log = structlog.get_logger()

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Times = Annotated[int, Field(ge=1, le=100)]


class ProbeOptions(BaseModel):
    """What every dependency in the configuration can say; each kind adds its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    critical: bool = Field(
        default=False, description="While it is down the whole is unhealthy, not degraded."
    )
    interval_seconds: Seconds = Field(default=30.0, description="Time between the starts of two runs.")
    timeout_seconds: Seconds = Field(default=5.0, description="A run that takes longer has failed.")
    failures_to_down: Times = Field(default=2, description="Failed runs in a row that make it down.")
    successes_to_up: Times = Field(default=1, description="Good runs in a row that make it up again.")
    degraded_above_seconds: Seconds | None = Field(
        default=None, description="A good run that takes longer makes it degraded."
    )

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
    async def check(self, findings: Findings) -> None:
        """Check the target once and write down what is found; to return is to find it well.

        Raises:
            ProbeFailure: the target is not well.
            asyncio.CancelledError: on shutdown or at the deadline; never swallowed.
        """

    async def run(self, timeout_seconds: float | None = None) -> ProbeResult:
        """Check the target once, within its timeout or a shorter one.

        Returns:
            What was found: a target that fails is a result, not an exception. At the deadline it is what
            was found until then, with the reason `timeout`.

        Raises:
            asyncio.CancelledError: on shutdown.
        """
        limit = self.options.timeout_seconds
        if timeout_seconds is not None:
            limit = min(limit, timeout_seconds)
        findings = Findings()
        try:
            async with asyncio.timeout(limit):
                await self.check(findings)
        except ProbeFailure as failure:
            return findings.result(failure.reason, failure.detail)
        except TimeoutError:
            return findings.result(Reason.TIMEOUT, f"no answer within {limit:g} s")
        except Exception as error:
            # A check never raises for a bad target: this is a defect of ours, and the others go on.
            log.exception("probe.raised", dependency=self.dependency, kind=self.kind)
            return findings.result(Reason.INTERNAL, type(error).__name__)
        return findings.result()

    def inherit(self, before: Self) -> None:
        """Take over what another probe of this kind and dependency knew, when only its options changed."""

    async def close(self) -> None:
        """Give back what the probe holds; it is not run again."""
