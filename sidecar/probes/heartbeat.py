"""Kind `heartbeat`: something else reports that it lives; the probe looks when it last did."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field

from sidecar.probes.key import Key
from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.result import Findings, ProbeFailure, Reason

_MAX_SECONDS: Final = 31 * 86_400
"""A job that runs once a month still has a heartbeat."""


class HeartbeatOptions(ProbeOptions):
    kind: Literal["heartbeat"] = "heartbeat"
    every_seconds: Annotated[float, Field(gt=0, le=_MAX_SECONDS, allow_inf_nan=False)] | None = Field(
        default=None, description="Time between two beats; null: `interval_seconds`."
    )
    grace_seconds: Annotated[float, Field(ge=0, le=_MAX_SECONDS, allow_inf_nan=False)] = Field(
        default=10.0, description="How much longer than that a beat may take before it is late."
    )
    token: Key | None = Field(
        default=None, description="What a beat has to bring along; null: nothing. Secret."
    )


class HeartbeatProbe(Probe[HeartbeatOptions]):
    kind: ClassVar[str] = "heartbeat"
    options_type: ClassVar[type[ProbeOptions]] = HeartbeatOptions

    def __init__(
        self, dependency: str, options: HeartbeatOptions, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` gives seconds from any start; a first beat is awaited from now on."""
        super().__init__(dependency, options)
        self._clock = clock
        self._last = clock()
        self._beaten = False

    def accepts(self, token: str | None) -> bool:
        """Whether a beat with this token counts; takes the same time for every wrong one."""
        if self.options.token is None:
            return True
        wanted = self.options.token.get_secret_value().encode()
        return token is not None and hmac.compare_digest(wanted, token.encode(errors="replace"))

    def beat(self, now: float | None = None) -> None:
        """Note a beat at `now`, a time of the probe's clock; None: this moment."""
        self._last = max(self._last, self._clock() if now is None else now)
        self._beaten = True

    def inherit(self, before: Self) -> None:
        """The last beat was one, whatever the options were."""
        self._last, self._beaten = before._last, before._beaten

    async def check(self, findings: Findings) -> None:
        """Look at the time of the last beat.

        Raises:
            ProbeFailure: `timeout`, none has come within the interval and its grace.
        """
        options = self.options
        every_seconds = options.interval_seconds if options.every_seconds is None else options.every_seconds
        allowed_seconds = every_seconds + options.grace_seconds
        since_seconds = self._clock() - self._last
        seen = "last beat" if self._beaten else "no beat yet, started"
        findings.note(f"{seen} {since_seconds:.1f} s ago")
        if since_seconds > allowed_seconds:
            what = "no beat" if self._beaten else "no first beat"
            raise ProbeFailure(
                Reason.TIMEOUT, f"{what} for {since_seconds:.1f} s, at most {allowed_seconds:g}"
            )
