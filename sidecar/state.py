"""The debounced state of one dependency: a blip is no outage, and the sidecar's own outage is nobody's."""

from __future__ import annotations

from enum import StrEnum

from sidecar.probes import ProbeOptions, ProbeResult, Reason


class DependencyState(StrEnum):
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


NETWORK_REASONS = frozenset({Reason.DNS, Reason.CONNECT, Reason.TLS, Reason.TIMEOUT})
"""What a probe also reports when it is the sidecar that has lost its network."""


class StateMachine:
    """Follows the results of one probe.

    `unknown` before the first run → `up` on the first good one, `down` after `failures_to_down` bad ones
    in a row; once it has been `down`, `up` only after `successes_to_up` good ones in a row. An exhausted
    quota, and a good run that is slow, is `degraded`.
    """

    def __init__(self, options: ProbeOptions) -> None:
        self.options = options
        self.state = DependencyState.UNKNOWN
        self._failures = 0
        self._successes = 0
        self._was_down = False

    def reconfigured(self, options: ProbeOptions) -> None:
        """The same dependency under other options: streaks and state go on."""
        self.options = options

    def observe(self, result: ProbeResult, *, own_network_is_up: bool = True) -> DependencyState:
        """Take in one result and return the state after it.

        `own_network_is_up` is False when nothing else can be reached either: then a failure to reach the
        target says nothing about it, the state is unknown, and streaks stay as they are.
        """
        ours = result.reason is Reason.INTERNAL
        if ours or (result.reason in NETWORK_REASONS and not own_network_is_up):
            # The fault is on this side: it says nothing about the target.
            self.state = DependencyState.UNKNOWN
        elif result.success:
            self._good(result)
        elif result.reason is Reason.QUOTA:
            # It answers, and will serve again when the quota does: no longer down, and not yet well.
            self._failures = 0
            self._successes = 0
            self.state = DependencyState.DEGRADED
        else:
            self._bad()
        return self.state

    def _good(self, result: ProbeResult) -> None:
        self._failures = 0
        self._successes += 1
        if self._was_down and self._successes < self.options.successes_to_up:
            if self.state is DependencyState.UNKNOWN:
                self.state = DependencyState.DOWN
            return
        self._was_down = False
        threshold = self.options.degraded_above_seconds
        slow = threshold is not None and result.duration_seconds > threshold
        self.state = DependencyState.DEGRADED if slow else DependencyState.UP

    def _bad(self) -> None:
        self._successes = 0
        self._failures += 1
        if self._failures >= self.options.failures_to_down:
            self.state = DependencyState.DOWN
            self._was_down = True
